"""Rates of mining days: what is read from texts, what is refused with which name, what is entered and fixed."""

import datetime as dt
from decimal import Decimal

import pytest

from hashrail import clock, db
from hashrail.clock import ONE_DAY
from hashrail.rewards import rates
from hashrail.rewards.formula import DayInputs
from tests.support.world import World, inputs

FIRST = dt.date(2026, 3, 1)
DEFAULTS = {"kwh_usd": Decimal("0.05"), "service_usd_per_th": Decimal("0.0089"), "gomining_usd": Decimal("0.2989")}
CAP = Decimal("0.35")
PLAIN = {"day": "2026-03-01", "btc_usd": "78862.65", "pool_btc_per_th": "0.00000049"}
CHAIN = {"difficulty": "95.67e12", "subsidy_btc": "3.125", "fees_btc": "0"}


@pytest.fixture(scope="module")
def world(shop: World) -> World:
    """The deployment itself, since days are everybody's."""
    return shop


def parse(**fields: str) -> DayInputs:
    """A day's inputs from texts, with the defaults."""
    return rates.parse(fields, DEFAULTS, CAP)


def test_a_day_needs_its_date_a_price_and_a_pool_reward() -> None:
    """The rest comes from the settings; nothing is said about the chain."""
    made = parse(**PLAIN)
    assert (made.day, made.btc_usd, made.pool_btc_per_th) == (FIRST, Decimal("78862.65"), Decimal("4.9e-7"))
    assert (made.kwh_usd, made.service_usd_per_th, made.gomining_usd) == tuple(DEFAULTS.values())
    assert (made.discount_cap, made.source) == (CAP, "entered")
    assert (made.difficulty, made.subsidy_btc, made.fees_btc) == (None, None, None)


def test_a_day_may_bring_its_own_prices() -> None:
    """Blanks around a value do not count, and an empty one is as if it were not there."""
    made = parse(
        **PLAIN,
        kwh_usd=" 0.06 ",
        service_usd_per_th="0",
        gomining_usd="0.31",
        source=" exchange ",
        difficulty="  ",
        fees_btc="0.04",
    )
    assert (made.kwh_usd, made.service_usd_per_th, made.gomining_usd) == (Decimal("0.06"), 0, Decimal("0.31"))
    assert (made.source, made.difficulty, made.fees_btc) == ("exchange", None, Decimal("0.04"))


def test_the_pool_reward_follows_from_difficulty_subsidy_and_fees() -> None:
    """6.571e-7 at 95.67e12 (facts of the field), unless it is given."""
    made = parse(day="2026-03-01", btc_usd="1", **CHAIN)
    assert made.pool_btc_per_th == Decimal("0.00000065709495")
    assert (made.difficulty, made.subsidy_btc, made.fees_btc) == (Decimal("95.67e12"), Decimal("3.125"), 0)
    more = parse(day="2026-03-01", btc_usd="1", **CHAIN | {"fees_btc": "3.125"})
    assert abs(more.pool_btc_per_th - 2 * made.pool_btc_per_th) <= Decimal("1e-14")
    assert parse(**PLAIN, **CHAIN).pool_btc_per_th == Decimal("4.9e-7")


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"day": ""}, "day", "day is missing"),
        ({"btc_usd": " "}, "btc_usd", "btc_usd is missing"),
        ({"pool_btc_per_th": ""}, "difficulty", "difficulty is missing, and so is pool_btc_per_th"),
        ({"pool_btc_per_th": "", "difficulty": "1"}, "subsidy_btc", "subsidy_btc is missing"),
        ({"pool_btc_per_th": "", "difficulty": "1", "subsidy_btc": "1"}, "fees_btc", "fees_btc is missing"),
        ({"day": "01.03.2026"}, "day", "'01.03.2026' is no day"),
        ({"day": "2026-02-29"}, "day", "'2026-02-29' is no day"),
        ({"btc_usd": "78,862.65"}, "btc_usd", "'78,862.65' is no number"),
        ({"btc_usd": "0"}, "btc_usd", "0 is out of range"),
        ({"btc_usd": "-1"}, "btc_usd", "-1 is out of range"),
        ({"btc_usd": "NaN"}, "btc_usd", "NaN is out of range"),
        ({"btc_usd": "sNaN"}, "btc_usd", "sNaN is out of range"),
        ({"btc_usd": "Infinity"}, "btc_usd", "Infinity is out of range"),
        ({"btc_usd": "1e20"}, "btc_usd", "1e20 is out of range"),
        ({"btc_usd": "1e999999"}, "btc_usd", "1e999999 is out of range"),
        ({"btc_usd": "1e-19"}, "btc_usd", "1e-19 is out of range"),
        ({"gomining_usd": "0"}, "gomining_usd", "0 is out of range"),
        ({"difficulty": "0"}, "difficulty", "0 is out of range"),
        ({"kwh_usd": "-0.01"}, "kwh_usd", "-0.01 is out of range"),
        ({"fees_btc": "-1"}, "fees_btc", "-1 is out of range"),
        ({"pool_btc_per_th": "0.000000000000001"}, "pool_btc_per_th", "has more than 14 decimals"),
        ({"price": "1"}, "price", "unknown column price"),
        ({"zebra": "1", "ant": ""}, "ant", "unknown column ant"),
    ],
)
def test_a_refusal_names_the_field(change: dict[str, str], field: str, message: str) -> None:
    """One at a time, the first that is wrong."""
    with pytest.raises(rates.BadRatesError, match=message) as caught:
        parse(**PLAIN | change)
    assert (caught.value.status, caught.value.code, caught.value.details) == (400, "BAD_RATES", {"field": field})


def test_a_pool_reward_of_nothing_is_possible() -> None:
    """And free electricity; the smallest reward has 14 decimals."""
    made = parse(**PLAIN | {"pool_btc_per_th": "0", "kwh_usd": "0"})
    assert (made.pool_btc_per_th, made.kwh_usd) == (0, 0)
    assert parse(**PLAIN | {"pool_btc_per_th": "1e-14"}).pool_btc_per_th == Decimal("1e-14")


def test_a_series_is_a_day_a_line() -> None:
    """The first line names the columns, in any order; a value may be empty, and a line as well."""
    lines = ["btc_usd,day,pool_btc_per_th,source\n", "1,2026-03-01,4.9e-7,a\n", "2,2026-03-02,4.8e-7,\n", "\n"]
    made = rates.parse_series(lines, DEFAULTS, CAP)
    assert [(each.day, each.btc_usd, each.source) for each in made] == [
        (FIRST, 1, "a"),
        (FIRST + ONE_DAY, 2, "entered"),
    ]


@pytest.mark.parametrize(
    ("line", "message", "field"),
    [
        ("2026-03-02,-1,4.8e-7\n", "line 3: -1 is out of range", "btc_usd"),
        ("2026-03-02,,4.8e-7\n", "line 3: btc_usd is missing", "btc_usd"),
        ("2026-03-02,2,\n", "line 3: difficulty is missing, and so is pool_btc_per_th", "difficulty"),
        ("2026-03-02,2\n", "line 3: 2 values for 3 columns", "line"),
        ("2026-03-02,2,4.8e-7,9\n", "line 3: 4 values for 3 columns", "line"),
        ("2026-03-02,78862,65,4.8e-7\n", "line 3: 4 values for 3 columns", "line"),
        ("2026-03-02;2;4.8e-7\n", "line 3: 1 values for 3 columns", "line"),
        ("2026-03-01,2,4.8e-7\n", "line 3: 2026-03-01 stands in line 2 already", "day"),
        ("2026-03-02,78_862,4.8e-7\n", "line 3: '78_862' is no number", "btc_usd"),
        ("2026-03-02,\u0667\u0668,4.8e-7\n", "line 3: '\u0667\u0668' is no number", "btc_usd"),
        ("2026-03-02,2 USD,4.8e-7\n", "line 3: '2 USD' is no number", "btc_usd"),
        ("2026-03-02,nan,4.8e-7\n", "line 3: nan is out of range", "btc_usd"),
        ('2026-03-02,"2\n', "line 3: no CSV: unexpected end of data", "line"),
        ("20260302,2,4.8e-7\n", "line 3: '20260302' is no day", "day"),
        ("2026-W10-1,2,4.8e-7\n", "line 3: '2026-W10-1' is no day", "day"),
        (f"2026-03-02,2,4.8e-7{'0' * 99}\n", "line 3: '4.8e-7" + "0" * 58 + "' is no number", "pool_btc_per_th"),
        (f"2026-03-02,{'2' * 200_000},4.8e-7\n", "line 3: no CSV: field larger than field limit (131072)", "line"),
    ],
)
def test_a_bad_line_is_named(line: str, message: str, field: str) -> None:
    """Counted as an editor does."""
    lines = ["day,btc_usd,pool_btc_per_th\n", "2026-03-01,1,4.9e-7\n", line]
    with pytest.raises(rates.BadRatesError) as caught:
        rates.parse_series(lines, DEFAULTS, CAP)
    assert (caught.value.message, caught.value.details) == (message, {"field": field})


@pytest.mark.parametrize(
    ("header", "message", "field"),
    [
        ("", "line 0: no column is named day", "day"),
        ("\n", "line 1: no column is named day", "day"),
        ("Day,BTC_USD,pool_btc_per_th\n", "line 1: unknown column Day: write day", "Day"),
        ("day, btc_usd,pool_btc_per_th\n", "line 1: unknown column  btc_usd: write btc_usd", " btc_usd"),
        ("day;btc_usd;pool_btc_per_th\n", "line 1: unknown column day;btc_usd;pool_btc_per_th: values are", None),
        ("day,btc_usd,btc_usd\n", "line 1: two columns are named btc_usd", "btc_usd"),
        ("day,pool_btc_per_th\n", "line 1: no column is named btc_usd", "btc_usd"),
        ("day,btc_usd,price\n", "line 1: unknown column price", "price"),
        ("day,btc_usd,pool_btc_per_th\n", "there is no day in it", "line"),
    ],
)
def test_a_first_line_that_is_none_is_refused(header: str, message: str, field: str | None) -> None:
    """With the column's name, and how it is written; and so is a file without a day."""
    with pytest.raises(rates.BadRatesError) as caught:
        rates.parse_series([header] if header else [], DEFAULTS, CAP)
    assert caught.value.message.startswith(message)
    assert field in (None, caught.value.details["field"])


async def test_a_day_may_be_entered_again_until_it_is_published(world: World) -> None:
    """Every value is replaced; then all of them are fixed, the cap included."""
    async with db.transaction(world.pool) as tx:
        with pytest.raises(rates.RatesMissingError, match="no rates for 2026-03-01") as missing:
            await rates.of_day(tx, FIRST)
        assert (missing.value.status, missing.value.code) == (404, "RATES_MISSING")
        assert await rates.latest_published(tx) is None
        assert await rates.discount_cap(tx) == CAP
        full = rates.parse(
            PLAIN | CHAIN | {"kwh_usd": "0.06", "service_usd_per_th": "0.01", "gomining_usd": "0.3", "source": "x"},
            DEFAULTS,
            Decimal(0),
        )
        for made in (full, inputs(FIRST, discount_cap="0", btc_usd="2"), full):
            await rates.enter(tx, made, at=clock.start_of(FIRST))
            assert await rates.of_day(tx, FIRST) == made
    assert await world.next_day(btc_usd="3") == FIRST
    async with db.transaction(world.pool) as tx:
        published = inputs(FIRST, btc_usd="3", discount_cap="0.35")
        assert await rates.of_day(tx, FIRST) == published == await rates.latest_published(tx)
        with pytest.raises(rates.DayPublishedError, match="2026-03-01 is published") as caught:
            await rates.enter(tx, inputs(FIRST, btc_usd="4"), at=clock.start_of(FIRST))
        assert (caught.value.status, caught.value.code) == (409, "DAY_PUBLISHED")
        await rates.enter(tx, inputs(FIRST + ONE_DAY, btc_usd="5"), at=clock.start_of(FIRST))
        assert await rates.latest_published(tx) == published
