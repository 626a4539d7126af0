"""`hashrail sandbox`: the time machine from a terminal, over the wire."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_client import Api, an_offer
from tests.support.bridged import Terminal
from tests.support.commands import COMMANDS, read_strictly
from tests.support.payouts import ADDRESSES


@pytest.fixture
async def terminal(api: Api, published: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """An integrator's in an empty folder, without a profile."""
    monkeypatch.chdir(tmp_path)
    return Terminal.of(api, tmp_path / "config", monkeypatch)


@pytest.fixture
async def ready(terminal: Terminal) -> Terminal:
    """The same with a profile."""
    assert (await terminal.log_in()).exit_code == 0
    return terminal


async def asked(terminal: Terminal, *words: str) -> Any:
    """What a command prints as JSON, which has its declared shape."""
    return read_strictly(("sandbox", words[0]), await terminal.ok("sandbox", *words, "--json"))


async def test_every_command_of_the_group(ready: Terminal) -> None:
    """Each prints a table for people, and its shape for scripts."""
    await ready.api.world.user()
    opening = ("--user", "alice", "--offer", str((await an_offer(ready.api.world)).id))
    deposit = ("--deposit-to", ADDRESSES[0], "--amount", "0.5", "--blocks", "1")
    lines = (
        (("clock",), "wall time"),
        (("advance", "--days", "1", "--hours", "2"), "The clock has moved"),
        (("advance", "--to", "2026-12-01", "--scenario", "crash"), "2026-12-01T00:05:"),
        (("scenario",), "weak miners stand idle"),
        (("scenario", "growth"), "now"),
        (("chain", "--scenario", "stuck"), "stuck"),
        (("chain", *deposit), "height"),
        (("pay", "one", *opening), "issued"),
        (("pay", "two", *opening, "--outcome", "never"), "Nobody has paid"),
        (("late-notice", "two", "--late-seconds", "90"), "issued"),
        (("chargeback", "one", "--reason", "stolen card"), "stolen card"),
        (("partner-payment", "12.5", "SEPA 1"), "limit"),
    )
    for words, said in lines:
        assert said in await ready.ok("sandbox", *words), words
    assert {words[0] for words, _ in lines} == {words[1] for words in COMMANDS if words[0] == "sandbox"}
    assert (await asked(ready, "clock")).scenario == "growth"
    assert (await asked(ready, "advance", "--days", "2")).days_closed == 2
    assert (await asked(ready, "scenario", "steady")).scenario == "steady"
    assert (await asked(ready, "chain", "--scenario", "confirm")).scenario == "confirm"
    assert (await asked(ready, "pay", "three", *opening, "--outcome", "never")).state == "created"
    assert (await asked(ready, "late-notice", "three")).state == "issued"
    assert (await asked(ready, "chargeback", "one")).reason == "stolen card"
    assert (await asked(ready, "partner-payment", "12.5", "SEPA 1")).owed > 0


async def test_a_long_way_goes_week_by_week(ready: Terminal) -> None:
    """A request a week, and the days of all of them are counted; a date is reached to the second."""
    ready.bridge.seen.clear()
    assert (await asked(ready, "advance", "--days", "30")).days_closed == 30
    sent = [json.loads(each.content) for each in ready.bridge.seen]
    assert [each["seconds"] for each in sent] == [7 * 86_400] * 4 + [2 * 86_400]
    now = (await asked(ready, "clock")).business_time
    assert (await asked(ready, "advance", "--to", f"{int(now[:4]) + 1}-01-01")).business_time[4:16] == "-01-01T00:05"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("advance",), 2, "say how far"),
        (("advance", "--days", "1", "--to", "2027-01-01"), 2, "say how far"),
        (("advance", "--to", "tomorrow"), 2, "is no day"),
        (("advance", "--to", "2020-01-01"), 1, "CLOCK_BACKWARDS"),
        (("chain", "--amount", "1"), 2, "--deposit-to and --amount"),
        (("chain", "--scenario", "boom"), 1, "FIELD_OUT_OF_BOUNDS"),
        (("pay", "nobody's"), 1, "ORDER_NOT_FOUND"),
        (("pay", "x", "--user", "nobody"), 1, "USER_NOT_FOUND"),
        (("late-notice", "nobody's"), 1, "ORDER_NOT_FOUND"),
        (("chargeback", "nobody's"), 1, "ORDER_NOT_FOUND"),
        (("partner-payment", "0", "SEPA 9"), 1, "BAD_AMOUNT"),
        (("clock", "--profile", "another"), 1, "NO_PROFILE"),
        (("clock", "--from", "nothing.json"), 1, "PROFILES_UNREADABLE"),
    ],
)
async def test_what_is_refused(ready: Terminal, words: tuple[str, ...], status: int, said: str) -> None:
    made = await ready.run("sandbox", *words)
    assert (made.exit_code, made.stdout) == (status, "")
    assert said in made.stderr


async def test_a_demo_beside_it_is_called_where_no_profile_is_stored(terminal: Terminal) -> None:
    """A profile comes before it, and a file that is named before both."""
    assert (await terminal.run("sandbox", "clock")).stderr.startswith("NO_PROFILE")
    server = terminal.api.server
    facts = {"baseUrl": "http://hashrail.test", "apiKey": server.key, "apiSecret": server.secret, "clock": "x"}
    Path(".hashrail").mkdir()
    Path(".hashrail/demo.json").write_text(json.dumps(facts))
    assert (await asked(terminal, "clock")).scenario == "steady"
    other = await terminal.api.another_partner()
    assert (await terminal.log_in(other.server)).exit_code == 0
    for words, key in ((("clock",), other.server.key), (("clock", "--from", ".hashrail/demo.json"), server.key)):
        await asked(terminal, *words)
        assert terminal.bridge.seen[-1].headers["X-PARTNER-API-KEY"] == key
