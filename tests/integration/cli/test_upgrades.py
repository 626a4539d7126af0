"""The operator sets and reads what upgrades cost."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail.cli import main
from hashrail.selling import upgrade_tariff
from hashrail.selling.samples import SAMPLE
from hashrail.selling.upgrade_prices import Tariff
from tests.support.world import World

# As the API's market operation calls them.
POWER, EFFICIENCY = "powerUpgradePriceConfig", "energyEfficiencyUpgradePriceConfig"


def step(level: int, usd: str) -> dict[str, object]:
    return {"toLevel": level, "priceUsd": usd}


async def run(environment: dict[str, str], *words: str) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["catalogue", *words], env=environment)


async def shown(environment: dict[str, str], *words: str) -> Any:
    """What the command prints for scripts."""
    made = await run(environment, "upgrades", *words, "--json")
    assert made.exit_code == 0, made.output
    return json.loads(made.stdout)


async def test_the_tariff_is_shown(world: World, environment: dict[str, str]) -> None:
    """Prices as they are stored, by the level that a step leads to, lowest first; nothing is changed by looking."""
    found = await shown(environment)
    assert list(found) == ["priceUsd", "bandDiscount", POWER, EFFICIENCY, "before", "dryRun", "doubts"]
    assert (found["priceUsd"], found["bandDiscount"]) == ("7.626", "0.004")
    assert found[POWER] == [step(level, f"{usd}") for level, usd in sorted(SAMPLE.power_steps.items())]
    levels = [[each["toLevel"] for each in found[name]] for name in (POWER, EFFICIENCY)]
    assert levels == [list(range(12, 50))] * 2
    assert (found[EFFICIENCY][0], found[EFFICIENCY][-1]) == (step(12, "2.667"), step(49, "0.1"))
    assert await upgrade_tariff.load(world.pool) == SAMPLE


async def test_the_tariff_is_shown_to_people(world: World, environment: dict[str, str]) -> None:
    """A line, and a row for each level that has a price of either sort."""
    words = ("--price", "7.50", "--power-steps", "15:0.772", "--efficiency-steps", "14:2.667")
    made = await run(environment, "upgrades", *words)
    assert made.exit_code == 0, made.output
    first, *rest = made.stdout.splitlines()
    assert first == "A TH costs 7.5 USD, 0.004 less of it for each further band."
    cells = [line.replace("│", " ").split() for line in rest]
    assert ["14", "0", "2.667"] in cells
    assert ["15", "0.772", "0"] in cells


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (("--price", "0"), {"power_price": Decimal(0)}),
        (("--band-discount", "0"), {"band_discount": Decimal(0)}),
        (("--power-steps", ""), {"power_steps": {}}),
        (("--efficiency-steps", "12-13:2"), {"efficiency_steps": {12: Decimal(2), 13: Decimal(2)}}),
        (("--price", "8", "--band-discount", "0.0041"), {"power_price": 8, "band_discount": Decimal("0.0041")}),
    ],
)
async def test_what_is_not_given_stays(
    world: World, environment: dict[str, str], words: tuple[str, ...], changed: dict[str, Any]
) -> None:
    await shown(environment, *words)
    facts = {name: getattr(SAMPLE, name) for name in SAMPLE.__slots__}
    assert await upgrade_tariff.load(world.pool) == Tariff(**facts | changed)


@pytest.mark.parametrize(
    "words",
    [
        ("--price=-1",),
        ("--band-discount", "1"),
        ("--band-discount", "0.00001"),
        ("--power-steps", "12-14"),
        ("--efficiency-steps", "14-12:1"),
        ("--price", "7", "--power-steps", "12:1 12:2"),
    ],
)
async def test_a_tariff_that_is_none_changes_nothing(
    world: World, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    made = await run(environment, "upgrades", *words)
    assert made.exit_code == 1, made.output
    assert made.stderr.startswith("BAD_TARIFF: ")
    assert await upgrade_tariff.load(world.pool) == SAMPLE


async def test_a_price_that_is_a_slip(world: World, environment: dict[str, str]) -> None:
    made = await run(environment, "upgrades", "--price", "1e9")
    assert made.exit_code == 1
    assert made.stderr.startswith("IMPLAUSIBLE_FIGURE: usd_per_th 1000000000")
    assert await upgrade_tariff.load(world.pool) == SAMPLE


async def test_a_price_that_is_no_number(world: World, environment: dict[str, str]) -> None:
    assert (await run(environment, "upgrades", "--price", "much")).exit_code == 2
    assert (await run(environment, "upgrades", "--price", "NaN")).exit_code == 2


async def test_before_there_is_a_tariff(world: World, environment: dict[str, str]) -> None:
    """It says how to get one; a whole one can be given at once, and the sample is set by seeding."""
    await world.pool.execute("DELETE FROM upgrade_tariff")
    for words in ((), ("--price", "1")):
        made = await run(environment, "upgrades", *words)
        assert made.exit_code == 1
        assert made.stderr.startswith("NO_UPGRADE_TARIFF: ")
        assert "hashrail catalogue seed" in made.stderr
    whole = ("--price", "7", "--band-discount", "0", "--power-steps", "15:2", "--efficiency-steps", "16:3")
    assert await shown(environment, *whole) == {
        "priceUsd": "7",
        "bandDiscount": "0",
        POWER: [step(15, "2")],
        EFFICIENCY: [step(16, "3")],
        "before": None,
        "dryRun": False,
        "doubts": [],
    }
    assert (await run(environment, "seed")).exit_code == 0
    assert await upgrade_tariff.load(world.pool) == SAMPLE
