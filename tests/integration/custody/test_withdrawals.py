"""Withdrawals and wallets: what is asked for is settled, checked and held at once, and given back once."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, db
from hashrail.bitcoin.addresses import AddressInvalidError
from hashrail.books import fence, ledger
from hashrail.books.chart import Account
from hashrail.books.ledger import InsufficientFundsError
from hashrail.custody import bound_wallets, withdrawals
from hashrail.custody.withdrawals import Policy, Withdrawal
from hashrail.errors import HashrailError
from hashrail.parties import users
from hashrail.rewards import closing, settling
from tests.support.api_client import check_books
from tests.support.books import advance, booked, newcomer
from tests.support.patience import within
from tests.support.payouts import (
    ADDRESSES,
    BINDING,
    EARNED,
    MAIN_ADDRESS,
    TERMS,
    asked,
    cancelled,
    earn,
    funded,
    held,
    policy,
    spendable,
    take_back,
)
from tests.support.world import World

SECOND = dt.timedelta(seconds=1)
SATOSHI = Decimal("0.00000001")
COMMISSION = TERMS.fast_commission_btc


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own."""
    return await newcomer(shop)


@pytest.fixture
async def alice(world: World) -> int:
    """A user who has earned 0.16 BTC, not settled."""
    user = await world.user("alice")
    await funded(world, user.id)
    return user.id


async def transfers(world: World, withdrawal_id: int) -> list[tuple[Any, ...]]:
    rows = await world.pool.fetch(
        """SELECT leg, debit_account, credit_account, amount, state FROM transfer
           WHERE partner_id = $1 AND kind = 'withdrawal' AND object_id = $2 ORDER BY leg""",
        world.partner.id,
        withdrawal_id,
    )
    return [tuple(row.values()) for row in rows]


async def account(world: World, user_id: int) -> int:
    async with db.snapshot(world.pool) as tx:
        return await ledger.user_account(tx, world.partner.id, user_id, "BTC")


async def count(world: World) -> int:
    found: int = await world.pool.fetchval("SELECT count(*) FROM withdrawal WHERE partner_id = $1", world.partner.id)
    return found


async def tried(request: Awaitable[Withdrawal]) -> str:
    """ok, or the code of the refusal."""
    try:
        await request
    except HashrailError as refusal:
        return refusal.code
    return "ok"


# Asking


async def test_what_is_asked_for_is_settled_and_held(world: World, alice: int) -> None:
    """Income of the last closed day is spendable at once; the amount and the commission are held, leg by leg."""
    assert await held(world, alice) == 0
    made = await asked(world, alice, "0.1", speed="fast")
    assert (made.user_id, made.partner_user_id, made.speed, made.state) == (alice, "alice", "fast", "queued")
    assert (made.amount_btc, made.commission_btc, made.address) == (Decimal("0.1"), COMMISSION, ADDRESSES[0])
    assert made.created_at == made.changed_at
    user_account = await account(world, alice)
    assert await transfers(world, made.id) == [
        (1, user_account, 2200, Decimal("0.1"), "pending"),
        (2, user_account, 4400, COMMISSION, "pending"),
    ]
    assert await held(world, alice) == Decimal("0.1") + COMMISSION
    assert await spendable(world, alice) == EARNED - Decimal("0.1") - COMMISSION
    async with db.snapshot(world.pool) as tx:
        assert await settling.unsettled(tx, world.partner.id, alice) == 0
        assert (await ledger.balances_of_user(tx, world.partner.id, alice))[0].owned == EARNED
    # Pending is not posted: the operator's side has nothing yet.
    assert [await booked(world, each) for each in (Account.PAYOUTS_IN_FLIGHT, Account.COMMISSION_REVENUE)] == [0, 0]
    assert await withdrawals.get(world.pool, world.partner.id, made.id) == made


async def test_within_a_day_it_costs_nothing(world: World, alice: int) -> None:
    made = await asked(world, alice, "0.16")
    assert (made.speed, made.commission_btc) == ("daily", 0)
    assert await transfers(world, made.id) == [(1, await account(world, alice), 2200, EARNED, "pending")]
    assert (await held(world, alice), await spendable(world, alice)) == (EARNED, 0)


async def test_the_commission_is_fixed_when_it_is_asked_for(world: World, alice: int) -> None:
    made = await asked(world, alice, "0.01", speed="fast")
    dear = replace(TERMS, fast_commission_btc=Decimal("0.001"))
    later = await asked(world, alice, "0.02", speed="fast", terms=dear)
    free = await asked(world, alice, "0.03", speed="fast", terms=replace(TERMS, fast_commission_btc=Decimal(0)))
    assert (await withdrawals.get(world.pool, world.partner.id, made.id)).commission_btc == COMMISSION
    assert (later.commission_btc, free.commission_btc) == (Decimal("0.001"), 0)
    assert [leg for leg, *_ in await transfers(world, free.id)] == [1]
    assert await held(world, alice) == Decimal("0.061") + COMMISSION
    for each in (made, later, free):
        await cancelled(world, each.id)
    assert await held(world, alice) == 0


async def test_the_balance_must_hold_amount_and_commission(world: World, alice: int) -> None:
    """Exactly is enough; a satoshi less is not, and then nothing has happened: not even the settlement."""
    with pytest.raises(InsufficientFundsError):
        await asked(world, alice, EARNED - COMMISSION + SATOSHI, speed="fast")
    with pytest.raises(InsufficientFundsError):
        await asked(world, alice, EARNED + SATOSHI)
    async with db.snapshot(world.pool) as tx:
        assert await settling.unsettled(tx, world.partner.id, alice) == EARNED
    assert (await count(world), await held(world, alice)) == (0, 0)
    await asked(world, alice, EARNED - COMMISSION, speed="fast")
    assert await spendable(world, alice) == 0
    with pytest.raises(InsufficientFundsError):
        await asked(world, alice, TERMS.minimum_btc)
    assert await count(world) == 1


async def test_what_is_below_a_satoshi_stays(world: World) -> None:
    user = await world.user()
    await funded(world, user.id, pool_btc_per_th="0.00050000000001")
    assert await spendable(world, user.id) == Decimal("0.00800000000016")
    await asked(world, user.id, "0.008")
    assert await spendable(world, user.id) == Decimal("1.6E-13")


async def test_income_of_an_open_day_is_not_there_yet(world: World, alice: int) -> None:
    await asked(world, alice, EARNED)
    await world.next_day(pool_btc_per_th="0.01", kwh_usd="0", service_usd_per_th="0")
    with pytest.raises(InsufficientFundsError):
        await asked(world, alice, "0.01")
    await closing.close_due(world.pool)
    await asked(world, alice, EARNED, ADDRESSES[1])
    assert await held(world, alice) == 2 * EARNED


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0.000000001", "AMOUNT_PRECISION"),
        ("0.100000001", "AMOUNT_PRECISION"),
        ("1E-9", "AMOUNT_PRECISION"),
        ("0.00004999", "AMOUNT_TOO_SMALL"),
        ("0", "AMOUNT_TOO_SMALL"),
        ("-0.001", "AMOUNT_TOO_SMALL"),
        ("0.00005", "ok"),
        ("0.0000500000000", "ok"),
        ("5E-5", "ok"),
        ("99999999999999999999", "INSUFFICIENT_FUNDS"),
    ],
)
async def test_which_amounts_can_be_asked_for(world: World, alice: int, amount: str, code: str) -> None:
    assert await tried(asked(world, alice, amount)) == code
    assert await held(world, alice) == (Decimal("0.00005") if code == "ok" else 0)


async def test_an_amount_s_refusal_names_the_minimum(world: World, alice: int) -> None:
    with pytest.raises(withdrawals.AmountTooSmallError) as caught:
        await asked(world, alice, "0.00004999")
    assert caught.value.details == {"field": "amount", "minimum": Decimal("0.00005")}
    with pytest.raises(withdrawals.AmountPrecisionError) as precise:
        await asked(world, alice, "0.000050001")
    assert precise.value.details == {"field": "amount"}


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_kind_of_address_is_paid(world: World, alice: int, address: str) -> None:
    made = await asked(world, alice, "0.01", address)
    assert made.address == address


async def test_an_address_is_kept_in_one_form(world: World, alice: int) -> None:
    """Capitals are the same address to the chain, and to the duplicate guard."""
    made = await asked(world, alice, "0.01", ADDRESSES[0].upper())
    assert made.address == ADDRESSES[0]
    with pytest.raises(withdrawals.DuplicateWithdrawalError):
        await asked(world, alice, "0.01")


async def test_addresses_of_other_networks_are_refused(world: World, alice: int) -> None:
    with pytest.raises(AddressInvalidError) as caught:
        await asked(world, alice, "0.01", MAIN_ADDRESS)
    assert caught.value.details == {"field": "walletAddress", "reason": "network", "network": "regtest"}
    main = await asked(world, alice, "0.01", MAIN_ADDRESS, terms=replace(TERMS, network="bitcoin"))
    assert main.address == MAIN_ADDRESS


async def test_a_blocked_user_withdraws_nothing(world: World, alice: int) -> None:
    """What they asked for before can still be given back to them."""
    made = await asked(world, alice, "0.01")
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    with pytest.raises(users.UserBlockedError):
        await asked(world, alice, "0.02")
    assert await held(world, alice) == Decimal("0.01")
    assert (await cancelled(world, made.id)).state == "cancelled"
    assert await held(world, alice) == 0
    async with db.transaction(world.pool) as tx:
        await users.unblock(tx, world.partner.id, "alice")
    assert (await asked(world, alice, "0.02")).state == "queued"


# Cancelling


async def test_cancelling_gives_back_once(world: World, alice: int) -> None:
    made = await asked(world, alice, "0.1", speed="fast")
    await advance(world, SECOND)
    gone = await cancelled(world, made.id)
    assert gone == replace(made, state="cancelled", changed_at=gone.changed_at)
    assert gone.changed_at >= made.created_at + SECOND
    assert [row[4] for row in await transfers(world, made.id)] == ["voided", "voided"]
    assert (await held(world, alice), await spendable(world, alice)) == (0, EARNED)
    await advance(world, SECOND)
    assert await cancelled(world, made.id) == gone
    assert await spendable(world, alice) == EARNED
    await asked(world, alice, EARNED)


async def test_only_the_partner_s_own_can_be_cancelled(world: World, alice: int) -> None:
    made = await asked(world, alice, "0.1")
    other = await newcomer(world)
    for partner, number in ((other, made.id), (world, made.id + 1_000_000), (world, 0)):
        with pytest.raises(withdrawals.WithdrawalNotFoundError) as caught:
            await cancelled(partner, number)
        assert caught.value.details == {"field": "id"}
        with pytest.raises(withdrawals.WithdrawalNotFoundError):
            await withdrawals.get(world.pool, partner.partner.id, number)
    assert await held(world, alice) == Decimal("0.1")


async def test_twenty_cancel_the_same(world: World, alice: int) -> None:
    made = await asked(world, alice, "0.1", speed="fast")
    ends = await asyncio.gather(*(cancelled(world, made.id) for _ in range(20)))
    assert {one.state for one in ends} == {"cancelled"}
    assert len({one.changed_at for one in ends}) == 1
    assert (await held(world, alice), await spendable(world, alice)) == (0, EARNED)


# Lists


async def test_lists_begin_with_the_newest(world: World, alice: int) -> None:
    bob = await world.user("bob")
    await funded(world, bob.id)
    made = [await asked(world, user_id, f"0.0{n}") for n, user_id in enumerate([alice, bob.id, alice, bob.id], 1)]
    other = await newcomer(world)
    stranger = await other.user("alice")
    await funded(other, stranger.id)
    await asked(other, stranger.id, "0.01")

    async def ids(**page: Any) -> list[int]:
        return [one.id for one in await withdrawals.of_partner(world.pool, world.partner.id, **page)]

    newest = [one.id for one in reversed(made)]
    assert await ids(limit=10) == newest
    assert await ids(limit=2, offset=1) == newest[1:3]
    assert await ids(limit=2, before=newest[1]) == newest[2:]
    assert await ids(limit=10, user_id=alice) == newest[1::2]
    assert await ids(limit=1, user_id=alice, before=newest[1]) == newest[3:]
    assert [one.partner_user_id for one in await withdrawals.of_partner(world.pool, world.partner.id, limit=2)] == [
        "bob",
        "alice",
    ]


async def test_what_was_withdrawn_counts_commissions_and_no_cancelled_ones(world: World, alice: int) -> None:
    async def total() -> Decimal:
        return await withdrawals.withdrawn(world.pool, world.partner.id, alice)

    assert await total() == 0
    first = await asked(world, alice, "0.01", speed="fast")
    await asked(world, alice, "0.02")
    assert await total() == Decimal("0.03") + COMMISSION
    await cancelled(world, first.id)
    assert await total() == Decimal("0.02")
    bob = await world.user("bob")
    assert await withdrawals.withdrawn(world.pool, world.partner.id, bob.id) == 0


# What a partner asks


async def test_the_duplicate_guard(world: World, alice: int) -> None:
    """The same user, address and amount within a minute, at either speed; anything else is another wish."""
    first = await asked(world, alice, "0.01")
    for amount, speed in (("0.01", "daily"), ("0.0100", "daily"), ("0.01", "fast")):
        with pytest.raises(withdrawals.DuplicateWithdrawalError) as caught:
            await asked(world, alice, amount, speed="fast" if speed == "fast" else "daily")
        assert caught.value.details == {"withdrawalId": first.id}
        assert "60 s" in caught.value.message
    await asked(world, alice, "0.01000001")
    await asked(world, alice, "0.01", ADDRESSES[1])
    bob = await world.user("bob")
    await funded(world, bob.id)
    assert (await asked(world, bob.id, "0.01")).address == first.address


async def test_the_guard_looks_back_so_many_seconds(world: World, alice: int) -> None:
    await policy(world, 300)
    first = await asked(world, alice, "0.01")
    await advance(world, 290 * SECOND)
    assert await tried(asked(world, alice, "0.01")) == "DUPLICATE_WITHDRAWAL"
    await advance(world, 10 * SECOND)
    second = await asked(world, alice, "0.01")
    with pytest.raises(withdrawals.DuplicateWithdrawalError) as caught:
        await asked(world, alice, "0.01")
    assert caught.value.details == {"withdrawalId": second.id}
    await cancelled(world, second.id)
    third = await asked(world, alice, "0.01")
    assert first.id < second.id < third.id
    await policy(world, 86_400)
    await cancelled(world, third.id)
    with pytest.raises(withdrawals.DuplicateWithdrawalError) as caught:
        await asked(world, alice, "0.01")
    assert caught.value.details == {"withdrawalId": first.id}


async def test_the_guard_s_last_moment(world: World, alice: int) -> None:
    """To the microsecond: once a whole minute has passed, it is another wish."""
    first = await asked(world, alice, "0.01")
    facts: dict[str, Any] = {"speed": "daily", "address": ADDRESSES[0], "amount_btc": Decimal("0.01")}
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        over = first.created_at + 60 * SECOND
        early = replace(books, now=over - dt.timedelta(microseconds=1))
        with pytest.raises(withdrawals.DuplicateWithdrawalError):
            await withdrawals.request(tx, early, TERMS, user_id=alice, **facts)
        made = await withdrawals.request(tx, replace(books, now=over), TERMS, user_id=alice, **facts)
    assert made.created_at == over


async def test_the_guard_can_be_switched_off(world: World, alice: int) -> None:
    """Then nothing is compared, not even with one whose clock was read later."""
    await policy(world, 0)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        first = await asked(world, alice, "0.01")
        assert first.created_at > books.now
        second = await withdrawals.request(
            tx, books, TERMS, user_id=alice, speed="daily", address=ADDRESSES[0], amount_btc=Decimal("0.01")
        )
    assert first.id != second.id
    assert await held(world, alice) == Decimal("0.02")


async def test_addresses_that_are_not_bound(world: World, alice: int) -> None:
    bob = await world.user("bob")
    await policy(world, bound_only=True)
    await bind(world, bob.id, ADDRESSES[0])
    with pytest.raises(withdrawals.AddressNotBoundError) as caught:
        await asked(world, alice, "0.01")
    assert (caught.value.status, caught.value.details) == (403, {"field": "walletAddress"})
    await bind(world, alice, ADDRESSES[0].upper())
    assert (await asked(world, alice, "0.01")).address == ADDRESSES[0]
    assert await tried(asked(world, alice, "0.01", ADDRESSES[1])) == "ADDRESS_NOT_BOUND"
    await policy(world)
    assert await tried(asked(world, alice, "0.01", ADDRESSES[1])) == "ok"


@pytest.mark.parametrize("seconds", [-1, 86_401, 2**40])
async def test_the_guard_s_seconds_have_bounds(world: World, seconds: int) -> None:
    with pytest.raises(withdrawals.DuplicateSecondsError):
        await policy(world, seconds)
    assert await withdrawals.policy_of(world.pool, world.partner.id) == Policy(60, bound_addresses_only=False)
    for good in (0, 86_400):
        await policy(world, good, bound_only=True)
        assert await withdrawals.policy_of(world.pool, world.partner.id) == Policy(good, bound_addresses_only=True)


# Wallets


async def bind(world: World, user_id: int, address: str) -> bool:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await bound_wallets.bind(tx, books, BINDING, user_id=user_id, address=address)


async def test_an_address_is_bound_once(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    assert [await bind(world, alice.id, ADDRESSES[0]) for _ in range(2)] == [True, False]
    assert await bind(world, alice.id, ADDRESSES[0].upper()) is False
    assert await bind(world, bob.id, ADDRESSES[0]) is True
    assert await bind(world, alice.id, ADDRESSES[1]) is True
    partner_id = world.partner.id
    first, second = await bound_wallets.of_user(world.pool, partner_id, alice.id, limit=10)
    assert (first.address, second.address, first.user_id) == (*ADDRESSES[:2], alice.id)
    assert first.created_at <= second.created_at
    assert await bound_wallets.of_user(world.pool, partner_id, alice.id, limit=1) == [first]
    assert await bound_wallets.of_user(world.pool, partner_id, alice.id, limit=10, offset=1) == [second]
    assert await bound_wallets.of_user(world.pool, partner_id, alice.id, limit=10, after=first.id) == [second]
    assert [await bound_wallets.count(world.pool, partner_id, user.id) for user in (alice, bob)] == [2, 1]
    other = await newcomer(world)
    assert await bound_wallets.of_user(world.pool, other.partner.id, alice.id, limit=10) == []
    assert await bound_wallets.count(world.pool, other.partner.id, alice.id) == 0
    assert await bound_wallets.is_bound(world.pool, partner_id, alice.id, ADDRESSES[1])
    assert not await bound_wallets.is_bound(world.pool, partner_id, bob.id, ADDRESSES[1])
    assert not await bound_wallets.is_bound(world.pool, other.partner.id, alice.id, ADDRESSES[1])


async def test_who_may_bind_what(world: World) -> None:
    user = await world.user()
    with pytest.raises(AddressInvalidError) as caught:
        await bind(world, user.id, MAIN_ADDRESS)
    assert caught.value.details["field"] == "address"
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    with pytest.raises(users.UserBlockedError):
        await bind(world, user.id, ADDRESSES[0])
    assert await bound_wallets.count(world.pool, world.partner.id, user.id) == 0


async def unbind(world: World, user_id: int, address: str) -> bool:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await bound_wallets.unbind(tx, books, BINDING, user_id=user_id, address=address)


async def test_an_address_is_taken_off(world: World, alice: int) -> None:
    """Once; it is not paid any more where only bound ones are, and what was asked for stays as it is."""
    bob = (await world.user("bob")).id
    await policy(world, bound_only=True)
    for user_id in (alice, bob):
        await bind(world, user_id, ADDRESSES[0])
    made = await asked(world, alice, "0.01", ADDRESSES[0])
    assert [await unbind(world, alice, ADDRESSES[0].upper()) for _ in range(2)] == [True, False]
    assert await tried(asked(world, alice, "0.02", ADDRESSES[0])) == "ADDRESS_NOT_BOUND"
    assert (await withdrawals.get(world.pool, world.partner.id, made.id)).state == "queued"
    assert await bound_wallets.is_bound(world.pool, world.partner.id, bob, ADDRESSES[0])
    assert await bind(world, alice, ADDRESSES[0]) is True
    assert await unbind(world, alice, ADDRESSES[0]) is True


async def test_what_was_never_bound_cannot_be_taken_off(world: World, alice: int) -> None:
    await bind(world, (await world.user("bob")).id, ADDRESSES[0])
    for address, kind in ((ADDRESSES[0], bound_wallets.WalletNotBoundError), (MAIN_ADDRESS, AddressInvalidError)):
        with pytest.raises(kind) as caught:
            await unbind(world, alice, address)
        assert caught.value.details["field"] == "address"
    await bind(world, alice, ADDRESSES[0])
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    with pytest.raises(users.UserBlockedError):
        await unbind(world, alice, ADDRESSES[0])


async def test_a_user_has_so_many_addresses(world: World, alice: int) -> None:
    """One that was taken off lately counts, so that going round in circles leaves no trail without end."""
    for address in ADDRESSES[:3]:
        await bind(world, alice, address)
    await unbind(world, alice, ADDRESSES[2])
    for address in ADDRESSES[3:]:
        with pytest.raises(bound_wallets.TooManyWalletsError) as caught:
            await bind(world, alice, address)
        assert caught.value.details == {"field": "address", "limit": 3}
    assert await bound_wallets.count(world.pool, world.partner.id, alice) == 2
    assert await bind(world, alice, ADDRESSES[2]) is True
    await unbind(world, alice, ADDRESSES[2])
    async with db.transaction(world.pool) as tx:
        now = await business_clock.now(tx)
        forgotten = [
            await bound_wallets.forget_unbound(tx, world.partner.id, now=now + dt.timedelta(days=days))
            for days in (29, 31)
        ]
    assert forgotten == [0, 1]
    assert await bind(world, alice, ADDRESSES[3]) is True


# At once


async def test_fifty_at_once_against_a_balance_for_three(world: World, alice: int) -> None:
    """Different amounts, so that the balance alone decides; 0.05 and a little fits three times into 0.16."""
    amounts = [Decimal("0.05") + n * SATOSHI for n in range(50)]
    ends = Counter(await asyncio.gather(*(tried(asked(world, alice, amount)) for amount in amounts)))
    assert ends == {"ok": 3, "INSUFFICIENT_FUNDS": 47}
    assert (await count(world), await held(world, alice) >= Decimal("0.15")) == (3, True)
    assert await spendable(world, alice) >= 0


async def test_fifty_of_the_same_at_once(world: World, alice: int) -> None:
    ends = Counter(await asyncio.gather(*(tried(asked(world, alice, "0.0001")) for _ in range(50))))
    assert ends == {"ok": 1, "DUPLICATE_WITHDRAWAL": 49}
    assert (await count(world), await held(world, alice)) == (1, Decimal("0.0001"))


async def test_requests_and_cancellations_at_once(world: World, alice: int) -> None:
    await policy(world, 0)
    made = [await asked(world, alice, "0.001", speed="fast") for _ in range(10)]
    work = [cancelled(world, one.id) for one in made] * 2
    await asyncio.gather(
        *(asked(world, alice, "0.002") for _ in range(10)), *[cancelled(world, m.id) for m in made], *work
    )
    assert await held(world, alice) == Decimal("0.02")


async def test_a_user_does_not_wait_for_another(world: World, alice: int) -> None:
    """Whoever holds one user and their account holds up nobody else of the partner."""
    bob = await world.user("bob")
    await funded(world, bob.id)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        facts: dict[str, Any] = {"speed": "fast", "address": ADDRESSES[0], "amount_btc": Decimal("0.01")}
        await withdrawals.request(tx, books, TERMS, user_id=alice, **facts)
        made = await within(asked(world, bob.id, "0.01", speed="fast"))
    assert made.id in [one.id for one in await withdrawals.of_partner(world.pool, world.partner.id, limit=2)]
    assert await count(world) == 2


async def test_withdrawing_while_days_close(world: World, alice: int) -> None:
    """Each request sees a day as a whole or not at all: in the end everything earned is held, and nothing more."""
    await policy(world, 0)
    days = 3
    for _ in range(days):
        await world.next_day(pool_btc_per_th="0.01", kwh_usd="0", service_usd_per_th="0")
    requests = [tried(asked(world, alice, "0.08")) for _ in range(20)]
    ends, _ = await asyncio.gather(asyncio.gather(*requests), closing.close_due(world.pool))
    assert set(ends) <= {"ok", "INSUFFICIENT_FUNDS"}
    assert ends.count("ok") <= 2 * (1 + days)
    while await tried(asked(world, alice, "0.08")) == "ok":
        pass
    assert (await held(world, alice), await spendable(world, alice)) == ((1 + days) * EARNED, 0)


# Adjustments that take income back


async def test_what_was_credited_wrongly_cannot_leave(world: World) -> None:
    """Settled and then taken back: the account still shows it, and nothing can be withdrawn until it is earned back."""
    user = await world.user()
    day = await funded(world, user.id)
    first = await asked(world, user.id, "0.1")
    await take_back(world, day, "0.002")
    await earn(world, "0.0001")
    # Earned 0.16, taken back 0.128, earned 0.0016; 0.1 is held: 0.0664 are missing, though 0.06 stand on the account.
    assert await spendable(world, user.id) == Decimal("-0.0664")
    async with db.snapshot(world.pool) as tx:
        assert (await ledger.balances_of_user(tx, world.partner.id, user.id))[0].spendable == Decimal("0.06")
    assert await tried(asked(world, user.id, "0.001")) == "INSUFFICIENT_FUNDS"
    await check_books(world)
    await earn(world)
    assert await spendable(world, user.id) == Decimal("0.0936")
    assert await tried(asked(world, user.id, Decimal("0.0936") + SATOSHI)) == "INSUFFICIENT_FUNDS"
    await asked(world, user.id, "0.0936", ADDRESSES[1])
    assert await spendable(world, user.id) == 0
    await cancelled(world, first.id)
    assert await spendable(world, user.id) == Decimal("0.1")


async def test_a_smaller_balance_after_an_adjustment(world: World) -> None:
    """What is taken back is taken before anything is held."""
    user = await world.user()
    day = await funded(world, user.id)
    await asked(world, user.id, "0.01")
    await take_back(world, day, "0.005")
    await earn(world, "0.00000001")
    left = EARNED - Decimal("0.08") - Decimal("0.01") + 16 * SATOSHI
    assert await tried(asked(world, user.id, left + SATOSHI)) == "INSUFFICIENT_FUNDS"
    await asked(world, user.id, left)
    assert await spendable(world, user.id) == 0


async def test_cancelling_pays_back_a_debt(world: World) -> None:
    user = await world.user()
    day = await funded(world, user.id)
    made = await asked(world, user.id, EARNED)
    await take_back(world, day, "0.005")
    await earn(world, "0.00000001")
    assert await spendable(world, user.id) == 16 * SATOSHI - Decimal("0.08")
    assert await tried(asked(world, user.id, "0.0001")) == "INSUFFICIENT_FUNDS"
    await cancelled(world, made.id)
    assert await tried(asked(world, user.id, "0.0001")) == "ok"
    assert await spendable(world, user.id) == Decimal("0.0799") + 16 * SATOSHI


async def test_withdrawing_beside_the_close_that_takes_back(world: World) -> None:
    """Before the close the whole is there, after it half: whichever comes first, nothing is paid twice over."""
    user = await world.user()
    day = await funded(world, user.id)
    await policy(world, 0)
    await take_back(world, day, "0.005")
    await world.next_day(pool_btc_per_th="0.00000001", kwh_usd="0", service_usd_per_th="0")
    requests = [tried(asked(world, user.id, "0.02")) for _ in range(10)]
    ends, _ = await asyncio.gather(asyncio.gather(*requests), closing.close_due(world.pool))
    done = ends.count("ok")
    assert 4 <= done <= 8
    assert await held(world, user.id) == done * Decimal("0.02")
    left = Decimal("0.08") + 16 * SATOSHI - done * Decimal("0.02")
    assert await spendable(world, user.id) == left
    assert await tried(asked(world, user.id, "0.00005")) == (
        "ok" if left >= Decimal("0.00005") else "INSUFFICIENT_FUNDS"
    )
