"""Rate classes: what a day pays for a terahash of a given efficiency, level and set of programmes.

**Publishing a day** fixes its inputs and writes one row per class: pool, c1, c2 and net per TH, and running sums.
It never touches miners. A class that first appears later gets its rows of published days from the same fixed inputs.
**Adjusting a day** publishes what its rates should have been as differences; they are credited with the next day to
be published, to those who held miners on the adjusted day. Nothing that was published changes.

The row of `publication` is the lock: publishing and adjusting hold it, a class that appears shares it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from hashrail import clock, rates
from hashrail.db import Row, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.income import ClassRates, DayInputs, class_rates, total_discount

ZERO = Decimal(0)


class DayNotOverError(ConflictError):
    """A mining day is published after it is over."""

    code = "DAY_NOT_OVER"
    advice = "Publish day D from D+1 00:05 UTC on."


class DayOrderError(ConflictError):
    """Days are published in order."""

    code = "DAY_OUT_OF_ORDER"
    advice = "Publish the day that details.next names."


class NotPublishedError(ConflictError):
    """Only a published day can be adjusted."""

    code = "DAY_NOT_PUBLISHED"
    advice = "Enter the day's rates again; they count when it is published."


class NothingToAdjustError(BadRequestError):
    """The adjustment would change nothing."""

    code = "NOTHING_TO_ADJUST"
    advice = "Name at least one input whose value differs from the one in force."


async def ensure(
    tx: Tx, *, energy_efficiency: Decimal, level_discount: Decimal, programmes: Sequence[int], from_day: date
) -> int:
    """The id of a class, made when it is new, with its rows from `from_day` on as far as days are published."""
    key = (energy_efficiency, level_discount, sorted(programmes))
    row = await tx.fetchrow(
        """SELECT id, first_day FROM rate_class
           WHERE energy_efficiency = $1 AND level_discount = $2 AND programmes = $3""",
        *key,
    )
    if row is None or (row["first_day"] is not None and row["first_day"] > from_day):
        row = await _appear(tx, key, from_day)
    class_id: int = row["id"]
    return class_id


async def publish(tx: Tx, day: date, *, now: datetime) -> bool:
    """Publish a day from its entered inputs; False when it is published already.

    Raises RatesMissingError, DayNotOverError or DayOrderError. Cost: one row a class, none a miner.
    """
    state = await tx.fetchrow("SELECT published_through, discount_cap FROM publication WHERE id = 1 FOR UPDATE")
    assert state is not None
    through: date | None = state["published_through"]
    if through is not None and day <= through:
        return False
    if through is not None and day != through + clock.ONE_DAY:
        raise DayOrderError(f"{day} comes later", field="day", next=(through + clock.ONE_DAY).isoformat())
    if clock.credited_at(day) > now:
        raise DayNotOverError(f"{day} is not over", field="day", creditedAt=clock.iso(clock.credited_at(day)))
    inputs = replace(await rates.of_day(tx, day), discount_cap=state["discount_cap"])
    await tx.execute(
        "UPDATE mining_day SET published_at = $2, discount_cap = $3 WHERE day = $1", day, now, inputs.discount_cap
    )
    await tx.execute(
        """INSERT INTO published_fraction
           SELECT DISTINCT ON (programme_id) $1::date, programme_id, fraction FROM programme_fraction
           WHERE from_day <= $1 ORDER BY programme_id, from_day DESC""",
        day,
    )
    await tx.execute("UPDATE rate_class SET first_day = $1 WHERE first_day IS NULL", day)
    await _write_class_days(tx, inputs)
    await tx.execute(
        "UPDATE publication SET first_day = coalesce(first_day, $1), published_through = $1 WHERE id = 1", day
    )
    return True


async def adjust(
    tx: Tx,
    day: date,
    *,
    reason: str,
    pool_btc_per_th: Decimal | None = None,
    btc_usd: Decimal | None = None,
    kwh_usd: Decimal | None = None,
    service_usd_per_th: Decimal | None = None,
    at: datetime,
) -> int:
    """Publish what a published day's inputs should have been; inputs left out stay as they are in force.

    Answers the adjustment's id. Raises NotPublishedError, NothingToAdjustError.
    """
    through = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1 FOR UPDATE")
    if through is None or day > through:
        raise NotPublishedError(f"{day} is not published", field="day")
    before = await in_force(tx, day)
    after = replace(
        before,
        pool_btc_per_th=before.pool_btc_per_th if pool_btc_per_th is None else pool_btc_per_th,
        btc_usd=before.btc_usd if btc_usd is None else btc_usd,
        kwh_usd=before.kwh_usd if kwh_usd is None else kwh_usd,
        service_usd_per_th=before.service_usd_per_th if service_usd_per_th is None else service_usd_per_th,
    )
    if after == before:
        raise NothingToAdjustError("the inputs in force are the same", field="day")
    adjustment_id: int = await tx.fetchval(
        """INSERT INTO adjustment (day, effective_day, reason, pool_btc_per_th, btc_usd, kwh_usd,
                                   service_usd_per_th, entered_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id""",
        day,
        through + clock.ONE_DAY,
        reason,
        after.pool_btc_per_th,
        after.btc_usd,
        after.kwh_usd,
        after.service_usd_per_th,
        at,
    )
    classes = await tx.fetch(
        """SELECT c.id, c.energy_efficiency, d.discount FROM rate_class c
           JOIN class_day d ON d.class_id = c.id AND d.day = $1""",
        day,
    )
    await _write_differences(tx, adjustment_id, before, after, classes)
    return adjustment_id


async def in_force(tx: Tx, day: date) -> DayInputs:
    """A published day's inputs as its newest adjustment leaves them."""
    return (await _versions(tx, day))[-1][1]


async def of_day(tx: Tx, day: date) -> list[Row]:
    """The published rates of every class on a day, BTC per TH, by efficiency and discount."""
    return await tx.fetch(
        """SELECT c.id, c.energy_efficiency, c.level_discount, c.programmes, d.discount, d.pool, d.c1, d.c2, d.net
           FROM class_day d JOIN rate_class c ON c.id = d.class_id WHERE d.day = $1
           ORDER BY c.energy_efficiency, d.discount, c.id""",
        day,
    )


async def adjustments_of(tx: Tx, day: date) -> list[Row]:
    """The published adjustments of a day, in order; each says what its inputs should have been."""
    return await tx.fetch(
        """SELECT id, effective_day, reason, pool_btc_per_th, btc_usd, kwh_usd, service_usd_per_th
           FROM adjustment WHERE day = $1 ORDER BY id""",
        day,
    )


async def _versions(tx: Tx, day: date) -> list[tuple[int, DayInputs]]:
    """The inputs of a day as published (adjustment 0) and after each adjustment, in order."""
    inputs = await rates.of_day(tx, day)
    found = [(0, inputs)]
    rows = await tx.fetch("SELECT * FROM adjustment WHERE day = $1 ORDER BY id", day)
    for row in rows:
        inputs = replace(
            inputs,
            pool_btc_per_th=row["pool_btc_per_th"],
            btc_usd=row["btc_usd"],
            kwh_usd=row["kwh_usd"],
            service_usd_per_th=row["service_usd_per_th"],
        )
        found.append((row["id"], inputs))
    return found


async def _appear(tx: Tx, key: tuple[Decimal, Decimal, list[int]], from_day: date) -> Row:
    """Make a class, or reach further back with one, while nothing is published or adjusted."""
    published = await tx.fetchrow("SELECT first_day, published_through FROM publication WHERE id = 1 FOR SHARE")
    assert published is not None
    through = published["published_through"]
    await tx.execute(
        """INSERT INTO rate_class (energy_efficiency, level_discount, programmes, first_day) VALUES ($1, $2, $3, $4)
           ON CONFLICT (energy_efficiency, level_discount, programmes) DO NOTHING""",
        *key,
        None if through is None else through + clock.ONE_DAY,
    )
    row = await tx.fetchrow(
        """SELECT * FROM rate_class
           WHERE energy_efficiency = $1 AND level_discount = $2 AND programmes = $3 FOR NO KEY UPDATE""",
        *key,
    )
    assert row is not None
    if through is not None:
        start = max(from_day, published["first_day"])
        if start < row["first_day"]:
            await _extend_back(tx, row, start)
    return row


async def _write_class_days(tx: Tx, inputs: DayInputs) -> None:
    """One row a class for the day, its sums continued from the day before."""
    fractions = await _fractions(tx, inputs.day)
    rows = await tx.fetch(
        """SELECT c.id, c.energy_efficiency, c.level_discount, c.programmes,
                  coalesce(y.pool_sum, 0) AS pool_sum, coalesce(y.c1_sum, 0) AS c1_sum,
                  coalesce(y.c2_sum, 0) AS c2_sum, coalesce(y.net_sum, 0) AS net_sum
           FROM rate_class c LEFT JOIN class_day y ON y.class_id = c.id AND y.day = $1
           WHERE c.first_day <= $2""",
        inputs.day - clock.ONE_DAY,
        inputs.day,
    )
    known: dict[tuple[Decimal, Decimal], ClassRates] = {}
    records = []
    for class_id, efficiency, level, programmes, pool_sum, c1_sum, c2_sum, net_sum in rows:
        discount = total_discount(inputs, level, sum((fractions.get(p, ZERO) for p in programmes), ZERO))
        paid = known.get((efficiency, discount))
        if paid is None:
            paid = known[efficiency, discount] = class_rates(inputs, efficiency, discount)
        sums = (pool_sum + paid.pool, c1_sum + paid.c1, c2_sum + paid.c2, net_sum + paid.net)
        records.append((inputs.day, class_id, discount, paid.pool, paid.c1, paid.c2, paid.net, *sums))
    await _store(tx, records)


async def _extend_back(tx: Tx, rate_class: Row, start: date) -> None:
    """Write a class's rows for published days from `start` up to its first, sums running backwards."""
    next_sums = await tx.fetchrow(
        """SELECT pool_sum - pool, c1_sum - c1, c2_sum - c2, net_sum - net FROM class_day
           WHERE class_id = $1 AND day = $2""",
        rate_class["id"],
        rate_class["first_day"],
    )
    sums = (ZERO, ZERO, ZERO, ZERO) if next_sums is None else tuple(next_sums.values())
    records = []
    day = rate_class["first_day"] - clock.ONE_DAY
    while day >= start:
        fractions = await _fractions(tx, day)
        versions = await _versions(tx, day)
        inputs = versions[0][1]
        programmes = sum((fractions.get(p, ZERO) for p in rate_class["programmes"]), ZERO)
        discount = total_discount(inputs, rate_class["level_discount"], programmes)
        paid = class_rates(inputs, rate_class["energy_efficiency"], discount)
        records.append((day, rate_class["id"], discount, paid.pool, paid.c1, paid.c2, paid.net, *sums))
        sums = (sums[0] - paid.pool, sums[1] - paid.c1, sums[2] - paid.c2, sums[3] - paid.net)
        one = [{"id": rate_class["id"], "energy_efficiency": rate_class["energy_efficiency"], "discount": discount}]
        for (_, before), (adjustment_id, after) in pairwise(versions):
            await _write_differences(tx, adjustment_id, before, after, one)
        day -= clock.ONE_DAY
    await _store(tx, records)
    await tx.execute("UPDATE rate_class SET first_day = $2 WHERE id = $1", rate_class["id"], start)


async def _write_differences(
    tx: Tx, adjustment_id: int, before: DayInputs, after: DayInputs, classes: Sequence[Row] | list[dict[str, object]]
) -> None:
    """What an adjustment adds to or takes from each class, per TH."""
    records = []
    for row in classes:
        efficiency, discount = row["energy_efficiency"], row["discount"]
        assert isinstance(efficiency, Decimal)
        assert isinstance(discount, Decimal)
        change = class_rates(after, efficiency, discount) - class_rates(before, efficiency, discount)
        records.append((adjustment_id, row["id"], change.pool, change.c1, change.c2, change.net))
    await tx.executemany("INSERT INTO class_adjustment VALUES ($1, $2, $3, $4, $5, $6)", records)


async def _fractions(tx: Tx, day: date) -> dict[int, Decimal]:
    """What each programme gave on a published day."""
    rows = await tx.fetch("SELECT programme_id, fraction FROM published_fraction WHERE day = $1", day)
    return {row["programme_id"]: row["fraction"] for row in rows}


async def _store(tx: Tx, records: Sequence[tuple[object, ...]]) -> None:
    await tx.copy_records_to_table("class_day", records=records)
