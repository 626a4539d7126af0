"""Approvals: a large withdrawal waits for two people, and either may refuse it.

It comes here from `withdrawals.request`, where it was asked for; approved by two it goes on to the queue of payouts
(`payouts/queue.py`).

    awaiting_approval -> queued      two operators approved who are two people
    awaiting_approval, queued -> refused      what it reserved is the user's again

The same operator twice counts once, and so do two operators of whom one made or changed the other's account, or whose
accounts the same third made, not long ago (`parties/people.py`). When another approval comes, one whose operator is
disabled by then, or may no longer approve, does not count. Whatever comes late, when the withdrawal has gone on,
changes nothing.

Accounts touched: user BTC, payouts in flight, commission revenue.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail import clock, db
from hashrail.books.fence import OpenBooks
from hashrail.custody import withdrawal_telling, withdrawals
from hashrail.custody.withdrawals import Withdrawal, WithdrawalUnderWayError
from hashrail.db import Reader, Tx
from hashrail.parties import operators, people
from hashrail.parties.operators import Operator

NEEDED = 2


@dataclass(frozen=True, slots=True)
class Waiting:
    """A withdrawal that waits for approval, and whose approvals count."""

    partner_id: int
    partner: str
    id: int
    partner_user_id: str
    address: str
    amount_btc: Decimal
    created_at: datetime
    approved_by: list[str]


async def approve(tx: Tx, books: OpenBooks, operator: Operator, withdrawal_id: int) -> Withdrawal:
    """Approve a withdrawal; with the second person it goes into the queue. Raises WithdrawalNotFoundError.

    Again counts anew: time may have made two people of two accounts.
    """
    if await withdrawals.lock(tx, books, withdrawal_id) == "awaiting_approval":
        new = await tx.fetchval(
            """INSERT INTO withdrawal_approval (partner_id, withdrawal_id, operator_id, approved_at)
               VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true""",
            books.partner_id,
            withdrawal_id,
            operator.id,
            clock.wall_now(),
        )
        if new is not None:
            await operators.note(tx, operator, "withdrawal approved", f"{books.partner_id}:{withdrawal_id}")
        given = await _approvers(tx, books.partner_id, withdrawal_id)
        if (await people.ties(tx)).have_two(given):
            await tx.execute(
                "UPDATE withdrawal SET state = 'queued', changed_at = $3 WHERE partner_id = $1 AND id = $2",
                books.partner_id,
                withdrawal_id,
                books.now,
            )
            await withdrawal_telling.tell(tx, [(books.partner_id, withdrawal_id)], now=books.now)
    return await withdrawals.get(tx, books.partner_id, withdrawal_id)


async def refuse(tx: Tx, books: OpenBooks, operator: Operator, withdrawal_id: int, reason: str) -> Withdrawal:
    """End a withdrawal that is not yet signed; again is a no-op.

    Raises WithdrawalNotFoundError, WithdrawalUnderWayError.
    """
    state = await withdrawals.lock(tx, books, withdrawal_id)
    if state in ("awaiting_approval", "queued"):
        await withdrawals.release(tx, books, withdrawal_id, "refused", reason)
        await operators.note(tx, operator, "withdrawal refused", f"{books.partner_id}:{withdrawal_id}", reason)
    elif state in ("signed", "exported", "final"):
        raise WithdrawalUnderWayError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    return await withdrawals.get(tx, books.partner_id, withdrawal_id)


async def count(tx: Reader, partner_id: int, withdrawal_id: int) -> int:
    """How many operators have approved a withdrawal, whether they still may or not."""
    given: int = await tx.fetchval(
        "SELECT count(*) FROM withdrawal_approval WHERE partner_id = $1 AND withdrawal_id = $2",
        partner_id,
        withdrawal_id,
    )
    return given


async def waiting(tx: Reader, *, limit: int | None = None) -> list[Waiting]:
    """What waits for approval, oldest first, with the approvals that count now: everything, or so many."""
    rows = await tx.fetch(
        """SELECT w.partner_id, p.name AS partner, w.id, u.partner_user_id, w.address, w.amount_btc, w.created_at,
                  ARRAY(SELECT o.name FROM withdrawal_approval a JOIN operator_account o ON o.id = a.operator_id
                        WHERE a.partner_id = w.partner_id AND a.withdrawal_id = w.id
                          AND o.disabled_at IS NULL AND o.role IN ('approver', 'admin') ORDER BY o.name) AS approved_by
           FROM withdrawal w JOIN partner p ON p.id = w.partner_id
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
           WHERE w.state = 'awaiting_approval' ORDER BY w.id LIMIT $1""",
        limit,
    )
    return [db.record(Waiting, row) for row in rows]


async def approved_by(tx: Reader, partner_id: int, withdrawal_id: int) -> list[str]:
    """Whose approvals of a withdrawal count now, by name."""
    rows = await tx.fetch(
        """SELECT o.name FROM withdrawal_approval a JOIN operator_account o ON o.id = a.operator_id
           WHERE a.partner_id = $1 AND a.withdrawal_id = $2
             AND o.disabled_at IS NULL AND o.role IN ('approver', 'admin') ORDER BY o.name""",
        partner_id,
        withdrawal_id,
    )
    return [row["name"] for row in rows]


async def _approvers(tx: Tx, partner_id: int, withdrawal_id: int) -> list[int]:
    """Whose approvals count; until the transaction ends none of these operators is disabled or loses a role."""
    rows = await tx.fetch(
        """SELECT o.id FROM withdrawal_approval a JOIN operator_account o ON o.id = a.operator_id
           WHERE a.partner_id = $1 AND a.withdrawal_id = $2
             AND o.disabled_at IS NULL AND o.role IN ('approver', 'admin') FOR SHARE OF o""",
        partner_id,
        withdrawal_id,
    )
    return [row["id"] for row in rows]
