"""The partner's statement as a file: a sheet of every line of a range, made in one piece."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from hashrail import sheets
from hashrail.db import Tx
from hashrail.errors import BadRequestError
from hashrail.selling import statements
from hashrail.selling.statements import Line

LineType = Literal["order", "upgrade", "payment", "orderRefund", "upgradeRefund", "paymentReversal"]
LINE_TYPES: dict[str, LineType] = {
    "purchase": "order",
    "post_payment": "upgrade",
    "partner_payment": "payment",
    "refund": "orderRefund",
    "upgrade_refund": "upgradeRefund",
    "payment_reversal": "paymentReversal",
}
MAX_LINES = 50_000
COLUMNS = ("date", "type", "reference", "nftId", "amountUsd", "balanceUsd")


class StatementTooLongError(BadRequestError):
    """A file holds so many lines and no more, since it is made in one piece."""

    code = "STATEMENT_TOO_LONG"
    advice = "Ask for a shorter range, or read the statement page by page with cursors."


async def lines(tx: Tx, partner_id: int, *, first: datetime, before: datetime, field: str) -> list[Line]:
    """Every line from `first` to just before `before`, oldest first. Raises StatementTooLongError with that field."""
    found: list[Line] = []
    async for part in statements.in_parts(tx, partner_id, first=first, before=before):
        found += part
        if len(found) > MAX_LINES:
            raise StatementTooLongError(f"the range has more than {MAX_LINES} lines", field=field)
    return found


def sheet(found: Sequence[Line]) -> bytes:
    """The file. Call it in a thread: a long one takes a second, in which others are answered."""
    return sheets.sheet(COLUMNS, map(_cells, found)).encode()


def _cells(one: Line) -> tuple[object, ...]:
    return one.at, LINE_TYPES[one.kind], one.reference, one.miner_id, one.amount_usd, one.balance_usd
