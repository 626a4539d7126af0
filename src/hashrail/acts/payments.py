"""What partners have paid: recording it, and taking it back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hashrail import db
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import may_be_done
from hashrail.books import fence
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.parties import operators
from hashrail.parties.alone import Kind
from hashrail.selling import billing, payment_reversals, preview
from hashrail.selling.billing import Receivable
from hashrail.selling.preview import CreditEffect


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment: whether it is new, what is said against it, what it comes to."""

    new: bool
    doubts: Sequence[Doubt]
    effect: CreditEffect


@dataclass(frozen=True, slots=True)
class Reversed:
    """What became of a payment that is taken back: `done` unless it was before, or waits for a second."""

    done: bool
    before: Receivable
    after: Receivable

    def words(self) -> str:
        """For people, in a line."""
        after, before = self.after, self.before
        owed = f"{plain(after.owed)} USD are owed, and {plain(before.owed)} before."
        if after.credit_limit == before.credit_limit:
            return owed
        return f"{owed} The credit limit rises from {plain(before.credit_limit)} to what is owed."


async def record(
    tx: Tx, act: Acting, partner_id: int, *, amount_usd: Decimal, reference: str, confirm: Collection[str] | None
) -> Recorded:
    """Record that a partner has paid; far more than is owed takes two. Again with the same reference is a no-op.

    Raises BadAmountError, PaymentConflictError, ConfirmationNeededError.
    """
    was = await billing.hold_receivable(tx, partner_id)
    subject, before = f"partner {partner_id}", {"partner": partner_id, "owed_usd": was.owed}
    paid = {"partner": partner_id, "amount_usd": amount_usd, "reference": reference}
    new = await billing.is_new(tx, partner_id, amount_usd=amount_usd, reference=reference)
    due = replace(was, owed=was.owed - amount_usd) if new else was
    effect = CreditEffect(was, due, await preview.open_orders(tx, partner_id))
    made = Recorded(new, billing.doubt_payment(was, amount_usd) if new else (), effect)
    if not new:
        act.told.append("This reference was recorded before.")
        return made
    told = effect.words()
    act.told.append(f"{told}.")
    if not await may_be_done(tx, act, subject, made.doubts, confirm, before=before, after=paid, effect=told):
        return made
    if not act.tries:
        # It gets no number by being asked for.
        await billing.record_payment(tx, partner_id, amount_usd=amount_usd, reference=reference)
        due = await billing.receivable(tx, partner_id)
    await act.note(tx, subject, before=before, after=paid | {"owed_usd": due.owed})
    return made


async def reverse(tx: Tx, act: Acting, partner_id: int, payment_id: int, *, reason: str) -> Reversed:
    """Take a payment back, whole; beyond what one takes back alone in a day it takes two. Again is a no-op.

    Raises PaymentNotFoundError, ReasonMissingError.
    """
    books = await fence.share(tx, partner_id)
    payment = await payment_reversals.lock(tx, books.partner_id, payment_id)
    operators.assert_reason(reason)
    was = await billing.receivable(tx, books.partner_id)
    subject, before = f"payment {books.partner_id}:{payment.id}", {"partner": books.partner_id, "reversed": False}
    after = {
        "partner": books.partner_id,
        "payment": payment.id,
        "reference": payment.reference,
        "amount_usd": payment.amount_usd,
        "reversed": True,
        "reason": reason,
    }
    if act.tries and payment.reversed_at is None:
        async with db.undone(tx):
            await payment_reversals.reverse(tx, books, payment.id, reason=reason)
            act.told.append(Reversed(True, was, await billing.receivable(tx, books.partner_id)).words())
    of = (Kind.PAYMENT_REVERSAL, "USD", payment.amount_usd)
    if payment.reversed_at is not None or await act.waits_beyond(tx, subject, of, before=before, after=after):
        return Reversed(False, was, was)
    await payment_reversals.reverse(tx, books, payment.id, reason=reason)
    await act.note(tx, subject, before=before, after=after, reason=reason)
    return Reversed(True, was, await billing.receivable(tx, books.partner_id))
