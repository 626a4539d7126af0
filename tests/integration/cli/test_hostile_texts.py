"""What strangers are called, on the operator's screen and in the operator's files: nothing acts, nothing is concealed.

Every text of `HOSTILE` stands wherever somebody else chooses one, some put there by hand, since its verb is stricter.
Every command that shows something is run for a terminal with colours and for a pipe.
"""

import asyncio
import csv
import itertools
import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from hashrail import texts
from hashrail.cli import shared
from hashrail.payouts.exports import COLUMNS
from tests.support.books import deployment, offer, order
from tests.support.commands import SHAPES
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.hooked import endpoint, happen
from tests.support.hostile import COLOURS, HOSTILE, acting
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.programs import clean_environment
from tests.support.sessions import open_session
from tests.support.shell import Shell
from tests.support.world import World

NAMES = list(HOSTILE.values())
MINE = ("--partner", "1")
ORDER = "o-[/b]"
AS_OLGA = ("--as", "olga")
PASSWORD = {"HASHRAIL_OPERATOR_PASSWORD": "correct horse battery"}
# Every command that shows rows of the books to people, and what follows its words.
LISTS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("account", "chart"): MINE,
    ("audit",): (),
    ("day", "show"): ("2026-03-02",),
    ("operator", "list"): (),
    ("operator", "log"): (),
    ("operator", "policy"): (),
    ("partner", "key", "list"): MINE,
    ("partner", "list"): (),
    ("partner", "origin", "list"): MINE,
    ("partner", "portal", "list"): MINE,
    ("partner", "payouts"): MINE,
    ("partner", "ton-domain", "list"): MINE,
    ("payouts", "batches"): (),
    ("payouts", "policy"): (),
    ("payouts", "status"): (),
    ("payouts", "waiting"): (),
    ("programme", "list"): (),
    ("rates", "list"): (),
    ("rates", "sources"): ("2026-03-02",),
    ("rates", "policy"): (),
    ("partner", "payment", "list"): MINE,
    ("partner", "show"): MINE[1:],
    ("session", "list"): MINE,
    ("session", "read-tokens"): (NAMES[0], *MINE),
    ("withdrawal", "list"): (*MINE, "--limit", "1000"),
    ("withdrawal", "show"): ("1", *MINE),
    ("miner", "list"): (*MINE, "--limit", "1000"),
    ("miner", "show"): ("1001", *MINE),
    ("order", "list"): (*MINE, "--limit", "1000"),
    ("order", "show"): (ORDER, *MINE),
    ("address", "list"): MINE,
    ("webhook", "list"): MINE,
    ("webhook", "show"): ("1", *MINE),
    ("webhook", "deliveries"): ("1", *MINE),
}
# Where a text stands for itself, once for each of them.
PLACES = (
    "INSERT INTO discount_programme (name, created_at) VALUES (%s, '2026-03-01')",
    "UPDATE partner SET name = %s WHERE id = (SELECT min(id) FROM partner WHERE name LIKE 'other %%')",
    "UPDATE partner SET ton_domains = array_append(ton_domains, %s), origins = array_append(origins, %s) WHERE id = 1",
    """INSERT INTO operator_account (name, role, password, created_at) VALUES (%s, 'viewer', 'none', '2026-03-01')""",
    """INSERT INTO member (partner_id, email, name, role, password, created_at, made_at)
       VALUES (1, %s, %s, 'viewer', 'none', '2026-03-01', '2026-03-01')""",
    "INSERT INTO operator_action (action, subject, reason, done_at) VALUES (%s, %s, %s, '2026-03-01')",
    """UPDATE payout_turn SET found =
       (found::jsonb || jsonb_build_array(jsonb_build_object('code', %s::text, 'message', %s::text)))::text""",
)
# Where there is one only.
ONCE = (
    "UPDATE webhook_endpoint SET description = '[/b] :bomb: ' || chr(27) || '[8m' WHERE id = 1",
    "UPDATE webhook_delivery SET error = '[/b]' || chr(10) || chr(155) || '1m'",
    "UPDATE partner SET name = 'par[/b] :bomb: ' || chr(27) || '[8m' WHERE id = 1",
    "UPDATE api_key SET label = 'key' || chr(8238) || '[/]'",
    "UPDATE payout_policy SET paused_reason = '[/b]' || chr(155) || '1m'",
    "UPDATE mining_day SET source = '=1' || chr(10) || '[bold'",
    """INSERT INTO day_source (day, entered_at, figure, source, url, left_out)
       SELECT day, entered_at, 'btc_usd', '[/b]' || chr(27) || '[8m', 'x', '=1' || chr(10) || '[bold'
       FROM mining_day""",
    "UPDATE withdrawal SET reason = '[/red]' || chr(13) || 'paid' WHERE id = 1",
)


@pytest.fixture(scope="module")
async def shell(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    """A deployment in which a user of every name has withdrawals that wait for approval or for a batch."""
    async with deployment(server, template) as world:
        name = await world.pool.fetchval("SELECT current_database()")
        shell = Shell(with_database(server, name), tmp_path_factory.mktemp("data"))
        await asyncio.to_thread(prepare, shell)
        await settle(world)
        for statement in ONCE:
            await world.pool.execute(statement)
        for number, name in enumerate(NAMES):
            await world.another_partner(f"other {number}")
            for place in PLACES:
                await asyncio.to_thread(shell.rows, place, *[name] * place.count("%s"))
        yield shell


def prepare(shell: Shell) -> None:
    first = {"HASHRAIL_NEW_OPERATOR_PASSWORD": PASSWORD["HASHRAIL_OPERATOR_PASSWORD"]}
    for words in (
        ("partner", "key", "create", *MINE),
        ("partner", "payouts", *MINE, "--duplicate-seconds", "0"),
        ("operator", "add", "olga", "--role", "admin"),
        ("payouts", "policy", "--approve-above", "0.12", *AS_OLGA),
    ):
        made = shell.run(*words, **PASSWORD, **first)
        assert made.exit_code == 0, made.output


async def settle(world: World) -> None:
    """What is asked for below the threshold stays below it for each address as well, added up."""
    users = [await world.user(name) for name in NAMES]
    await funded(world, *(user.id for user in users))
    for user, address in zip(users, itertools.cycle(ADDRESSES)):
        await asked(world, user.id, "0.01", address)
        await asked(world, user.id, "0.13", address)
    for name in NAMES:
        await open_session(world, name)
    await order(world, users[0].id, ORDER, await offer(world))
    await endpoint(world, "https://hooks.partner.example/events", "order.cancelled")
    await happen(world, *NAMES)


@pytest.fixture(params=["pipe", "terminal", "narrow terminal"])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where commands print."""
    if request.param != "pipe":
        width = 60 if "narrow" in request.param else 400
        monkeypatch.setattr(shared, "out", shared.console(force_terminal=True, color_system="truecolor", width=width))
        monkeypatch.setattr(shared, "err", shared.console(force_terminal=True, stderr=True, width=width))
    return str(request.param)


def check_printed(printed: str) -> None:
    """Nothing acts, and every row of a table has its columns."""
    assert acting(printed) == []
    assert "Traceback" not in printed
    plain = COLOURS.sub("", printed).splitlines()
    columns = 0
    for line in plain:
        if line.startswith("┃"):
            columns = line.count("┃")
        assert not line.startswith("│") or line.count("│") == columns, line


def test_every_list_is_looked_at() -> None:
    """A command that shows something is looked at here, unless what it shows is chosen by nobody else."""
    shown = {words for words in SHAPES if words[-1] in ("list", "show", "log", "waiting", "status", "policy")}
    assert shown - set(LISTS) <= {("catalogue", "list"), ("user", "show")} | {
        words for words in shown if words[0] not in {listed[0] for listed in LISTS}
    }


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_list_shows_every_name(shell: Shell, screen: str, words: tuple[str, ...]) -> None:
    made = shell.run(*words, *LISTS[words])
    assert made.exit_code in (0, 1), made.output
    check_printed(made.output)
    if words[0] == "withdrawal" and words[1] == "list" and screen == "pipe":
        assert all(texts.shown(name)[:40] in made.stdout for name in NAMES)


@pytest.mark.parametrize("name", NAMES, ids=HOSTILE)
def test_a_user_of_any_name(shell: Shell, name: str) -> None:
    """Is shown and found; scripts get the name as it is."""
    made = shell.run("user", "show", *MINE, "--", name)
    assert made.exit_code == 0, made.output
    check_printed(made.output)
    assert texts.shown(name) in made.stdout
    told = shell.run("user", "show", *MINE, "--json", "--", name)
    assert acting(told.output) == []
    assert json.loads(told.stdout)["partnerUserId"] == name
    found = shell.run("find", *MINE, "--", name)
    assert found.exit_code == (0 if name.strip() == name else found.exit_code), found.output
    check_printed(found.output)
    check_printed(shell.refused("USER_NOT_FOUND", "user", "show", *MINE, "--", f"{name}?"))


@pytest.mark.parametrize("name", [HOSTILE[each] for each in ("end of markup", "colour", "override", "line")])
def test_what_a_command_says_it_has_done(shell: Shell, name: str) -> None:
    for words in (
        ("user", "block", *MINE, *AS_OLGA, f"--reason={name}", "--", name),
        ("user", "unblock", *MINE, *AS_OLGA, "--", name),
        ("account", "balance", *MINE, f"--user={name}"),
        ("programme", "fraction", *AS_OLGA, "--from", "2030-01-01", "--", name, "0.01"),
    ):
        made = shell.run(*words, **PASSWORD)
        assert made.exit_code == 0, made.output
        check_printed(made.output)


def test_amount_and_address_stand_before_the_name(shell: Shell, screen: str) -> None:
    """In whatever is looked at before bitcoin leaves; a text cannot push them out of sight."""
    for words in (("payouts", "waiting"), ("withdrawal", "list", *MINE)):
        printed = COLOURS.sub("", shell.run(*words).stdout).splitlines()
        heads = [re.split("[┃|]", line) for line in printed if line.startswith(("┃", "|"))]
        names = (
            [part.strip() for part in heads[0]][1:-1] if heads else [line[2:].split("  ")[0] for line in printed[1:]]
        )
        record = names if heads else names[: names.index("")]
        assert record[:3] == ["id", "BTC", "address"]
        assert record[-1] == "user"


def test_a_real_terminal(shell: Shell) -> None:
    """The same on a terminal of 240 columns, as an operator has it."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hashrail.cli", "payouts", "waiting"],
        env=clean_environment(**shell.environment, COLUMNS="240", TERM="xterm-256color"),
        stdout=follower,
        stderr=follower,
        stdin=follower,
    )
    os.close(follower)
    printed = b""
    while True:
        try:
            read = os.read(leader, 65536)
        except OSError:
            break  # so a terminal ends
        if not read:
            break
        printed += read
    assert process.wait(60) == 0
    os.close(leader)
    check_printed(printed.decode().replace("\r\n", "\n"))
    assert ADDRESSES[0] in printed.decode()


# Files


def exported(shell: Shell, folder: Path, *more: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """An export by a process of its own, in the locale that is given."""
    return subprocess.run(
        [sys.executable, "-m", "hashrail.cli", "payouts", "export", *AS_OLGA, "--out", str(folder), *more],
        env=clean_environment(**shell.environment, **PASSWORD, HASHRAIL_MODE="production", **environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_export(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full, where the locale knows only ASCII, and once more when a withdrawal was cancelled."""
    # A sandbox exports nothing.
    become(shell.dsn, "none", mode="production")
    assert shell.run("payouts", "resume", *AS_OLGA, **PASSWORD).exit_code == 0
    check_nothing_leaves_the_queue(shell, tmp_path / "out", monkeypatch)
    poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    made = exported(shell, tmp_path / "out", **poor)
    assert (made.returncode, made.stdout.count("Wrote")) == (0, 2), made.stderr
    check_the_files(tmp_path / "out")
    check_once_more(shell, tmp_path / "out")


def check_nothing_leaves_the_queue(shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file is there that somebody could pay from."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = shell.rows("SELECT state, count(*) FROM withdrawal GROUP BY state ORDER BY state")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        words = ("payouts", "export", *AS_OLGA, "--out", folder)
        told = shell.run(*words, **PASSWORD, HASHRAIL_MODE="production")
    assert told.exit_code == 1
    assert any(line.startswith("FILE_NOT_WRITTEN: ") for line in told.stderr.splitlines())
    assert list(folder.iterdir()) == []
    assert shell.rows("SELECT state, count(*) FROM withdrawal GROUP BY state ORDER BY state") == before
    assert shell.rows("SELECT count(*) FROM payout_export") == [(0,)]


def check_the_files(folder: Path) -> None:
    """The sheet has no formula, and one line a withdrawal; JSON has the names as they are. Both are the owner's."""
    sheet, facts = folder / "export-2.csv", folder / "export-2.json"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == [sheet.name, facts.name]
    lines = sheet.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(NAMES) + 1
    assert acting("\n".join(lines)) == []
    rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == COLUMNS == ("id", "amountBtc", "address", "partner", "partnerUserId")
    assert {texts.read_cell(row["partnerUserId"]) for row in rows} == set(NAMES)
    told = json.loads(facts.read_text(encoding="ascii"))["withdrawals"]
    assert {each["partnerUserId"] for each in told} == set(NAMES)


def check_once_more(shell: Shell, folder: Path) -> None:
    """What was cancelled meanwhile is in the JSON with its state, and nobody pays it from the new files."""
    cancel = ("payouts", "cancel", "1", *MINE, *AS_OLGA, "--attest", "never asked")
    assert shell.run(*cancel, **PASSWORD).exit_code == 0
    assert exported(shell, folder, "--again", "2").returncode == 0
    told = json.loads((folder / "export-2.json").read_text())
    assert [each["state"] for each in told["withdrawals"]].count("cancelled") == 1
    assert len(told["withdrawals"]) == len(NAMES)
    with (folder / "export-2.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert "1" not in {row["id"] for row in rows}
    assert sum(Decimal(row["amountBtc"]) for row in rows) == Decimal("0.01") * (len(NAMES) - 1)
    assert sum(Decimal(btc) for output in told["outputs"] for btc in output.values()) == Decimal("0.01") * len(rows)


# What is shown once


def test_a_secret_that_cannot_be_shown_is_nobody_s(shell: Shell) -> None:
    """The disk behind the output is full: no key is made, and the one before stays as it is."""
    before = shell.rows("SELECT (SELECT count(*) FROM api_key), (SELECT count(*) FROM api_secret)")
    for words in (("create", *MINE), ("rotate", "1", *MINE, "--json")):
        with Path("/dev/full").open("w") as full:
            made = subprocess.run(
                [sys.executable, "-m", "hashrail.cli", "partner", "key", *words, *AS_OLGA],
                env=clean_environment(**shell.environment, **PASSWORD, PYTHONUNBUFFERED=""),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert made.returncode == 1
        assert "\nNOT_SHOWN: " in made.stderr
        assert "Traceback" not in made.stderr
    assert shell.rows("SELECT (SELECT count(*) FROM api_key), (SELECT count(*) FROM api_secret)") == before


def test_a_word_that_the_locale_cannot_read_is_refused(shell: Shell) -> None:
    """By name, before anything is opened."""
    made = shell.run("user", "show", "al\udcffice", *MINE)
    assert made.exit_code == 2
    assert "LC_ALL=C.UTF-8" in made.stderr
