"""What a batch may pay: the rhythm of both speeds, the limits of a day, the cool-down of new addresses."""

import datetime as dt
from decimal import Decimal

import pytest

from hashrail import business_clock, db
from hashrail.bitcoin.signer import Signed
from hashrail.books import fence
from hashrail.custody import bound_wallets, payout_policy, withdrawals
from hashrail.custody.withdrawals import Policy, Speed
from hashrail.parties import users
from hashrail.payouts import batches, queue
from hashrail.payouts.batches import Due, Plan
from hashrail.payouts.queue import Beginning, Rhythm, Waiting
from tests.support.books import advance
from tests.support.payouts import ADDRESSES, BINDING, asked, funded
from tests.support.world import World

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
RHYTHM = Rhythm(10 * MINUTE, 6)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}+00:00")


async def limits(world: World, **changes: object) -> None:
    for name, value in changes.items():
        await world.pool.execute(f"UPDATE payout_policy SET {name} = $1", value)


async def waiting(world: World) -> Waiting:
    """Everything that waits now."""
    async with db.snapshot(world.pool) as tx:
        asked_for, now = await payout_policy.get(tx), await business_clock.now(tx)
        return await queue.waiting(tx, asked_for, RHYTHM, now=now)


async def due(world: World, speed: Speed) -> list[int]:
    """The numbers of what is due at that speed."""
    return [each.id for each in (await waiting(world)).queue().of(speed)]


async def pay(world: World, number: int, address: str = ADDRESSES[0], amount: str = "0.01") -> None:
    """A batch takes the withdrawal out of the queue."""
    async with db.transaction(world.pool) as tx:
        one = Due(world.partner.id, number, address, Decimal(amount))
        latest = await batches.latest(tx)
        plan = Plan("fast", [one], [], {}, Decimal(1), Decimal("0.001"), latest)
        signed = Signed("00", f"{number:064x}", Decimal("0.0001"), 100)
        await batches.store(tx, plan, signed, now=await business_clock.now(tx))


# The rhythm


@pytest.mark.parametrize(
    ("now", "asked_before"),
    [
        ("2026-03-05T06:00:00", "2026-03-05T06:00:00"),
        ("2026-03-05T05:59:59", "2026-03-04T06:00:00"),
        ("2026-03-05T23:59:59", "2026-03-05T06:00:00"),
    ],
)
def test_the_daily_hour(now: str, asked_before: str) -> None:
    assert RHYTHM.asked_before("daily", at(now)) == at(asked_before)
    assert RHYTHM.asked_before("fast", at(now)) == at(now) - 10 * MINUTE


async def test_fast_ones_are_gathered(world: World, alice: int) -> None:
    """Nothing before the oldest has waited; then everybody comes along."""
    first = await asked(world, alice, "0.01", ADDRESSES[0], "fast")
    await advance(world, 9 * MINUTE)
    second = await asked(world, alice, "0.01", ADDRESSES[1], "fast")
    assert await due(world, "fast") == []
    await advance(world, MINUTE)
    assert await due(world, "fast") == [first.id, second.id]
    assert await due(world, "daily") == []


async def test_daily_ones_wait_for_their_hour(world: World, alice: int) -> None:
    """Asked for at noon, paid at six; one that comes after six waits for the next day."""
    first = await asked(world, alice, "0.01")
    assert await due(world, "daily") == []
    await advance(world, 18 * HOUR - MINUTE)
    assert await due(world, "daily") == []
    await advance(world, 2 * MINUTE)
    second = await asked(world, alice, "0.01")
    assert await due(world, "daily") == [first.id]
    await advance(world, DAY)
    assert await due(world, "daily") == [first.id, second.id]


async def test_as_many_addresses_as_a_transaction_holds(world: World, alice: int) -> None:
    """A second payment to an address that is in costs no room."""
    made = [await asked(world, alice, "0.001", ADDRESSES[place], "fast") for place in (0, 1, 2, 0)]
    await advance(world, 10 * MINUTE)
    due = (await waiting(world)).queue()
    assert [one.id for one in queue.cut(due.fast, 2)] == [made[0].id, made[1].id, made[3].id]


async def test_blocked_users_are_passed_over(world: World, alice: int) -> None:
    await asked(world, alice, "0.01", speed="fast")
    await advance(world, 10 * MINUTE)
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    assert await due(world, "fast") == []


async def test_payouts_of_a_blocked_user_go_on_if_they_are_to(world: World, alice: int) -> None:
    """The last word counts, and the unblocking ends it; nothing more can be asked for meanwhile."""
    made = await asked(world, alice, "0.01", speed="fast")
    await advance(world, 10 * MINUTE)
    for go_on, expected in ((True, [made.id]), (False, []), (True, [made.id])):
        async with db.transaction(world.pool) as tx:
            await users.block(tx, world.partner.id, "alice", payouts_go_on=go_on)
        assert await due(world, "fast") == expected
    with pytest.raises(users.UserBlockedError):
        await asked(world, alice, "0.01", speed="fast")
    await pay(world, made.id)
    async with db.transaction(world.pool) as tx:
        unblocked = await users.unblock(tx, world.partner.id, "alice")
    assert (unblocked.blocked_at, unblocked.payouts_go_on) == (None, False)


# Limits of a day


async def test_a_users_limit_delays(world: World, alice: int) -> None:
    """What passes it waits for the next UTC day, whatever its batch; smaller ones behind it do not."""
    bob = await world.user("bob")
    await funded(world, bob.id)
    amounts = ["0.03", "0.03", "0.01"]
    first, second, third = [await asked(world, alice, amount, speed="fast") for amount in amounts]
    other = await asked(world, bob.id, "0.05", speed="fast")
    await advance(world, 10 * MINUTE)
    await limits(world, user_daily_btc=Decimal("0.05"))
    assert await due(world, "fast") == [first.id, third.id, other.id]
    await pay(world, first.id)
    assert await due(world, "fast") == [third.id, other.id]
    await limits(world, user_daily_btc=Decimal("0.06"))
    assert await due(world, "fast") == [second.id, other.id]
    await limits(world, user_daily_btc=Decimal("0.05"))
    await advance(world, DAY)
    assert await due(world, "fast") == [second.id, third.id, other.id]


async def test_a_partners_limit_and_its_own(world: World, alice: int) -> None:
    """The partner's own limit goes before everybody's."""
    first, second = [await asked(world, alice, "0.03", speed="fast") for _ in range(2)]
    await advance(world, 10 * MINUTE)
    await limits(world, partner_daily_btc=Decimal("0.05"))
    assert await due(world, "fast") == [first.id]
    await world.pool.execute("UPDATE partner SET payouts_daily_btc = 0.06")
    assert await due(world, "fast") == [first.id, second.id]
    other = await world.another_partner("other")
    bob = await other.user("bob")
    await funded(other, bob.id)
    third = await asked(other, bob.id, "0.05", speed="fast")
    fourth = await asked(other, bob.id, "0.01", speed="fast")
    await advance(world, 10 * MINUTE)
    assert await due(world, "fast") == [first.id, second.id, third.id]
    assert fourth.id not in await due(world, "fast")


async def test_the_deployments_limit(world: World, alice: int) -> None:
    first, second = [await asked(world, alice, "0.03", speed="fast") for _ in range(2)]
    await advance(world, 10 * MINUTE)
    await limits(world, deployment_daily_btc=Decimal("0.05"))
    assert await due(world, "fast") == [first.id]
    await pay(world, first.id)
    assert await due(world, "fast") == []
    # A batch that can never be paid has taken nothing of the day.
    await world.pool.execute("UPDATE payout_batch SET state = 'conflicted'")
    await world.pool.execute("UPDATE withdrawal SET state = 'queued', batch_id = NULL")
    assert await due(world, "fast") == [first.id]
    assert second.id not in await due(world, "fast")


async def test_what_was_exported_today_counts(world: World, alice: int) -> None:
    first, second = [await asked(world, alice, "0.03", speed="fast") for _ in range(2)]
    await advance(world, 10 * MINUTE)
    await limits(world, user_daily_btc=Decimal("0.05"))
    now = await business_clock.now(world.pool)
    await world.pool.execute("INSERT INTO payout_export (created_at, exported_by) VALUES ($1, 'me')", now)
    await world.pool.execute("UPDATE withdrawal SET state = 'exported', export_id = 1 WHERE id = $1", first.id)
    assert await due(world, "fast") == []
    await world.pool.execute("UPDATE withdrawal SET state = 'cancelled' WHERE id = $1", first.id)
    assert await due(world, "fast") == [second.id]


# New addresses


async def test_new_addresses_cool_down(world: World, alice: int) -> None:
    """An address counts from when the user bound it or first asked for it, whichever was first."""
    await limits(world, cooldown_seconds=3600)
    async with db.transaction(world.pool) as tx:
        await bound_wallets.bind(
            tx, await fence.share(tx, world.partner.id), BINDING, user_id=alice, address=ADDRESSES[1]
        )
    await advance(world, 50 * MINUTE)
    new = await asked(world, alice, "0.001", ADDRESSES[0], "fast")
    bound = await asked(world, alice, "0.001", ADDRESSES[1], "fast")
    await advance(world, 10 * MINUTE)
    assert await due(world, "fast") == [bound.id]
    await advance(world, 50 * MINUTE)
    again = await asked(world, alice, "0.001", ADDRESSES[0], "fast")
    assert await due(world, "fast") == [new.id, bound.id, again.id]


async def test_an_address_is_new_to_each_user(world: World, alice: int) -> None:
    """Neither what they were paid elsewhere nor what others do with the address makes it older."""
    bob = await world.user("bob")
    await funded(world, bob.id)
    await limits(world, cooldown_seconds=3600)
    await asked(world, alice, "0.001", ADDRESSES[0], "fast")
    await asked(world, bob.id, "0.001", ADDRESSES[1], "fast")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for user_id, place in ((alice, 2), (bob.id, 3)):
            await bound_wallets.bind(tx, books, BINDING, user_id=user_id, address=ADDRESSES[place])
    await advance(world, 2 * HOUR)
    new = [(await asked(world, alice, "0.001", ADDRESSES[place], "fast")).id for place in (1, 3)]
    await advance(world, 50 * MINUTE)
    assert set(await due(world, "fast")) & set(new) == set()
    await advance(world, 10 * MINUTE)
    assert set(await due(world, "fast")) >= set(new)


async def bind(world: World, user_id: int, place: int) -> None:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await bound_wallets.bind(tx, books, BINDING, user_id=user_id, address=ADDRESSES[place])


async def unbind(world: World, user_id: int, place: int) -> None:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await bound_wallets.unbind(tx, books, BINDING, user_id=user_id, address=ADDRESSES[place])


async def bound_only(world: World, *, only: bool = True) -> None:
    async with db.transaction(world.pool) as tx:
        await withdrawals.set_policy(tx, world.partner.id, Policy(0, bound_addresses_only=only))


async def test_an_address_that_is_bound_beside_another_waits(world: World, alice: int) -> None:
    """Where bound addresses alone are paid; the first may be paid at once, and so may all where any address is."""
    await bound_only(world)
    await bind(world, alice, 0)
    await bind(world, alice, 1)
    first = await asked(world, alice, "0.001", ADDRESSES[0], "fast")
    second = await asked(world, alice, "0.001", ADDRESSES[1], "fast")
    await advance(world, DAY - MINUTE)
    assert await due(world, "fast") == [first.id]
    await bound_only(world, only=False)
    assert await due(world, "fast") == [first.id, second.id]
    await bound_only(world)
    await advance(world, MINUTE)
    assert await due(world, "fast") == [first.id, second.id]


async def test_taking_the_first_address_off_makes_no_other_the_first(world: World, alice: int) -> None:
    """Nor does the same one come back as if it had never been gone."""
    await bound_only(world)
    await bind(world, alice, 0)
    old = await asked(world, alice, "0.001", ADDRESSES[0], "fast")
    await unbind(world, alice, 0)
    await bind(world, alice, 1)
    new = await asked(world, alice, "0.001", ADDRESSES[1], "fast")
    await advance(world, 10 * MINUTE)
    assert await due(world, "fast") == [old.id], "what was asked for before goes its way"
    await bind(world, alice, 0)
    again = await asked(world, alice, "0.002", ADDRESSES[0], "fast")
    await advance(world, DAY - 10 * MINUTE)
    assert await due(world, "fast") == [new.id]
    await advance(world, 10 * MINUTE)
    assert await due(world, "fast") == [old.id, new.id, again.id]


async def test_an_address_that_was_taken_off_meanwhile_waits_no_less(world: World, alice: int) -> None:
    await bound_only(world)
    await bind(world, alice, 0)
    await bind(world, alice, 1)
    one = await asked(world, alice, "0.001", ADDRESSES[1], "fast")
    await unbind(world, alice, 1)
    await advance(world, DAY - MINUTE)
    assert await due(world, "fast") == []
    await advance(world, MINUTE)
    assert await due(world, "fast") == [one.id]


async def test_both_speeds_share_the_day(world: World, alice: int) -> None:
    """Oldest first, whatever its speed: a stream of fast ones does not keep a daily one waiting."""
    await limits(world, deployment_daily_btc=Decimal("0.05"))
    daily = await asked(world, alice, "0.03", ADDRESSES[0])
    fast = await asked(world, alice, "0.03", ADDRESSES[1], "fast")
    await advance(world, 10 * MINUTE)
    assert (await due(world, "fast"), await due(world, "daily")) == ([fast.id], [])
    await advance(world, DAY)
    assert (await due(world, "fast"), await due(world, "daily")) == ([], [daily.id])
    assert (await waiting(world)).queue().due_btc == Decimal("0.03")


async def test_what_cannot_be_paid_takes_nothing_of_the_day(world: World, alice: int) -> None:
    """To a refused address, passed over, or more than the wallet has: the others do not wait for it, day by day."""
    await limits(world, deployment_daily_btc=Decimal("0.05"))
    first = await asked(world, alice, "0.04", ADDRESSES[0], "fast")
    other = await asked(world, alice, "0.02", ADDRESSES[1], "fast")
    await advance(world, 10 * MINUTE)
    found = await waiting(world)
    (one,) = found.queue().fast
    assert (one.number, found.queue().uncovered) == ((world.partner.id, first.id), [])
    for due in (found.queue(refused=[ADDRESSES[0]]), found.queue(passed=[one.number])):
        assert ([each.id for each in due.fast], due.uncovered) == ([other.id], [])
    short = found.queue(Decimal("0.039"))
    assert ([each.id for each in short.fast], [each.id for each in short.uncovered]) == ([other.id], [first.id])
    assert short.due_btc == Decimal("0.06")


async def test_the_wallet_is_shared_by_both_speeds(world: World, alice: int) -> None:
    """What it covers goes to the oldest, to the last satoshi; a young fast one that it does not cover is not due."""
    made = [await asked(world, alice, "0.03", ADDRESSES[n], speed) for n, speed in enumerate(("daily", "fast", "fast"))]
    await advance(world, DAY)
    young = await asked(world, alice, "0.03", ADDRESSES[3], "fast")
    found = await waiting(world)
    due = found.queue(Decimal("0.06"))
    assert ([one.id for one in due.daily], [one.id for one in due.fast]) == ([made[0].id], [made[1].id])
    assert [one.id for one in due.uncovered] == [made[2].id]
    assert [one.id for one in found.queue(Decimal("0.12")).fast] == [made[1].id, made[2].id, young.id]


async def test_a_long_queue_is_looked_at_as_far_as_a_batch_goes(world: World, alice: int) -> None:
    """One address more than fits, so that a batch is the same; and what it pays leaves today, once it does."""
    await limits(world, deployment_daily_btc=Decimal("0.03"))
    made = [await asked(world, alice, "0.01", ADDRESSES[n], "fast") for n in (0, 0, 1, 2)]
    await advance(world, 10 * MINUTE)
    found = await waiting(world)
    begun = found.queue(begins=Beginning("fast", 1))
    assert [one.id for one in begun.fast] == [one.id for one in made[:3]]
    batch = queue.cut(begun.fast, 1)
    assert batch == queue.cut(found.queue().fast, 1)
    assert [one.id for one in batch] == [one.id for one in made[:2]]
    left = found.after(batch)
    assert [one.due.id for one in left.asked] == [made[2].id, made[3].id]
    # The limit has room for one more, and all of the wallet is there for it.
    assert [one.id for one in left.queue(Decimal("0.01")).fast] == [made[2].id]
    assert [one.due.id for one in found.after(found.queue().fast[1:]).asked] == [made[0].id, made[3].id]
    assert found.queue(begins=Beginning("daily", 1)).fast == found.queue().fast


async def test_a_limit_that_was_lowered(world: World, alice: int) -> None:
    """What no day has room for any more is told."""
    made = await asked(world, alice, "0.04", speed="fast")
    await limits(world, user_daily_btc=Decimal("0.03"))
    await advance(world, 10 * MINUTE)
    found = await waiting(world)
    assert ([one.id for one in found.too_large], found.queue().fast) == ([made.id], [])


def test_merging_addresses() -> None:
    dues = [
        Due(1, n, address, Decimal(amount)) for n, (address, amount) in enumerate([("a", "1"), ("b", "2"), ("a", "3")])
    ]
    assert batches.merged(dues) == {"a": Decimal(4), "b": Decimal(2)}
