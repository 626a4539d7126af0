"""Marks: an audit that goes on from one sees whatever was written since, however transactions overlap."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from pglast.visitors import referenced_relations

from hashrail import db
from hashrail.audit import auditing, invariants, marks
from hashrail.audit.checks import changes
from hashrail.audit.checks.changes import COLUMNS, FAR, ROUND, written_since
from hashrail.audit.checks.scope import Since, unmoved
from hashrail.processes import housekeeping
from tests.support import citus
from tests.support.books import broken, buy, cancel, offer, order, upgrade
from tests.support.earlier import earlier
from tests.support.world import World

BREAKS = "UPDATE partner_capacity SET committed_th = committed_th + 1"
MISSPELT = "UPDATE account SET debits_posted = debits_posted + 1 WHERE id = 1200 AND partner_id = 1"
with_marks = citus.only_without("numbers of transactions are each server's own, so no audit leaves a mark")


async def lived(world: World, number: int) -> None:
    """A day in which everything is bought, mined, settled, given up and asked for."""
    alice = await world.user(f"user {number}")
    await order(world, alice.id, f"given up {number}", await offer(world))
    await cancel(world, f"given up {number}")
    bought = await buy(world, alice.id, "64", f"bought {number}")
    await world.mine()
    await upgrade(world, bought.miner_id, "power", "64", "65")
    await world.mine()
    assert await world.settle(alice.id) > 0


async def found_since(world: World) -> list[str]:
    """What an audit finds broken that goes on from the mark; there has to be one."""
    made = await auditing.audit(world.pool, whole=False)
    assert made.since is not None
    return [each.name for each in made.broken]


@with_marks
async def test_life_goes_on_and_nothing_is_looked_at_whole(world: World) -> None:
    """Days of business after a mark: all in order, by their own rows alone, and each audit leaves the next mark."""
    await lived(world, 1)
    assert (await auditing.audit(world.pool, whole=False)).since is None
    for number in (2, 3):
        await lived(world, number)
        seen = await marks.before(world.pool)
        async with db.snapshot(world.pool) as tx:
            since = await marks.since(tx, seen)
            assert since is not None
            keys = {
                each.name: await each.scope.keys(since) for each in invariants.every() if isinstance(each.scope, Since)
            }
        assert [name for name, found in keys.items() if found is None] == []
        assert {name for name, found in keys.items() if found} >= {"orders-match-ledger", "settled-equals-income"}
        assert await found_since(world) == []
    assert await broken(world.pool) == {}


@with_marks
@pytest.mark.parametrize("statement", [BREAKS, MISSPELT])
async def test_a_transaction_that_was_open_at_the_mark_is_seen_by_the_next_audit(world: World, statement: str) -> None:
    """Though later ones were committed before the mark: numbers are given at the first write, not at the commit."""
    await lived(world, 1)
    async with world.pool.acquire() as writer:
        open_one = writer.transaction()
        await open_one.start()
        await writer.execute(statement)
        await world.user("later")
        made = await auditing.audit(world.pool)
        assert (made.marked, made.broken) == (True, [])
        assert await found_since(world) == []
        await open_one.commit()
    assert len(await found_since(world)) == 1
    assert await marks.find(world.pool) is None
    assert [each.name for each in (await auditing.audit(world.pool, whole=False)).broken] != []


@with_marks
async def test_what_was_altered_before_a_mark_only_a_whole_audit_finds(world: World) -> None:
    """A mark that is moved beyond the damage, as nothing of the program does."""
    await lived(world, 1)
    assert (await auditing.audit(world.pool)).marked
    await world.pool.execute(MISSPELT)
    await world.pool.execute("UPDATE audit_mark SET horizon = pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    assert await found_since(world) == []
    made = await auditing.audit(world.pool)
    assert [each.name for each in made.broken] == ["balances-equal-transfers"]


@with_marks
async def test_a_mark_is_of_one_life_of_the_server(world: World) -> None:
    """Of another server, a later day, other numbers or lost statistics it is none, and everything is looked at."""
    await lived(world, 1)
    for changed in (
        "server = 'another'",
        "business_day = business_day + 30",
        "horizon = horizon + 1000000",
    ):
        assert (await auditing.audit(world.pool)).marked
        await world.pool.execute(f"UPDATE audit_mark SET {changed}")
        made = await auditing.audit(world.pool, whole=False)
        assert (made.since, made.broken) == (None, [])


@with_marks
async def test_rows_that_are_gone_are_missed(world: World) -> None:
    """Deletions leave nothing to look at, so what reads such a table is held whole."""
    await lived(world, 1)
    assert (await auditing.audit(world.pool)).marked
    seen = await marks.before(world.pool)
    async with undone(world) as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute("DELETE FROM post_payment")
        since = await marks.since(tx, seen)
        assert since is not None
        assert since.deleted == {"post_payment"}
        found = [each.name async for each in invariants.audit(tx, since) if each.rows]
    assert found == ["upgrades-match-ledger"]


@with_marks
async def test_a_row_of_a_day_of_before_is_counted_with_its_class(world: World) -> None:
    """Days that were published since are counted by themselves."""
    await lived(world, 1)
    assert (await auditing.audit(world.pool)).marked
    await lived(world, 2)
    seen = await marks.before(world.pool)
    async with undone(world) as tx:
        since = await marks.since(tx, seen)
        assert since is not None
        assert [each.name async for each in invariants.audit(tx, since) if each.rows] == []
    async with undone(world) as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute(
            """INSERT INTO class_day
               SELECT '2020-01-01', class_id, discount, pool, c1, c2, net, pool_sum, c1_sum, c2_sum, net_sum
               FROM class_day ORDER BY day DESC LIMIT 1"""
        )
        since = await marks.since(tx, seen)
        assert since is not None
        found = [each.name async for each in invariants.audit(tx, since) if each.rows]
    assert found == ["classes-are-published"]


@with_marks
async def test_too_many_rows_are_not_looked_at_one_by_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then everything is, with the same outcome."""
    assert (await auditing.audit(world.pool)).marked
    await lived(world, 1)
    monkeypatch.setattr(changes, "MOST", 1)
    made = await auditing.audit(world.pool, whole=False)
    assert made.since is not None
    assert (made.broken, made.looked_at["transfer"]) == ([], 2)
    await world.pool.execute(MISSPELT)
    assert await found_since(world) == ["balances-equal-transfers"]


@with_marks
@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE partner_day SET closed_through = closed_through - 1", "day-postings-equal-class-power"),
        (
            "UPDATE stint SET user_id = (SELECT id FROM app_user WHERE partner_user_id = 'idle')",
            "settled-equals-income",
        ),
        (
            """UPDATE class_power_delta SET power = power * 2 WHERE day = (SELECT min(day) FROM class_power_delta);
               UPDATE stint SET power = power * 2 WHERE from_day = (SELECT min(from_day) FROM stint)""",
            "day-postings-equal-class-power",
        ),
    ],
)
async def test_what_never_changes_makes_everything_be_looked_at(world: World, statement: str, name: str) -> None:
    """A day that is open again, a past stint of another user, power of a closed day: rows tell nothing of before."""
    await world.user("idle")
    await lived(world, 1)
    await world.mine()
    assert (await auditing.audit(world.pool)).marked
    await world.pool.execute(statement)
    whole, found = set(await broken(world.pool)), set(await found_since(world))
    assert name in found
    # The sum of all is not added up anew where its parts were.
    assert found <= whole <= found | {"control-equals-unsettled"}


@with_marks
@pytest.mark.parametrize(
    "statement",
    [
        """INSERT INTO class_power_delta SELECT partner_id, day + 1, class_id, power FROM class_power_delta
           WHERE day = (SELECT max(day) FROM class_power_delta);
           UPDATE stint SET from_day = from_day + 1 WHERE from_day = (SELECT max(from_day) FROM stint)""",
        "UPDATE stint SET power = power * 2 WHERE to_day IS NOT NULL",
        "UPDATE class_power_delta SET power = power * 2 WHERE day = (SELECT min(day) FROM class_power_delta)",
    ],
)
async def test_power_is_held_against_stints_of_every_day(world: World, statement: str) -> None:
    """A stint that had not begun is missed where it was; of days before the mark's, what is written is looked at."""
    await lived(world, 1)
    await buy(world, (await world.user("later")).id, "8", "of tomorrow")
    assert (await auditing.audit(world.pool)).marked
    await world.pool.execute(statement)
    found, whole = set(await found_since(world)), set(await broken(world.pool))
    assert "deltas-equal-stints" in found
    assert found <= whole


@with_marks
async def test_where_nothing_happened_nothing_is_looked_at(world: World) -> None:
    """Accounts that did not move are not written when they are summed up once more."""
    await lived(world, 1)
    await housekeeping.checkpoint_all(world.pool)
    assert (await auditing.audit(world.pool)).marked
    await housekeeping.checkpoint_all(world.pool)
    made = await auditing.audit(world.pool, whole=False)
    assert (made.since is not None, made.looked_at, made.broken) == (True, {}, [])


@with_marks
async def test_whole_audits_come_again(world: World) -> None:
    """After the time that is set, and at once where there is no mark; one since a mark does not count as one."""
    day = timedelta(hours=24)
    assert await marks.whole_is_due(world.pool, day)
    await auditing.audit(world.pool, whole=False)
    assert not await marks.whole_is_due(world.pool, day)
    await world.pool.execute(f"UPDATE audit_mark SET {earlier('whole_at', '25 hours')}")
    assert await found_since(world) == []
    assert await marks.whole_is_due(world.pool, day)
    await auditing.audit(world.pool)
    assert not await marks.whole_is_due(world.pool, day)


@with_marks
async def test_who_finds_something_takes_the_mark_from_those_under_way(world: World) -> None:
    """An audit since a mark that is gone meanwhile leaves none."""
    await auditing.audit(world.pool)
    found = await marks.find(world.pool)
    assert found is not None
    await marks.forget(world.pool)
    await marks.keep(world.pool, found.mark, ([], []), since=found.mark)
    assert await marks.find(world.pool) is None


@pytest.mark.parametrize("horizon", [7, ROUND - 5, 3 * ROUND + 7, ROUND - FAR - 1])
async def test_numbers_of_transactions_go_round(pool: db.Pool, horizon: int) -> None:
    """What was written from the horizon on is newer, though its number may be lower."""
    condition = written_since(horizon).replace("xmin", "n::xid")
    numbers = [(horizon + step) % ROUND for step in (-1_000, -1, 0, 1, 10)]
    newer = await pool.fetch(
        f"SELECT n::bigint FROM unnest($1::text[]) WITH ORDINALITY AS t (n, o) WHERE {condition} ORDER BY o",
        [str(number) for number in numbers],
    )
    assert [row["n"] for row in newer] == numbers[2:]


async def test_numbers_far_ahead_are_very_old(pool: db.Pool) -> None:
    """But a little further ahead are a transaction's own later parts."""
    ahead: int = await pool.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    condition = written_since(ahead - 1).replace("xmin", "n::xid")
    numbers = [str((ahead + step) % ROUND) for step in (5, FAR + FAR // 2)]
    newer = await pool.fetch(f"SELECT n FROM unnest($1::text[]) AS n WHERE {condition}", numbers)
    assert [row["n"] for row in newer] == numbers[:1]


def test_every_invariant_says_how_far_it_is_looked_at() -> None:
    """Either why it is always whole, or what a written row of each table that it reads concerns."""
    for each in invariants.every():
        if not isinstance(each.scope, Since):
            assert each.scope.why
            continue
        query, _ = each.asked(None, None)
        read = {table.strip('"') for table in referenced_relations(query)}
        assert each.scope.sources.keys() >= read, each.name
        watched = {table for table, source in each.scope.sources.items() if source is not unmoved}
        assert COLUMNS.keys() >= watched, each.name


@asynccontextmanager
async def undone(world: World) -> AsyncIterator[db.Tx]:
    """A transaction that is rolled back."""
    async with world.pool.acquire() as connection:
        open_one = connection.transaction(isolation="repeatable_read")
        await open_one.start()
        try:
            yield connection
        finally:
            await open_one.rollback()


@citus.only_without("each server is seen at a moment of its own, by one connection")
async def test_two_connections_look_at_one_moment(world: World) -> None:
    """What is committed while they look is seen by neither, and who has no connection to spare looks with one."""
    await lived(world, 1)
    async with db.snapshots(world.pool, 2) as (first, second):
        await world.pool.execute(MISSPELT)
        for each in (first, second):
            found = [finding.name async for finding in invariants.audit(each) if finding.rows]
            assert found == []
    async with AsyncExitStack() as held:
        for _ in range(world.pool.get_max_size() - 1):
            await held.enter_async_context(world.pool.acquire())
        async with db.snapshots(world.pool, 2) as alone:
            assert len(alone) == 1


async def test_the_first_that_is_broken_is_enough(world: World) -> None:
    """Whichever connection finds one, what is told ends with the first in order, and whatever was begun has ended."""
    await lived(world, 1)
    await world.pool.execute(MISSPELT)
    await world.pool.execute(BREAKS)
    begun: list[str] = []
    done: list[str] = []
    made = await auditing.audit(world.pool, first_only=True, begun=begun.append, done=done.append)
    names = [name for name, _ in invariants.names()]
    assert [each.name for each in made.broken] == ["balances-equal-transfers"]
    assert [each.name for each in made.findings] == names[: names.index("balances-equal-transfers") + 1]
    assert sorted(begun) == sorted(done)
    whole = await auditing.audit(world.pool)
    assert [each.name for each in whole.findings] == names
    assert [each.name for each in whole.broken] == ["balances-equal-transfers", "capacity-is-counted"]
