"""hashrail alarms: what rings, and how it ends for a script; who is told, tried; silences."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from hashrail import db
from hashrail.alarms import workers
from hashrail.parties import operators
from tests.support.receivers import Receiver, receiving
from tests.support.shell import Shell
from tests.support.world import World

PASSWORD = "a long enough one"


@pytest.fixture
def shell(dsn: str, tmp_path: Path) -> Shell:
    return Shell(dsn, tmp_path)


def works(dsn: str) -> None:
    """A worker lives."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO worker_heartbeat (name, version, began_at, beat_at, ahead_ms)
               VALUES (%s, '1', now(), now(), 0)""",
            (workers.own_name(),),
        )


def told(*receivers: Receiver) -> dict[str, str]:
    """An environment in which these are told, by number."""
    urls = {f"r{number}": one.url.get_secret_value() for number, one in enumerate(receivers)}
    return {"HASHRAIL_ALARM_URLS": json.dumps(urls)}


def test_what_rings_says_by_the_exit_code_that_it_is_critical(shell: Shell) -> None:
    """Bare, with options and by its full name; not while it is silenced, nor when it is over."""
    for words in (("alarms",), ("alarms", "--json"), ("alarms", "list")):
        assert shell.run(*words).exit_code == 1
    made = shell.run("alarms")
    assert made.exit_code == 1
    for part in ("WORKER_SILENT", "no worker was ever heard", "Start the worker", "docs/runbook.md#an-alarm-rings"):
        assert part in made.stdout
    (shown,) = json.loads(shell.run("alarms", "--json").stdout)
    assert (shown["code"], shown["severity"], shown["toldAt"]) == ("WORKER_SILENT", "critical", None)
    assert "is not told until" in shell.ok("alarms", "silence", "WORKER_SILENT", "--reason", "it moves")
    assert shell.json("alarms")[0]["silencedUntil"] is not None
    (silence,) = shell.json("alarms", "silences")
    assert (silence["code"], silence["reason"], silence["silencedBy"]) == ("WORKER_SILENT", "it moves", None)
    assert "WORKER_SILENT" in shell.ok("alarms", "silences")
    assert "is told again" in shell.ok("alarms", "unsilence", silence["id"])
    assert shell.json("alarms", "silences") == []
    assert shell.run("alarms").exit_code == 1
    works(shell.dsn)
    assert "Nothing rings." in shell.ok("alarms")
    assert shell.json("alarms") == []
    assert shell.json("alarms", "history") == []


def test_a_test_says_of_each_what_came_of_it(shell: Shell) -> None:
    """And nothing of a URL."""
    with receiving() as good, receiving() as bad:
        bad.status = 403
        made = shell.run("alarms", "test", **told(good, bad))
        assert (made.exit_code, made.stdout) == (1, "r0: delivered\nr1: refused with 403\n")
        assert "a-secret-of-ours" not in made.output
        assert good.titles == ["test"]
        found = json.loads(shell.run("alarms", "test", "--json", **told(good)).stdout)
        assert found == [{"target": "r0", "delivered": True, "cause": None}]
        assert shell.run("alarms", "test", **told(good)).exit_code == 0
    nobody = shell.run("alarms", "test")
    assert (nobody.exit_code, "names nobody" in nobody.stderr) == (1, True)
    unknown = {"HASHRAIL_ALARM_URLS": '{"ops": "nonsense://a-secret-of-ours"}'}
    assert "a-secret-of-ours" not in shell.refused("BAD_SETTING", "alarms", "test", **unknown)
    assert shell.rows("SELECT count(*) FROM alarm_message") == [(0,)]


async def test_a_silence_is_an_operators_act(shell: Shell, world: World) -> None:
    """Refused to a viewer; logged with who, why and until when."""
    async with db.transaction(world.pool) as tx:
        for name, role in (("olga", "admin"), ("vera", "viewer"), ("otto", "approver")):
            await operators.add(tx, name=name, role=role, password=PASSWORD)
    silence = ("alarms", "silence", "NODE_SILENT", "--reason", "it moves", "--hours", "2", "--subject", "")
    for name, status in (("vera", 1), ("otto", 0)):
        who = {"HASHRAIL_OPERATOR": name, "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
        made = await asyncio.to_thread(shell.run, *silence, **who)
        assert made.exit_code == status, made.output
    rows = shell.rows("SELECT action, subject, reason FROM operator_action WHERE action LIKE 'alarms%%'")
    assert rows == [("alarms silence", "silence 1", "it moves")]
    assert shell.rows("SELECT silenced_by, subject FROM alarm_silence") == [("otto", "")]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("BAD_SILENCE", ("silence", "NO_SUCH_ALARM", "--reason", "x")),
        ("BAD_SILENCE", ("silence", "NODE_SILENT", "--reason", " ")),
        ("SILENCE_NOT_FOUND", ("unsilence", "7")),
    ],
)
def test_what_is_refused(shell: Shell, code: str, words: tuple[str, ...]) -> None:
    """Nothing is silenced, and nothing is told again."""
    shell.refused(code, "alarms", *words)
    assert shell.rows("SELECT count(*) FROM alarm_silence") == [(0,)]
