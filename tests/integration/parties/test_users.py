"""Users: registered once, found by either id, and never another partner's."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from hashrail import business_clock, db
from hashrail.books import fence, ledger
from hashrail.parties import users
from tests.support import citus
from tests.support.books import newcomer
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own."""
    return await newcomer(shop)


async def register(world: World, name: str, email: str | None = None) -> users.User:
    """Register a user."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await users.register(tx, books, partner_user_id=name, email=email)


async def test_a_new_user_has_nothing_yet(world: World) -> None:
    """Accounts, no level, nothing settled; registered at business time."""
    alice = await register(world, "alice", "alice@example.com")
    assert (alice.partner_id, alice.partner_user_id, alice.email) == (world.partner.id, "alice", "alice@example.com")
    assert (alice.level_discount, alice.settled_through) == (0, None)
    async with db.transaction(world.pool) as tx:
        assert (await business_clock.now(tx) - alice.created_at).total_seconds() < 60
        balances = await ledger.balances_of_user(tx, world.partner.id, alice.id)
    assert [(each.currency, each.owned, each.spendable) for each in balances] == [("BTC", 0, 0), ("GOMINING", 0, 0)]


async def test_registering_again_is_the_same_user(world: World) -> None:
    """A new email replaces the old one; none leaves it."""
    alice = await register(world, "alice", "old@example.com")
    assert await register(world, "alice") == alice
    renamed = await register(world, "alice", "new@example.com")
    assert (renamed.id, renamed.email) == (alice.id, "new@example.com")
    assert await register(world, "bob") != alice
    assert (await register(world, "bob", "bob@example.com")).email == "bob@example.com"
    accounts = "SELECT count(*) FROM account WHERE partner_id = $1 AND user_id = $2"
    assert await world.pool.fetchval(accounts, world.partner.id, alice.id) == 2
    assert (await register(world, "alice")).email == "new@example.com"


async def test_registering_at_once_is_one_user(world: World) -> None:
    """Twenty logins of somebody new: one user with one account a currency."""
    found = await asyncio.gather(*[register(world, "alice", "a@example.com") for _ in range(20)])
    assert len(set(found)) == 1
    accounts = "SELECT count(*) FROM account WHERE partner_id = $1 AND user_id IS NOT NULL"
    assert await world.pool.fetchval(accounts, world.partner.id) == 2


async def test_users_are_found_by_either_id_within_their_partner(world: World) -> None:
    """Another partner's user with the same name is another; by number he is not found."""
    other = await newcomer(world)
    alice, namesake = await register(world, "alice"), await register(other, "alice")
    assert alice.id != namesake.id
    async with db.transaction(world.pool) as tx:
        assert await users.find(tx, world.partner.id, "alice") == alice
        assert await users.get(tx, world.partner.id, alice.id) == alice
        with pytest.raises(users.UserNotFoundError) as by_number:
            await users.get(tx, world.partner.id, namesake.id)
        with pytest.raises(users.UserNotFoundError) as by_name:
            await users.find(tx, world.partner.id, "Alice")
    assert by_number.value.details == {"field": "userId"}
    assert by_name.value.details == {"field": "partnerUserId"}
    assert (by_name.value.status, by_name.value.code) == (404, "USER_NOT_FOUND")


async def test_users_are_locked_in_id_order(world: World) -> None:
    """Whoever waits for the lower one does not hold the higher; others and strangers are left out."""
    alice, bob, carol = [await register(world, name) for name in ("alice", "bob", "carol")]
    stranger = await register(await newcomer(world), "stranger")

    async def lock_both() -> dict[int, users.User]:
        async with db.transaction(world.pool) as tx:
            return await users.lock(tx, world.partner.id, [bob.id, alice.id, stranger.id, 10**12])

    async with db.transaction(world.pool) as tx:
        assert await users.lock(tx, world.partner.id, [alice.id]) == {alice.id: alice}
        locking = asyncio.create_task(lock_both())
        await until_blocked(world.pool, locking)
        for free in (bob, carol):
            lock = "SELECT 1 FROM app_user WHERE partner_id = $1 AND id = $2 FOR UPDATE NOWAIT"
            await tx.execute(lock, world.partner.id, free.id)
    assert await within(locking) == {alice.id: alice, bob.id: bob}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("partner_user_id = ''", "app_user_partner_user_id_check"),
        ("partner_user_id = repeat('x', 256)", "app_user_partner_user_id_check"),
        ("email = ''", "app_user_email_check"),
        ("level_discount = 1.1", "fraction_check"),
    ],
)
async def test_the_table_keeps_the_bounds(world: World, change: str, constraint: str) -> None:
    """Whatever the doors let through."""
    alice = await register(world, "alice")
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await world.pool.execute(f"UPDATE app_user SET {change} WHERE id = $1", alice.id)
    assert citus.constraint_of(caught.value) == constraint
    assert Decimal(0) == (await register(world, "alice")).level_discount
