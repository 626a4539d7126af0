"""A user's credited days with all that a record was reckoned from: TH, W/TH, discount, and the day's prices.

What dashboards of others add up. A page is of days, and shows a record a miner as long as one answer holds them; of a
user with more miners it shows a record a rate class, so that every sum is still the whole one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from hashrail import clock
from hashrail.db import Tx, tuples
from hashrail.money import ZERO
from hashrail.rewards.income_records import MAX_RECORDS, Holdings


class DetailedRecord(NamedTuple):
    """BTC of `power` TH at `energy_efficiency` W/TH: `net = pool - c1 - c2`; `discount` is a fraction.

    `miner_id` is None where it is all miners of a class. `day` is the day that was mined; an adjustment's record is
    marked.
    """

    miner_id: int | None
    day: date
    power: Decimal
    energy_efficiency: Decimal
    discount: Decimal
    pool: Decimal
    c1: Decimal
    c2: Decimal
    net: Decimal
    adjustment_id: int | None


@dataclass(frozen=True, slots=True)
class DetailedDay:
    """What was credited with a mining day, BTC, and that day's prices in USD."""

    day: date
    credited_at: datetime
    btc_usd: Decimal
    gomining_usd: Decimal
    records: tuple[DetailedRecord, ...]

    @property
    def net(self) -> Decimal:
        """BTC credited."""
        return sum((one.net for one in self.records), ZERO)


class _Paid(NamedTuple):
    """What a class got and was charged for a TH on a day."""

    day: date
    class_id: int
    pool: Decimal
    c1: Decimal
    c2: Decimal
    net: Decimal
    discount: Decimal


class _Prices(NamedTuple):
    day: date
    btc_usd: Decimal
    gomining_usd: Decimal


async def page(
    tx: Tx, held: Holdings, *, since: datetime, until: datetime, limit: int, offset: int
) -> tuple[list[DetailedDay], int]:
    """A page of the days that were credited from `since` to `until`, both included, newest first; and how many are."""
    counts = held.days()
    chosen = [day for day in counts if since <= clock.credited_at(day) <= until]
    wanted = chosen[offset : offset + limit]
    if not wanted:
        return [], len(chosen)
    in_sums = sum(counts[day] for day in wanted) > MAX_RECORDS
    paid = await _paid(tx, held, wanted)
    prices = await _prices(tx, wanted)
    return [_detailed(day, held, paid, prices[day], in_sums=in_sums) for day in wanted], len(chosen)


async def power_by_day(tx: Tx, partner_id: int, user_id: int, *, first: date, last: date) -> list[tuple[date, Decimal]]:
    """(day, TH that earned on it) from `first` to `last`, both included, oldest first; not before the first TH."""
    rows = await tx.fetch(
        """SELECT greatest(from_day, $3) AS first, least(coalesce(to_day - 1, $4), $4) AS last, sum(power) AS power,
                  min(from_day) AS begun
           FROM stint WHERE partner_id = $1 AND user_id = $2 AND from_day <= $4
           GROUP BY 1, 2""",
        partner_id,
        user_id,
        first,
        last,
    )
    if not rows:
        return []
    steps: dict[date, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["first"] <= row["last"]:
            steps[row["first"]] += row["power"]
            steps[row["last"] + clock.ONE_DAY] -= row["power"]
    day, power, found = max(first, min(row["begun"] for row in rows)), ZERO, []
    while day <= last:
        power += steps.get(day, ZERO)
        found.append((day, power))
        day += clock.ONE_DAY
    return found


async def _paid(tx: Tx, held: Holdings, wanted: Sequence[date]) -> dict[tuple[date, int], _Paid]:
    rows = await tx.fetch(
        "SELECT day, class_id, pool, c1, c2, net, discount FROM class_day WHERE day = ANY($1) AND class_id = ANY($2)",
        list(wanted),
        list({stint.class_id for stint in held.stints}),
    )
    return {(one.day, one.class_id): one for one in tuples(_Paid, rows)}


async def _prices(tx: Tx, wanted: Sequence[date]) -> dict[date, _Prices]:
    rows = await tx.fetch("SELECT day, btc_usd, gomining_usd FROM mining_day WHERE day = ANY($1)", list(wanted))
    return {one.day: one for one in tuples(_Prices, rows)}


def _detailed(
    day: date, held: Holdings, paid: Mapping[tuple[date, int], _Paid], prices: _Prices, *, in_sums: bool
) -> DetailedDay:
    mined = _of_classes(day, held, paid) if in_sums else _of_miners(day, held, paid)
    records = (*mined, *_of_adjustments(day, held, in_sums=in_sums))
    return DetailedDay(day, clock.credited_at(day), prices.btc_usd, prices.gomining_usd, records)


def _of_miners(day: date, held: Holdings, paid: Mapping[tuple[date, int], _Paid]) -> Iterator[DetailedRecord]:
    for stint in held.stints:
        if stint.first <= day <= stint.last:
            rates = paid[day, stint.class_id]
            yield _record(stint.miner_id, stint.power, stint.energy_efficiency, rates)


def _of_classes(day: date, held: Holdings, paid: Mapping[tuple[date, int], _Paid]) -> Iterator[DetailedRecord]:
    power: dict[tuple[int, Decimal], Decimal] = defaultdict(Decimal)
    for stint in held.stints:
        if stint.first <= day <= stint.last:
            power[stint.class_id, stint.energy_efficiency] += stint.power
    for (class_id, efficiency), of_class in power.items():
        yield _record(None, of_class, efficiency, paid[day, class_id])


def _record(miner_id: int | None, power: Decimal, efficiency: Decimal, rates: _Paid) -> DetailedRecord:
    return DetailedRecord(
        miner_id,
        rates.day,
        power,
        efficiency,
        rates.discount,
        power * rates.pool,
        power * rates.c1,
        power * rates.c2,
        power * rates.net,
        None,
    )


def _of_adjustments(day: date, held: Holdings, *, in_sums: bool) -> Iterator[DetailedRecord]:
    """What corrections gave or took: no TH earned it, so that nobody counts TH twice."""
    ours = [one for one in held.corrections if one.effective_day == day]
    if in_sums and ours:
        yield DetailedRecord(
            None,
            ours[0].day,
            *(ZERO, ZERO, ZERO),
            sum((one.power * one.rates.pool for one in ours), ZERO),
            sum((one.power * one.rates.c1 for one in ours), ZERO),
            sum((one.power * one.rates.c2 for one in ours), ZERO),
            sum((one.power * one.rates.net for one in ours), ZERO),
            ours[0].adjustment_id,
        )
        return
    for one in ours:
        rates = one.rates
        yield DetailedRecord(
            one.miner_id,
            one.day,
            *(ZERO, ZERO, ZERO),
            one.power * rates.pool,
            one.power * rates.c1,
            one.power * rates.c2,
            one.power * rates.net,
            one.adjustment_id,
        )
