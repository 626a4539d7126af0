"""Corrections: an operator credits a user by hand, or debits them, for a reason.

A correction has a reference of the operator's, a case number perhaps, and is done once. A debit takes what the user can
spend and no more: settled income counts, what a withdrawal holds does not.

Accounts touched: users' accounts, corrections in the same currency.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.books import ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import InsufficientFundsError, Transfer
from hashrail.db import Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, ConflictError
from hashrail.money import ZERO, is_amount, plain
from hashrail.parties import operators, users
from hashrail.parties.users import User
from hashrail.rewards import settling

# The number of a correction that is only tried.
_TRIED = -1
ACCOUNTS = {"BTC": Account.CORRECTIONS_BTC, "GOMINING": Account.CORRECTIONS_GOMINING}


class CorrectionConflictError(ConflictError):
    """The reference belongs to another correction."""

    code = "CORRECTION_CONFLICT"
    advice = "Use another reference for another correction; each is done once."


class CorrectionAmountError(BadRequestError):
    """Not an amount that a balance can be corrected by, or a currency that users do not have."""

    code = "CORRECTION_AMOUNT"
    advice = "Give an amount above zero with at most 18 decimals, below 10^20, in BTC or GOMINING."


@dataclass(frozen=True, slots=True)
class Correction:
    """An `amount` above zero is credited, one below it debited; `reference` is the operator's, and is done once."""

    user_id: int
    currency: str
    amount: Decimal
    reference: str
    reason: str


def check(wanted: Correction) -> None:
    """Raises CorrectionAmountError, ReasonMissingError."""
    operators.assert_reason(wanted.reason)
    if wanted.currency not in ACCOUNTS:
        raise CorrectionAmountError(f"users have no {wanted.currency}", field="currency")
    if not is_amount(wanted.amount) or wanted.amount == 0:
        raise CorrectionAmountError(f"{wanted.amount} is no amount", field="amount")


async def is_done(tx: Tx, partner_id: int, wanted: Correction) -> bool:
    """Whether the correction of that reference was made. Raises CorrectionConflictError where it was another one."""
    row = await tx.fetchrow(
        "SELECT user_id, currency, amount FROM balance_correction WHERE partner_id = $1 AND reference = $2",
        partner_id,
        wanted.reference,
    )
    made = None if row is None else (row["user_id"], row["currency"], row["amount"])
    if made is not None and made != (wanted.user_id, wanted.currency, wanted.amount):
        raise CorrectionConflictError(f"{wanted.reference!r} is another correction", field="reference")
    return made is not None


async def correct(tx: Tx, books: OpenBooks, wanted: Correction, *, tried: bool = False) -> bool:
    """Credit or debit a user; False when that was done before. What is only `tried` takes no number of the sequence.

    Raises CorrectionAmountError, ReasonMissingError, CorrectionConflictError, InsufficientFundsError.
    """
    check(wanted)
    (user,) = (await users.lock(tx, books.partner_id, [wanted.user_id])).values()
    drawn = _TRIED if tried else await tx.fetchval("SELECT nextval('balance_correction_id_seq')")
    number = await tx.fetchval(
        """INSERT INTO balance_correction (id, partner_id, user_id, currency, amount, reference, reason, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (partner_id, reference) DO NOTHING RETURNING id""",
        drawn,
        books.partner_id,
        wanted.user_id,
        wanted.currency,
        wanted.amount,
        wanted.reference,
        wanted.reason,
        books.now,
    )
    if number is None:
        done = await is_done(tx, books.partner_id, wanted)
        assert done, "somebody else has just made it"
        return False
    # A program of the version before may have opened the partner's books.
    await ledger.open_books(tx, books.partner_id, credit_limit_usd=ZERO, at=books.now)
    if wanted.amount < 0 and wanted.currency == "BTC":
        await _assert_there(tx, books, wanted.user_id, -wanted.amount)
    account = await ledger.user_account(tx, books.partner_id, wanted.user_id, wanted.currency)
    other = ACCOUNTS[wanted.currency]
    debit, credit = (int(other), account) if wanted.amount > 0 else (account, int(other))
    await ledger.post(tx, books, Transfer(TransferKind.CORRECTION, number, 1, debit, credit, abs(wanted.amount)))
    await _note(tx, user, wanted)
    return True


async def _note(tx: Tx, user: User, wanted: Correction) -> None:
    told = {"user": user.partner_user_id, "currency": wanted.currency, "amount": plain(abs(wanted.amount))}
    kind = Kind.BALANCE_CREDITED if wanted.amount > 0 else Kind.BALANCE_DEBITED
    why = {"reference": wanted.reference, "reason": wanted.reason}
    await journal.note(tx, kind, partner_id=user.partner_id, **told, **why)


async def _assert_there(tx: Tx, books: OpenBooks, user_id: int, amount_btc: Decimal) -> None:
    """What adjustments have yet to take is not the user's either. Raises InsufficientFundsError."""
    await settling.settle(tx, books, user_id)
    there_btc = await settling.spendable(tx, books.partner_id, user_id)
    if there_btc < amount_btc:
        raise InsufficientFundsError(
            f"the account does not hold that much: {plain(there_btc)} BTC can be spent",
            available=there_btc,
            needed=amount_btc,
        )
