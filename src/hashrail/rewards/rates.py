"""Rates of mining days: entered by hand, from a CSV series, or computed from difficulty and fees.

A day's inputs may be entered again until the day is published; then they are fixed for ever. Between the two lies a
delay, counted from when they were entered, in which everybody can see them. What is `held` waits for an operator
besides (`entering.py`, by which figures come here that somebody typed or fetched).
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from hashrail import clock
from hashrail.db import Reader, Row, Tx
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.money import ZERO, decimals, is_amount
from hashrail.rewards.formula import RATE_DECIMALS, DayInputs, full_pay_per_share
from hashrail.settings import Settings

# In production an hour, in which whoever looks can still take back what was entered.
_DELAY = """coalesce(w.delay_seconds, (SELECT 3600 FROM deployment WHERE id = 1 AND mode = 'production'), 0)"""
# Nobody earns by a first day before anybody has a miner.
_NOBODY_EARNS = "w.first_day IS NULL AND NOT EXISTS (SELECT 1 FROM class_power_delta)"
_WAITS = f"CASE WHEN {_NOBODY_EARNS} THEN 0 ELSE {_DELAY} END"
_READ = f"""
    SELECT d.entered_at, d.published_at, d.day, d.pool_btc_per_th, d.btc_usd, d.gomining_usd, d.kwh_usd,
           d.service_usd_per_th, coalesce(d.discount_cap, 0) AS discount_cap, d.difficulty, d.subsidy_btc, d.fees_btc,
           d.source, d.held, d.held_for_two, {_WAITS} AS delay_seconds
    FROM mining_day d JOIN publication w ON w.id = 1"""  # noqa: S608
MOST_DELAY = timedelta(days=2)
MOST_SOURCE = 255
# No figure needs more characters; what has more is another column, or another file.
MOST_DIGITS = 64
REQUIRED = ("day", "btc_usd")
OnDay: TypeAlias = Callable[[date], Mapping[str, Decimal]]
OPTIONAL = (
    "pool_btc_per_th",
    "difficulty",
    "subsidy_btc",
    "fees_btc",
    "gomining_usd",
    "kwh_usd",
    "service_usd_per_th",
    "source",
)


class DayPublishedError(ConflictError):
    """The day is published: its inputs are fixed."""

    code = "DAY_PUBLISHED"
    advice = "Correct a published day with: hashrail day adjust"


class BadRatesError(BadRequestError):
    """A day's rates are incomplete or no numbers."""

    code = "BAD_RATES"
    advice = "Give day, btc_usd, and either pool_btc_per_th or difficulty, subsidy_btc and fees_btc."


class DayHeldError(ConflictError):
    """Figures of the day are further from what stood before than they may be without an operator."""

    code = "DAY_HELD"
    advice = "Look at its figures (hashrail rates list), then: hashrail rates confirm DAY, or enter or delete them."


class DayDelayedError(ConflictError):
    """The day was entered a short while ago: it can still be looked at, entered again and deleted."""

    code = "DAY_DELAYED"
    advice = "Wait until details.publishesAt, or see how long a day waits: hashrail rates policy"


class BadDelayError(BadRequestError):
    """How long a day waits between entering and publishing is at most two days."""

    code = "BAD_PUBLISH_DELAY"
    advice = "Give 0 to 172800 seconds; 3600 is an hour, and 0 publishes at once."


class RatesMissingError(NotFoundError):
    """Nobody has entered this day's rates."""

    code = "RATES_MISSING"
    advice = "Enter them with: hashrail rates set, or: hashrail rates import FILE.csv"


@dataclass(frozen=True, slots=True)
class MiningDay:
    """A day's inputs, when they were entered and, once they are fixed, published; by the business clock.

    `publishes_at` is the earliest moment at which they may be; `held` says why they wait for an operator, or for two.
    """

    inputs: DayInputs
    entered_at: datetime
    published_at: datetime | None
    publishes_at: datetime
    held: tuple[str, ...]
    held_for_two: bool


def parse(
    fields: Mapping[str, str], defaults: Mapping[str, Decimal], discount_cap: Decimal, *, on_day: OnDay | None = None
) -> DayInputs:
    """A day's inputs from texts. `defaults` gives kwh_usd, service_usd_per_th and gomining_usd where they are empty.

    It may also give pool_fee, what the pool keeps of a reward that is computed. What `on_day` gives for the day counts
    before it.

    Raises BadRatesError naming the field.
    """
    unknown = set(fields) - set(REQUIRED) - set(OPTIONAL)
    if unknown:
        raise BadRatesError(f"unknown column {sorted(unknown)[0]}", field=sorted(unknown)[0])
    given = {name: text.strip() for name, text in fields.items() if text and text.strip()}
    for name in REQUIRED:
        if name not in given:
            raise BadRatesError(f"{name} is missing", field=name)
    numbers = {name: _number(name, text) for name, text in given.items() if name not in ("day", "source")}
    day = _day(given["day"])
    if on_day is not None:
        defaults = {**defaults, **on_day(day)}
    if "pool_btc_per_th" not in numbers:
        for name in ("difficulty", "subsidy_btc", "fees_btc"):
            if name not in numbers:
                raise BadRatesError(f"{name} is missing, and so is pool_btc_per_th", field=name)
        numbers["pool_btc_per_th"] = full_pay_per_share(
            numbers["difficulty"],
            numbers["subsidy_btc"],
            numbers["fees_btc"],
            pool_fee=defaults.get("pool_fee", ZERO),
        )
    if len(given.get("source", "")) > MOST_SOURCE:
        raise BadRatesError(f"source has more than {MOST_SOURCE} characters", field="source")
    return DayInputs(
        day=day,
        pool_btc_per_th=numbers["pool_btc_per_th"],
        btc_usd=numbers["btc_usd"],
        gomining_usd=numbers.get("gomining_usd", defaults["gomining_usd"]),
        kwh_usd=numbers.get("kwh_usd", defaults["kwh_usd"]),
        service_usd_per_th=numbers.get("service_usd_per_th", defaults["service_usd_per_th"]),
        discount_cap=discount_cap,
        difficulty=numbers.get("difficulty"),
        subsidy_btc=numbers.get("subsidy_btc"),
        fees_btc=numbers.get("fees_btc"),
        source=given.get("source", "entered"),
    )


def parse_series(
    lines: Iterable[str],
    defaults: Mapping[str, Decimal],
    discount_cap: Decimal,
    *,
    on_day: OnDay | None = None,
) -> list[DayInputs]:
    """The days of a CSV series whose first line names the columns. Raises BadRatesError naming line and field.

    Every line has as many values as there are columns, so that none can have moved, and every day stands there once.
    """
    found: dict[date, tuple[int, DayInputs]] = {}
    reader = csv.reader(lines, strict=True)
    try:
        columns = _columns(next(reader, []))
        for values in filter(None, reader):
            inputs = parse(_named(columns, values), defaults, discount_cap, on_day=on_day)
            first, _ = found.setdefault(inputs.day, (reader.line_num, inputs))
            _assert_once(inputs.day, first, reader.line_num)
    except BadRatesError as error:
        raise BadRatesError(f"line {reader.line_num}: {error.message}", **error.details) from error
    except csv.Error as error:
        raise BadRatesError(f"line {reader.line_num}: no CSV: {error}", field="line") from error
    if not found:
        raise BadRatesError("there is no day in it", field="line")
    return [inputs for _, inputs in found.values()]


def _day(text: str) -> date:
    """Raises BadRatesError."""
    try:
        return clock.day_from(text)
    except ValueError as error:
        raise BadRatesError(f"{text[:MOST_DIGITS]!r} is no day", field="day") from error


def _named(columns: list[str], values: list[str]) -> dict[str, str]:
    """The values of a line by column. Raises BadRatesError."""
    if len(values) != len(columns):
        raise BadRatesError(f"{len(values)} values for {len(columns)} columns", field="line")
    return dict(zip(columns, values, strict=True))


def _assert_once(day: date, first: int, line: int) -> None:
    """A day stands in one line. Raises BadRatesError."""
    if first != line:
        raise BadRatesError(f"{day} stands in line {first} already", field="day")


def _columns(names: list[str]) -> list[str]:
    """The columns that the first line names. Raises BadRatesError."""
    for name in names:
        if name in (*REQUIRED, *OPTIONAL):
            continue
        meant = name.strip().lower()
        hint = f": write {meant}" if meant in (*REQUIRED, *OPTIONAL) else ""
        if ";" in name or "\t" in name:
            hint = ": values are parted by commas"
        raise BadRatesError(f"unknown column {name[:MOST_DIGITS]}{hint}", field=name[:MOST_DIGITS])
    for name in names:
        if names.count(name) > 1:
            raise BadRatesError(f"two columns are named {name}", field=name)
    for name in REQUIRED:
        if name not in names:
            raise BadRatesError(f"no column is named {name}", field=name)
    return names


async def enter(tx: Tx, inputs: DayInputs, *, at: datetime, held: Sequence[str] = (), for_two: bool = False) -> None:
    """Enter a day's inputs, over earlier ones of the same day, `held` for the reasons given. Raises DayPublishedError.

    Figures that somebody typed or fetched come by `entering`, which looks at them.
    """
    entered = await tx.fetchval(
        """INSERT INTO mining_day AS old (day, pool_btc_per_th, btc_usd, gomining_usd, kwh_usd, service_usd_per_th,
                                          difficulty, subsidy_btc, fees_btc, source, entered_at, held, held_for_two)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
           ON CONFLICT (day) DO UPDATE SET
               pool_btc_per_th = excluded.pool_btc_per_th, btc_usd = excluded.btc_usd,
               gomining_usd = excluded.gomining_usd, kwh_usd = excluded.kwh_usd,
               service_usd_per_th = excluded.service_usd_per_th, difficulty = excluded.difficulty,
               subsidy_btc = excluded.subsidy_btc, fees_btc = excluded.fees_btc,
               source = excluded.source, entered_at = excluded.entered_at, held = excluded.held,
               held_for_two = excluded.held_for_two
           WHERE old.published_at IS NULL RETURNING true""",
        inputs.day,
        inputs.pool_btc_per_th,
        inputs.btc_usd,
        inputs.gomining_usd,
        inputs.kwh_usd,
        inputs.service_usd_per_th,
        inputs.difficulty,
        inputs.subsidy_btc,
        inputs.fees_btc,
        inputs.source,
        at,
        list(held),
        for_two,
    )
    if entered is None:
        raise _published(inputs.day)


async def delete(tx: Tx, day: date) -> MiningDay:
    """Take back what was entered for a day; answers what it was. Raises RatesMissingError, DayPublishedError."""
    await tx.execute("SELECT 1 FROM mining_day WHERE day = $1 FOR UPDATE", day)
    found = await find(tx, day)
    assert_not_published(found)
    await tx.execute("DELETE FROM mining_day WHERE day = $1", day)
    return found


async def hold_all(tx: Tx) -> None:
    """Whoever enters days does so one after the other: each is held against what another has just entered."""
    await tx.execute("SELECT 1 FROM publication WHERE id = 1 FOR UPDATE")


async def let_go(tx: Tx, day: date) -> None:
    """Hold a day no longer."""
    await tx.execute("UPDATE mining_day SET held = '{}', held_for_two = false WHERE day = $1", day)


async def hold(tx: Tx, day: date, reasons: Sequence[str], *, for_two: bool = False) -> None:
    """Hold a day for an operator, or for two."""
    await tx.execute("UPDATE mining_day SET held = $2, held_for_two = $3 WHERE day = $1", day, list(reasons), for_two)


async def held(reader: Reader) -> list[MiningDay]:
    """The days that wait for an operator, the oldest first; each says why."""
    rows = await reader.fetch(f"{_READ} WHERE d.held <> '{{}}' AND d.published_at IS NULL ORDER BY d.day")
    return [_mining_day(row) for row in rows]


async def waiting_after(reader: Reader, day: date) -> list[MiningDay]:
    """The later days that are entered and not published, the oldest first."""
    rows = await reader.fetch(f"{_READ} WHERE d.day > $1 AND d.published_at IS NULL ORDER BY d.day", day)
    return [_mining_day(row) for row in rows]


def assert_not_published(found: MiningDay) -> None:
    """Raises DayPublishedError."""
    if found.published_at is not None:
        raise _published(found.inputs.day)


def assert_publishable(found: MiningDay, now: datetime) -> None:
    """Neither an operator nor its delay is waited for. Raises DayHeldError, DayDelayedError."""
    if found.held:
        raise DayHeldError(f"{found.inputs.day} waits for an operator: {'; '.join(found.held)}", field="day")
    if now < found.publishes_at:
        at = clock.iso(found.publishes_at)
        raise DayDelayedError(f"{found.inputs.day} is published at {at}", field="day", publishesAt=at)


def published_from(day: date, entered_at: datetime, waits: timedelta) -> datetime:
    """When a day may be published: when it can be credited, and what it waits after it was entered is over."""
    return max(clock.credited_at(day), entered_at + waits) if waits else clock.credited_at(day)


async def delay(reader: Reader) -> timedelta:
    """How long a day waits between entering and publishing."""
    seconds: int = await reader.fetchval(f"SELECT {_DELAY} FROM publication w WHERE w.id = 1")  # noqa: S608
    return timedelta(seconds=seconds)


def check_delay(seconds: int) -> None:
    """Raises BadDelayError."""
    if not 0 <= seconds <= MOST_DELAY // timedelta(seconds=1):
        raise BadDelayError(f"{seconds} seconds are not 0 to {MOST_DELAY.days} days", field="publish_delay")


async def set_delay(tx: Tx, seconds: int) -> None:
    """Change how long a day waits, those that are entered already included. Raises BadDelayError."""
    check_delay(seconds)
    await tx.execute("UPDATE publication SET delay_seconds = $1 WHERE id = 1", seconds)


async def of_day(tx: Tx, day: date) -> DayInputs:
    """A day's inputs as entered or published. Raises RatesMissingError."""
    return (await find(tx, day)).inputs


async def find(tx: Reader, day: date) -> MiningDay:
    """A day as entered or published. Raises RatesMissingError."""
    row = await tx.fetchrow(f"{_READ} WHERE d.day = $1", day)
    if row is None:
        raise RatesMissingError(f"no rates for {day}", field="day")
    return _mining_day(row)


async def newest(tx: Reader, limit: int) -> list[MiningDay]:
    """The newest days that have rates, published or not, the newest first."""
    return [_mining_day(row) for row in await tx.fetch(f"{_READ} ORDER BY d.day DESC LIMIT $1", limit)]


async def latest_published(tx: Tx) -> DayInputs | None:
    """The inputs of the newest published day; None before the first."""
    row = await tx.fetchrow(f"{_READ} JOIN publication p ON p.published_through = d.day WHERE p.id = 1")
    return None if row is None else _mining_day(row).inputs


async def gross_usd_per_th(tx: Tx, *, through: date, days: int) -> tuple[Decimal, int]:
    """(USD, days): what a TH earned before costs over at most so many published days, the last one `through`.

    Each day's pool reward at that day's price, as published. Days before the first published one are not counted.
    """
    row = await tx.fetchrow(
        """SELECT coalesce(sum(pool_btc_per_th * btc_usd), 0) AS usd, count(*) AS days FROM mining_day
           WHERE published_at IS NOT NULL AND day BETWEEN $1 AND $2""",
        through - timedelta(days=days - 1),
        through,
    )
    assert row is not None, "a sum is always there"
    return row["usd"], row["days"]


async def discount_cap(tx: Reader) -> Decimal:
    """The most that discounts add up to on days that are not published yet."""
    cap: Decimal = await tx.fetchval("SELECT discount_cap FROM publication WHERE id = 1")
    return cap


def _mining_day(row: Row) -> MiningDay:
    facts = dict(row)
    entered_at, published_at = facts.pop("entered_at"), facts.pop("published_at")
    waits, held_for_two = timedelta(seconds=facts.pop("delay_seconds")), facts.pop("held_for_two")
    held = tuple(facts.pop("held"))
    publishes_at = published_from(facts["day"], entered_at, waits)
    return MiningDay(DayInputs(**facts), entered_at, published_at, publishes_at, held, held_for_two)


def _published(day: date) -> DayPublishedError:
    return DayPublishedError(f"{day} is published", field="day")


def _number(field: str, text: str) -> Decimal:
    if len(text) > MOST_DIGITS or "_" in text or not text.isascii():
        raise BadRatesError(f"{text[:MOST_DIGITS]!r} is no number", field=field)
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise BadRatesError(f"{text!r} is no number", field=field) from error
    positive = field in ("btc_usd", "gomining_usd", "difficulty")
    if not is_amount(number) or number < 0 or (positive and number == 0):
        raise BadRatesError(f"{text} is out of range", field=field)
    if field == "pool_btc_per_th" and decimals(number) > RATE_DECIMALS:
        raise BadRatesError(f"{text} has more than {RATE_DECIMALS} decimals", field=field)
    return number


def prices(settings: Settings) -> dict[str, Decimal]:
    """The operator's prices where a day's rates name none."""
    return {
        "kwh_usd": settings.kwh_usd,
        "service_usd_per_th": settings.service_usd_per_th,
        "gomining_usd": settings.gomining_usd,
    }


async def has_rates(tx: Tx, day: date) -> bool:
    """Whether rates were entered for a day."""
    entered: bool = await tx.fetchval("SELECT EXISTS (SELECT 1 FROM mining_day WHERE day = $1)", day)
    return entered
