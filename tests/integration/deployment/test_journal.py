"""What is given and taken away is noted with its effect, and written down before the command answers."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.deployment import journal, journal_file
from hashrail.deployment.journal import Kind
from hashrail.parties import users
from tests.support.shell import Shell
from tests.support.world import World


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


async def block(world: World, name: str) -> None:
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, name)


def told(path: Path) -> list[tuple[str, Any]]:
    return [(line.kind, line.what.get("user")) for line in journal_file.read([path]) if line.name is not None]


async def test_what_is_rolled_back_is_not_written(world: World, path: Path) -> None:
    await world.user("alice")
    async with world.pool.acquire() as tx:
        given_up = tx.transaction()
        await given_up.start()
        await users.block(tx, world.partner.id, "alice")
        await given_up.rollback()
    assert await journal_file.write_down(world.pool, path) == 0
    assert not path.exists()


async def test_each_entry_is_written_once(world: World, path: Path) -> None:
    for name in ("alice", "bob"):
        await world.user(name)
        await block(world, name)
        assert await journal_file.write_down(world.pool, path) == 1
        assert await journal_file.write_down(world.pool, path) == 0
    assert told(path) == [("user blocked", "alice"), ("user blocked", "bob")]
    (line, _) = journal_file.read([path])
    assert line.what["partnerPublicId"] == world.partner.public_id


async def test_what_commits_late_is_written_as_well(world: World, path: Path) -> None:
    """Its number is lower than that of what is written already."""
    for name in ("alice", "bob"):
        await world.user(name)
    async with world.pool.acquire() as other:
        late = other.transaction()
        await late.start()
        await users.block(other, world.partner.id, "alice")
        await block(world, "bob")
        await journal_file.write_down(world.pool, path)
        await late.commit()
    await journal_file.write_down(world.pool, path)
    assert sorted(told(path)) == [("user blocked", "alice"), ("user blocked", "bob")]


async def test_a_file_that_was_lost_is_written_anew(world: World, path: Path) -> None:
    await world.user("alice")
    await block(world, "alice")
    await journal_file.write_down(world.pool, path)
    path.unlink()
    await journal_file.write_down(world.pool, path)
    assert told(path) == [("user blocked", "alice")]


async def test_numbers_are_told_once_in_a_while(world: World, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lines() -> int:
        await journal_file.write_down(world.pool, path, with_heights=True)
        return sum(line.kind == journal_file.HEIGHTS for line in journal_file.tail(path))

    await world.user("carol")
    assert [await lines(), await lines()] == [1, 1]
    await world.user("alice")
    assert await lines() == 1
    await world.pool.execute("SELECT setval('account_id_seq', 500000)")
    assert await lines() == 2
    await world.user("bob")
    real = clock.wall_now
    monkeypatch.setattr(clock, "wall_now", lambda: real() + timedelta(hours=2))
    assert [await lines(), await lines()] == [3, 3]


async def test_a_command_is_refused_whole_where_it_cannot_write(world: World, dsn: str, tmp_path: Path) -> None:
    shell = Shell(dsn, tmp_path)
    await world.user("alice")
    words = ("user", "block", "alice", "--partner", "partner")
    (tmp_path / "file").touch()
    nowhere = {"HASHRAIL_JOURNAL": str(tmp_path / "file" / "journal")}
    await asyncio.to_thread(shell.refused, "JOURNAL_NOT_WRITEABLE", *words, **nowhere)
    found = await users.find(world.pool, world.partner.id, "alice")
    assert found.blocked_at is None
    for command in ("serve", "worker"):
        await asyncio.to_thread(shell.refused, "JOURNAL_NOT_WRITEABLE", command, **nowhere)
    # What only reads does not mind.
    made = await asyncio.to_thread(shell.run, "partner", "list", **nowhere)
    assert made.exit_code == 0
    await asyncio.to_thread(shell.ok, *words)
    assert told(tmp_path / "journal.jsonl")[0] == ("user blocked", "alice")


async def test_every_kind_says_what_it_is_about(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        for kind in Kind:
            await journal.note(tx, kind, partner_id=world.partner.id)
    rows = await world.pool.fetch("SELECT kind FROM journal_entry ORDER BY id")
    assert [row["kind"] for row in rows] == [kind.value for kind in Kind]
