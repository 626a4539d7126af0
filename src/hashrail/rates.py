"""Rates of mining days: entered by hand, from a CSV series, or computed from difficulty and fees.

A day's inputs may be entered again until the day is published; then they are fixed for ever.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from hashrail.db import Row, Tx
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.income import RATE_DECIMALS, DayInputs, full_pay_per_share
from hashrail.money import decimals, is_amount

REQUIRED = ("day", "btc_usd")
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


class RatesMissingError(NotFoundError):
    """Nobody has entered this day's rates."""

    code = "RATES_MISSING"
    advice = "Enter them with: hashrail rates set, or: hashrail rates import FILE.csv"


def parse(fields: Mapping[str, str], defaults: Mapping[str, Decimal], discount_cap: Decimal) -> DayInputs:
    """A day's inputs from texts. `defaults` gives kwh_usd, service_usd_per_th and gomining_usd where they are empty.

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
    if "pool_btc_per_th" not in numbers:
        for name in ("difficulty", "subsidy_btc", "fees_btc"):
            if name not in numbers:
                raise BadRatesError(f"{name} is missing, and so is pool_btc_per_th", field=name)
        numbers["pool_btc_per_th"] = full_pay_per_share(
            numbers["difficulty"], numbers["subsidy_btc"], numbers["fees_btc"]
        )
    try:
        day = date.fromisoformat(given["day"])
    except ValueError as error:
        raise BadRatesError(f"{given['day']!r} is no day", field="day") from error
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


def parse_series(lines: Iterable[str], defaults: Mapping[str, Decimal], discount_cap: Decimal) -> list[DayInputs]:
    """The days of a CSV series whose first line names the columns. Raises BadRatesError naming line and field."""
    days = []
    for number, fields in enumerate(csv.DictReader(lines), start=2):
        if None in fields:
            raise BadRatesError(f"line {number}: more values than columns", field="line")
        try:
            days.append(parse({name: text or "" for name, text in fields.items()}, defaults, discount_cap))
        except BadRatesError as error:
            raise BadRatesError(f"line {number}: {error.message}", **error.details) from error
    return days


async def enter(tx: Tx, inputs: DayInputs, *, at: datetime) -> None:
    """Enter a day's inputs, over earlier ones of the same day. Raises DayPublishedError."""
    entered = await tx.fetchval(
        """INSERT INTO mining_day AS old (day, pool_btc_per_th, btc_usd, gomining_usd, kwh_usd, service_usd_per_th,
                                          difficulty, subsidy_btc, fees_btc, source, entered_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           ON CONFLICT (day) DO UPDATE SET
               pool_btc_per_th = excluded.pool_btc_per_th, btc_usd = excluded.btc_usd,
               gomining_usd = excluded.gomining_usd, kwh_usd = excluded.kwh_usd,
               service_usd_per_th = excluded.service_usd_per_th, difficulty = excluded.difficulty,
               subsidy_btc = excluded.subsidy_btc, fees_btc = excluded.fees_btc,
               source = excluded.source, entered_at = excluded.entered_at
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
    )
    if entered is None:
        raise DayPublishedError(f"{inputs.day} is published", field="day")


async def of_day(tx: Tx, day: date) -> DayInputs:
    """A day's inputs as entered or published. Raises RatesMissingError."""
    row = await tx.fetchrow("SELECT * FROM mining_day WHERE day = $1", day)
    if row is None:
        raise RatesMissingError(f"no rates for {day}", field="day")
    return _inputs(row)


async def latest_published(tx: Tx) -> DayInputs | None:
    """The inputs of the newest published day; None before the first."""
    row = await tx.fetchrow(
        "SELECT d.* FROM mining_day d JOIN publication p ON p.published_through = d.day WHERE p.id = 1"
    )
    return None if row is None else _inputs(row)


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


async def discount_cap(tx: Tx) -> Decimal:
    """The most that discounts add up to on days that are not published yet."""
    cap: Decimal = await tx.fetchval("SELECT discount_cap FROM publication WHERE id = 1")
    return cap


def _inputs(row: Row) -> DayInputs:
    return DayInputs(
        day=row["day"],
        pool_btc_per_th=row["pool_btc_per_th"],
        btc_usd=row["btc_usd"],
        gomining_usd=row["gomining_usd"],
        kwh_usd=row["kwh_usd"],
        service_usd_per_th=row["service_usd_per_th"],
        discount_cap=Decimal(0) if row["discount_cap"] is None else row["discount_cap"],
        difficulty=row["difficulty"],
        subsidy_btc=row["subsidy_btc"],
        fees_btc=row["fees_btc"],
        source=row["source"],
    )


def _number(field: str, text: str) -> Decimal:
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
