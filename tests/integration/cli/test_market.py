"""Where figures come from, on the command line: fetched, tried, traced back, and what contracts say."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hashrail.clock import ONE_DAY
from tests.support.books import advance, deployment
from tests.support.commands import read_strictly
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.exchanges import PAIRS, SOURCES, Exchanges, Fault, exchanges_open
from tests.support.fake_chain import FakeChain, days_of_blocks, fake_node
from tests.support.shell import Shell

FIRST = dt.date(2026, 3, 1)
SECOND, THIRD = FIRST + ONE_DAY, FIRST + 2 * ONE_DAY


@dataclass
class Terminal(Shell):
    """An operator's, whose node and exchanges are this process; so a command runs in a thread of its own."""

    further: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self.further

    async def does(self, *words: str, code: int = 0) -> Any:
        """What a command prints for scripts, and how it ends."""
        made = await asyncio.to_thread(self.run, *words, "--json")
        assert made.exit_code == code, made.output
        read_strictly(tuple(each for each in words[:2]), made.stdout)
        return json.loads(made.stdout)

    async def says(self, *words: str) -> str:
        made = await asyncio.to_thread(self.run, *words)
        assert made.exit_code == 0, made.output
        return made.stdout


@pytest.fixture
async def chain() -> AsyncIterator[FakeChain]:
    async with fake_node(days_of_blocks(FIRST, 4)) as made:
        yield made


@pytest.fixture
async def exchanges() -> AsyncIterator[Exchanges]:
    async with exchanges_open() as made:
        made.btc = {SECOND: "78862.65350442", THIRD: "79120.5"}
        yield made


@pytest.fixture
async def terminal(
    server: str, template: str, tmp_path: Path, chain: FakeChain, exchanges: Exchanges
) -> AsyncIterator[Terminal]:
    """The first day is closed, two more are over."""
    async with deployment(server, template) as world:
        await world.mine()
        await advance(world, 2 * ONE_DAY)
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        node = {"bitcoin_network": "regtest", "bitcoin_rpc_url": chain.url}
        become(dsn, **node)
        further = {
            "HASHRAIL_BITCOIN_NETWORK": "regtest",
            "HASHRAIL_BITCOIN_RPC_URL": chain.url,
            "HASHRAIL_BITCOIN_RPC_USER": "hashrail",
            "HASHRAIL_BITCOIN_RPC_PASSWORD": "secret",
            "HASHRAIL_MARKET_BTC_SOURCES": json.dumps(SOURCES[:4]),
            "HASHRAIL_MARKET_GOMINING_SOURCES": "[]",
            "HASHRAIL_MARKET_URLS": json.dumps(exchanges.urls),
        }
        yield Terminal(dsn, tmp_path, further)


async def test_a_dry_run_shows_everything_and_writes_nothing(terminal: Terminal, exchanges: Exchanges) -> None:
    exchanges.faults = {"kraken": Fault.GONE}
    [found] = await terminal.does("rates", "fetch", "--dry-run")
    assert (found["day"], found["entered"], found["code"]) == (SECOND.isoformat(), False, None)
    assert (found["inputs"]["btcRate"], found["inputs"]["kWh"]) == ("78862.65350442", "0.05")
    [left_out] = [each for each in found["sources"] if each["leftOut"] is not None]
    assert left_out["source"] == "kraken:BTC/USD"
    assert (found["effect"]["miners"], found["effect"]["creditsBtc"], found["effect"]["since"]) == (
        0,
        "0",
        "2026-03-01",
    )
    shown = await terminal.says("rates", "fetch", "--dry-run", "--day", THIRD.isoformat())
    assert "bitstamp:BTC/USD" in shown
    assert "Nothing was entered." in shown
    assert f"{THIRD} would credit 0 BTC to 0 miners" in shown
    assert terminal.rows("SELECT count(*) FROM mining_day") == [(1,)]
    assert terminal.rows("SELECT count(*) FROM day_wait") == [(0,)]


async def test_what_is_due_is_entered_noted_and_traced_back(terminal: Terminal) -> None:
    made = await terminal.does("rates", "fetch")
    assert [(each["day"], each["entered"]) for each in made] == [("2026-03-02", True), ("2026-03-03", True)]
    assert terminal.rows("SELECT action, subject, values_before FROM operator_action ORDER BY id") == [
        ("rates fetch", "day 2026-03-02", None),
        ("rates fetch", "day 2026-03-03", None),
    ]
    sources = await terminal.does("rates", "sources", "2026-03-03")
    kraken = next(each for each in sources if each["source"] == "kraken:BTC/USD")
    assert (kraken["figure"], kraken["value"], len(kraken["sha256"])) == ("btc_usd", "79120.5", 64)
    assert (await terminal.does("day", "show", "2026-03-03"))["sources"] == sources
    assert "kraken:BTC/USD" in await terminal.says("day", "show", "2026-03-03")
    assert await terminal.does("rates", "fetch") == []
    assert "No day is due." in await terminal.says("rates", "fetch")
    assert "entered by hand" in await terminal.says("rates", "sources", "2026-03-01")


async def test_a_day_that_has_to_wait_ends_with_one_and_says_why(terminal: Terminal, exchanges: Exchanges) -> None:
    exchanges.faults = dict.fromkeys(list(PAIRS)[:3], Fault.NO_DAY)
    [found] = await terminal.does("rates", "fetch", code=1)
    assert (found["entered"], found["inputs"], found["code"]) == (False, None, "MARKET_QUORUM")
    said = await asyncio.to_thread(terminal.refused, "MARKET_QUORUM", "rates", "fetch", "--dry-run")
    assert f"bitstamp:BTC/USD: it has no price of {SECOND}" in said
    assert terminal.rows("SELECT day, code, attempts FROM day_wait") == [(SECOND, "MARKET_QUORUM", 1)]


async def test_a_day_that_is_named_is_fetched_again_until_it_is_published(
    terminal: Terminal, exchanges: Exchanges
) -> None:
    await terminal.does("rates", "fetch")
    exchanges.btc[THIRD] = "79121"
    await terminal.does("rates", "fetch", "--day", "2026-03-03")
    [(before, after)] = terminal.rows(
        """SELECT values_before::jsonb ->> 'btc_usd', values_after::jsonb ->> 'btc_usd' FROM operator_action
           ORDER BY id DESC LIMIT 1"""
    )
    assert (before, after) == ("79120.5", "79121")
    await terminal.says("rates", "policy", "--publish-delay", "0")
    await terminal.says("day", "close")
    await asyncio.to_thread(terminal.refused, "DAY_PUBLISHED", "rates", "fetch", "--day", "2026-03-03")


async def test_what_is_in_doubt_is_entered_and_held(terminal: Terminal, exchanges: Exchanges) -> None:
    """A price by a half off that every exchange tells is no slip of one of them."""
    exchanges.btc[SECOND] = "178862"
    [found] = await terminal.does("rates", "fetch", "--day", "2026-03-02")
    assert (found["entered"], [each["field"] for each in found["doubts"]]) == (True, ["btc_usd"])
    [held] = [each for each in await terminal.does("rates", "list") if each["day"] == "2026-03-02"]
    assert held["held"]
    said = await terminal.says("rates", "fetch", "--day", "2026-03-02", "--dry-run")
    assert "Doubtful: btc_usd 178862" in said


async def test_tariffs_are_set_replaced_and_listed(terminal: Terminal) -> None:
    """None begins in the past that is fixed."""
    said = await terminal.says("tariff", "set", "kwh_usd", "0.047", "--from", "2026-03-02")
    assert said.startswith("kwh_usd is 0.047 from 2026-03-02 on.\n")
    said = await terminal.says("tariff", "set", "kwh_usd", "0.048", "--from", "2026-03-02")
    assert said.startswith("kwh_usd is 0.048 from 2026-03-02 on, and was 0.047.\n")
    assert await terminal.does("tariff", "list") == [{"kind": "kwh_usd", "fromDay": "2026-03-02", "value": "0.048"}]
    await asyncio.to_thread(
        terminal.refused, "TARIFF_PAST", "tariff", "set", "pool_fee", "0.02", "--from", "2026-03-01"
    )
    await terminal.says("rates", "set", "2026-03-02", "--btc-usd", "80000", "--pool-btc-per-th", "6.6e-7")
    assert (await terminal.does("day", "show", "2026-03-02"))["inputs"]["kWh"] == "0.048"
    file = terminal.data / "rates.csv"
    file.write_text("day,btc_usd,pool_btc_per_th,kwh_usd\n2026-03-02,80000,6.6e-7,\n2026-03-03,80000,6.6e-7,0.06\n")
    await terminal.says("tariff", "set", "kwh_usd", "0.049", "--from", "2026-03-03")
    await terminal.says("rates", "import", str(file))
    found = await terminal.does("rates", "list", "--last", "2")
    assert [each["kWh"] for each in found] == ["0.06", "0.048"]


SET = ("rates", "set", "2026-03-02", "--btc-usd", "78900")
FILE = (("2", "110000", "95.67e12"), ("3", "111000", "99.1e12"), ("4", "111000", "95.67e12"))
CHAIN = {"--difficulty": "95.67e12", "--subsidy-btc": "3.125", "--fees-btc": "0.04"}


def chain_words(**changes: str) -> list[str]:
    """What the node says of a day, with another figure somewhere."""
    given = CHAIN | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [word for pair in given.items() for word in pair]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (chain_words(difficulty="99.1e12"), "difficulty 99100000000000 (95670000000000 by the node)"),
        (chain_words(subsidy_btc="1.5625"), "subsidy_btc 1.5625 (3.125 by the node)"),
        (chain_words(fees_btc="0.4"), "fees_btc 0.4 (0.04 by the node)"),
        (["--pool-btc-per-th", "5.6e-7"], "pool_btc_per_th 0.00000056 (0.00000066550576 by the node)"),
    ],
)
async def test_a_figure_that_the_node_tells_otherwise_is_named_again(
    terminal: Terminal, given: list[str], told: str
) -> None:
    """Both values are told, also where the days before have nothing against it."""
    assert told in await asyncio.to_thread(terminal.refused, "CONFIRMATION_NEEDED", *SET, *given)
    assert terminal.rows("SELECT count(*) FROM mining_day") == [(1,)]
    found = await terminal.does(*SET, *given, "--dry-run")
    assert told.partition(" ")[0] in [each["field"] for each in found["doubts"]]
    assert found["notes"] == []


async def test_what_the_node_says_needs_no_second_look(terminal: Terminal) -> None:
    found = await terminal.does(*SET, *chain_words(fees_btc="0.0385"))
    assert (found["doubts"], found["notes"]) == ([], [])


async def test_a_node_that_cannot_tell_the_day_refuses_nothing(terminal: Terminal, chain: FakeChain) -> None:
    """Pruned, or not that far: said as a note, to people and scripts."""
    chain.refuses = {"getblockstats": "Block not available (pruned data)"}
    wrong = chain_words(difficulty="99.1e12")
    [note] = (await terminal.does(*SET, *wrong))["notes"]
    assert note.startswith("2026-03-02: not compared with the node: ")
    assert "pruned" in note
    chain.refuses = {}
    later = ("rates", "set", "2026-03-04", "--btc-usd", "78900", *wrong)
    assert "2026-03-04: not compared with the node: CHAIN_NOT_READY" in await terminal.says(*later)


async def test_days_of_a_file_are_compared_and_held(terminal: Terminal) -> None:
    """Until somebody confirms them: the days before take nothing back that the node has said."""
    file = terminal.data / "rates.csv"
    lines = ["day,btc_usd,difficulty,subsidy_btc,fees_btc"]
    lines += [f"2026-03-0{day},{price},{difficulty},3.125,0.04" for day, price, difficulty in FILE]
    file.write_text("\n".join(lines))
    said = await terminal.says("rates", "import", str(file))
    assert "2026-03-02 is held" in said
    assert "2026-03-03 is held" in said
    assert "2026-03-04: not compared with the node: CHAIN_NOT_READY" in said
    await terminal.says("rates", "confirm", "2026-03-02")
    held = {each["day"]: each["held"] for each in await terminal.does("rates", "list")}
    assert held["2026-03-03"][-1] == "difficulty 99100000000000 (95670000000000 by the node)"


async def test_a_correction_is_held_against_the_node(terminal: Terminal) -> None:
    adjust = ("day", "adjust", "2026-03-01", "--reason", "typing error")
    said = await asyncio.to_thread(terminal.refused, "CONFIRMATION_NEEDED", *adjust, *chain_words(difficulty="99.1e12"))
    assert "difficulty 99100000000000 (95670000000000 by the node)" in said
    made = await terminal.does(*adjust, *chain_words(), "--confirm", "0.00000066550576")
    assert "by the node" not in str(made["doubts"])
