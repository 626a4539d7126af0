"""Every invariant is true of healthy books, and sees exactly the damage that it is there for."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
import pytest

from hashrail import db
from hashrail.audit import auditing, invariants, marks
from hashrail.audit.checks.invariant import MAX_ROWS
from hashrail.books import chart, ledger
from hashrail.db import Tx
from tests.support import citus
from tests.support.books import HOUR, advance, broken
from tests.support.eventful import live
from tests.support.world import World


@pytest.fixture(scope="module")
async def books(books: World) -> World:
    """Books in which everything has happened that can happen."""
    await live(books)
    assert not (await auditing.audit(books.pool)).broken
    return books


@asynccontextmanager
async def damaged(world: World, *statements: str) -> AsyncIterator[Tx]:
    """The books after some statements that no constraint of another table stops; all of it is undone."""
    async with world.pool.acquire() as connection:
        undo = connection.transaction(isolation="repeatable_read")
        await undo.start()
        try:
            if citus.coordinator() is not None:
                await connection.execute("SET LOCAL citus.propagate_set_commands = 'local'")
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
NAMED = "(SELECT id FROM app_user WHERE partner_id = 1 AND partner_user_id = '{}')"
LATEST = "(SELECT max(closed_through) FROM partner_day)"
LAST = f"(SELECT {LATEST} - '0001-01-01'::date + 1)"
OWED = "(SELECT sum(amount) FROM transfer WHERE kind = 'post_payment')"
NOT_REFUNDED = "miner_id = (SELECT min(miner_id) FROM post_payment)"
KEY = """INSERT INTO api_key (partner_id, key, kind, scopes, created_at)
         SELECT 1, 'hrk_{}_1_x', 'full', ARRAY[]::text[], now()"""
INVOICE = """INSERT INTO invoice
                 SELECT 1, {number}, '2026-03-01', {carried}, c, floor((c + {carried}) * 100) / 100,
                        c + {carried} - floor((c + {carried}) * 100) / 100, p, 0, c - p, now()
                 FROM (SELECT sum(a) FILTER (WHERE NOT paid) AS c, -sum(a) FILTER (WHERE paid) AS p
                       FROM (SELECT CASE WHEN debit_account = 1200 THEN amount ELSE -amount END AS a,
                                    1300 IN (debit_account, credit_account) AS paid FROM transfer
                             WHERE partner_id = 1 AND state = 'posted'
                               AND 1200 IN (debit_account, credit_account)) t) s"""
HOOK = """INSERT INTO webhook_endpoint (partner_id, id, url, description, types, state, sealed_secret, created_at,
                                      planned_through, due_at)
          VALUES (1, 1, 'https://hooks.partner.example', '', '{}', 'enabled', '', now(), 0, now())"""
DELIVERY = """INSERT INTO webhook_delivery (partner_id, endpoint_id, position, object_kind, object_id, state,
                                          next_attempt_at)
              VALUES (1, 1, {position}, 'order', 'a', 'waiting', {next})"""
SIGNED = """INSERT INTO day_document
            SELECT '{day}', '{content}', encode(sha256('{hashed}'), 'hex'), {previous}, 'k', repeat('0', 64)::bytea,
                   now()"""
# A day's document whose text is `a`, and what is owed after it: one user, to whom one bitcoin is.
OF_DAY = hashlib.sha256(b"a").hexdigest()
DAY_OF_OWED = SIGNED.format(day="2026-03-03", content="a", hashed="a", previous="NULL")
OWED_TEXT = '{{"previous":{previous},"dayDocument":"{day}","sum":"1","count":1}}'
SIGNED_OWED = """INSERT INTO liabilities_document
                 SELECT '2026-03-03', c, encode(sha256(convert_to(c || '{hashed}', 'UTF8')), 'hex'), NULL, 'k',
                        repeat('0', 64)::bytea, now(), 1, {owed}, 0, {owed} FROM (SELECT '{content}' AS c) s"""
IN_PRODUCTION = ("UPDATE deployment SET mode = 'production'", "UPDATE business_clock SET offset_us = 0")
BREAKS: dict[str, list[tuple[str, ...]]] = {
    "deployment-is-one": [("DELETE FROM deployment",)],
    "production-has-the-walls-clock": [(IN_PRODUCTION[0],)],
    "production-rates-are-entered": [
        (*IN_PRODUCTION, "UPDATE mining_day SET source = 'generated: steady' WHERE day = '2026-03-03'"),
    ],
    "production-simulates-no-chain": [
        (*IN_PRODUCTION, "INSERT INTO sandbox_chain VALUES (1, now(), 1, 0, 'confirm', 0)"),
        (
            *IN_PRODUCTION,
            """INSERT INTO sandbox_transaction (txid, raw, inputs, fee_btc, vsize, state, bumped)
               VALUES ('x', '', '{}', 0, 1, 'mempool', false)""",
        ),
    ],
    "keys-fit-the-mode": [
        (KEY.format("live"),),
        (
            *IN_PRODUCTION,
            KEY.format("test"),
        ),
    ],
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
        (f"UPDATE miner SET user_id = {NAMED.format('bob')} WHERE partner_id = 1 AND power = 8",),
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
        (TRANSFER.format(kind="purchase", object=99, debit=1100, credit=1300, state="voided", seq="NULL"),),
        (TRANSFER.format(kind="purchase", object=99, debit=4300, credit=4100, state="posted", seq=NEXT),),
    ],
    "settled-equals-income": [
        (
            f"""UPDATE transfer SET object_id = {NAMED.format("bob")}
                WHERE partner_id = 1 AND kind = 'settlement' AND object_id = {NAMED.format("alice")}""",
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
        (
            f"""INSERT INTO class_day
                SELECT '2020-01-01', class_id, discount, pool, c1, c2, net, pool_sum, c1_sum, c2_sum, net_sum
                FROM class_day WHERE {UNUSED} AND day = {LATEST}""",
        ),
    ],
    "days-are-consecutive": [
        (
            """INSERT INTO mining_day
               SELECT '2025-12-31', 0, 1, 1, 0, 0, 0, NULL, NULL, NULL, 'x', '2026-03-01Z', '2026-03-01Z'""",
        ),
        ("UPDATE mining_day SET published_at = NULL WHERE day = '2026-03-03'",),
    ],
    "signed-days-follow": [
        (SIGNED.format(day="2026-03-03", content="a", hashed="b", previous="NULL"),),
        (
            SIGNED.format(day="2026-03-03", content="a", hashed="a", previous="NULL"),
            SIGNED.format(day="2026-03-04", content="b", hashed="b", previous="repeat('0', 64)"),
        ),
    ],
    "signed-liabilities-follow": [
        (DAY_OF_OWED, SIGNED_OWED.format(content=OWED_TEXT.format(previous="null", day="a"), hashed="b", owed=1)),
        (DAY_OF_OWED, SIGNED_OWED.format(content=OWED_TEXT.format(previous="null", day="b"), hashed="", owed=1)),
        (DAY_OF_OWED, SIGNED_OWED.format(content=OWED_TEXT.format(previous='"a"', day="a"), hashed="", owed=1)),
    ],
    "liabilities-equal-books": [
        (DAY_OF_OWED, SIGNED_OWED.format(content=OWED_TEXT.format(previous="null", day=OF_DAY), hashed="", owed=2)),
        (
            DAY_OF_OWED,
            SIGNED_OWED.format(content=OWED_TEXT.format(previous="null", day=OF_DAY), hashed="", owed=1),
            """INSERT INTO liability_leaves
               SELECT '2026-03-03', 0, x, repeat('0', 48)::bytea, x, 2 FROM (SELECT repeat('0', 32)::bytea AS x) s""",
        ),
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
        (f"UPDATE post_payment SET value_usd = value_usd + 1e-18 WHERE {NOT_REFUNDED}",),
        (f"DELETE FROM post_payment WHERE {NOT_REFUNDED}",),
        ("UPDATE transfer SET credit_account = 1300 WHERE kind = 'post_payment'",),
        ("UPDATE transfer SET leg = 2 WHERE kind = 'post_payment'",),
        (
            f"""UPDATE account SET debits_posted = debits_posted - {OWED}, debits_pending = debits_pending + {OWED}
                WHERE id = 1200 AND partner_id = 1""",
            "UPDATE transfer SET state = 'pending', resolved_at = NULL, posted_seq = NULL WHERE kind = 'post_payment'",
        ),
        (TRANSFER.format(kind="post_payment", object=99, debit=1300, credit=4300, state="voided", seq="NULL"),),
    ],
    "invoices-follow-one-another": [(INVOICE.format(number=2, carried=0),), (INVOICE.format(number=1, carried=0.001),)],
    "invoices-equal-receivable": [
        (INVOICE.format(number=1, carried=0), f"UPDATE invoice SET {changes}")
        for changes in (
            "charged_usd = charged_usd + 1, amount_usd = amount_usd + 1, owed_after_usd = owed_after_usd + 1",
            "paid_usd = paid_usd + 1, owed_after_usd = owed_after_usd - 1",
        )
    ],
    "pool-receipts-are-divided": [
        ("UPDATE pool_receipt SET undivided_btc = undivided_btc + 1e-18",),
        ("UPDATE pool_receipt SET amount_btc = amount_btc + 1e-18",),
    ],
    "pool-receipts-match-ledger": [
        ("UPDATE transfer SET amount = amount + 1e-18 WHERE kind = 'pool_receipt'",),
        ("DELETE FROM transfer WHERE kind = 'pool_receipt' AND partner_id = 2",),
        ("UPDATE pool_receipt SET reversed_at = now(), reversed_reason = 'by hand'",),
        (TRANSFER.format(kind="pool_receipt", object=99, debit=1500, credit=1100, state="posted", seq=NEXT),),
    ],
    "withdrawals-match-ledger": [
        ("UPDATE withdrawal SET state = 'cancelled' WHERE speed = 'daily'",),
        ("UPDATE withdrawal SET state = 'queued' WHERE state = 'cancelled'",),
        ("UPDATE withdrawal SET amount_btc = amount_btc + 1e-8 WHERE speed = 'daily'",),
        ("UPDATE withdrawal SET commission_btc = commission_btc + 1e-8 WHERE state = 'cancelled'",),
        ("UPDATE withdrawal SET commission_btc = 1e-8 WHERE speed = 'daily'",),
        (f"UPDATE withdrawal SET user_id = {NAMED.format('bob')} WHERE partner_id = 1",),
        ("DELETE FROM withdrawal WHERE batch_id IS NULL",),
        ("UPDATE transfer SET leg = 4 WHERE kind = 'withdrawal' AND leg = 3",),
        ("UPDATE transfer SET credit_account = 4400 WHERE kind = 'withdrawal' AND leg = 1 AND state = 'pending'",),
        (TRANSFER.format(kind="withdrawal", object=99, debit=1100, credit=2200, state="voided", seq="NULL"),),
    ],
    "approvals-are-two": [("UPDATE withdrawal SET needs_approval = true WHERE speed = 'daily'",)],
    "sums-are-below-thresholds": [
        ("UPDATE withdrawal SET sum_of_user_btc = sum_of_user_btc - 1e-8 WHERE amount_btc = 0.00001002",),
        ("UPDATE withdrawal SET sum_to_address_btc = sum_to_address_btc + 1e-8 WHERE amount_btc = 0.00001001",),
        ("UPDATE withdrawal SET sum_of_partner_btc = NULL WHERE amount_btc = 0.00001001",),
        ("UPDATE withdrawal SET single_threshold_btc = NULL WHERE amount_btc = 0.00001002",),
        (
            "ALTER TABLE withdrawal DROP CONSTRAINT withdrawal_below_thresholds",
            "UPDATE withdrawal SET partner_threshold_btc = 0.00002003 WHERE amount_btc = 0.00001002",
        ),
    ],
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
    "webhooks-have-a-first": [
        (HOOK, DELIVERY.format(position=1, next="NULL")),
        (HOOK, DELIVERY.format(position=1, next="NULL"), DELIVERY.format(position=2, next="now()")),
    ],
    "webhooks-are-due": [
        (HOOK, DELIVERY.format(position=1, next="now()"), "UPDATE webhook_endpoint SET due_at = NULL"),
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
        ("UPDATE partner_payment SET amount_usd = amount_usd + 1e-18 WHERE reference = 'SEPA 1'",),
        ("DELETE FROM partner_payment WHERE reference = 'SEPA 1'",),
        ("INSERT INTO partner_payment SELECT 1, 99, 'SEPA 2', 1, recorded_at FROM partner_payment LIMIT 1",),
    ],
    "refunds-end-miners": [
        ("INSERT INTO order_refund SELECT partner_id, 99, 1, false, 'x', created_at FROM purchase LIMIT 1",),
    ],
    "refunds-match-ledger": [
        ("DELETE FROM order_refund",),
        ("DELETE FROM refund_taking",),
        ("UPDATE refund_taking SET taken_btc = taken_btc - 1e-18",),
        ("UPDATE transfer SET object_id = 99 WHERE kind = 'refund'",),
        ("UPDATE transfer SET object_id = 99 WHERE kind = 'upgrade_refund'",),
    ],
    "corrections-match-ledger": [
        ("DELETE FROM balance_correction WHERE amount < 0",),
        ("UPDATE balance_correction SET amount = -amount WHERE currency = 'GOMINING'",),
        ("UPDATE transfer SET object_id = 99 WHERE kind = 'correction' AND object_id = 1",),
    ],
    "payment-reversals-match-ledger": [
        ("DELETE FROM payment_reversal",),
        ("INSERT INTO payment_reversal SELECT 1, id, 'x', now() FROM partner_payment WHERE reference = 'SEPA 1'",),
        ("UPDATE transfer SET object_id = 99 WHERE kind = 'payment_reversal'",),
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
    names = [name for name, _ in invariants.names()]
    assert names == [each.name for section in invariants.SECTIONS for each in section.invariants]
    assert len(set(names)) == len(names) == 46
    assert set(BREAKS) == set(names)
    assert all(ways for ways in BREAKS.values())
    assert all(rule and rule[0].islower() and not rule.endswith(".") for _, rule in invariants.names())


async def test_healthy_books_keep_every_invariant(books: World) -> None:
    """In order, each with its rule; the books have a row of everything."""
    async with db.snapshot(books.pool) as tx:
        findings = [finding async for finding in invariants.audit(tx)]
    assert [(each.name, each.rule) for each in findings] == invariants.names()
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
    """With the rows that break it, whole and since a mark of before; afterwards the books are as before.

    Where partners are spread there are no marks, and an audit is always a whole one.
    """
    seen = await marks.before(books.pool)
    async with damaged(books, *statements) as tx:
        changes = await marks.since(tx, seen)
        assert (changes is None) == (citus.coordinator() is not None), "healthy books have left a mark"
        for looked in (None,) if changes is None else (None, changes):
            found = {each.name: each.rows async for each in invariants.audit(tx, looked) if each.rows}
            assert list(found) == [name]
            assert all(row for row in found[name])
            assert 1 <= len(found[name]) <= MAX_ROWS


async def test_rows_name_what_is_wrong(books: World) -> None:
    """Partner, thing, and both figures where there are two."""
    async with damaged(books, *BREAKS["capacity-is-counted"][0]) as tx:
        found = {each.name: each.rows async for each in invariants.audit(tx)}
    assert found["capacity-is-counted"] == [{"partner_id": 2, "committed_th": Decimal("64.0001"), "used": Decimal(64)}]
    async with damaged(books, *BREAKS["control-equals-unsettled"][0]) as tx:
        rows = {each.name: each.rows async for each in invariants.audit(tx)}["control-equals-unsettled"]
    assert [row["partner_id"] for row in rows] == [1]
    control, unsettled = rows[0]["control"], rows[0]["unsettled"]
    assert isinstance(control, Decimal)
    assert isinstance(unsettled, Decimal)
    assert control - unsettled == 1
    async with db.transaction(books.pool) as tx:
        assert control - 1 == await ledger.balance(tx, 1, chart.Account.INCOME_CONTROL)


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
        found = {each.name: len(each.rows) async for each in invariants.audit(tx)}
    assert found["payments-match-ledger"] == MAX_ROWS
    assert found["rates-follow-from-inputs"] == MAX_ROWS


async def test_the_audit_only_reads(books: World) -> None:
    """A snapshot of the books refuses to be written."""
    async with db.snapshot(books.pool) as tx:
        assert not [each async for each in invariants.audit(tx) if each.rows]
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await tx.execute("UPDATE capacity SET cap_th = 1")
    assert await advance(books, 0 * HOUR)
