"""What operators give users and take from them by hand."""

from dataclasses import asdict, dataclass
from decimal import Decimal

from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.custody import corrections
from hashrail.custody.corrections import Correction
from hashrail.db import Tx
from hashrail.parties import users
from hashrail.parties.alone import Kind


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user is credited, or debited where it is below zero; `reference` is the operator's, and is done once."""

    currency: str
    amount: Decimal
    reference: str
    reason: str


async def correct(tx: Tx, act: Acting, partner_id: int, partner_user_id: str, wanted: Wanted) -> bool:
    """Credit or debit a user; False where it was done before, or waits for a second.

    Raises what `corrections.correct` does, and UserNotFoundError.
    """
    books = await fence.share(tx, partner_id)
    user = await users.find(tx, books.partner_id, partner_user_id)
    one = Correction(user.id, wanted.currency, wanted.amount, wanted.reference, wanted.reason)
    corrections.check(one)
    before = {"partner": books.partner_id, "reference": one.reference, "done": False}
    after, subject = before | asdict(one) | {"done": True}, f"user {books.partner_id}:{partner_user_id}"
    if await corrections.is_done(tx, books.partner_id, one):
        return False
    of = (Kind.CORRECTION, one.currency, abs(one.amount))
    if await act.waits_beyond(tx, subject, of, before=before, after=after):
        return False
    made = await corrections.correct(tx, books, one, tried=act.tries)
    await act.note(tx, subject, before=before, after=after, reason=one.reason)
    return made
