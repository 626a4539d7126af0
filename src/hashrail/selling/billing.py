"""What a partner owes the operator: a receivable in USD with a credit limit.

Creating an order reserves its value, issuing the miner posts it, a payment brings it down. A partner may pay in
advance: the receivable is then negative.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail import bounds
from hashrail.books import fence
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer, post
from hashrail.bounds import Doubt
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError, ConflictError
from hashrail.events import drafts
from hashrail.events.types.payments import PartnerPaymentRecorded
from hashrail.money import ZERO, divide_half_even, is_amount, plain

# What a partner may pay in advance without anybody wondering.
MOST_AHEAD_USD = Decimal(5000)
_RECEIVABLE = """
    SELECT debits_posted - credits_posted AS owed, debits_pending AS reserved, credit_limit
    FROM account WHERE partner_id = $1 AND id = $2"""


class PaymentConflictError(ConflictError):
    """The reference was recorded before with another amount."""

    code = "PAYMENT_CONFLICT"
    advice = "Use the bank's reference of this payment; a reference is recorded once."


class BadAmountError(BadRequestError):
    """Not an amount that the books can hold."""

    code = "BAD_AMOUNT"
    advice = "Give a positive amount with at most 18 decimals, below 10^20."


@dataclass(frozen=True, slots=True)
class Receivable:
    """USD: `owed` for issued miners minus payments, `reserved` by open orders, at most `credit_limit` together."""

    owed: Decimal
    reserved: Decimal
    credit_limit: Decimal


@dataclass(frozen=True, slots=True)
class CreditUse:
    """How much of its credit limit a partner has used, open orders included."""

    partner_id: int
    partner: str
    used_usd: Decimal
    limit_usd: Decimal

    @property
    def share(self) -> Decimal:
        """Of the limit, as a fraction with four decimals."""
        return divide_half_even(self.used_usd, self.limit_usd, 4)


async def most_used(tx: Reader, limit: int) -> list[CreditUse]:
    """The partners that have used most of their credit, the nearest to its end first; those without a limit are none.

    Cost: a row a partner.
    """
    rows = await tx.fetch(
        """SELECT p.id AS partner_id, p.name AS partner, a.used_usd, a.limit_usd
           FROM partner_day d JOIN partner p ON p.id = d.partner_id CROSS JOIN LATERAL (
               SELECT debits_posted - credits_posted + debits_pending AS used_usd, credit_limit AS limit_usd
               FROM account WHERE partner_id = d.partner_id AND id = $1 OFFSET 0) AS a
           WHERE a.limit_usd > 0 ORDER BY a.used_usd / a.limit_usd DESC, p.id LIMIT $2""",
        Account.PARTNER_RECEIVABLE.value,
        limit,
    )
    return [record(CreditUse, row) for row in rows]


async def receivable(tx: Tx, partner_id: int) -> Receivable:
    """What the partner owes and has reserved now."""
    return await _receivable(tx, _RECEIVABLE, partner_id)


async def hold_receivable(tx: Tx, partner_id: int) -> Receivable:
    """What the partner owes until the transaction ends: whoever else changes it waits. Shares the fence before."""
    await fence.share(tx, partner_id)
    return await _receivable(tx, f"{_RECEIVABLE} FOR NO KEY UPDATE", partner_id)


async def _receivable(tx: Tx, query: str, partner_id: int) -> Receivable:
    row = await tx.fetchrow(query, partner_id, Account.PARTNER_RECEIVABLE.value)
    assert row is not None, "every partner has books"
    return record(Receivable, row)


def doubt_payment(due: Receivable, amount_usd: Decimal) -> tuple[Doubt, ...]:
    """Why somebody should look at a payment again: it is far more than is owed. Raises ImplausibleFigureError.

    What was paid in advance before counts, so many small ones are looked at like one that is large.
    """
    if not is_amount(amount_usd) or amount_usd <= 0:
        return ()  # no amount, which is refused by name
    bounds.check("payment_usd", amount_usd)
    ahead = amount_usd - due.owed
    if ahead <= MOST_AHEAD_USD:
        return ()
    two = ahead > 2 * max(due.owed, MOST_AHEAD_USD)
    return (Doubt("amount", plain(amount_usd), f"{plain(due.owed)} USD are owed", two=two),)


def doubt_credit_limit(was: Decimal | None, limit_usd: Decimal) -> tuple[Doubt, ...]:
    """Why somebody should look at a credit limit again. Raises ImplausibleFigureError."""
    if not is_amount(limit_usd) or limit_usd <= (was or ZERO):
        return ()
    bounds.check("credit_limit_usd", limit_usd)
    found = bounds.compare("credit_limit_usd", limit_usd, was, "before")
    return () if found is None else (found,)


async def is_new(tx: Reader, partner_id: int, *, amount_usd: Decimal, reference: str) -> bool:
    """Whether a payment would be recorded; False when it was before, with the same amount.

    Raises BadAmountError, PaymentConflictError.
    """
    _check(amount_usd)
    recorded = await tx.fetchval(
        "SELECT amount_usd FROM partner_payment WHERE partner_id = $1 AND reference = $2", partner_id, reference
    )
    if recorded is not None and recorded != amount_usd:
        raise PaymentConflictError(f"{reference!r} was recorded with {recorded} USD", field="reference")
    return recorded is None


async def record_payment(tx: Tx, partner_id: int, *, amount_usd: Decimal, reference: str) -> bool:
    """Record that the partner paid; False when this reference was recorded before with the same amount.

    Raises BadAmountError, PaymentConflictError.
    """
    _check(amount_usd)
    books = await fence.share(tx, partner_id)
    payment_id = await tx.fetchval(
        """INSERT INTO partner_payment (partner_id, reference, amount_usd, recorded_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id, reference) DO NOTHING RETURNING id""",
        partner_id,
        reference,
        amount_usd,
        books.now,
    )
    if payment_id is None:
        return await is_new(tx, partner_id, amount_usd=amount_usd, reference=reference)
    await post(
        tx,
        books,
        Transfer(TransferKind.PARTNER_PAYMENT, payment_id, 1, Account.CASH, Account.PARTNER_RECEIVABLE, amount_usd),
    )
    recorded = PartnerPaymentRecorded(id=payment_id, reference=reference, amount=amount_usd)
    await drafts.note(tx, partner_id, recorded)
    return True


def _check(amount_usd: Decimal) -> None:
    if not is_amount(amount_usd) or amount_usd <= 0:
        raise BadAmountError(f"{amount_usd} is not a positive amount", field="amount")
