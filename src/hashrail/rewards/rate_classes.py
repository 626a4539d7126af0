"""Rate classes: what a day pays for a terahash of a given efficiency, level and set of programmes.

**Publishing a day** fixes its inputs and writes one row per class: pool, c1, c2 and net per TH, and running sums.
It never touches miners. A class that first appears later gets its rows of published days from the same fixed inputs.
**Adjusting a day** publishes what its rates should have been as differences; they are credited with the next day to
be published, to those who held miners on the adjusted day. Nothing that was published changes.

The row of `publication` is the lock: publishing and adjusting hold it, a class that appears shares it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hashrail import clock, db
from hashrail.db import Reader, Row, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.money import ZERO
from hashrail.rewards import rates, tariffs, trial
from hashrail.rewards.formula import (
    IDLE,
    RATE_DECIMALS,
    ClassRates,
    DayInputs,
    class_rates,
    electricity_usd_per_th,
    full_pay_per_share,
    total_discount,
)


class DayNotOverError(ConflictError):
    """A mining day has figures, and is published, after it is over."""

    code = "DAY_NOT_OVER"
    advice = "Wait: day D is over, and can be fetched and published, from D+1 00:05 UTC on."


class DayOrderError(ConflictError):
    """Days are published in order."""

    code = "DAY_OUT_OF_ORDER"
    advice = "Publish the day that details.next names."


class NotPublishedError(ConflictError):
    """Only a published day can be adjusted."""

    code = "DAY_NOT_PUBLISHED"
    advice = "Enter the day's rates again; they count when it is published."


class BadAdjustmentError(BadRequestError):
    """What is to be adjusted does not go together, or lacks something."""

    code = "BAD_ADJUSTMENT"
    advice = "Give the pool reward itself, or difficulty, subsidy and fees; all three where the day has none of them."


class NothingToAdjustError(BadRequestError):
    """The adjustment would change nothing."""

    code = "NOTHING_TO_ADJUST"
    advice = "Name at least one input whose value differs from the one in force."


# What the pool reward is reckoned from, where it is not given.
CHAIN = ("difficulty", "subsidy_btc", "fees_btc")
# The number of an adjustment that is only tried.
_TRIED = -1


@dataclass(frozen=True, slots=True)
class _ClassDay:
    """A class on a published day: its discount, BTC per TH, and their sums since the class's first day."""

    day: date
    class_id: int
    discount: Decimal
    paid: ClassRates
    sums: ClassRates


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


async def published_through(tx: Reader) -> date | None:
    """The newest published day; None before the first."""
    through: date | None = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1")
    return through


async def publish(tx: Tx, day: date, *, now: datetime) -> bool:
    """Publish a day from its entered inputs; False when it is published already.

    It is tried at once whether every partner could close it. Cost: one row a class and partner, none a miner.
    Raises RatesMissingError, DayNotOverError, DayOrderError, DayHeldError, DayDelayedError or DayUnclosableError.
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
    entered = await rates.find(tx, day)
    rates.assert_publishable(entered, now)
    inputs = replace(entered.inputs, discount_cap=state["discount_cap"])
    await tx.execute(
        "UPDATE mining_day SET published_at = $2, discount_cap = $3 WHERE day = $1", day, now, inputs.discount_cap
    )
    await tx.execute(
        """INSERT INTO published_fraction (day, programme_id, fraction)
           SELECT DISTINCT ON (programme_id) $1::date, programme_id, fraction FROM programme_fraction
           WHERE from_day <= $1 ORDER BY programme_id, from_day DESC""",
        day,
    )
    await tx.execute("UPDATE rate_class SET first_day = $1 WHERE first_day IS NULL", day)
    await _write_class_days(tx, inputs)
    await tx.execute(
        "UPDATE publication SET first_day = coalesce(first_day, $1), published_through = $1 WHERE id = 1", day
    )
    await trial.assert_closable(tx, day)
    return True


def corrected(before: DayInputs, changes: Mapping[str, Any], *, pool_fee: Decimal) -> DayInputs:
    """A day's inputs with some of them changed; what the pool pays follows from difficulty, subsidy and fees.

    The pool keeps its fee of that as well: `pool_fee`, or nothing where the day was reckoned without one.
    Raises BadAdjustmentError, NothingToAdjustError.
    """
    after = replace(before, **changes)
    of_chain = [name for name in CHAIN if name in changes]
    if of_chain and "pool_btc_per_th" in changes:
        raise BadAdjustmentError("the pool reward follows from difficulty, subsidy and fees", field="pool_btc_per_th")
    if of_chain:
        if after.difficulty is None or after.subsidy_btc is None or after.fees_btc is None:
            missing = next(name for name in CHAIN if getattr(after, name) is None)
            raise BadAdjustmentError(f"the day was entered without {missing}", field=missing)
        kept = ZERO if _is_without_fee(before) else pool_fee
        pool = full_pay_per_share(after.difficulty, after.subsidy_btc, after.fees_btc, pool_fee=kept)
        after = replace(after, pool_btc_per_th=pool)
    elif after.pool_btc_per_th != before.pool_btc_per_th:
        after = replace(after, difficulty=None, subsidy_btc=None, fees_btc=None)
    if after == before:
        raise NothingToAdjustError("the inputs in force are the same", field="day")
    return after


def _is_without_fee(inputs: DayInputs) -> bool:
    """Whether the pool reward is all that difficulty, subsidy and fees give."""
    if inputs.difficulty is None or inputs.subsidy_btc is None or inputs.fees_btc is None:
        return False
    return inputs.pool_btc_per_th == full_pay_per_share(inputs.difficulty, inputs.subsidy_btc, inputs.fees_btc)


async def adjust(
    tx: Tx, day: date, *, reason: str, at: datetime, tried: bool = False, **changes: Decimal | None
) -> int:
    """Publish what a published day's inputs should have been; inputs left out stay as they are in force.

    What is only `tried`, and undone by the caller, takes no number of the sequence.
    Answers the adjustment's id. Raises NotPublishedError, DayUnclosableError, and what `corrected` does.
    """
    through = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1 FOR UPDATE")
    await published_inputs(tx, day)
    before = await in_force(tx, day)
    given = {name: value for name, value in changes.items() if value is not None}
    after = corrected(before, given, pool_fee=await tariffs.pool_fee(tx, day))
    adjustment_id: int = _TRIED if tried else await tx.fetchval("SELECT nextval('adjustment_id_seq')")
    await tx.execute(
        """INSERT INTO adjustment (id, day, effective_day, reason, pool_btc_per_th, btc_usd, kwh_usd,
                                   service_usd_per_th, difficulty, subsidy_btc, fees_btc, entered_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        adjustment_id,
        day,
        through + clock.ONE_DAY,
        reason,
        after.pool_btc_per_th,
        after.btc_usd,
        after.kwh_usd,
        after.service_usd_per_th,
        after.difficulty,
        after.subsidy_btc,
        after.fees_btc,
        at,
    )
    classes = await tx.fetch(
        """SELECT c.id, c.energy_efficiency, d.discount FROM rate_class c
           JOIN class_day d ON d.class_id = c.id AND d.day = $1""",
        day,
    )
    await _write_differences(tx, adjustment_id, before, after, classes)
    await trial.assert_closable(tx, through + clock.ONE_DAY)
    return adjustment_id


async def published_inputs(tx: Tx, day: date) -> DayInputs:
    """A day's inputs as they were published, without adjustments. Raises NotPublishedError."""
    through = await published_through(tx)
    if through is None or day > through:
        raise NotPublishedError(f"{day} is not published", field="day")
    return await rates.of_day(tx, day)


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
        """SELECT id, effective_day, reason, pool_btc_per_th, btc_usd, kwh_usd, service_usd_per_th,
                  difficulty, subsidy_btc, fees_btc FROM adjustment WHERE day = $1 ORDER BY id""",
        day,
    )


async def _versions(tx: Tx, day: date) -> list[tuple[int, DayInputs]]:
    """The inputs of a day as published (adjustment 0) and after each adjustment, in order."""
    inputs = await rates.of_day(tx, day)
    found = [(0, inputs)]
    for row in await adjustments_of(tx, day):
        # One of before has none of these, and what it left as it was is still reckoned from them.
        of_chain = {name: row[name] for name in CHAIN}
        if row["difficulty"] is None and row["pool_btc_per_th"] == inputs.pool_btc_per_th:
            of_chain = {name: getattr(inputs, name) for name in CHAIN}
        inputs = replace(
            inputs,
            pool_btc_per_th=row["pool_btc_per_th"],
            btc_usd=row["btc_usd"],
            kwh_usd=row["kwh_usd"],
            service_usd_per_th=row["service_usd_per_th"],
            **of_chain,
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
        """SELECT id, energy_efficiency, level_discount, programmes, first_day FROM rate_class
           WHERE energy_efficiency = $1 AND level_discount = $2 AND programmes = $3 FOR NO KEY UPDATE""",
        *key,
    )
    assert row is not None
    if through is not None:
        start = max(from_day, published["first_day"])
        if start < row["first_day"]:
            await _extend_back(tx, row, start)
    return row


# One row a class, its sums continued from the day before. This is `formula.class_rates` once more, since a hundred
# thousand classes are not carried to Python and back: c1 and c2 are divided with a remainder, and rounded half to even.
# The audit holds it against the formula (`rates-follow-from-inputs`). OFFSET 0 keeps a figure from being reckoned anew
# wherever it is named. Most classes have no programme or one, whose fraction is looked up without a query a row.
_WRITE_CLASS_DAYS = """
    INSERT INTO class_day (day, class_id, discount, pool, c1, c2, net, pool_sum, c1_sum, c2_sum, net_sum)
    SELECT $1::date, p.id, p.discount, p.pool, p.c1, p.c2, p.net, coalesce(y.pool_sum, 0) + p.pool,
           coalesce(y.c1_sum, 0) + p.c1, coalesce(y.c2_sum, 0) + p.c2, coalesce(y.net_sum, 0) + p.net
    FROM (
        SELECT id, discount, CASE WHEN earns THEN $7::numeric ELSE 0 END AS pool,
               CASE WHEN earns THEN c1 ELSE 0 END AS c1, CASE WHEN earns THEN c2 ELSE 0 END AS c2,
               CASE WHEN earns THEN $7::numeric - c1 - c2 ELSE 0 END AS net
        FROM (
            SELECT id, discount, c1, c2, $7::numeric >= c1 + c2 AS earns
            FROM (
                SELECT id, discount,
                       (q1 + CASE WHEN r1 * 2 > $6 OR (r1 * 2 = $6 AND q1 % 2 = 1) THEN 1 ELSE 0 END)
                           * 0.00000000000001 AS c1,
                       (q2 + CASE WHEN r2 * 2 > $6 OR (r2 * 2 = $6 AND q2 % 2 = 1) THEN 1 ELSE 0 END)
                           * 0.00000000000001 AS c2
                FROM (
                    SELECT id, discount, q1, q2, n1 - q1 * $6 AS r1, n2 - q2 * $6 AS r2
                    FROM (
                        SELECT id, discount, n1, n2, div(n1, $6::numeric) AS q1, div(n2, $6) AS q2
                        FROM (
                            SELECT id, discount, $4::numeric * energy_efficiency * (1 - discount) AS n1,
                                   $5::numeric * (1 - discount) AS n2
                            FROM (
                                SELECT c.id, c.energy_efficiency,
                                       least($3::numeric, c.level_discount + coalesce(
                                           CASE cardinality(c.programmes)
                                           WHEN 0 THEN 0
                                           WHEN 1 THEN ($9::numeric[])[array_position($8::bigint[], c.programmes[1])]
                                           ELSE (SELECT sum(f.fraction)
                                                 FROM unnest($8, $9) AS f (programme_id, fraction)
                                                 WHERE f.programme_id = ANY(c.programmes)) END, 0)) AS discount
                                FROM rate_class c WHERE c.first_day <= $1 ORDER BY c.id OFFSET 0) AS known
                            OFFSET 0) AS charged
                        OFFSET 0) AS divided
                    OFFSET 0) AS remaining
                OFFSET 0) AS rounded
            OFFSET 0) AS judged
        OFFSET 0) AS p
    LEFT JOIN class_day y ON y.day = $2 AND y.class_id = p.id"""


async def _write_class_days(tx: Tx, inputs: DayInputs) -> None:
    """One row a class for the day. Raises DayUnclosableError."""
    fractions = await _fractions(tx, inputs.day)
    if inputs.pool_btc_per_th >= trial.MOST:
        await _assert_rates_fit(tx, inputs, fractions)
    unit = Decimal(10) ** RATE_DECIMALS
    async with db.joined_in_bulk(tx):
        await tx.execute(
            _WRITE_CLASS_DAYS,
            inputs.day,
            inputs.day - clock.ONE_DAY,
            inputs.discount_cap,
            electricity_usd_per_th(inputs.kwh_usd, unit),
            inputs.service_usd_per_th * unit,
            inputs.btc_usd,
            inputs.pool_btc_per_th,
            list(fractions),
            list(fractions.values()),
        )
    beyond = await tx.fetchrow(
        """SELECT pool_sum, c1_sum, c2_sum, net_sum FROM class_day
           WHERE day = $1 AND NOT (pool_sum > -$2::numeric AND pool_sum < $2 AND c1_sum > -$2 AND c1_sum < $2
                                   AND c2_sum > -$2 AND c2_sum < $2 AND net_sum > -$2 AND net_sum < $2)
           ORDER BY class_id LIMIT 1""",
        inputs.day,
        trial.MOST,
    )
    if beyond is not None:
        trial.assert_figures_fit(inputs.day, {f"{name} sum": each for name, each in asdict(_sums(beyond)).items()})


async def _assert_rates_fit(tx: Tx, inputs: DayInputs, fractions: Mapping[int, Decimal]) -> None:
    """No class is paid more for a TH than the books hold: none more than the pool reward, and idle ones nothing."""
    rows = await tx.fetch(
        "SELECT energy_efficiency, level_discount, programmes FROM rate_class WHERE first_day <= $1 ORDER BY id",
        inputs.day,
    )
    for row in rows:
        programmes = sum((fractions.get(p, ZERO) for p in row["programmes"]), ZERO)
        discount = total_discount(inputs, row["level_discount"], programmes)
        trial.assert_figures_fit(inputs.day, asdict(class_rates(inputs, row["energy_efficiency"], discount)))


async def _extend_back(tx: Tx, rate_class: Row, start: date) -> None:
    """Write a class's rows for published days from `start` up to its first, sums running backwards."""
    next_sums = await tx.fetchrow(
        """SELECT pool_sum - pool AS pool_sum, c1_sum - c1 AS c1_sum, c2_sum - c2 AS c2_sum, net_sum - net AS net_sum
           FROM class_day WHERE class_id = $1 AND day = $2""",
        rate_class["id"],
        rate_class["first_day"],
    )
    sums = IDLE if next_sums is None else _sums(next_sums)
    records = []
    day = rate_class["first_day"] - clock.ONE_DAY
    while day >= start:
        fractions = await _fractions(tx, day)
        versions = await _versions(tx, day)
        inputs = versions[0][1]
        programmes = sum((fractions.get(p, ZERO) for p in rate_class["programmes"]), ZERO)
        discount = total_discount(inputs, rate_class["level_discount"], programmes)
        paid = class_rates(inputs, rate_class["energy_efficiency"], discount)
        records.append(_ClassDay(day, rate_class["id"], discount, paid, sums))
        sums = sums - paid
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
        trial.assert_figures_fit(before.day, asdict(change))
        records.append((adjustment_id, row["id"], change.pool, change.c1, change.c2, change.net))
    await tx.executemany(
        "INSERT INTO class_adjustment (adjustment_id, class_id, pool, c1, c2, net) VALUES ($1, $2, $3, $4, $5, $6)",
        records,
    )


async def _fractions(tx: Tx, day: date) -> dict[int, Decimal]:
    """What each programme gave on a published day."""
    rows = await tx.fetch("SELECT programme_id, fraction FROM published_fraction WHERE day = $1", day)
    return {row["programme_id"]: row["fraction"] for row in rows}


def _sums(row: Row) -> ClassRates:
    """The running sums that a row tells."""
    return ClassRates(pool=row["pool_sum"], c1=row["c1_sum"], c2=row["c2_sum"], net=row["net_sum"])


async def _store(tx: Tx, records: Sequence[_ClassDay]) -> None:
    """Write class days, in one go."""
    await tx.copy_records_to_table(
        "class_day",
        columns=(
            *("day", "class_id", "discount", "pool", "c1", "c2", "net"),
            *("pool_sum", "c1_sum", "c2_sum", "net_sum"),
        ),
        records=[
            (
                *(each.day, each.class_id, each.discount, each.paid.pool, each.paid.c1, each.paid.c2, each.paid.net),
                *(each.sums.pool, each.sums.c1, each.sums.c2, each.sums.net),
            )
            for each in records
        ],
    )
