"""Everybody is told at least once, with a real web server on the other end: slow, refusing, or away; killed or not."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from hashrail import db
from hashrail.alarms import dead_man, delivery, messages, observations
from hashrail.alarms.delivery import Receivers
from hashrail.alarms.rules import ESSENTIAL
from hashrail.db import Tx
from hashrail.processes import worker
from hashrail.settings import BadSettingError, Settings
from tests.support.receivers import Receiver, receiving
from tests.support.watched import Watched
from tests.support.world import World

SECRET = "a-secret-of-ours"


class KilledError(Exception):
    """Here the process ends."""


async def raise_alarm(world: World, subject: str = "", what: messages.What = "begins") -> str:
    """An alarm that tells `ops` and, where there is one, `other`; answers the message's name."""
    async with db.transaction(world.pool) as tx:
        at = await tx.fetchval("SELECT clock_timestamp()")
        alarm = await tx.fetchval(
            """INSERT INTO alarm AS a (code, subject, severity, message, since, rings_at)
               VALUES ('NODE_SILENT', $1, 'critical', 'x', $2, $2)
               ON CONFLICT (code, subject) WHERE ended_at IS NULL DO UPDATE SET message = a.message RETURNING id""",
            subject,
            at,
        )
        targets = ("ops", "other")
        return await messages.write(tx, alarm, what, "critical", "title", what, targets, repeats=False, at=at)


async def errors(world: World) -> dict[str, str | None]:
    """What went wrong at the last attempt, by receiver."""
    rows = await world.pool.fetch("SELECT target, error FROM alarm_delivery WHERE delivered_at IS NULL")
    return {row["target"]: row["error"] for row in rows}


async def test_a_message_has_a_name_that_stays(world: World, watched: Watched, ops: Receiver) -> None:
    """Refused it is tried again, later and later, and is the same message when it arrives."""
    ops.status = 500
    name = await raise_alarm(world)
    assert await watched.deliver() == 0
    assert (await errors(world))["ops"] == "refused with 500"
    assert (await watched.deliver(), ops.calls) == (0, 1)
    await watched.wait(seconds=61)
    assert (await watched.deliver(), ops.calls) == (0, 2)
    await watched.wait(seconds=61)
    assert (await watched.deliver(), ops.calls) == (0, 2)  # two minutes now
    await watched.wait(seconds=61)
    ops.status = 200
    assert (await watched.deliver(), ops.calls) == (1, 3)
    assert ops.said[0]["message"].endswith(f"Message {name}")
    assert await watched.deliver() == 0


async def test_it_is_told_that_somebody_is_not_told(world: World, watched: Watched, ops: Receiver) -> None:
    """Everybody else hears of it once it has lasted."""
    ops.status = 404
    await raise_alarm(world)
    await watched.deliver()
    assert await watched.evaluate(minutes=29) == 0
    assert await watched.evaluate(minutes=2) == 1
    assert "ALARM_NOT_DELIVERED ops" in await watched.rings()
    ops.status = 200
    assert await watched.deliver() == 2
    await watched.evaluate()
    assert await watched.evaluate(minutes=6) >= 1
    assert "ALARM_NOT_DELIVERED ops" not in await watched.rings()


async def test_one_who_hangs_holds_nobody_up(
    world: World, watched: Watched, ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are told at once; who hangs is given up for this time, and left alone while the thread hangs."""
    # Time enough for the others on a busy machine.
    monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 2)
    with receiving() as other:
        urls = {"ops": SecretStr(f"{ops.url.get_secret_value()}?rto=60"), "other": other.url}
        settings = watched.deployment.settings.model_copy(update={"alarm_urls": urls})
        watched = Watched(replace(watched.deployment, settings=settings), Receivers(urls))
        ops.held.clear()
        await raise_alarm(world)
        await watched.deliver()
        assert (await errors(world))["ops"] == "no answer within 2 s"
        assert not watched.receivers.is_free("ops")
        await watched.wait(minutes=10)
        monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 30)
        await watched.deliver()
        assert (other.titles, ops.calls) == ([""], 1)
        ops.held.set()
        while not watched.receivers.is_free("ops"):
            await asyncio.sleep(0.01)
        # It had arrived after all: at least once, and known by its name.
        assert await watched.deliver() == 1
        assert len({each["message"] for each in ops.said}) == 1


async def test_killed_in_between(
    world: World, watched: Watched, ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was sent and before that was noted: it comes again under its name. Before it was sent: it comes."""
    name = await raise_alarm(world)

    async def dies(*_: object, **__: object) -> None:
        raise KilledError

    for step in ("delivered", "failed"):
        monkeypatch.setattr(messages, step, dies)
    with pytest.raises(KilledError):
        await watched.deliver()
    monkeypatch.undo()
    assert (await watched.deliver(), len(ops.said)) == (0, 1)  # it is still the killed one's
    await watched.wait(minutes=3)
    assert await watched.deliver() == 1
    assert [each["message"].rpartition(" ")[2] for each in ops.said] == [name, name]


async def test_state_and_message_are_one_commit(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between them, neither is there, and the next evaluation does both."""
    write = messages.write

    async def dies(tx: Tx, *arguments: object, **named: object) -> str:
        await write(tx, *arguments, **named)
        raise KilledError

    await world.pool.execute("UPDATE payout_policy SET paused_reason = 'why'")
    monkeypatch.setattr(messages, "write", dies)
    with pytest.raises(KilledError):
        await watched.evaluate()
    assert await world.pool.fetchval("SELECT count(*) FROM alarm") == 0
    monkeypatch.undo()
    assert [await watched.evaluate() for _ in range(2)] == [1, 0]


async def test_messages_of_an_alarm_come_in_order(world: World, watched: Watched, ops: Receiver) -> None:
    """An end never comes before its beginning; another alarm does not wait for that."""
    ops.status = 500
    await raise_alarm(world, "a")
    await watched.deliver()
    await raise_alarm(world, "a", "ends")
    await raise_alarm(world, "b")
    ops.status = 200
    assert await watched.deliver() == 1
    assert [each["message"].partition("\n")[0] for each in ops.said] == ["begins"]
    await watched.wait(minutes=2)
    assert await watched.deliver() == 2
    assert [each["message"].partition("\n")[0] for each in ops.said] == ["begins", "begins", "ends"]


async def test_what_nobody_takes_for_a_week_is_given_up(world: World, watched: Watched, ops: Receiver) -> None:
    """And stands in the history."""
    ops.status = 500
    await raise_alarm(world)
    await watched.wait(days=8)
    await watched.deliver()
    async with db.transaction(world.pool) as tx:
        (told,) = await messages.history(tx, limit=1)
    assert (told.given_up, told.waiting) == (["ops"], ["other"])
    await watched.wait(days=1)
    assert (await watched.deliver(), ops.calls) == (0, 1)


class Heard(logging.Handler):
    """Whatever libraries log and anybody could show."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The log of all libraries, at the level that people set it to."""
    root, handler = logging.getLogger(), Heard()
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


async def test_nothing_of_a_url_is_shown(
    world: World, watched: Watched, ops: Receiver, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in a log, ours or another's, nor in what is kept of a failure; of the heartbeat's neither."""
    ops.status = 500
    await raise_alarm(world)
    await watched.deliver()
    for job in ESSENTIAL:
        async with db.transaction(world.pool) as tx:
            await observations.good(tx, observations.JOB + job)
    url = SecretStr(f"http://127.0.0.1:{ops.port}/hook/{SECRET}")
    settings = watched.deployment.settings.model_copy(update={"heartbeat_url": url})
    assert not await dead_man.call(replace(watched.deployment, settings=settings))
    logging.getLogger("x").warning("heard")
    said = "".join(capsys.readouterr()) + str(heard.lines) + str(await errors(world)) + repr(watched.deployment)
    assert ("ops" in said, "heard" in said, ops.calls) == (True, True, 2)
    assert SECRET not in said
    assert "/hook" not in said


@pytest.mark.parametrize("url", ["nonsense://x", "slack://x", "", "json://"])
def test_a_url_that_nobody_knows_is_told_by_its_name(url: str) -> None:
    """Before anything is tried, and without showing it."""
    with pytest.raises(BadSettingError, match="of ops") as refused:
        delivery.check(Settings(alarm_urls={"ops": SecretStr(url)}))
    assert url == "" or url not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"alarm_urls": {"": "json://x"}},
        {"alarm_urls": {"A b": "json://x"}},
        {"alarm_least": {"nobody": "info"}},
        {"alarm_urls": {"ops": "json://x"}, "alarm_least": {"ops": "loud"}},
        {"heartbeat_url": "ftp://x"},
        {"admin_token_digest": "abc"},
        {"alarm_wallet_days": 0},
        {"alarm_credit_share": "1.1"},
        {"alarm_capacity_share": 0},
    ],
)
def test_settings_are_judged_at_the_start(changes: dict[str, object]) -> None:
    """A name is plain, and a severity is of somebody who is told."""
    with pytest.raises(ValueError, match=r"."):
        Settings.model_validate(changes)


async def test_the_worker_refuses_a_url_that_nobody_knows(dsn: str) -> None:
    """Before it opens anything."""
    with pytest.raises(BadSettingError):
        await worker.run(Settings(alarm_urls={"ops": SecretStr("nonsense://x")}), dsn)
