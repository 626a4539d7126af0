"""Stints: what is held at midnight counts from the next day on, and what was undone leaves no trace."""

from decimal import Decimal

import pytest

from hashrail import db
from hashrail.books import fence
from hashrail.books.chart import Account
from hashrail.rewards import settling, stints
from hashrail.selling import miners
from tests.support.books import booked
from tests.support.rewards import (
    FIRST,
    NET,
    ONE_DAY,
    ROUND,
    advance,
    earned,
    give,
    improve,
    join,
    programme,
    stint_rows,
)
from tests.support.world import World

# So many others of a partner, each with accounts, a miner and its stint.
CROWD = (
    """INSERT INTO app_user (partner_id, id, partner_user_id, created_at, level_discount)
       SELECT $1, 1e6 + n, n, now(), 0 FROM generate_series(1, $2::integer) AS n""",
    """INSERT INTO account (partner_id, user_id, kind, currency, carries_balance, created_at)
       SELECT $1, 1e6 + n, 'user', 'BTC', true, now() FROM generate_series(1, $2::integer) AS n""",
    """INSERT INTO miner (partner_id, id, user_id, name, power, energy_efficiency, created_at)
       SELECT $1, 1e6 + n, 1e6 + n, 'x', 1, 20, now() FROM generate_series(1, $2::integer) AS n""",
    """INSERT INTO stint (partner_id, miner_id, user_id, class_id, power, from_day)
       SELECT $1, 1e6 + n, 1e6 + n, 1, 1, '2026-01-01' FROM generate_series(1, $2::integer) AS n""",
)
# Rows of those tables that this transaction has read.
READ = """
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
    WHERE relname IN ('app_user', 'account', 'miner', 'stint')"""


async def test_a_miner_earns_from_the_day_after_it_was_bought(world: World) -> None:
    """Nothing on its own day, power x net on each day after it."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    assert await stint_rows(world, miner) == [(alice.id, "4", FIRST + ONE_DAY, None)]
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 0
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 8 * NET


async def test_changes_of_one_day_are_one_stint(world: World) -> None:
    """Only what holds at midnight counts, and what was undone leaves no trace in the class power."""
    alice, bob = await world.user("alice"), await world.user("bob")
    promotion = await programme(world, "promotion", "0.1", FIRST)
    miner = await world.miner(alice.id, "4")
    await improve(world, alice.id, miner, power="30")
    await improve(world, alice.id, miner, energy_efficiency="15")
    await join(world, alice.id, promotion)
    await give(world, miner, alice.id, bob.id)
    assert await stint_rows(world, miner) == [(bob.id, "30", FIRST + ONE_DAY, None)]
    deltas = await world.pool.fetch(
        """SELECT c.energy_efficiency, c.level_discount, c.programmes, d.day, d.power
           FROM class_power_delta d JOIN rate_class c ON c.id = d.class_id WHERE d.power <> 0"""
    )
    assert [tuple(row.values()) for row in deltas] == [(Decimal(15), Decimal("0.009"), [], FIRST + ONE_DAY, 30)]


async def test_a_change_ends_a_stint_and_begins_another_tomorrow(world: World) -> None:
    """The open day keeps what was; a second change of the same day replaces the stint that has not begun."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    assert await improve(world, alice.id, miner, power="3") == 1
    assert await improve(world, alice.id, miner, power="2") == 1
    assert await improve(world, alice.id, miner, power="2") == 0
    changed = FIRST + 2 * ONE_DAY
    assert await stint_rows(world, miner) == [
        (alice.id, "4", FIRST + ONE_DAY, changed),
        (alice.id, "2", changed, None),
    ]
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 6 * NET
    assert await booked(world, Account.INCOME_CONTROL) == 6 * NET


async def test_better_efficiency_counts_from_tomorrow(world: World) -> None:
    """15 W/TH costs 0.6e-7 BTC less than 20."""
    alice = await world.user()
    miner = await world.miner(alice.id, "1")
    await world.mine(**ROUND)
    await improve(world, alice.id, miner, energy_efficiency="15")
    assert await earned(world, alice.id, await world.mine(**ROUND)) == NET
    last = await world.mine(**ROUND)
    assert await earned(world, alice.id, last, after=last - ONE_DAY) == NET + Decimal("0.00000006")


async def test_a_new_level_counts_for_every_miner_of_the_user(world: World) -> None:
    """A thousand small miners and one more that lifts their owner to the next level, and the way back."""
    alice, bob = await world.user("alice"), await world.user("bob")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for _ in range(1000):
            await miners.create(
                tx,
                world.partner.id,
                user_id=alice.id,
                name="small",
                power=Decimal("0.004"),
                energy_efficiency=Decimal(20),
                at=books.now,
            )
        assert await stints.sync_stints(tx, books, [alice.id]) == 1000
        assert await stints.sync_stints(tx, books, [alice.id]) == 0
    await world.mine(**ROUND)
    last = await world.miner(alice.id, "1")
    assert len(await stint_rows(world)) == 2001
    assert await levels(world) == {Decimal("0.003"): 1001}
    await give(world, last, alice.id, bob.id)
    assert await levels(world) == {Decimal(0): 1001}
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET
    assert await booked(world, Account.INCOME_CONTROL) == 4 * NET


async def levels(world: World) -> dict[Decimal, int]:
    """How many open stints have which level."""
    rows = await world.pool.fetch(
        """SELECT c.level_discount, count(*) FROM stint s JOIN rate_class c ON c.id = s.class_id
           WHERE s.to_day IS NULL GROUP BY 1"""
    )
    return {row["level_discount"]: row["count"] for row in rows}


async def test_the_open_day_of_a_miner_that_changes_hands_stays_with_the_seller(world: World) -> None:
    """The buyer earns from the next day; the days before stay the seller's."""
    alice, bob = await world.user("alice"), await world.user("bob")
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await give(world, miner, alice.id, bob.id)
    open_day = await world.mine(**ROUND)
    assert [await earned(world, alice.id, open_day), await earned(world, bob.id, open_day)] == [4 * NET, 0]
    following = await world.mine(**ROUND)
    assert [await earned(world, alice.id, following), await earned(world, bob.id, following)] == [4 * NET, 4 * NET]


async def test_who_read_the_clock_before_midnight_comes_after_who_read_it_later(world: World) -> None:
    """A change that waits across midnight follows a change of the new day: stints stay in order."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await advance(world)
        await improve(world, alice.id, miner, power="3")
        await miners.improve(tx, world.partner.id, miner, power=Decimal(2))
        assert await stints.sync_stints(tx, books, [alice.id], miner_ids=[miner]) == 1
    changed = FIRST + 3 * ONE_DAY
    assert await stint_rows(world, miner) == [(alice.id, "4", FIRST + ONE_DAY, changed), (alice.id, "2", changed, None)]


async def test_tomorrow_is_never_a_closed_day(world: World) -> None:
    """A clock that stands before a closed day is our bug, not a stint in the past."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
    assert fence.OpenBooks(1, books.now, FIRST).next_day == FIRST + ONE_DAY
    with pytest.raises(AssertionError, match="already closed"):
        _ = fence.OpenBooks(1, books.now, FIRST + ONE_DAY).next_day


async def test_a_stint_from_a_later_day_is_refused(world: World) -> None:
    """Only a clock that ran ahead writes one; it waits for that day and is not replaced silently."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.pool.execute("UPDATE stint SET from_day = from_day + 1")
    with pytest.raises(stints.StintAheadError, match="later than tomorrow"):
        await improve(world, alice.id, miner, power="3")


async def test_a_change_reads_no_other_users_rows(world: World) -> None:
    """Though PostgreSQL has never counted the tables: a user's rows are looked up by whole keys, not read through."""
    alice, many = await world.user(), 3_000
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    async with db.transaction(world.pool) as tx, db.undone(tx):
        await tx.execute("SET LOCAL session_replication_role = replica")
        for statement in CROWD:
            await tx.execute(statement, world.partner.id, many)
        assert await tx.fetchval("SELECT max(reltuples) FROM pg_class WHERE relname IN ('miner', 'stint')") < many
        before = await tx.fetchval(READ)
        books = await fence.share(tx, world.partner.id)
        await miners.improve(tx, world.partner.id, miner, power=Decimal(2))
        assert await stints.sync_stints(tx, books, [alice.id], miner_ids=[miner]) == 1
        await miners.end(tx, world.partner.id, miner, at=books.now)
        assert await stints.sync_stints(tx, books, [alice.id], miner_ids=[], ended=[miner]) == 1
        await settling.settle(tx, books, alice.id)
        assert await tx.fetchval(READ) - before < many / 10
