"""The operator sets the cap and the levels of discounts."""

import asyncio
import datetime as dt
from decimal import Decimal

import pytest
from typer.testing import CliRunner, Result

from hashrail.cli import main
from tests.support.levels import level_of
from tests.support.world import World


async def run(environment: dict[str, str], *words: str) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["programme", *words], env=environment)


async def cap_of(world: World) -> Decimal:
    return await world.pool.fetchval("SELECT discount_cap FROM publication")


async def test_the_cap_counts_for_days_published_from_now_on(world: World, environment: dict[str, str]) -> None:
    before = await world.mine()
    made = await run(environment, "cap", "0.29")
    assert (made.exit_code, made.stdout.splitlines()[0]) == (0, "Discounts add up to at most 0.29.")
    after = await world.mine()
    caps: dict[dt.date, Decimal] = dict(await world.pool.fetch("SELECT day, discount_cap FROM mining_day ORDER BY day"))
    assert caps == {before: Decimal("0.35"), after: Decimal("0.29")}


@pytest.mark.parametrize("cap", ["1.01", "-0.1", "0.12345"])
async def test_a_cap_that_is_no_fraction_is_refused(world: World, environment: dict[str, str], cap: str) -> None:
    made = await run(environment, "cap", "--", cap)
    assert made.exit_code == 1
    assert "BAD_DISCOUNT" in made.stderr
    assert await cap_of(world) == Decimal("0.35")


async def test_levels_are_replaced_as_a_whole(world: World, environment: dict[str, str]) -> None:
    made = await run(environment, "levels", "0:0", "7.5:0.01", "20:0.02")
    assert (made.exit_code, made.stdout) == (0, "3 levels are set.\n")
    found = [await level_of(world.pool, Decimal(th)) for th in ("7.4999", "7.5", "19", "1000000")]
    assert found == [Decimal(0), Decimal("0.01"), Decimal("0.01"), Decimal("0.02")]


async def test_a_level_that_cannot_be_read_changes_nothing(world: World, environment: dict[str, str]) -> None:
    made = await run(environment, "levels", "0:0", "5")
    assert made.exit_code == 2
    assert await level_of(world.pool, Decimal(5)) == Decimal("0.003")
