"""Dated tariffs: which counts on a day, what may begin when, and what cannot be one."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.bounds import ImplausibleFigureError
from hashrail.clock import ONE_DAY
from hashrail.rewards import tariffs
from hashrail.rewards.tariffs import BadDatedTariffError, Kind, Tariff, TariffPastError
from hashrail.settings import Settings
from tests.support.books import deployment
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)
SETTINGS = Settings(kwh_usd=Decimal("0.05"), service_usd_per_th=Decimal("0.0089"), gomining_usd=Decimal("0.3"))


@pytest.fixture
async def world(server: str, template: str) -> AsyncIterator[World]:
    async with deployment(server, template) as made:
        yield made


async def put(world: World, kind: Kind, value: str, day: dt.date) -> Tariff | None:
    async with db.transaction(world.pool) as tx:
        return await tariffs.put(tx, Tariff(kind, day, Decimal(value)))


async def test_a_tariff_counts_from_its_day_until_the_next_of_its_kind(world: World) -> None:
    """Before the first, what the settings say; the token's price is no tariff."""
    for kind, value, shift in (("kwh_usd", "0.047", 10), ("kwh_usd", "0", 20), ("pool_fee", "0.02", 20)):
        assert await put(world, kind, value, FIRST + shift * ONE_DAY) is None
    plain = {"service_usd_per_th": Decimal("0.0089"), "gomining_usd": Decimal("0.3")}
    for shift, kwh, fee in (
        (9, "0.05", "0"),
        (10, "0.047", "0"),
        (19, "0.047", "0"),
        (20, "0", "0.02"),
        (99, "0", "0.02"),
    ):
        found = await tariffs.prices(world.pool, FIRST + shift * ONE_DAY, SETTINGS)
        assert found == plain | {"kwh_usd": Decimal(kwh), "pool_fee": Decimal(fee)}


async def test_the_same_day_again_replaces_it_and_tells_the_former(world: World) -> None:
    assert await put(world, "service_usd_per_th", "0.009", FIRST) is None
    former = Tariff("service_usd_per_th", FIRST, Decimal("0.009"))
    assert await put(world, "service_usd_per_th", "0.0095", FIRST) == former
    assert await tariffs.listed(world.pool) == [Tariff("service_usd_per_th", FIRST, Decimal("0.0095"))]


async def test_none_begins_on_a_day_that_is_published(world: World) -> None:
    day = await world.mine()
    with pytest.raises(TariffPastError):
        await put(world, "kwh_usd", "0.04", day)
    assert await put(world, "kwh_usd", "0.04", day + ONE_DAY) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("kwh_usd", value) for value in ("-0.01", "1.01", "4.7")],
        *[("service_usd_per_th", value) for value in ("-1", "1.1")],
        *[("pool_fee", value) for value in ("-0.01", "0.51", "2", "0.0000001")],
    ],
)
async def test_what_cannot_be_a_tariff_is_refused(world: World, kind: Kind, value: str) -> None:
    """A fee of 2 is two per cent in somebody's head."""
    with pytest.raises(BadDatedTariffError if kind == "pool_fee" else ImplausibleFigureError) as refused:
        await put(world, kind, value, FIRST)
    assert refused.value.details["field"] == ("value" if kind == "pool_fee" else kind)
    assert await tariffs.listed(world.pool) == []


async def test_one_that_is_far_from_what_counts_before_it_is_in_doubt(world: World) -> None:
    """What the settings say, or an earlier tariff."""
    async with db.transaction(world.pool) as tx:
        [doubt] = await tariffs.doubts(tx, Tariff("kwh_usd", FIRST, Decimal("0.47")), SETTINGS)
        assert doubt.field == "kwh_usd"
        assert await tariffs.doubts(tx, Tariff("kwh_usd", FIRST, Decimal("0.047")), SETTINGS) == []
        await tariffs.put(tx, Tariff("kwh_usd", FIRST, Decimal("0.4")))
        assert await tariffs.doubts(tx, Tariff("kwh_usd", FIRST + ONE_DAY, Decimal("0.47")), SETTINGS) == []


@pytest.mark.parametrize(
    ("before", "fee", "doubted"),
    [(None, "0.02", False), (None, "0.2", True), ("0.02", "0.025", False), ("0.02", "0.2", True), ("0.02", "0", True)],
)
async def test_the_fee_of_the_pool_is_looked_at_too(
    world: World, before: str | None, fee: str, *, doubted: bool
) -> None:
    """A digit too many takes a fifth of what users earn, which no comparison of days finds."""
    if before is not None:
        await put(world, "pool_fee", before, FIRST)
    found = await tariffs.doubts(world.pool, Tariff("pool_fee", FIRST + ONE_DAY, Decimal(fee)), SETTINGS)
    assert [each.field for each in found] == ["pool_fee"] * doubted
