"""One account of a partner's books: what it holds, and the transfers that moved it, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail.accounting import words
from hashrail.accounting.journal import OBJECTS, REFERENCE
from hashrail.accounting.words import Sort
from hashrail.books.chart import FIRST_USER_ACCOUNT, TransferKind, TransferState
from hashrail.db import Reader, record
from hashrail.errors import NotFoundError

_READ = f"""
    SELECT t.kind, t.object_id, t.leg, t.debit_account, t.credit_account, a.currency, t.amount, t.state, t.created_at,
           t.resolved_at, t.posted_seq, {REFERENCE} AS reference
    FROM transfer t JOIN account a ON a.partner_id = t.partner_id AND a.id = t.debit_account {OBJECTS}"""  # noqa: S608
# Each side by its own index, the newest first; no transfer has both sides on one account.
_SIDES = ("debit_account", "credit_account")
_OF_KIND = "($3::text IS NULL OR t.kind = $3)"
_POSTED = " UNION ALL ".join(
    f"({_READ} WHERE t.partner_id = $1 AND t.{side} = $2 AND {_OF_KIND} AND t.posted_seq < $5"
    " ORDER BY t.posted_seq DESC LIMIT $4)"
    for side in _SIDES
)
_PENDING = " UNION ALL ".join(
    f"{_READ} WHERE t.partner_id = $1 AND t.{side} = $2 AND {_OF_KIND} AND t.posted_seq IS NULL AND t.state = 'pending'"
    for side in _SIDES
)
NEWEST = 2**63 - 1


class AccountNotFoundError(NotFoundError):
    """The partner's books have no account of that number."""

    code = "ACCOUNT_NOT_FOUND"
    advice = "Look at the partner's accounts: hashrail books chart --partner P"


class TransferNotFoundError(NotFoundError):
    """The partner's books have no such transfer."""

    code = "TRANSFER_NOT_FOUND"
    advice = "A transfer is named by its kind, the number of its object, and its leg; the account's page lists them."


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `user_id` and `partner_user_id` where it is a user's."""

    id: int
    currency: str
    user_id: int | None
    partner_user_id: str | None

    @property
    def name(self) -> str:
        """What it is called."""
        return words.name_of(self.id) if self.user_id is None else f"{self.currency} of {self.partner_user_id}"

    @property
    def sort(self) -> Sort:
        """Its class."""
        return "Liabilities" if self.id >= FIRST_USER_ACCOUNT else words.SORTS[self.id // 1000]

    @property
    def debit_is_normal(self) -> bool:
        """Whether what it holds stands on the debit side."""
        return self.sort in ("Assets", "Expenses")


@dataclass(frozen=True, slots=True)
class Moved:
    """A transfer: `amount` of `currency` from the credit to the debit account; times are the business clock's.

    `reference` is what people know the object by.
    """

    kind: TransferKind
    object_id: int
    leg: int
    debit_account: int
    credit_account: int
    currency: str
    amount: Decimal
    state: TransferState
    created_at: datetime
    resolved_at: datetime | None
    posted_seq: int | None
    reference: str

    @property
    def what(self) -> str:
        """Its kind in words."""
        return words.KINDS[TransferKind(self.kind)]


async def find(reader: Reader, partner_id: int, account_id: int) -> Account:
    """An account of a partner's books. Raises AccountNotFoundError."""
    row = await reader.fetchrow(
        """SELECT a.id, a.currency, a.user_id, u.partner_user_id FROM account a
           LEFT JOIN app_user u ON u.partner_id = a.partner_id AND u.id = a.user_id
           WHERE a.partner_id = $1 AND a.id = $2""",
        partner_id,
        account_id,
    )
    if row is None:
        raise AccountNotFoundError(f"partner {partner_id} has no account {account_id}", field="account")
    return record(Account, row)


async def posted(
    reader: Reader, partner_id: int, account_id: int, *, kind: str | None, before: int | None, limit: int
) -> Sequence[Moved]:
    """Posted transfers of an account, the newest first; `before` is the place of the last one of the page before."""
    at = NEWEST if before is None else before
    query = f"{_POSTED} ORDER BY posted_seq DESC LIMIT $4"
    rows = await reader.fetch(query, partner_id, account_id, kind, limit, at)
    return [record(Moved, row) for row in rows]


async def pending(reader: Reader, partner_id: int, account_id: int, *, kind: str | None, limit: int) -> Sequence[Moved]:
    """What is reserved on an account, the newest first."""
    query = f"{_PENDING} ORDER BY created_at DESC, kind, object_id, leg LIMIT $4"
    rows = await reader.fetch(query, partner_id, account_id, kind, limit)
    return [record(Moved, row) for row in rows]


async def transfer(reader: Reader, partner_id: int, kind: str, object_id: int, leg: int) -> Moved:
    """One transfer. Raises TransferNotFoundError."""
    found = [each for each in await legs(reader, partner_id, kind, object_id) if each.leg == leg]
    if not found:
        raise TransferNotFoundError(f"partner {partner_id} has no transfer {kind} {object_id}/{leg}", field="object")
    return found[0]


async def legs(reader: Reader, partner_id: int, kind: str, object_id: int) -> Sequence[Moved]:
    """All transfers of an object, in order."""
    rows = await reader.fetch(
        f"{_READ} WHERE t.partner_id = $1 AND t.kind = $2 AND t.object_id = $3 ORDER BY t.leg LIMIT 100",
        partner_id,
        kind,
        object_id,
    )
    return [record(Moved, row) for row in rows]
