"""Every invariant is true of healthy books, and sees exactly the damage that it is there for."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import asyncpg
import pytest

from hashrail import (
    business_clock,
    catalogue,
    checks,
    clock,
    daily,
    day_fence,
    db,
    deposits,
    discounts,
    ledger,
    miners,
    payout_batches,
    payout_settlement,
    rate_classes,
    rewards,
    withdrawals,
)
from hashrail.db import Tx
from hashrail.gateways.bitcoin_records import Coin, TransactionState, WalletEntry, WalletHistory
from hashrail.gateways.signer import Signed
from hashrail.payout_batches import Due, Plan
from tests.books import HOUR, advance, broken, buy, cancel, deployment, notify, offer, order, pay, upgrade
from tests.world import World

FIRST = dt.date(2026, 3, 1)
DAY = clock.ONE_DAY


@pytest.fixture(scope="module")
async def books(server: str, template: str) -> AsyncIterator[World]:
    """Books in which everything has happened that can happen."""
    async with deployment(server, template) as world:
        await live(world)
        yield world


async def live(world: World) -> None:
    """Orders of every end, transfers, programmes, settlements, withdrawals, an adjustment, a checkpoint, upgrades, two
    partners, ten days."""
    other = await world.another_partner("other")
    alice, bob, carol = await world.user("alice"), await world.user("bob"), await other.user("carol")
    async with db.transaction(world.pool) as tx:
        promotion = await discounts.create_programme(tx, "promotion")
        await discounts.set_fraction(tx, promotion, from_day=FIRST, fraction=Decimal("0.05"))
        await catalogue.set_capacity(tx, Decimal(10_000))
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
    await buy(other, carol.id, "64")
    await world.next_day()
    await daily.close_due(world.pool)
    await join(world, alice.id, promotion)
    await give(world, given, bob.id, alice.id)
    await mine_everywhere(world, 2)
    await daily.housekeeping(world.pool)
    assert await world.settle(alice.id) > 0
    assert await other.settle(carol.id) > 0
    await withdraw(world, alice.id)
    await daily.checkpoint_all(world.pool)
    await pay_out(world)
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
    await daily.close_due(world.pool)


async def withdraw(world: World, user_id: int) -> None:
    """Let a user ask for four fast withdrawals and a daily one, and take one back."""
    satoshi = Decimal("0.00000001")
    terms = withdrawals.Terms(minimum_btc=satoshi, fast_commission_btc=2 * satoshi, network="regtest")
    made = []
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        for number, speed in enumerate(("fast", "daily", "fast", "fast", "fast"), start=1):
            amount_btc = (1000 + number) * satoshi
            facts = {"speed": speed, "address": "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "amount_btc": amount_btc}
            made.append(await withdrawals.request(tx, day, terms, user_id=user_id, **facts))
        await withdrawals.cancel(tx, day, made[2].id)


async def pay_out(world: World) -> None:
    """Two batches: one is final and posted, the other is on its way."""
    rows = await world.pool.fetch(
        "SELECT partner_id, id, address, amount_btc FROM withdrawal WHERE state = 'queued' ORDER BY id DESC LIMIT 2"
    )
    for number, row in enumerate(rows, start=1):
        coin = Coin(f"{number:064x}", 0, Decimal("0.001"), "0014", 1, solvable=True, safe=True)
        async with db.transaction(world.pool) as tx:
            latest = await payout_batches.latest(tx)
            plan = Plan("fast", [Due(*row.values())], [coin], {}, Decimal(1), Decimal("0.0001"), latest)
            signed = Signed("00", f"{number + 100:064x}", Decimal("0.00000300"), 150)
            await payout_batches.store(tx, plan, signed, now=await business_clock.now(tx))
    await world.pool.execute(
        """UPDATE payout_batch SET state = 'final', confirmations = 6,
                  txid = (SELECT txid FROM payout_transaction WHERE batch_id = 1) WHERE id = 1"""
    )
    await world.pool.execute("UPDATE payout_batch SET state = 'broadcast' WHERE id = 2")
    assert await payout_settlement.settle_final(world.pool) == 1
    await top_up(world)


async def top_up(world: World) -> None:
    """Two deposits: one is credited, the other was lost after that."""
    (user_id,) = await world.pool.fetchval("SELECT ARRAY[id] FROM app_user WHERE partner_user_id = 'alice'")
    await world.pool.execute(
        "INSERT INTO deposit_address VALUES ('bcrt1qtop', $1, $2, true, '2026-03-01Z')", world.partner.id, user_id
    )
    chain = Told({f"{number:064x}": [6] if number == 1 else [6, 0] for number in (1, 2)})
    entries = [WalletEntry(txid, "receive", Decimal("0.001"), 0, 1, "bcrt1qtop") for txid in chain.depths]
    async with db.transaction(world.pool) as tx:
        assert await deposits.scan(tx, WalletHistory(tuple(entries), "")) == []
    for _ in range(2):
        await deposits.watch(world.pool, chain, credit_depth=2, final_depth=6)


@dataclass
class Told:
    """A chain that says what it is told to: confirmations by txid, one after the other."""

    depths: dict[str, list[int]]

    async def transaction(self, txid: str) -> TransactionState:
        told = self.depths[txid]
        depth = told.pop(0) if len(told) > 1 else told[0]
        return TransactionState("confirmed" if depth else "absent", depth)


async def join(world: World, user_id: int, programme: int) -> None:
    """Let a user take part."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        await discounts.set_membership(tx, world.partner.id, user_id, programme, member=True)
        assert await rewards.sync_stints(tx, day, [user_id])


async def give(world: World, miner_id: int, seller: int, buyer: int) -> None:
    """Let a miner change hands."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, miner_id, from_user=seller, to_user=buyer)
        assert await rewards.sync_stints(tx, day, [seller, buyer], miner_ids=[miner_id])


async def mine_everywhere(world: World, days: int) -> None:
    """Let days end, and close them for all partners."""
    for _ in range(days):
        await world.next_day(pool_btc_per_th="0.00049")
        await daily.close_due(world.pool)


@asynccontextmanager
async def damaged(world: World, *statements: str) -> AsyncIterator[Tx]:
    """The books after some statements that no constraint of another table stops; all of it is undone."""
    async with world.pool.acquire() as connection:
        undo = connection.transaction(isolation="repeatable_read")
        await undo.start()
        try:
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                status = await connection.execute(statement)
                assert not status.endswith(" 0"), f"nothing was damaged by: {statement}"
            yield connection
        finally:
            await undo.rollback()


# For each invariant, ways to break it and nothing else.
TRANSFER = (
    "INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state, created_at,"
    " resolved_at, posted_seq) SELECT 1, '{kind}', {object}, 1, {debit}, {credit}, 1, '{state}', '2026-03-01Z',"
    " '2026-03-01Z', {seq}"
)
NEXT = "nextval('transfer_posted_seq')"
UNUSED = "class_id = (SELECT id FROM rate_class WHERE energy_efficiency = 30)"
USER = "(SELECT id FROM account WHERE user_id IS NOT NULL AND currency = '{}' ORDER BY id LIMIT 1)"
LATEST = "(SELECT max(closed_through) FROM partner_day)"
LAST = f"(SELECT {LATEST} - '0001-01-01'::date + 1)"
OWED = "(SELECT sum(amount) FROM transfer WHERE kind = 'post_payment')"
BREAKS: dict[str, list[tuple[str, ...]]] = {
    "control-equals-unsettled": [
        (TRANSFER.format(kind="purchase", object=99, debit=1100, credit=2100, state="posted", seq=NEXT),),
        (TRANSFER.format(kind="purchase", object=99, debit=2100, credit=1100, state="posted", seq=NEXT),),
    ],
    "day-postings-equal-class-power": [
        (f"UPDATE transfer SET amount = amount + 1e-18 WHERE kind = 'day' AND leg = 2 AND object_id = {LAST}",),
        (f"UPDATE transfer SET amount = amount - 1e-18 WHERE kind = 'day' AND leg = 3 AND object_id = {LAST}",),
        (f"DELETE FROM transfer WHERE kind = 'day' AND leg = 3 AND object_id = {LAST} AND partner_id = 2",),
        (TRANSFER.format(kind="day", object=1, debit=1100, credit=4100, state="posted", seq=NEXT),),
    ],
    "adjustment-postings-equal-stints": [
        ("UPDATE transfer SET amount = amount + 1e-18 WHERE kind = 'adjustment' AND leg = 2",),
        ("DELETE FROM transfer WHERE kind = 'adjustment' AND leg = 3 AND partner_id = 2",),
        (TRANSFER.format(kind="adjustment", object=99, debit=1100, credit=4100, state="posted", seq=NEXT),),
    ],
    "class-power-equals-stints": [
        ("UPDATE class_power SET power = power + 0.0001",),
        ("DELETE FROM class_power WHERE partner_id = 2",),
        (f"INSERT INTO class_power SELECT 1, {UNUSED.removeprefix('class_id = ')}, 0",),
    ],
    "deltas-equal-stints": [
        ("UPDATE class_power_delta SET power = power + 0.0001",),
        ("DELETE FROM class_power_delta WHERE partner_id = 2",),
        (f"INSERT INTO class_power_delta SELECT 1, '2026-03-03', {UNUSED.removeprefix('class_id = ')}, 1",),
    ],
    "stints-match-miners": [
        ("UPDATE miner SET energy_efficiency = 14.5 WHERE partner_id = 2",),
        ("UPDATE miner SET user_id = (SELECT id FROM app_user WHERE partner_user_id = 'bob') WHERE power = 8",),
        ("UPDATE app_user SET level_discount = 0.001 WHERE partner_id = 2",),
        ("DELETE FROM user_programme",),
        ("INSERT INTO user_programme SELECT 2, id, 1 FROM app_user WHERE partner_id = 2",),
        (
            "UPDATE miner SET power = power + 1 WHERE partner_id = 2",
            "UPDATE partner_capacity SET committed_th = committed_th + 1 WHERE partner_id = 2",
        ),
        (
            "INSERT INTO miner SELECT 2, 99, user_id, 'x', 1, 15, created_at FROM miner WHERE partner_id = 2",
            "UPDATE partner_capacity SET committed_th = committed_th + 1 WHERE partner_id = 2",
        ),
    ],
    "stints-are-seamless": [
        (
            """INSERT INTO stint SELECT partner_id, 99, miner_id, user_id, class_id, 1, '2040-01-01', '2040-01-02'
               FROM stint WHERE partner_id = 2 LIMIT 1""",
            "INSERT INTO class_power_delta SELECT 2, from_day, class_id, power FROM stint WHERE id = 99",
            "INSERT INTO class_power_delta SELECT 2, to_day, class_id, -power FROM stint WHERE id = 99",
        ),
    ],
    "balances-equal-transfers": [
        (f"UPDATE account SET {column} = {column} + 1e-18 WHERE id = 1200 AND partner_id = 1",)
        for column in ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
    ],
    "checkpoints-equal-transfers": [
        ("UPDATE account_checkpoint SET debits = debits + 1e-18 WHERE account_id = 2100 AND partner_id = 1",),
        ("UPDATE account_checkpoint SET credits = credits + 1e-18 WHERE account_id = 2100 AND partner_id = 2",),
        ("UPDATE account_checkpoint SET through_seq = through_seq + 1000 WHERE account_id = 4100",),
        ("UPDATE account_checkpoint SET through_seq = 0 WHERE account_id = 1100",),
    ],
    "transfers-keep-currency": [
        (TRANSFER.format(kind="x", object=1, debit=1100, credit=1300, state="voided", seq="NULL"),),
        (TRANSFER.format(kind="x", object=1, debit=4300, credit=4100, state="posted", seq=NEXT),),
    ],
    "settled-equals-income": [
        (
            """UPDATE transfer SET object_id = (SELECT id FROM app_user WHERE partner_user_id = 'bob')
               WHERE kind = 'settlement' AND object_id = (SELECT id FROM app_user WHERE partner_user_id = 'alice')""",
        ),
    ],
    "class-days-run-on": [
        (
            f"""UPDATE class_day SET {name}_sum = {name}_sum + 1, pool_sum = pool_sum + 1
                WHERE {UNUSED} AND day = '2026-03-03'""",
        )
        for name in ("net", "c1", "c2")
    ],
    "classes-are-published": [
        (f"DELETE FROM class_day WHERE {UNUSED} AND day = {LATEST}",),
        ("UPDATE rate_class SET first_day = first_day + 1 WHERE energy_efficiency = 30",),
    ],
    "days-are-consecutive": [
        (
            """INSERT INTO mining_day
               SELECT '2025-12-31', 0, 1, 1, 0, 0, 0, NULL, NULL, NULL, 'x', '2026-03-01Z', '2026-03-01Z'""",
        ),
        ("UPDATE mining_day SET published_at = NULL WHERE day = '2026-03-03'",),
    ],
    "orders-match-ledger": [
        ("UPDATE purchase SET value_usd = value_usd + 1e-18 WHERE external_id = 'o-1'",),
        ("UPDATE purchase SET attempt = attempt + 1 WHERE external_id = 'o-1'",),
        ("UPDATE transfer SET amount = amount + 1 WHERE kind = 'purchase' AND state = 'voided'",),
        (
            "UPDATE purchase SET state = 'created' WHERE external_id = 'o-2'",
            "UPDATE partner_capacity SET committed_th = committed_th + 1 WHERE partner_id = 1",
        ),
        (
            "UPDATE purchase SET state = 'expired' WHERE external_id = 'o-4'",
            "UPDATE partner_capacity SET committed_th = committed_th - 8 WHERE partner_id = 1",
        ),
    ],
    "upgrades-match-ledger": [
        ("UPDATE post_payment SET value_usd = value_usd + 1e-18 WHERE value_usd > 0",),
        ("DELETE FROM post_payment WHERE value_usd > 0",),
        ("UPDATE transfer SET credit_account = 1300 WHERE kind = 'post_payment'",),
        ("UPDATE transfer SET leg = 2 WHERE kind = 'post_payment'",),
        (
            f"""UPDATE account SET debits_posted = debits_posted - {OWED}, debits_pending = debits_pending + {OWED}
                WHERE id = 1200 AND partner_id = 1""",
            "UPDATE transfer SET state = 'pending', resolved_at = NULL, posted_seq = NULL WHERE kind = 'post_payment'",
        ),
        (TRANSFER.format(kind="post_payment", object=99, debit=1300, credit=4300, state="voided", seq="NULL"),),
    ],
    "withdrawals-match-ledger": [
        ("UPDATE withdrawal SET state = 'cancelled' WHERE speed = 'daily'",),
        ("UPDATE withdrawal SET state = 'queued' WHERE state = 'cancelled'",),
        ("UPDATE withdrawal SET amount_btc = amount_btc + 1e-8 WHERE speed = 'daily'",),
        ("UPDATE withdrawal SET commission_btc = commission_btc + 1e-8 WHERE state = 'cancelled'",),
        ("UPDATE withdrawal SET commission_btc = 1e-8 WHERE speed = 'daily'",),
        ("UPDATE withdrawal SET user_id = (SELECT id FROM app_user WHERE partner_user_id = 'bob')",),
        ("DELETE FROM withdrawal WHERE batch_id IS NULL",),
        ("UPDATE transfer SET leg = 4 WHERE kind = 'withdrawal' AND leg = 3",),
        ("UPDATE transfer SET credit_account = 4400 WHERE kind = 'withdrawal' AND leg = 1 AND state = 'pending'",),
        (TRANSFER.format(kind="withdrawal", object=99, debit=1100, credit=2200, state="voided", seq="NULL"),),
    ],
    "approvals-are-two": [("UPDATE withdrawal SET needs_approval = true WHERE speed = 'daily'",)],
    "network-fees-match-batches": [
        ("UPDATE transfer SET amount = amount + 1e-8 WHERE kind = 'network_fee'",),
        ("DELETE FROM transfer WHERE kind = 'network_fee'",),
        ("UPDATE payout_transaction SET fee_btc = fee_btc + 1e-8 WHERE batch_id = 1",),
        (TRANSFER.format(kind="network_fee", object=99, debit=5100, credit=1400, state="posted", seq=NEXT),),
    ],
    "batches-pay-in-full": [
        ("UPDATE payout_input SET amount_btc = 1e-5 WHERE batch_id = 2",),
        ("UPDATE payout_transaction SET fee_btc = fee_btc + 1e-3 WHERE batch_id = 2",),
        ("UPDATE payout_batch SET most_fee_btc = 2e-6 WHERE id = 2",),
    ],
    "deposits-have-one-owner": [
        ("DELETE FROM deposit_address",),
        ("UPDATE deposit_address SET partner_id = partner_id + 1",),
        (
            """INSERT INTO deposit SELECT partner_id + 1, id, user_id, address, txid, vout, amount_btc, 'pending', 0, 0,
                                           coinbase, created_at, NULL FROM deposit LIMIT 1""",
        ),
    ],
    "deposits-match-ledger": [
        ("UPDATE deposit SET amount_btc = amount_btc + 1e-8 WHERE state = 'lost'",),
        ("DELETE FROM deposit WHERE state = 'credited'",),
        ("UPDATE deposit SET state = 'credited', legs = 3 WHERE state = 'lost'",),
        ("UPDATE transfer SET debit_account = 5100 WHERE kind = 'deposit' AND leg = 2",),
        (TRANSFER.format(kind="deposit", object=99, debit=1400, credit=5200, state="posted", seq=NEXT),),
    ],
    "settled-batches-are-over": [
        ("UPDATE payout_batch SET state = 'conflicted', settled_at = '2026-03-05Z' WHERE state = 'broadcast'",),
        (
            """UPDATE payout_batch SET state = 'broadcast', txid = NULL, confirmations = 0, settled_at = NULL
               WHERE state = 'final'""",
            "DELETE FROM transfer WHERE kind = 'network_fee'",
        ),
    ],
    "payments-match-ledger": [
        ("UPDATE partner_payment SET amount_usd = amount_usd + 1e-18",),
        ("DELETE FROM partner_payment",),
        ("INSERT INTO partner_payment SELECT 1, 99, 'SEPA 2', 1, recorded_at FROM partner_payment",),
    ],
    "capacity-is-counted": [
        ("UPDATE partner_capacity SET committed_th = committed_th + 0.0001 WHERE partner_id = 2",),
        ("UPDATE partner_capacity SET committed_th = committed_th - 0.0001 WHERE partner_id = 1",),
    ],
    "capacity-is-kept": [("UPDATE capacity SET cap_th = (SELECT sum(committed_th) FROM partner_capacity) - 0.0001",)],
    "rates-follow-from-inputs": [
        ("UPDATE mining_day SET btc_usd = btc_usd + 1 WHERE day = '2026-03-03'",),
        ("UPDATE mining_day SET pool_btc_per_th = pool_btc_per_th + 1e-14 WHERE day = '2026-03-03'",),
        ("UPDATE mining_day SET kwh_usd = kwh_usd + 0.01 WHERE day = '2026-03-03'",),
        ("UPDATE mining_day SET service_usd_per_th = service_usd_per_th + 0.01 WHERE day = '2026-03-03'",),
        ("UPDATE mining_day SET discount_cap = 0 WHERE day = '2026-03-03'",),
        ("UPDATE published_fraction SET fraction = 0.06 WHERE day = '2026-03-03'",),
        ("DELETE FROM published_fraction",),
        ("UPDATE class_day SET discount = 0.01 WHERE discount = 0",),
    ],
}


def test_every_invariant_has_a_name_a_rule_and_damage_to_see() -> None:
    """A new one comes with a way to break it."""
    names = [name for name, _ in checks.names()]
    assert names == [*(each.name for each in checks.INVARIANTS), checks.RATES_FROM_INPUTS[0]]
    assert len(set(names)) == len(names) == 27
    assert set(BREAKS) == set(names)
    assert all(ways for ways in BREAKS.values())
    assert all(rule and rule[0].islower() and not rule.endswith(".") for _, rule in checks.names())


async def test_healthy_books_keep_every_invariant(books: World) -> None:
    """In order, each with its rule; the books have a row of everything."""
    async with db.snapshot(books.pool) as tx:
        findings = [finding async for finding in checks.audit(tx)]
    assert [(each.name, each.rule) for each in findings] == checks.names()
    assert [each.rows for each in findings] == [[]] * len(findings)
    rows = ("adjustment", "class_adjustment", "account_checkpoint", "partner_payment", "user_programme", "stint")
    for table in (*rows, "post_payment", "withdrawal", "payout_batch", "deposit"):
        assert await books.pool.fetchval(f"SELECT count(*) FROM {table}") > 0, table
    ends = await books.pool.fetch("SELECT DISTINCT state FROM purchase")
    assert {row["state"] for row in ends} == {"created", "issued", "cancelled", "expired"}


async def test_empty_books_keep_every_invariant(pool: db.Pool) -> None:
    """Nothing is not broken."""
    assert await broken(pool) == {}
    assert await pool.fetchval("SELECT count(*) FROM partner") == 0


@pytest.mark.parametrize(
    ("name", "statements"),
    [
        pytest.param(name, statements, id=f"{name}-{number}")
        for name, ways in BREAKS.items()
        for number, statements in enumerate(ways)
    ],
)
async def test_an_invariant_sees_its_damage_and_no_other_does(
    books: World, name: str, statements: tuple[str, ...]
) -> None:
    """With the rows that break it; afterwards the books are as before."""
    async with damaged(books, *statements) as tx:
        found = {each.name: each.rows async for each in checks.audit(tx) if each.rows}
    assert list(found) == [name]
    assert all(row for row in found[name])
    assert 1 <= len(found[name]) <= checks.MOST_ROWS


async def test_rows_name_what_is_wrong(books: World) -> None:
    """Partner, thing, and both figures where there are two."""
    async with damaged(books, *BREAKS["capacity-is-counted"][0]) as tx:
        found = {each.name: each.rows async for each in checks.audit(tx)}
    assert found["capacity-is-counted"] == [{"partner_id": 2, "committed_th": Decimal("64.0001"), "used": Decimal(64)}]
    async with damaged(books, *BREAKS["control-equals-unsettled"][0]) as tx:
        rows = {each.name: each.rows async for each in checks.audit(tx)}["control-equals-unsettled"]
    assert [row["partner_id"] for row in rows] == [1]
    control, unsettled = rows[0]["control"], rows[0]["unsettled"]
    assert isinstance(control, Decimal)
    assert isinstance(unsettled, Decimal)
    assert control - unsettled == 1
    async with db.transaction(books.pool) as tx:
        assert control - 1 == await ledger.balance(tx, 1, ledger.Chart.INCOME_CONTROL)


async def test_only_the_first_rows_are_named(books: World) -> None:
    """Twenty say enough, also of an invariant that is not one query."""
    flood = (
        "INSERT INTO partner_payment SELECT 1, n, 'x' || n, 1, '2026-03-01Z' FROM generate_series(100, 200) n",
        """INSERT INTO mining_day SELECT '2020-01-01'::date + n, 0, 1, 1, 0, 0, 0, NULL, NULL, NULL, 'x', '2020-01-01Z'
           FROM generate_series(1, 30) n""",
        f"""INSERT INTO class_day SELECT '2020-01-01'::date + n, class_id, 0.01, pool, c1, c2, net, 0, 0, 0, 0
            FROM class_day, generate_series(1, 30) n WHERE day = '2026-03-03' AND {UNUSED}""",
    )
    async with damaged(books, *flood) as tx:
        found = {each.name: len(each.rows) async for each in checks.audit(tx)}
    assert found["payments-match-ledger"] == checks.MOST_ROWS
    assert found["rates-follow-from-inputs"] == checks.MOST_ROWS


async def test_the_audit_only_reads(books: World) -> None:
    """A snapshot of the books refuses to be written."""
    async with db.snapshot(books.pool) as tx:
        assert not [each async for each in checks.audit(tx) if each.rows]
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await tx.execute("UPDATE capacity SET cap_th = 1")
    assert await advance(books, 0 * HOUR)
