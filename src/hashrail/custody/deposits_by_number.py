"""Deposits by their numbers: one, or several at once, of a partner."""

from collections.abc import Sequence

from hashrail import db
from hashrail.custody.deposits import READ, Deposit
from hashrail.db import Reader
from hashrail.errors import NotFoundError


class DepositNotFoundError(NotFoundError):
    """The partner has no such deposit."""

    code = "DEPOSIT_NOT_FOUND"
    advice = "List the user's deposits."


async def some(tx: Reader, partner_id: int, deposit_ids: Sequence[int]) -> list[Deposit]:
    """Those of the partner's deposits that have these numbers."""
    rows = await tx.fetch(f"{READ} WHERE d.partner_id = $1 AND d.id = ANY ($2)", partner_id, list(deposit_ids))
    return [db.record(Deposit, row) for row in rows]


async def get(tx: Reader, partner_id: int, deposit_id: int) -> Deposit:
    """One deposit of the partner. Raises DepositNotFoundError."""
    found = await some(tx, partner_id, [deposit_id])
    if not found:
        raise DepositNotFoundError(f"no deposit {deposit_id}", field="id")
    return found[0]
