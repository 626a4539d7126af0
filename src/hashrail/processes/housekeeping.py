"""Housekeeping: what expires is let go, partner by partner, a transaction each."""

from hashrail import business_clock, clock, db
from hashrail.access import call_log, idempotency, rate_budgets, sessions, ton_payloads
from hashrail.accounting import pool_receipts
from hashrail.books import ledger
from hashrail.custody import bound_wallets, withdrawal_sums
from hashrail.events import deliveries
from hashrail.exports import export
from hashrail.parties import (
    member_log,
    member_sessions,
    member_tasks,
    operator_sessions,
    partners,
    sent_forms,
    sign_in_attempts,
    tasks,
    views,
)
from hashrail.selling import orders

# Writers of a group wait until it is summed up; closing holds as many.
SUMMED_AT_ONCE = 100


async def housekeeping(pool: db.Pool, *, call_log_days: int = 7) -> dict[str, int]:
    """Expire orders, forget old answers, sessions, wallets taken off, payloads of logins, counts of rate limits, what
    became of webhooks, the files of exports, and what console and portal keep of people."""
    names = ("orders", "answers", "sessions", "wallets", "payloads", "budgets", "deliveries", "exports")
    counts = dict.fromkeys((*names, "console", "portal"), 0)
    async with db.transaction(pool) as tx:
        counts["payloads"] += await ton_payloads.forget_expired(tx)
    async with db.transaction(pool) as tx:
        counts["budgets"] += await rate_budgets.forget_expired(tx)
    async with db.transaction(pool) as tx:
        counts["console"] += await operator_sessions.forget_expired(tx)
        for each in (sign_in_attempts, sent_forms, tasks, views):
            counts["console"] += await each.forget_past(tx)
    for partner_id in await partners.ids(pool):
        async with db.transaction(pool) as tx:
            counts["orders"] += await orders.expire_due(tx, partner_id)
        async with db.transaction(pool) as tx:
            counts["deliveries"] += await deliveries.forget_past(tx, partner_id)
        async with db.transaction(pool) as tx:
            counts["answers"] += await idempotency.forget_expired(tx, partner_id)
            counts["sessions"] += await sessions.forget_expired(tx, partner_id)
            now = await business_clock.now(tx)
            counts["wallets"] += await bound_wallets.forget_unbound(tx, partner_id, now=now)
            counts["exports"] += await export.expire_due(tx, partner_id, clock.wall_now())
            await withdrawal_sums.forget_past(tx, partner_id, now=now)
        async with db.transaction(pool) as tx:
            counts["portal"] += await call_log.forget_past(tx, partner_id, days=call_log_days)
            for forget in (
                *(member_sessions.forget_expired, sent_forms.forget_past_of_members, member_log.forget_past),
                member_tasks.forget_past,
            ):
                counts["portal"] += await forget(tx, partner_id)
    return counts


async def pay_open_days(pool: db.Pool) -> None:
    """Let what is left of pool receipts pay for days that were closed since."""
    async with db.transaction(pool) as tx:
        if await pool_receipts.is_waiting(tx):
            await pool_receipts.divide(tx)


async def checkpoint_all(pool: db.Pool) -> None:
    """Sum up the operator-side accounts of every partner where they have moved, a group of partners a transaction."""
    behind = await ledger.behind(pool)
    for start in range(0, len(behind), SUMMED_AT_ONCE):
        async with db.transaction(pool) as tx:
            await ledger.checkpoint(tx, behind[start : start + SUMMED_AT_ONCE])
