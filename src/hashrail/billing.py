"""What a partner owes the operator: a receivable in USD with a credit limit.

Creating an order reserves its value, issuing the miner posts it, a payment brings it down. A partner may pay in
advance: the receivable is then negative.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail import day_fence
from hashrail.db import Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.ledger import Chart, Kind, Transfer, post
from hashrail.money import is_amount


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


async def receivable(tx: Tx, partner_id: int) -> Receivable:
    """What the partner owes and has reserved now."""
    row = await tx.fetchrow(
        """SELECT debits_posted - credits_posted AS owed, debits_pending AS reserved, credit_limit
           FROM account WHERE partner_id = $1 AND id = $2""",
        partner_id,
        Chart.PARTNER_RECEIVABLE.value,
    )
    assert row is not None, "every partner has books"
    return Receivable(*row.values())


async def record_payment(tx: Tx, partner_id: int, *, amount_usd: Decimal, reference: str) -> bool:
    """Record that the partner paid; False when this reference was recorded before with the same amount."""
    if not is_amount(amount_usd) or amount_usd <= 0:
        raise BadAmountError(f"{amount_usd} is not a positive amount", field="amount")
    day = await day_fence.share(tx, partner_id)
    payment_id = await tx.fetchval(
        """INSERT INTO partner_payment (partner_id, reference, amount_usd, recorded_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id, reference) DO NOTHING RETURNING id""",
        partner_id,
        reference,
        amount_usd,
        day.now,
    )
    if payment_id is None:
        recorded = await tx.fetchval(
            "SELECT amount_usd FROM partner_payment WHERE partner_id = $1 AND reference = $2", partner_id, reference
        )
        if recorded != amount_usd:
            raise PaymentConflictError(f"{reference!r} was recorded with {recorded} USD", field="reference")
        return False
    await post(tx, day, Transfer(Kind.PARTNER_PAYMENT, payment_id, 1, Chart.CASH, Chart.PARTNER_RECEIVABLE, amount_usd))
    return True
