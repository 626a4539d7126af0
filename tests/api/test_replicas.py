"""Reads from a hot standby: who is shown what, while it follows, stands still, lags, is frozen and is promoted."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from hashrail import db
from hashrail.api.operations.routes import routes
from hashrail.api.serving import reading, standbys
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.call import Call
from hashrail.api.wire.models import Data
from hashrail.postgres import positions, replicas
from hashrail.postgres.positions import Position, Primary, Said
from hashrail.postgres.replicas import AWAY, BEHIND, CANCELLED, LAGS, OTHER_HISTORY, PROMOTED, Replicas, Standby
from hashrail.settings import BadSettingError, Settings
from tests.support import patience
from tests.support.api_client import CONTRACT, Api, Caller, answered, open_api, settings_of
from tests.support.clusters import Cluster, cluster, follower
from tests.support.good_fields import good
from tests.support.patience import until
from tests.support.world import World

HEADER = "x-hashrail-position"
FROM_STANDBYS = sorted({operation.name for _, operation in routes(Settings(mode="sandbox")) if operation.from_standbys})
# What is decided by it, or is asked of somebody else.
NEVER = ("s2s_upgrade_price", "s2s_withdraw_commission", "s2s_key", "s2s_sessions", "s2s_events", "sandbox_clock")


class Followed:
    """An API on books of its own, which reads from a standby."""

    def __init__(self, api: Api, primary: Cluster, standby: Cluster) -> None:
        self.api, self.primary, self.server = api, primary, standby
        assert api.serving.replicas is not None
        self.replicas: Replicas = api.serving.replicas
        (self.standby,) = self.replicas.standbys

    async def until_aside(self, why: str | None) -> None:
        async def is_so() -> bool:
            return self.standby.aside == why

        await until(is_so, lambda: self.standby.aside)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """The standby is sent everything and replays nothing; nobody waits for it for long."""
        with pytest.MonkeyPatch.context() as impatient:
            impatient.setattr(reading, "WAIT_SECONDS", 0.02)
            self.server.run("SELECT pg_wal_replay_pause()")
            try:
                yield
            finally:
                self.server.run("SELECT pg_wal_replay_resume()")

    async def log_in(self, name: str) -> Position:
        """A user comes to be; the position of the answer."""
        response = await self.api.server.call("s2s_login", partnerUserId=name)
        answered(response)
        return position_of(response)

    async def ask(self, name: str, at: Position | None = None) -> "tuple[int, str]":
        """Ask for a user's miners; the status, and who answered."""
        before = counts()
        headers = {} if at is None else {HEADER: str(at)}
        response = await self.api.server.call("s2s_miners", headers, partnerUserId=name)
        (outcome,) = (name for name, number in counts().items() if number != before.get(name, 0))
        return response.status_code, outcome


def counts() -> dict[str, float]:
    """Reads that a standby might have answered, by who did."""
    return {
        sample.labels["outcome"]: sample.value
        for metric in standbys.READS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def position_of(response: httpx.Response) -> Position:
    found = positions.read(response.headers[HEADER])
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def patient_readers_and_quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAIT_SECONDS", patience.SECONDS)
    monkeypatch.setattr(replicas, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(replicas, "LONGEST_PAUSE_SECONDS", 0.05)


async def test_reads_of_a_standby() -> None:
    """Two servers are made once for all of it."""
    with cluster() as primary, follower(primary, max_standby_streaming_delay="0") as standby:
        pool = await db.open_pool(primary.dsn, 4)
        reads = {"DATABASE_READ_URLS": f"{standby.dsn}, ", "database_read_max_lag_seconds": 3600}
        async with open_api(await World.create(pool), primary.dsn, **reads) as api:
            found = Followed(api, primary, standby)
            await found.until_aside(None)
            await check_that_every_read_is_answered(found)
            await check_that_callers_see_what_they_have_to(found)
            await check_that_what_the_standby_cancels_is_read_from_the_primary(found)
            await check_that_lists_begin_with_what_they_append(found)
            await check_that_it_is_told(found)
            await check_that_one_that_lags_or_cannot_be_reached(found)
            await check_that_one_that_stands_apart_is_set_aside(found)
        await pool.close()


async def check_that_every_read_is_answered(found: Followed) -> None:
    """By the standby as by the primary: no read that may go there writes, or needs what is not there."""
    server, user = found.api.server, await found.api.user("alice")
    asked: list[tuple[str, Caller]] = [
        (name, server if CONTRACT[name][3] == "signed" else user) for name in FROM_STANDBYS
    ]
    for name, caller in asked:
        before = counts()
        here = await caller.call(name, **good(name))
        assert counts().get("standby", 0) == before.get("standby", 0) + 1, (name, counts())
        pool, found.api.serving.replicas = found.api.serving.replicas, None
        assert (await caller.call(name, **good(name))).status_code == here.status_code, name
        found.api.serving.replicas = pool
    assert not set(FROM_STANDBYS) & set(NEVER)


async def check_that_callers_see_what_they_have_to(found: Followed) -> None:
    first = await found.log_in("bob")
    assert await found.ask("bob") == (200, "standby")
    assert await found.ask("bob", first) == (200, "standby")
    with found.standing_still():
        later = await found.log_in("carol")
        assert later > first
        assert await found.ask("carol") == (200, BEHIND)
        assert await found.ask("carol", later) == (200, BEHIND)
        await check_that_one_who_is_not_there_yet_is_refused(found, first)
        # Who has seen the first commit alone may be shown that moment, if it is not too long ago.
        assert await found.ask("carol", first) == (404, "standby")
    # What the primary is not known to have reached, or another timeline, asks for the present.
    for at in (Position(1, 2**62), Position(9, 1), Position(0, 1)):
        assert await found.ask("carol", at) == (200, "standby")
    response = await found.api.server.call("s2s_miners", {HEADER: "nonsense"}, partnerUserId="carol")
    assert response.status_code == 200
    assert HEADER not in response.headers
    # The answer names what it has shown, so that the next one shows no less.
    response = await found.api.server.call("s2s_miners", {HEADER: str(first)}, partnerUserId="carol")
    assert position_of(response) >= later
    # What only the primary answers shows the present, so whoever goes on from there is told how far that is.
    for headers, is_told in (({HEADER: str(first)}, True), ({}, False)):
        response = await found.api.server.call("s2s_events", headers)
        assert response.status_code == 200
        assert (HEADER in response.headers) is is_told
        assert not is_told or position_of(response) >= later
    # It is waited for, for a moment.
    found.server.run("SELECT pg_wal_replay_pause()")
    await found.log_in("dora")
    threading.Timer(0.05, found.server.run, ["SELECT pg_wal_replay_resume()"]).start()
    assert await found.ask("dora") == (200, "standby")


async def check_that_one_who_is_not_there_yet_is_refused(found: Followed, at: Position) -> None:
    """A user whom the standby has not heard of, and who names an earlier moment, is answered in good order."""
    user = await found.api.user("later")
    for name in FROM_STANDBYS:
        if CONTRACT[name][3] != "signed":
            response = await user.call(name, {HEADER: str(at)}, **good(name))
            assert response.status_code < 500, (name, response.text)


async def check_that_what_the_standby_cancels_is_read_from_the_primary(found: Followed) -> None:
    """Replay needs what a long read looks at: that is read again, from the beginning, once."""
    pool = found.api.world.pool
    await pool.execute("CREATE TABLE noted AS SELECT n FROM generate_series(1, 1000) AS n")
    seen: list[bool] = []
    under_way: list[asyncio.Task[None]] = []

    async def vacuumed() -> None:
        # Between two statements the read would lose its connection instead.
        await asyncio.sleep(0.5)
        await pool.execute("DELETE FROM noted")
        await pool.execute("VACUUM noted")

    async def counted(call: Call, _fields: Any) -> Data[int]:
        call.headers["x-once"] = call.headers.get("x-once", "") + "."
        call.cost.rows += 1
        async with db.snapshot(call.pool) as tx:
            seen.append(await tx.fetchval("SELECT pg_is_in_recovery()"))
            await tx.fetchval("SELECT count(*) FROM noted")
            if seen[-1]:
                under_way.append(asyncio.create_task(vacuumed()))
                await tx.fetchval("SELECT pg_sleep($1)", float(patience.SECONDS))
            return Data(await tx.fetchval("SELECT count(*) FROM noted"))

    before = counts().get(CANCELLED, 0)
    call = Call(found.api.serving, None, Arrival("GET", "/", b"", b"", [], ""), "counted")
    reply = await reading.read(counted, call, None)
    assert (reply.body, reply.headers, call.cost.rows) == (b'{"data":0}', {"x-once": "."}, 1)
    assert seen == [True, False]
    assert counts()[CANCELLED] == before + 1
    assert found.standby.aside is None
    await asyncio.gather(*under_way)


async def check_that_lists_begin_with_what_they_append(found: Followed) -> None:
    """What has happened is appended to the feed by the primary, and the standby shows the list with it."""
    await found.log_in("emil")
    before = counts().get("standby", 0)
    for _ in range(2):
        listed = answered(await found.api.server.call("s2s_users"))
        written = await found.api.world.pool.fetchval("SELECT max(position) FROM event")
        assert listed["position"] == written
        assert listed["array"][0]["partnerUserId"] == "emil"
    assert counts()["standby"] == before + 2


async def check_that_it_is_told(found: Followed) -> None:
    ready = await found.api.http.get("/readyz")
    assert ready.json() == {"status": "ready", "standbys": 1, "standbysServing": 1}
    assert standbys.SERVES.labels(found.standby.name)._value.get() == 1
    assert found.standby.name.endswith(":5432/hashrail")


async def check_that_one_that_stands_apart_is_set_aside(found: Followed) -> None:
    """Frozen, of another history, promoted: the primary answers, and it serves again as soon as it may."""
    await found.log_in("frank")
    with pytest.MonkeyPatch.context() as hurried:
        hurried.setattr(positions, "ASK_SECONDS", 0.2)
        with found.server.frozen():
            assert await found.ask("frank") in ((200, AWAY), (200, "no standby"))
            await found.until_aside(AWAY)
            assert await found.ask("frank") == (200, "no standby")
            assert (await found.api.http.get("/readyz")).json()["standbysServing"] == 0
        await found.until_aside(None)
        # Those who were connected are gone, and nobody new is let in or refused.
        with found.server.frozen(postmaster_only=True):
            assert found.standby.pool is not None
            await found.standby.pool.expire_connections()
            await found.until_aside(AWAY)
        await found.until_aside(None)
    with found.standing_still():
        found.primary.run("UPDATE wal_timeline SET mark = uuid_send(gen_random_uuid())")
        await found.until_aside(OTHER_HISTORY)
    await found.until_aside(None)
    await check_that_one_that_is_promoted_meanwhile_has_shown_nothing(found)
    await found.until_aside(PROMOTED)
    found.standby.aside = None
    assert await found.ask("frank") in ((200, BEHIND), (200, "no standby"))
    await found.until_aside(PROMOTED)
    assert await found.ask("frank") == (200, "no standby")


async def check_that_one_that_is_promoted_meanwhile_has_shown_nothing(found: Followed) -> None:
    """What it shows from then on is of a history of its own, in which no position tells how far it was."""
    seen: list[bool] = []

    async def promoted(call: Call, _fields: Any) -> Data[int]:
        async with db.snapshot(call.pool) as tx:
            seen.append(await tx.fetchval("SELECT pg_is_in_recovery()"))
            if seen[-1]:
                await asyncio.to_thread(found.server.run, "SELECT pg_promote()")
        return Data(1)

    first = await found.log_in("greta")
    call = Call(found.api.serving, None, Arrival("GET", "/", b"", b"", [(HEADER, str(first))], ""), "promoted")
    reply = await reading.read(promoted, call, None)
    assert seen == [True, False]
    told = positions.read(reply.headers[HEADER])
    assert told is not None
    assert told >= first


async def check_that_one_that_lags_or_cannot_be_reached(followed: Followed) -> None:
    """Where the standby is older than the operator allows, nobody reads from it, whatever they name."""
    lag = {"database_read_max_lag_seconds": 1, "DATABASE_READ_URLS": followed.server.dsn}
    async with open_api(followed.api.world, followed.primary.dsn, **lag) as api:
        found = Followed(api, followed.primary, followed.server)
        await found.until_aside(None)
        first = await found.log_in("gus")
        with found.standing_still():
            await found.log_in("hal")
            await found.until_aside(LAGS)
            assert found.standby.lag_seconds > 1
            assert await found.ask("gus", first) == (200, "no standby")
            # Even before it is noticed.
            found.standby.aside = None
            assert await found.ask("gus", first) == (200, BEHIND)
        await found.until_aside(None)
        away = Standby("away", found.server.dsn.replace("socket", "nowhere"), 1, found.replicas.primary, 1.0)
        await away.look()
        assert away.aside == AWAY


async def test_a_standby_that_is_not_there(world: World, dsn: str) -> None:
    """A process begins without it, and one of other books is never read from."""
    other = dsn.rpartition("/")[0] + "/template1"
    async with open_api(world, dsn, DATABASE_READ_URLS=f"{dsn},{other}") as api:
        assert api.serving.replicas is not None
        for each in api.serving.replicas.standbys:
            await each.look()
        assert [each.aside for each in api.serving.replicas.standbys] == [PROMOTED, AWAY]
        answered(await api.server.call("s2s_users"))


@pytest.mark.parametrize(
    "url", ["nonsense", "postgresql://one,two/books", "postgresql://one%2Ctwo/books", "postgresql://one/books?x=1"]
)
def test_an_url_that_is_none(url: str) -> None:
    with pytest.raises(BadSettingError, match="DATABASE_READ_URLS"):
        replicas.targets(settings_of("postgresql://one/books", DATABASE_READ_URLS=url))


async def test_one_question_is_asked_for_all_who_wait() -> None:
    """And nobody is answered by one that was asked before they came."""
    asked: list[asyncio.Future[Said]] = []

    class Asked(Primary):
        async def _ask(self) -> Said:
            asked.append(asyncio.get_running_loop().create_future())
            return await asked[-1]

    primary = Asked(None)
    first = asyncio.create_task(primary.now())
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(primary.now()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert len(asked) == 1
    mark = b"mark"
    asked[0].set_result(Said(Position(1, 1), mark))
    assert (await first).position == (1, 1)
    later[0].cancel()
    await asyncio.sleep(0.01)
    asked[1].set_result(Said(Position(1, 2), mark))
    assert [one.position for one in await asyncio.gather(*later[1:])] == [(1, 2), (1, 2)]
    assert len(asked) == 2
    assert primary.has_reached(Position(1, 2))
    assert not primary.has_reached(Position(2, 1))


def test_positions_are_ordered_as_their_texts_are() -> None:
    ordered = [Position(1, 5), Position(1, 0x1_0000_0000), Position(2, 1), Position(16, 0)]
    assert sorted(ordered) == ordered
    assert sorted(ordered, key=str) == ordered
    assert [positions.read(str(one)) for one in ordered] == ordered
    assert [positions.read(text) for text in (None, "", "1-2", f"{ordered[0]} ", "g" * 25)] == [None] * 5
