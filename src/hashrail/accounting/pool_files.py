"""Files of a pool: what it says that it has paid, a line each. A file has one meaning, or is refused whole.

The first line names the columns: `day` (the mined day that is paid for, like 2026-03-01) and `amount_btc`, in any
order, and beside them `txid` and `reference`, if the pool names them. The same line twice is one payment, in one file
or in two.
"""

import csv
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from hashrail.accounting.pool_receipts import Entered
from hashrail.errors import BadRequestError

REQUIRED = ("day", "amount_btc")
COLUMNS = (*REQUIRED, "txid", "reference")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
AMOUNT = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,18})?")
TXID = re.compile(r"[0-9a-f]{64}")
MAX_REFERENCE = 255


class BadPoolFileError(BadRequestError):
    """A file of the pool does not have one meaning; nothing of it was recorded."""

    code = "BAD_POOL_FILE"
    advice = (
        "Columns day and amount_btc, perhaps txid and reference; commas between, a point before decimals, UTC days."
    )


def read(lines: Iterable[str]) -> list[Entered]:
    """The payments of a file, each once, in its order. Raises BadPoolFileError, naming line and column."""
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error as error:
        raise BadPoolFileError(f"it is no CSV: {error}", field="file") from error
    if not rows:
        raise BadPoolFileError("it is empty", field="file")
    columns = [name.strip() for name in rows[0]]
    if len(set(columns)) < len(columns) or not set(REQUIRED) <= set(columns) <= set(COLUMNS):
        raise BadPoolFileError(f"its columns are {', '.join(columns)}", field="file")
    found = {}
    for number, row in enumerate(rows[1:], start=2):
        if row:
            entered = _entered(number, columns, row)
            found[entered.key] = entered
    if not found:
        raise BadPoolFileError("it has no lines", field="file")
    return list(found.values())


def _entered(number: int, columns: list[str], row: list[str]) -> Entered:
    if len(row) != len(columns):
        raise BadPoolFileError(f"line {number} has {len(row)} cells, not {len(columns)}", field="file", line=number)
    cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
    day, amount = _day(number, cells["day"]), _amount(number, cells["amount_btc"])
    txid, reference = cells.get("txid", ""), cells.get("reference", "")
    if txid and not TXID.fullmatch(txid):
        raise BadPoolFileError(f"line {number}: {txid!r} is no txid", field="txid", line=number)
    if "\0" in reference:
        raise BadPoolFileError(f"line {number}: the reference is no text", field="reference", line=number)
    if len(reference) > MAX_REFERENCE:
        raise BadPoolFileError(f"line {number}: the reference is too long", field="reference", line=number)
    return line(day=day, amount_btc=amount, txid=txid or None, reference=reference)


def line(*, day: date, amount_btc: Decimal, txid: str | None, reference: str) -> Entered:
    """What a line says; the same line is known by the same key."""
    key = f"file {day} {amount_btc.normalize():f} {txid or ''} {reference}"
    return Entered("file", key, day, amount_btc, txid=txid, reference=reference)


def _day(number: int, text: str) -> date:
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise BadPoolFileError(f"line {number}: {text} is in no calendar", field="day", line=number) from error
    raise BadPoolFileError(f"line {number}: {text!r} is no day", field="day", line=number)


def _amount(number: int, text: str) -> Decimal:
    if AMOUNT.fullmatch(text) and (amount := Decimal(text)) > 0:
        return amount
    raise BadPoolFileError(f"line {number}: {text!r} is no amount above 0", field="amount_btc", line=number)
