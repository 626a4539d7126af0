"""The database's clock decides, the machine's is its witness; what a wrong clock wrote before can be brought back."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hashrail import business_clock, clock, db
from hashrail.audit import invariants
from hashrail.books import fence
from hashrail.business_clock import ClockDiffersError
from hashrail.postgres.readiness import Readiness
from hashrail.rewards import stints
from tests.support.books import buy, deployment
from tests.support.databases import with_database
from tests.support.shell import Shell
from tests.support.world import World


@pytest.fixture
async def world(server: str, template: str) -> AsyncIterator[World]:
    async with deployment(server, template) as made:
        yield made


def shift(monkeypatch: pytest.MonkeyPatch, **by: int) -> None:
    """This machine's clock is ahead of the database's, or behind it."""
    real, step = clock.wall_now, dt.timedelta(**by)
    monkeypatch.setattr(clock, "wall_now", lambda: real() + step)


async def broken(world: World) -> list[str]:
    async with db.snapshot(world.pool) as tx:
        return [found.name async for found in invariants.audit(tx) if found.rows]


@pytest.mark.parametrize(("by", "says"), [({"days": 400}, "ahead of"), ({"seconds": -62}, "behind")])
async def test_clocks_that_differ_write_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, server: str, by: dict[str, int], says: str
) -> None:
    """Neither an order nor a day; and the process says that it is not ready."""
    alice = await world.user()
    dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
    await Readiness(dsn).prove()
    with monkeypatch.context() as wrong:
        shift(wrong, **by)
        with pytest.raises(ClockDiffersError, match=says) as caught:
            await buy(world, alice.id, "1")
        assert caught.value.status == 503
        with pytest.raises(ClockDiffersError):
            await business_clock.now(world.pool)
        with pytest.raises(ClockDiffersError):
            await Readiness(dsn).prove()
    assert await world.pool.fetchval("SELECT count(*) FROM purchase") == 0
    assert (await buy(world, alice.id, "1")).state == "issued"


async def test_less_than_a_minute_is_the_machine_s_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the time that counts is the database's, which all processes share."""
    shift(monkeypatch, seconds=58)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        truth = await tx.fetchval("SELECT clock_timestamp()") + await business_clock.lead(tx)
    assert abs(truth - books.now) < dt.timedelta(seconds=5)


async def ahead(world: World) -> None:
    """Alice and Bob are sold miners by processes whose clock, and the database's, are ahead for a while."""
    alice, bob = (await world.user()).id, (await world.user("bob")).id
    await buy(world, alice, "8", "before")
    lead = await world.pool.fetchval("SELECT offset_us FROM business_clock")
    for number, days in enumerate((400, 700)):
        await world.pool.execute("UPDATE business_clock SET offset_us = $1", lead + days * 86400 * 10**6)
        await buy(world, alice, "16", f"ahead {number}")
        await buy(world, bob, "4", f"bob {number}")
    await world.pool.execute("UPDATE business_clock SET offset_us = $1", lead)


async def test_what_a_wrong_clock_wrote_is_brought_back(world: World) -> None:
    """Until then the user cannot buy, by a code; then all earns from tomorrow, and the books are in order."""
    await world.mine()
    await ahead(world)
    alice = await world.user()
    with pytest.raises(stints.StintAheadError) as caught:
        await buy(world, alice.id, "2560", "another level")
    assert (caught.value.status, caught.value.code) == (503, "STINT_AHEAD")
    async with db.transaction(world.pool) as tx:
        assert await stints.bring_back(tx, world.partner.id) > 0
    async with db.transaction(world.pool) as tx:
        assert await stints.bring_back(tx, world.partner.id) == 0
    tomorrow = await world.today() + clock.ONE_DAY
    latest = await world.pool.fetchval("SELECT greatest(max(from_day), max(to_day)) FROM stint")
    assert latest == tomorrow
    assert await world.pool.fetchval("SELECT max(day) FROM class_power_delta") == tomorrow
    assert await broken(world) == []
    assert (await buy(world, alice.id, "2560", "another level")).state == "issued"
    for _ in range(2):
        await world.mine()
    assert await broken(world) == []
    earning = "SELECT sum(power) FROM class_power WHERE partner_id = $1"
    assert await world.pool.fetchval(earning, world.partner.id) == 8 + 2 * 16 + 2 * 4 + 2560


async def test_the_command(world: World, server: str, tmp_path: Path) -> None:
    """It is noted each time, and again does nothing."""
    await ahead(world)
    name = await world.pool.fetchval("SELECT current_database()")
    shell = Shell(with_database(server, name), tmp_path)
    said = await asyncio.to_thread(shell.ok, "day", "bring-back")
    assert int(said.split()[0]) > 0
    assert await asyncio.to_thread(shell.ok, "day", "bring-back") == "0 stints were brought back.\n"
    noted = await asyncio.to_thread(shell.rows, "SELECT action, subject, values_after FROM operator_action ORDER BY id")
    assert [row[:2] for row in noted] == [("day bring-back", "stints")] * 2
    assert [json.loads(row[2])["partners"] for row in noted] == [[world.partner.id], []]
    assert await broken(world) == []
