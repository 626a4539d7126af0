"""Payments that a partner made and that were taken back: bounced, or recorded for the wrong partner or amount.

A payment stays recorded, and its reversal beside it: the partner owes again what it brought down. That may be more than
its credit limit, since it is owed all the same: the limit rises to it, so that nothing more is sold until something is
paid, and the operator lowers it again. A payment is reversed once and whole; what was right of it is recorded anew.

Accounts touched: partner receivable, cash.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail.books import ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.db import Reader, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import NotFoundError
from hashrail.events import drafts
from hashrail.events.types.payments import PartnerPaymentReversed
from hashrail.money import plain
from hashrail.parties import operators


class PartnerPaymentNotFoundError(NotFoundError):
    """The partner has no recorded payment of that number or reference."""

    code = "PARTNER_PAYMENT_NOT_FOUND"
    advice = "List what is recorded: hashrail partner payment list --partner NAME"


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded payment (USD), and since when and why it counts no more."""

    id: int
    reference: str
    amount_usd: Decimal
    recorded_at: datetime
    reversed_at: datetime | None
    reason: str | None


_READ = """
    SELECT p.id, p.reference, p.amount_usd, p.recorded_at, r.reversed_at, r.reason
    FROM partner_payment p LEFT JOIN payment_reversal r ON r.partner_id = p.partner_id AND r.payment_id = p.id"""


async def of_partner(tx: Reader, partner_id: int, *, limit: int, before: int | None = None) -> list[Payment]:
    """The partner's payments, newest first; `before` is the last id of the page before."""
    rows = await tx.fetch(
        f"{_READ} WHERE p.partner_id = $1 AND ($2::bigint IS NULL OR p.id < $2) ORDER BY p.id DESC LIMIT $3",
        partner_id,
        before,
        limit,
    )
    return [record(Payment, row) for row in rows]


async def find(tx: Reader, partner_id: int, *, payment_id: int | None = None, reference: str | None = None) -> Payment:
    """A payment by its number or its reference. Raises PartnerPaymentNotFoundError."""
    row = await tx.fetchrow(
        f"{_READ} WHERE p.partner_id = $1 AND (p.id = $2 OR p.reference = $3)", partner_id, payment_id, reference
    )
    if row is None:
        named, field = (f"number {payment_id}", "id") if reference is None else (repr(reference), "reference")
        raise PartnerPaymentNotFoundError(f"no payment of {named} is recorded", field=field)
    return record(Payment, row)


async def lock(tx: Tx, partner_id: int, payment_id: int) -> Payment:
    """A payment that nobody else reverses until the transaction ends. Raises PartnerPaymentNotFoundError."""
    await tx.execute(
        "SELECT 1 FROM partner_payment WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE", partner_id, payment_id
    )
    return await find(tx, partner_id, payment_id=payment_id)


async def reverse(tx: Tx, books: OpenBooks, payment_id: int, *, reason: str) -> bool:
    """Take a payment back: it is owed again. False when it was before, and then nothing is changed.

    Raises PartnerPaymentNotFoundError, ReasonMissingError.
    """
    operators.assert_reason(reason)
    payment = await lock(tx, books.partner_id, payment_id)
    if payment.reversed_at is not None:
        return False
    await tx.execute(
        "INSERT INTO payment_reversal (partner_id, payment_id, reason, reversed_at) VALUES ($1, $2, $3, $4)",
        books.partner_id,
        payment_id,
        reason,
        books.now,
    )
    amount_usd = payment.amount_usd
    await ledger.let_owe(tx, books.partner_id, amount_usd)
    legs = (Account.PARTNER_RECEIVABLE, Account.CASH, amount_usd)
    await ledger.post(tx, books, Transfer(TransferKind.PAYMENT_REVERSAL, payment_id, 1, *legs))
    told = {"payment": payment.reference, "amountUsd": plain(amount_usd), "reason": reason}
    await journal.note(tx, Kind.PAYMENT_REVERSED, partner_id=books.partner_id, **told)
    reversed_one = PartnerPaymentReversed(id=payment_id, reference=payment.reference, amount=amount_usd)
    await drafts.note(tx, books.partner_id, reversed_one)
    return True
