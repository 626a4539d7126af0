"""The operator lists the domains that a partner's TON users sign for."""

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from hashrail import db
from hashrail.access import ton_domains
from hashrail.cli import main
from tests.support.world import World


async def run(environment: dict[str, str], *words: str) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["partner", "ton-domain", *words], env=environment)


async def listed(world: World) -> list[str]:
    async with db.transaction(world.pool) as tx:
        return await ton_domains.ton_domains(tx, world.partner.id)


async def test_domains_are_added_shown_and_removed(world: World, environment: dict[str, str]) -> None:
    """As they are given, in their order, and each once; another partner's are its own."""
    other = await world.another_partner("other")
    mine = ("--partner", "partner")
    assert (await run(environment, "list", *mine, "--json")).stdout == "[]\n"
    for domain in ("app.example", "App.example", "партнёр.example", "localhost:3000"):
        made = await run(environment, "add", domain, *mine)
        assert (made.exit_code, made.stdout) == (0, f"{domain} is listed.\n")
    again = await run(environment, "add", "app.example", *mine)
    assert (again.exit_code, again.stdout) == (0, "app.example was listed before; nothing changed.\n")
    expected = ["app.example", "App.example", "партнёр.example", "localhost:3000"]
    assert json.loads((await run(environment, "list", *mine, "--json")).stdout) == expected
    shown = (await run(environment, "list", *mine)).stdout
    assert all(f"│ {domain} " in shown for domain in expected)
    gone = await run(environment, "remove", "App.example", "--partner", world.partner.public_id)
    assert (gone.exit_code, gone.stdout) == (0, "App.example is not listed any more.\n")
    assert await listed(world) == ["app.example", "партнёр.example", "localhost:3000"]
    assert await listed(other) == []


@pytest.mark.parametrize(
    "domain",
    [
        "",
        " ",
        "app example",
        "app.example ",
        "app\texample",
        "app.example\n",
        "https://app.example",
        "app.example/",
        "a\x00b",
    ],
)
async def test_a_domain_is_a_host_alone(world: World, environment: dict[str, str], domain: str) -> None:
    made = await run(environment, "add", domain, "--partner", "partner")
    assert made.exit_code == 1
    assert made.stderr.startswith("BAD_TON_DOMAIN: ")
    assert "app.example, not https://app.example/" in made.stderr
    assert await listed(world) == []


async def test_what_is_not_listed_cannot_be_removed(world: World, environment: dict[str, str]) -> None:
    await run(environment, "add", "app.example", "--partner", "partner")
    made = await run(environment, "remove", "App.example", "--partner", "partner")
    assert made.exit_code == 1
    assert made.stderr.startswith("TON_DOMAIN_NOT_LISTED: 'App.example' is not listed")
    assert await listed(world) == ["app.example"]


@pytest.mark.parametrize("words", [("add", "app.example"), ("remove", "app.example"), ("list",)])
async def test_the_partner_must_exist(world: World, environment: dict[str, str], words: tuple[str, ...]) -> None:
    made = await run(environment, *words, "--partner", "nobody")
    assert (made.exit_code, made.stderr.split(":")[0]) == (1, "PARTNER_NOT_FOUND")
    assert await listed(world) == []
