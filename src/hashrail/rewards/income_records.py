"""Reading income: records, days and totals, computed from stints and class rates. No per-miner rows exist.

A record is one miner's income of one mining day, or what an adjustment gave or took for one miner; it is dated when
it was credited. Here a user's stints are loaded once, and only the days that are shown are expanded; pages of single
records, which need few of the stints, are read by `record_pages`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from hashrail import clock
from hashrail.db import Row, Tx, tuples
from hashrail.errors import BadRequestError
from hashrail.money import ZERO, divide_half_even
from hashrail.rewards import record_counts
from hashrail.rewards.formula import ClassRates, usd_of

# What the days of one answer hold together, and what is shown of one that holds more: more would keep others waiting.
MAX_RECORDS = 1_000
# After so many records others have a turn: about a millisecond.
PART = 100


class TooManyRecordsError(BadRequestError):
    """The days that were asked for hold more single records than one answer may."""

    code = "TOO_MANY_RECORDS"
    advice = "Ask for fewer days at a time: send a smaller limit, or follow nextCursor where there is one."


class Holding(NamedTuple):
    """A stint as far as its days are closed: `first` to `last`, both included. Power in TH.

    Holdings and records are tuples, since a user may have thousands of them.
    """

    miner_id: int
    class_id: int
    power: Decimal
    first: date
    last: date
    energy_efficiency: Decimal


@dataclass(frozen=True, slots=True)
class Correction:
    """What an adjustment of day `day` gave (or took) for a holding, credited with `effective_day`; BTC per TH."""

    adjustment_id: int
    day: date
    effective_day: date
    miner_id: int
    power: Decimal
    rates: ClassRates


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands in its user's list: the day it was credited with, its adjustment (0 for none), miner."""

    day: date
    adjustment_id: int
    miner_id: int


class Record(NamedTuple):
    """BTC of one miner: `net = pool - c1 - c2`. `day` is the day that was mined; an adjustment's record is marked."""

    miner_id: int
    day: date
    credited_at: datetime
    pool: Decimal
    c1: Decimal
    c2: Decimal
    net: Decimal
    adjustment_id: int | None

    @property
    def position(self) -> Position:
        """Where the record stands, for as long as it exists."""
        credited_with = clock.day_of(self.credited_at) - clock.ONE_DAY
        return Position(credited_with, self.adjustment_id or 0, self.miner_id)


@dataclass(frozen=True, slots=True)
class DayTotal:
    """A user's whole day: BTC, TH, W/TH weighted by power, USD of fees and the discount weighted by power."""

    day: date
    credited_at: datetime
    pool: Decimal
    net: Decimal
    power: Decimal
    energy_efficiency: Decimal
    fees_usd: Decimal
    discount: Decimal
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class DayPage:
    """Days with their records, newest first; whether more follow, and how many stints were looked at."""

    days: Sequence[tuple[date, tuple[Record, ...]]]
    more: bool
    stints: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that a user's credited income follows from."""

    stints: tuple[Holding, ...]
    corrections: tuple[Correction, ...]

    def days(self) -> dict[date, int]:
        """How many records are credited with each mining day, newest day first."""
        if not self.stints and not self.corrections:
            return {}
        steps: dict[date, int] = defaultdict(int)
        for stint in self.stints:
            steps[stint.first] += 1
            steps[stint.last + clock.ONE_DAY] -= 1
        extra: dict[date, int] = defaultdict(int)
        for correction in self.corrections:
            extra[correction.effective_day] += 1
        counts: dict[date, int] = {}
        day = min([*steps, *extra])
        last = max([*steps, *extra])
        running = 0
        while day <= last:
            running += steps.get(day, 0)
            if running + extra.get(day, 0):
                counts[day] = running + extra.get(day, 0)
            day += clock.ONE_DAY
        return dict(reversed(counts.items()))


async def holdings(
    tx: Tx, partner_id: int, user_id: int, *, first: date | None = None, last: date | None = None
) -> Holdings:
    """A user's stints and corrections, clipped to the days that are closed for their partner.

    With `first` and `last` to what was credited with these days and those between them.
    """
    stints = await tx.fetch(
        """SELECT s.miner_id, s.class_id, s.power, greatest(s.from_day, c.first_day, $3::date) AS first,
                  least(s.to_day - 1, p.closed_through, $4::date) AS last, c.energy_efficiency
           FROM stint s JOIN rate_class c ON c.id = s.class_id JOIN partner_day p ON p.partner_id = s.partner_id
           WHERE s.partner_id = $1 AND s.user_id = $2 AND p.closed_through IS NOT NULL
             AND (s.to_day IS NULL OR s.to_day > coalesce($3::date, '-infinity'))
             AND greatest(s.from_day, c.first_day, $3) <= least(s.to_day - 1, p.closed_through, $4)
           ORDER BY s.miner_id, s.from_day""",
        partner_id,
        user_id,
        first,
        last,
    )
    corrections = await tx.fetch(
        """SELECT a.id, a.day, a.effective_day, s.miner_id, s.power, d.pool, d.c1, d.c2, d.net
           FROM partner_day p JOIN adjustment a ON a.effective_day <= p.closed_through
           JOIN stint s ON s.partner_id = p.partner_id
                       AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
           JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
           WHERE p.partner_id = $1 AND s.user_id = $2
             AND a.effective_day BETWEEN coalesce($3::date, '-infinity') AND coalesce($4::date, 'infinity')
           ORDER BY a.id, s.miner_id""",
        partner_id,
        user_id,
        first,
        last,
    )
    return Holdings(
        tuple(tuples(Holding, stints)),
        tuple(
            Correction(
                adjustment_id=row["id"],
                day=row["day"],
                effective_day=row["effective_day"],
                miner_id=row["miner_id"],
                power=row["power"],
                rates=_rates(row),
            )
            for row in corrections
        ),
    )


async def page_of_days(
    tx: Tx,
    partner_id: int,
    user_id: int,
    *,
    limit: int,
    offset: int = 0,
    before: date | None = None,
    may_be_shorter: bool = False,
) -> DayPage:
    """A page of days with their single records, newest first; with `before`, of those before a day.

    One that may be shorter has as many days as one answer holds. Raises TooManyRecordsError.
    """
    counts, stints = await record_counts.of_user(tx, partner_id, user_id)
    chosen = [day for day in counts if before is None or day < before][offset:]
    page = chosen[:limit]
    fitting = _fitting(counts, page)
    if fitting < len(page) and not may_be_shorter:
        raise _too_many(counts, page, fitting)
    page = page[:fitting]
    if not page:
        return DayPage((), False, stints)
    held = await holdings(tx, partner_id, user_id, first=page[-1], last=page[0])
    days = [(day, tuple(group)) for day, group in await _expand(tx, held, page)]
    return DayPage(days, len(chosen) > len(page), stints + len(held.corrections))


async def day_totals(
    tx: Tx,
    held: Holdings,
    *,
    first: date,
    last: date,
    limit: int | None,
    offset: int,
    with_records: bool,
) -> tuple[list[DayTotal], int]:
    """A page of the user's days from `first` to `last` (mined days, both included), newest first; and how many
    there are. A day with an adjustment credited shows it in its sums. Raises TooManyRecordsError.
    """
    counts = held.days()
    chosen = [day for day in counts if first <= day <= last]
    page = chosen[offset : None if limit is None else offset + limit]
    if with_records and (fitting := _fitting(counts, page)) < len(page):
        raise _too_many(counts, page, fitting)
    if not page:
        return [], len(chosen)
    courses = await _courses(tx, page)
    details = await _class_days(tx, {stint.class_id for stint in held.stints}, page)
    grouped = dict(await _expand(tx, held, page)) if with_records else {}
    by_class = _class_power(held, page)
    totals = [_day_total(day, by_class[day], held, details, courses[day], tuple(grouped.get(day, ()))) for day in page]
    return totals, len(chosen)


async def totals_by_miner(tx: Tx, partner_id: int, user_id: int) -> list[tuple[int, Decimal]]:
    """(miner, net BTC over its whole time with this user), by miner; adjustments included."""
    rows = await tx.fetch(
        """SELECT miner_id, sum(net) AS net FROM (
               SELECT s.miner_id, s.power * (
                          (SELECT net_sum FROM class_day hi WHERE hi.class_id = s.class_id AND hi.day = span.last)
                          - (SELECT net_sum - net FROM class_day lo
                             WHERE lo.class_id = s.class_id AND lo.day = span.first)) AS net
               FROM stint s JOIN rate_class c ON c.id = s.class_id JOIN partner_day p ON p.partner_id = s.partner_id
               CROSS JOIN LATERAL (SELECT greatest(s.from_day, c.first_day) AS first,
                                          least(s.to_day - 1, p.closed_through) AS last) AS span
               WHERE s.partner_id = $1 AND s.user_id = $2 AND p.closed_through IS NOT NULL AND span.first <= span.last
               UNION ALL
               SELECT s.miner_id, s.power * d.net
               FROM partner_day p JOIN adjustment a ON a.effective_day <= p.closed_through
               JOIN stint s ON s.partner_id = p.partner_id
                           AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
               JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
               WHERE p.partner_id = $1 AND s.user_id = $2) AS earned
           GROUP BY miner_id ORDER BY miner_id""",
        partner_id,
        user_id,
    )
    return [(row["miner_id"], row["net"]) for row in rows]


def _fitting(counts: Mapping[date, int], page: Sequence[date]) -> int:
    """How many of the days, from the first on, one answer holds: at least one, if there is one."""
    records = accumulate(counts[day] for day in page)
    return max(min(1, len(page)), sum(1 for each in records if each <= MAX_RECORDS))


def _too_many(counts: Mapping[date, int], page: Sequence[date], fitting: int) -> TooManyRecordsError:
    records = sum(counts[day] for day in page)
    return TooManyRecordsError(
        f"{len(page)} days hold {records} records, more than {MAX_RECORDS}; {fitting} would fit", field="limit"
    )


async def _expand(tx: Tx, held: Holdings, wanted: Sequence[date]) -> list[tuple[date, list[Record]]]:
    """The single records of some days, in the order of the days."""
    if not wanted:
        return []
    rates = await _class_days(tx, {stint.class_id for stint in held.stints}, wanted)
    found: list[tuple[date, list[Record]]] = []
    made = 0
    for day in wanted:
        group: list[Record] = []
        for record in _records_of(day, held, rates):
            group.append(record)
            made += 1
            if made % PART == 0:
                await asyncio.sleep(0)
        found.append((day, group))
    return found


def _records_of(
    day: date, held: Holdings, rates: dict[tuple[date, int], tuple[ClassRates, Decimal]]
) -> Iterator[Record]:
    """Records credited with one mining day: those of the day itself, then those of adjustments."""
    credited = clock.credited_at(day)
    for stint in held.stints:
        if stint.first <= day <= stint.last:
            paid, _ = rates[day, stint.class_id]
            yield _record(stint.miner_id, day, credited, stint.power, paid, None)
    for correction in held.corrections:
        if correction.effective_day == day:
            yield _record(
                correction.miner_id,
                correction.day,
                credited,
                correction.power,
                correction.rates,
                correction.adjustment_id,
            )


def _record(
    miner_id: int, day: date, credited: datetime, power: Decimal, paid: ClassRates, adjustment_id: int | None
) -> Record:
    return Record(
        miner_id,
        day,
        credited,
        power * paid.pool,
        power * paid.c1,
        power * paid.c2,
        power * paid.net,
        adjustment_id,
    )


async def _class_days(
    tx: Tx, class_ids: set[int], wanted: Sequence[date]
) -> dict[tuple[date, int], tuple[ClassRates, Decimal]]:
    """Rates and discount by day and class."""
    rows = await tx.fetch(
        "SELECT day, class_id, pool, c1, c2, net, discount FROM class_day WHERE day = ANY($1) AND class_id = ANY($2)",
        list(wanted),
        list(class_ids),
    )
    return {(row["day"], row["class_id"]): (_rates(row), row["discount"]) for row in rows}


def _rates(row: Row) -> ClassRates:
    return ClassRates(pool=row["pool"], c1=row["c1"], c2=row["c2"], net=row["net"])


async def _courses(tx: Tx, wanted: Sequence[date]) -> dict[date, Decimal]:
    """BTC in USD by day."""
    rows = await tx.fetch("SELECT day, btc_usd FROM mining_day WHERE day = ANY($1)", list(wanted))
    return {row["day"]: row["btc_usd"] for row in rows}


def _class_power(held: Holdings, page: Sequence[date]) -> dict[date, dict[int, tuple[Decimal, Decimal]]]:
    """For each day of the page: class -> (TH, W/TH) of the user."""
    chosen = set(page)
    low, high = min(page), max(page)
    found: dict[date, dict[int, tuple[Decimal, Decimal]]] = {day: {} for day in page}
    grouped: dict[tuple[date, date, int, Decimal], Decimal] = defaultdict(Decimal)
    for stint in held.stints:
        if stint.first <= high and stint.last >= low:
            span = (max(stint.first, low), min(stint.last, high), stint.class_id, stint.energy_efficiency)
            grouped[span] += stint.power
    for (day, last, class_id, efficiency), power in grouped.items():
        while day <= last:
            if day in chosen:
                before = found[day].get(class_id, (ZERO, efficiency))[0]
                found[day][class_id] = (before + power, efficiency)
            day += clock.ONE_DAY  # noqa: PLW2901
    return found


def _day_total(
    day: date,
    by_class: dict[int, tuple[Decimal, Decimal]],
    held: Holdings,
    details: dict[tuple[date, int], tuple[ClassRates, Decimal]],
    btc_usd: Decimal,
    found: tuple[Record, ...],
) -> DayTotal:
    pool = net = fees = power = weighted_efficiency = weighted_discount = ZERO
    for class_id, (class_power, efficiency) in by_class.items():
        paid, discount = details[day, class_id]
        pool += class_power * paid.pool
        net += class_power * paid.net
        fees += class_power * (paid.c1 + paid.c2)
        power += class_power
        weighted_efficiency += class_power * efficiency
        weighted_discount += class_power * discount
    for correction in held.corrections:
        if correction.effective_day == day:
            pool += correction.power * correction.rates.pool
            net += correction.power * correction.rates.net
            fees += correction.power * (correction.rates.c1 + correction.rates.c2)
    return DayTotal(
        day=day,
        credited_at=clock.credited_at(day),
        pool=pool,
        net=net,
        power=power,
        energy_efficiency=divide_half_even(weighted_efficiency, power, 4) if power else ZERO,
        fees_usd=usd_of(fees, btc_usd),
        discount=divide_half_even(weighted_discount, power, 4) if power else ZERO,
        records=found,
    )
