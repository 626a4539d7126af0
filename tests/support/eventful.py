"""An eventful life: everything that books can hold happens once, for tests that look at all of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hashrail import business_clock, clock, db
from hashrail.accounting import pool_receipts
from hashrail.bitcoin.addresses import parse
from hashrail.bitcoin.block_proofs import Body, Paid
from hashrail.bitcoin.evidence import Claim, Evidence
from hashrail.bitcoin.records import Coin, TransactionState, WalletEntry, WalletHistory
from hashrail.bitcoin.signer import Signed
from hashrail.books import fence
from hashrail.custody import corrections, deposits, withdrawals
from hashrail.payouts import batches, settlement
from hashrail.payouts.batches import Due, Plan
from hashrail.processes import housekeeping
from hashrail.rewards import closing, discounts, rate_classes, stints
from hashrail.selling import capacity, miners, payment_reversals, refunds
from tests.support.books import buy, cancel, notify, offer, order, pay, upgrade
from tests.support.payouts import ADDRESSES
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)
DAY = clock.ONE_DAY
TOP_UP = ADDRESSES[0]


async def live(world: World) -> None:
    """Orders of every end, transfers, programmes, settlements, withdrawals, an adjustment, a checkpoint, upgrades, a
    payment taken back, a refund, two partners, two weeks."""
    other = await world.another_partner("other")
    alice, bob, carol = await world.user("alice"), await world.user("bob"), await other.user("carol")
    async with db.transaction(world.pool) as tx:
        promotion = await discounts.create_programme(tx, "promotion")
        await discounts.set_fraction(tx, promotion, from_day=FIRST, fraction=Decimal("0.05"))
        await capacity.set_capacity(tx, Decimal(10_000))
        # A class that nobody is in, so that its figures can be damaged without anybody's income.
        await rate_classes.ensure(
            tx, energy_efficiency=Decimal(30), level_discount=Decimal(0), programmes=[], from_day=FIRST
        )
    sold = await order(world, alice.id, "o-1", await offer(world, "8"))
    await notify(world, alice.id, "o-1")
    await order(world, alice.id, "o-2", await offer(world))
    await cancel(world, "o-2")
    await order(world, bob.id, "o-3", await offer(world))
    await world.pool.execute("UPDATE partner_capacity SET committed_th = committed_th + 6 WHERE partner_id = $1", 1)
    given = await world.miner(bob.id, "6", "15")
    await pay(world, "50", "SEPA 1")
    await pay(world, "0.5", "SEPA 0")
    await take_back(world, "SEPA 0")
    await buy(other, carol.id, "64")
    await world.next_day()
    await closing.close_due(world.pool)
    await join(world, alice.id, promotion)
    await give(world, given, bob.id, alice.id)
    await mine_everywhere(world, 2)
    await housekeeping.housekeeping(world.pool)
    assert await world.settle(alice.id) > 0
    assert await other.settle(carol.id) > 0
    await withdraw(world, alice.id)
    await housekeeping.checkpoint_all(world.pool)
    await pay_out(world)
    await withdraw_below_thresholds(other, carol.id)
    async with db.transaction(world.pool) as tx:
        at = clock.start_of(FIRST)
        day = FIRST + DAY
        await rate_classes.adjust(tx, day, reason="typing error", btc_usd=Decimal(70_000), at=at)
    await mine_everywhere(world, 2)
    assert await world.settle(bob.id) > 0
    await order(world, bob.id, "o-4", sold.collection_id)
    bought = await buy(world, alice.id, "2")
    await upgrade(world, bought.miner_id, "power", "2", "3")
    await upgrade(world, bought.miner_id, "efficiency", "15", "14")
    await mine_everywhere(world, 2)
    await closing.close_due(world.pool)
    await refund(world, bob.id)
    async with db.transaction(world.pool) as tx:
        paid = {"day": FIRST + DAY, "reference": "March", "reason": "by mail"}
        await pool_receipts.add(tx, [pool_receipts.by_word(amount_btc=Decimal("0.011"), **paid)])
    await correct(world, alice.id)


async def take_back(world: World, reference: str) -> None:
    """Let a payment bounce."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        payment = await payment_reversals.find(tx, world.partner.id, reference=reference)
        assert await payment_reversals.reverse(tx, books, payment.id, reason="bounced")


async def refund(world: World, user_id: int) -> None:
    """Let a miner that was upgraded be refunded, and what it had earned be taken."""
    bought = await buy(world, user_id, "1", "o-5")
    await upgrade(world, bought.miner_id, "power", "1", "2")
    await mine_everywhere(world, 3)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await refunds.set_takes_income(tx, world.partner.id, takes=True)
        made = await refunds.refund(tx, books, await refunds.lock(tx, books, "o-5"), reason="charged back")
    assert made.takings
    await mine_everywhere(world, 1)


async def correct(world: World, user_id: int) -> None:
    """A credit and a debit by hand, and a credit in GOMINING."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for number, (currency, amount) in enumerate((("BTC", "0.001"), ("BTC", "-0.0004"), ("GOMINING", "5"))):
            wanted = corrections.Correction(user_id, currency, Decimal(amount), f"case {number}", "a drill")
            assert await corrections.correct(tx, books, wanted)


async def withdraw(world: World, user_id: int) -> None:
    """Let a user ask for four fast withdrawals and a daily one, and take one back."""
    satoshi = Decimal("0.00000001")
    terms = withdrawals.Terms(minimum_btc=satoshi, fast_commission_btc=2 * satoshi, network="regtest")
    made = []
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for number, speed in enumerate(("fast", "daily", "fast", "fast", "fast"), start=1):
            amount_btc = (1000 + number) * satoshi
            facts = {"speed": speed, "address": "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "amount_btc": amount_btc}
            made.append(await withdrawals.request(tx, books, terms, user_id=user_id, **facts))
        await withdrawals.cancel(tx, books, made[2].id)


async def withdraw_below_thresholds(world: World, user_id: int) -> None:
    """Let a user ask for two withdrawals that together nobody has to approve."""
    limits = "UPDATE payout_policy SET approval_threshold_btc = $1, partner_approval_btc = $2"
    await world.pool.execute(limits, Decimal("0.5"), Decimal(1))
    terms = withdrawals.Terms(Decimal("0.00000001"), Decimal(0), "regtest")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for amount_btc in (Decimal("0.00001001"), Decimal("0.00001002")):
            await withdrawals.request(
                tx, books, terms, user_id=user_id, speed="fast", address=ADDRESSES[3], amount_btc=amount_btc
            )
    await world.pool.execute(limits, None, None)


async def pay_out(world: World) -> None:
    """Two batches: one is final and posted, the other is on its way."""
    rows = await world.pool.fetch(
        "SELECT partner_id, id, address, amount_btc FROM withdrawal WHERE state = 'queued' ORDER BY id DESC LIMIT 2"
    )
    for number, row in enumerate(rows, start=1):
        coin = Coin(f"{number:064x}", 0, Decimal("0.001"), "0014", 1, solvable=True, safe=True)
        async with db.transaction(world.pool) as tx:
            latest = await batches.latest(tx)
            plan = Plan("fast", [Due(*row.values())], [coin], {}, Decimal(1), Decimal("0.0001"), latest)
            signed = Signed("00", f"{number + 100:064x}", Decimal("0.00000300"), 150)
            await batches.store(tx, plan, signed, now=await business_clock.now(tx))
    await world.pool.execute(
        """UPDATE payout_batch SET state = 'final', confirmations = 6,
                  txid = (SELECT txid FROM payout_transaction WHERE batch_id = 1) WHERE id = 1"""
    )
    await world.pool.execute("UPDATE payout_batch SET state = 'broadcast' WHERE id = 2")
    assert await settlement.settle_final(world.pool) == 1
    await top_up(world)


async def join(world: World, user_id: int, programme: int) -> None:
    """Let a user take part."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await discounts.set_membership(tx, world.partner.id, user_id, programme, member=True)
        assert await stints.sync_stints(tx, books, [user_id])


async def give(world: World, miner_id: int, seller: int, buyer: int) -> None:
    """Let a miner change hands."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, miner_id, from_user=seller, to_user=buyer)
        assert await stints.sync_stints(tx, books, [seller, buyer], miner_ids=[miner_id])


async def mine_everywhere(world: World, days: int) -> None:
    """Let days end, and close them for all partners."""
    for _ in range(days):
        await world.next_day(pool_btc_per_th="0.00049")
        await closing.close_due(world.pool)


async def top_up(world: World) -> None:
    """Two deposits: one is credited, the other was lost after that."""
    (user_id,) = await world.pool.fetchval("SELECT ARRAY[id] FROM app_user WHERE partner_user_id = 'alice'")
    await world.pool.execute(
        "INSERT INTO deposit_address VALUES ($3, $1, $2, true, '2026-03-01Z')", world.partner.id, user_id, TOP_UP
    )
    chain = Told({f"{number:064x}": [6] if number == 1 else [6, 0] for number in (1, 2)})
    entries = [WalletEntry(txid, "receive", Decimal("0.001"), 0, 1, TOP_UP) for txid in chain.depths]
    async with db.transaction(world.pool) as tx:
        now = await business_clock.now(tx)
        assert await deposits.scan(tx, WalletHistory(tuple(entries), ""), now=now) == []
    for _ in range(2):
        await deposits.watch(world.pool, chain, deposits.DepositTerms("regtest", 2, {}, 6))


@dataclass
class Told:
    """A chain that says what it is told to: confirmations by txid, one after the other."""

    depths: dict[str, list[int]]

    async def transaction(self, txid: str) -> TransactionState:
        told = self.depths[txid]
        depth = told.pop(0) if len(told) > 1 else told[0]
        return TransactionState("confirmed" if depth else "absent", depth)

    async def evidence(self, claims: Sequence[Claim]) -> dict[str, Evidence]:
        """Every transaction is in a block, pays what was said, and rests on this chain's own word."""
        paid = (Paid(parse(TOP_UP, "regtest", field="address").script.hex(), 100_000),)
        return {
            claim.txid: Evidence(
                Body(claim.txid, frozenset(), paid, coinbase=False), "00" * 32, 1, (), claim.depth, simulated=True
            )
            for claim in claims
        }
