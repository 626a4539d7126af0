"""`hashrail init` with a node and exchanges: the first day is fetched, or compared with what the node says."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hashrail import clock
from hashrail.bitcoin.node_checks import GENESIS
from hashrail.clock import ONE_DAY
from tests.support.deployments import become
from tests.support.exchanges import PAIRS, SOURCES, Exchanges, Fault, exchanges_open
from tests.support.fake_chain import FakeBlock, FakeChain, days_of_blocks, fake_node
from tests.support.shell import Shell

DAY = clock.last_creditable_day(clock.wall_now())
TYPED = ("--btc-usd", "78862.65", "--subsidy-btc", "3.125", "--fees-btc", "0.04")
FETCH = ("init", "--mode", "sandbox", "--offers", "sample", "--fetch", "--first-day", DAY.isoformat())


@pytest.fixture
async def chain() -> AsyncIterator[FakeChain]:
    """The day is over and buried."""
    over = int(clock.start_of(DAY + ONE_DAY).timestamp())
    blocks = [*days_of_blocks(DAY - ONE_DAY, 2), *(FakeBlock(over + second) for second in range(20))]
    async with fake_node(blocks) as made:
        made.first_hash = GENESIS["regtest"]
        yield made


@pytest.fixture
async def exchanges() -> AsyncIterator[Exchanges]:
    async with exchanges_open() as made:
        made.btc = {DAY: "78862.65350442"}
        yield made


@pytest.fixture
def world(dsn: str, chain: FakeChain, exchanges: Exchanges) -> dict[str, str]:
    """What the environment says, of a deployment that has its schema and nothing else."""
    become(dsn, mode="sandbox", bitcoin_network="regtest", bitcoin_rpc_url=chain.url)
    return {
        "HASHRAIL_BITCOIN_NETWORK": "regtest",
        "HASHRAIL_BITCOIN_RPC_URL": chain.url,
        "HASHRAIL_BITCOIN_RPC_USER": "hashrail",
        "HASHRAIL_BITCOIN_RPC_PASSWORD": "secret",
        "HASHRAIL_MARKET_BTC_SOURCES": json.dumps(SOURCES[:4]),
        "HASHRAIL_MARKET_GOMINING_SOURCES": "[]",
        "HASHRAIL_MARKET_URLS": json.dumps(exchanges.urls),
    }


@pytest.fixture
def shell(dsn: str, tmp_path: Path) -> Shell:
    return Shell(dsn, tmp_path)


async def run(shell: Shell, world: dict[str, str], *words: str) -> tuple[int, str]:
    made = await asyncio.to_thread(shell.run, *words, **world)
    return made.exit_code, made.output


async def test_the_first_day_is_fetched_with_its_sources(
    shell: Shell, world: dict[str, str], exchanges: Exchanges
) -> None:
    """At the tariffs that are typed; what cannot be had is refused by name, and the same again goes on."""
    exchanges.faults = dict.fromkeys(list(PAIRS)[:3], Fault.NO_DAY)
    code, said = await run(shell, world, *FETCH, "--kwh-usd", "0.047")
    assert (code, "MARKET_QUORUM" in said) == (1, True)
    assert shell.rows("SELECT count(*) FROM mining_day") == [(0,)]
    exchanges.faults = {}
    code, said = await run(shell, world, *FETCH, "--kwh-usd", "0.047")
    assert code == 0, said
    assert f"at the figures of {DAY}" in said
    [(price, kwh, source)] = shell.rows("SELECT btc_usd::text, kwh_usd::text, source FROM mining_day")
    assert (float(price), float(kwh)) == (78862.65350442, 0.047)
    assert source.startswith("fetched: ")
    assert shell.rows("SELECT source FROM day_source WHERE figure = 'kwh_usd'") == [(f"tariff from {DAY}",)]


async def test_without_a_node_nothing_is_fetched(shell: Shell) -> None:
    code, said = await run(shell, {}, *FETCH)
    assert (code, "BITCOIN_NODE_NOT_CONFIGURED" in said) == (1, True)
    assert shell.rows("SELECT count(*) FROM mining_day") == [(0,)]


async def test_what_is_typed_is_not_fetched(shell: Shell, world: dict[str, str]) -> None:
    code, said = await run(shell, world, *FETCH, "--btc-usd", "78862.65")
    assert (code, "FETCHED_OR_TYPED" in said) == (1, True)
    assert shell.rows("SELECT count(*) FROM collection") == [(0,)]


async def test_a_first_day_that_is_typed_is_compared_with_the_node(shell: Shell, world: dict[str, str]) -> None:
    """Before anything is written."""
    words = ("init", "--mode", "sandbox", "--offers", "sample", *TYPED, "--first-day", DAY.isoformat(), "--difficulty")
    code, said = await run(shell, world, *words, "99.1e12")
    assert (code, "difficulty 99100000000000 (95670000000000 by the node)" in said) == (1, True)
    assert shell.rows("SELECT count(*) FROM collection") == [(0,)]
    code, said = await run(shell, world, *words, "99.1e12", "--confirm", "99100000000000")
    assert code == 0, said
