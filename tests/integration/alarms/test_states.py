"""An alarm is told once when it begins, again in its rhythm, once when it has ended, whatever happens meanwhile."""

import asyncio
import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.alarms import messages, silences, states
from hashrail.alarms.silences import BadSilenceError, SilenceNotFoundError
from hashrail.events import mover
from hashrail.parties.operators import Operator
from hashrail.selling import capacity
from tests.support.receivers import Receiver
from tests.support.watched import Watched
from tests.support.world import World

CAPACITY = "warning: CAPACITY_NEARLY_USED"


async def sold_out(world: World, th: str = "16") -> None:
    """The capacity is what is promised: 16 TH."""
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, Decimal(th))


@pytest.fixture
async def used_up(world: World, alice: int) -> World:
    """A deployment that has sold 16 of 16 TH, and whose partners know what happened until then."""
    assert alice
    await sold_out(world)
    await mover.move_all(world.pool)
    return world


async def test_begin_repeat_end(used_up: World, watched: Watched, ops: Receiver) -> None:
    """With the figures and what to do; nothing is said in between."""
    assert await watched.evaluate() == 0  # it has not held for five minutes
    assert await watched.rings() == []
    assert await watched.evaluate(minutes=6) == 1
    assert await watched.rings() == ["CAPACITY_NEARLY_USED"]
    assert await watched.deliver() == 1
    assert [await watched.evaluate(minutes=30) for _ in range(3)] == [0, 0, 0]
    assert await watched.evaluate(hours=24) == 1
    await sold_out(used_up, "100")
    assert [await watched.evaluate(minutes=1) for _ in range(3)] == [0, 0, 0]
    assert await watched.rings() == ["CAPACITY_NEARLY_USED"]
    assert await watched.evaluate(minutes=6) == 1
    assert await watched.rings() == []
    assert await watched.evaluate(hours=48) == 0
    assert await watched.deliver() == 2
    assert ops.titles == [f"{CAPACITY} begins", f"{CAPACITY} goes on", f"{CAPACITY} ends"]
    assert [each["type"] for each in ops.said] == ["warning", "warning", "success"]
    first, _, last = (each["message"] for each in ops.said)
    assert "16 of 16 TH are promised (100 %)" in first
    assert "hashrail catalogue capacity" in first
    assert states.PAGE in first
    assert "so no more" in last


async def test_what_passes_by_itself_is_not_told(used_up: World, watched: Watched) -> None:
    """It has not been so for long enough; and the next time begins anew."""
    assert await watched.evaluate() == 0
    await sold_out(used_up, "100")
    assert await watched.evaluate(minutes=4) == 0
    await sold_out(used_up)
    assert await watched.evaluate() == 0
    assert await watched.evaluate(minutes=4) == 0
    assert await used_up.pool.fetchval("SELECT count(*) FROM alarm_message") == 0


async def test_what_comes_and_goes_is_told_less_and_less(used_up: World, watched: Watched) -> None:
    """For half a day it comes and goes every quarter of an hour: a handful of messages, and not a hundred."""
    told = 0
    for quarter in range(48):
        await sold_out(used_up, "100" if quarter % 2 else "16")
        told += await watched.evaluate()
        told += await watched.evaluate(minutes=8)
        told += await watched.evaluate(minutes=7)
    assert 2 <= told <= 14


async def test_a_figure_at_the_threshold_rings_once(used_up: World, watched: Watched) -> None:
    """It ends when it has fallen by more than it takes to begin."""
    await sold_out(used_up, "16.8")
    await watched.evaluate()
    assert await watched.evaluate(minutes=6) == 1
    await sold_out(used_up, "17.5")  # 91 %, where nothing would begin
    assert [await watched.evaluate(hours=1) for _ in range(3)] == [0, 0, 0]
    assert await watched.rings() == ["CAPACITY_NEARLY_USED"]
    await sold_out(used_up, "18")
    await watched.evaluate()
    assert await watched.evaluate(minutes=6) == 1


async def test_workers_at_once_tell_once(used_up: World, watched: Watched, ops: Receiver) -> None:
    """Whoever comes later finds that it is told; each message is taken by one of them."""
    await watched.evaluate()
    await watched.wait(minutes=6)
    await watched.beat()
    assert sum(await asyncio.gather(*(states.evaluate(watched.deployment) for _ in range(5)))) == 1
    others = [Watched(watched.deployment, type(watched.receivers)({"ops": ops.url})) for _ in range(4)]
    assert sum(await asyncio.gather(*(each.deliver() for each in others))) == 1
    assert ops.titles == [f"{CAPACITY} begins"]
    assert used_up.partner


async def test_what_becomes_graver_is_told_at_once(watched: Watched, world: World, ops: Receiver) -> None:
    """And whoever wants only the gravest hears of it then, and of its end."""
    urls = watched.deployment.settings.alarm_urls | {"pager": ops.url}
    settings = watched.deployment.settings.model_copy(
        update={"alarm_urls": urls, "alarm_least": {"ops": "info", "pager": "critical"}}
    )
    watched.deployment = replace(watched.deployment, settings=settings)
    for seconds in (10, 70, 10, 0):
        await watched.beat()
        await world.pool.execute("UPDATE worker_heartbeat SET ahead_ms = $1", seconds * 1000)
        await states.evaluate(watched.deployment)
        await watched.wait(minutes=3)
        await states.evaluate(watched.deployment)
    await watched.evaluate(minutes=6)
    rows = await world.pool.fetch(
        """SELECT m.what, m.severity, array_agg(d.target ORDER BY d.target) AS targets FROM alarm_message m
           JOIN alarm_delivery d ON d.message_id = m.id GROUP BY m.id ORDER BY m.id"""
    )
    assert [(row["what"], row["severity"], row["targets"]) for row in rows] == [
        ("begins", "warning", ["ops"]),
        ("goes on", "critical", ["ops", "pager"]),
        ("ends", "critical", ["ops", "pager"]),
    ]


async def test_a_silence(used_up: World, watched: Watched, olga: Operator) -> None:
    """What is silenced is shown and not told; what still rings when the silence ends is told then."""
    await watched.evaluate()
    async with db.transaction(used_up.pool) as tx:
        at = await tx.fetchval("SELECT clock_timestamp()")
        made = await silences.begin(
            tx, "CAPACITY_NEARLY_USED", None, "ordered", by=olga.name, at=at, until=at + dt.timedelta(hours=8)
        )
    assert await watched.evaluate(minutes=6) == 0
    (one,) = await watched.ringing()
    assert (one.told_at, one.silenced_until is None) == (None, False)
    assert await watched.evaluate(hours=1) == 0
    assert await watched.evaluate(hours=8) == 1
    (one,) = await watched.ringing()
    assert (one.told_at is None, one.silenced_until) == (False, None)
    async with db.transaction(used_up.pool) as tx:
        at = await tx.fetchval("SELECT clock_timestamp()")
        with pytest.raises(SilenceNotFoundError):
            await silences.end(tx, made.id, at=at)


async def test_the_end_of_what_was_told_is_told_also_in_a_silence(used_up: World, watched: Watched) -> None:
    """Of what nobody has heard no end is told."""
    await watched.evaluate()
    assert await watched.evaluate(minutes=6) == 1
    async with db.transaction(used_up.pool) as tx:
        at = await tx.fetchval("SELECT clock_timestamp()")
        until = at + dt.timedelta(hours=8)
        await silences.begin(tx, "CAPACITY_NEARLY_USED", "", "ordered", by=None, at=at, until=until)
    await sold_out(used_up, "100")
    await watched.evaluate()
    assert await watched.evaluate(minutes=6) == 1
    await sold_out(used_up)
    await watched.evaluate()
    assert await watched.evaluate(minutes=6) == 0
    await sold_out(used_up, "100")
    await watched.evaluate()
    assert await watched.evaluate(minutes=30) == 0
    assert await watched.rings() == []


@pytest.mark.parametrize(
    ("code", "reason", "seconds"),
    [
        ("NO_SUCH_ALARM", "why", 3600),
        ("NODE_SILENT", " ", 3600),
        ("NODE_SILENT", "why", 59),
        ("NODE_SILENT", "why", 31 * 86400),
        ("NODE_SILENT", "why", -1),
    ],
)
async def test_a_bad_silence(world: World, code: str, reason: str, seconds: int) -> None:
    """Nothing is written."""
    async with db.transaction(world.pool) as tx:
        at = await tx.fetchval("SELECT clock_timestamp()")
        with pytest.raises(BadSilenceError):
            await silences.begin(tx, code, None, reason, by=None, at=at, until=at + dt.timedelta(seconds=seconds))
        assert await silences.in_force(tx, at=at) == []


async def test_history_and_forgetting(used_up: World, watched: Watched, ops: Receiver) -> None:
    """What was told stands there with whom it has reached, for more than a year."""
    await watched.evaluate()
    await watched.evaluate(minutes=6)
    async with db.transaction(used_up.pool) as tx:
        (told,) = await messages.history(tx, limit=5)
    assert (told.code, told.what, told.delivered, told.waiting) == ("CAPACITY_NEARLY_USED", "begins", [], ["ops"])
    await watched.deliver()
    await sold_out(used_up, "100")
    await watched.evaluate()
    await watched.evaluate(minutes=6)
    await watched.deliver()
    async with db.transaction(used_up.pool) as tx:
        newest, first = await messages.history(tx, limit=5)
    assert (newest.what, newest.delivered, first.delivered) == ("ends", ["ops"], ["ops"])
    await watched.evaluate(days=399)
    assert await used_up.pool.fetchval("SELECT count(*) FROM alarm_message") == 2
    await watched.evaluate(days=2)
    for table in ("alarm", "alarm_message", "alarm_delivery"):
        assert await used_up.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
