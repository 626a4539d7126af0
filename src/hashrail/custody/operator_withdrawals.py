"""Withdrawals that an operator asks for, in the name of users whose partner is suspended or closed.

Only a partner's server asks for withdrawals, so while it may not, nobody else can pay its users what they hold. The
reference is the operator's, and leads to one withdrawal for ever. From then on it goes the way of any other: it is
approved, paid and watched as they are, and it may be cancelled.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from hashrail.access import withdrawal_keys
from hashrail.access.idempotency import Key
from hashrail.books.fence import OpenBooks
from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Terms
from hashrail.db import Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.money import plain
from hashrail.parties import operators

# No key that a partner sends has a blank in it.
OPERATORS = "operator "
MAX_REFERENCE = 200
# Advisory locks by two numbers have a space of their own; sums are 1 to 3 (`withdrawal_sums`, `parties.alone`).
REFERENCES = 4


class PartnerIsOpenError(ConflictError):
    """The partner is open: its server asks for its users' withdrawals, as they wish."""

    code = "PARTNER_IS_OPEN"
    advice = "Let the user ask for it at the partner; an operator does so while the partner is suspended or closed."


class WithdrawalReferenceError(BadRequestError):
    """The reference is blank or too long."""

    code = "WITHDRAWAL_REFERENCE"
    advice = "Give a reference of 1 to 200 characters, a case number for instance; it counts once."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks for: `amount_btc` arrives at the address, and no commission comes on top."""

    user_id: int
    address: str
    amount_btc: Decimal
    reference: str
    reason: str

    @property
    def key(self) -> Key:
        """What a repetition is recognised by."""
        said = f"{self.user_id} {self.address} {plain(self.amount_btc)}"
        text = OPERATORS + hashlib.sha256(self.reference.encode()).hexdigest()
        return Key("operator", text.encode(), "withdrawal request", hashlib.sha256(said.encode()).digest())


async def find(tx: Tx, books: OpenBooks, wanted: Wanted) -> int | None:
    """The withdrawal of that reference, if it was asked for before; others with the same one wait until we are through.

    Raises ReasonMissingError, WithdrawalReferenceError, PartnerIsOpenError, IdempotencyKeyReusedError.
    """
    operators.assert_reason(wanted.reason)
    if not 0 < len(wanted.reference.strip()) <= MAX_REFERENCE:
        raise WithdrawalReferenceError(f"a reference has 1 to {MAX_REFERENCE} characters", field="reference")
    if books.standing == "open":
        raise PartnerIsOpenError("this partner is open", field="partner")
    key = wanted.key
    which = f"{books.partner_id} {key.text.decode()}"
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", REFERENCES, which)
    return await withdrawal_keys.find(tx, books.partner_id, key)


async def request(tx: Tx, books: OpenBooks, terms: Terms, wanted: Wanted) -> int:
    """Ask for it once; answers the withdrawal's number. Raises what `find` and `withdrawals.request` raise."""
    known = await find(tx, books, wanted)
    if known is not None:
        return known
    made = await withdrawals.request(
        tx,
        books,
        terms,
        user_id=wanted.user_id,
        speed="daily",
        address=wanted.address,
        amount_btc=wanted.amount_btc,
    )
    await withdrawal_keys.keep(tx, books.partner_id, wanted.key, made.id)
    return made.id
