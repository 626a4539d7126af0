"""Pool receipts: what the pool has paid in, which brings down what it owes.

    recorded -> reversed      an operator took it back: entered wrongly, or a reorg took the payment

A receipt comes from the chain (a transaction that pays named addresses, proven as deposits are), from a file of the
pool, or by an operator's word. It is the operator's: each partner's books get their part of it, for the days that are
open there, the oldest first. A day that it pays in part is shared in proportion, exactly. What is left when nothing is
open waits for the days to come (a pool pays before a day is closed, and for hashrate that nobody has bought).

A transaction is known from one source only: lines of a file that name one which the chain has shown are it.

Accounts touched: treasury, pool receivable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Literal

from hashrail import business_clock, clock
from hashrail.accounting import pool_promises
from hashrail.accounting.pool_promises import Open
from hashrail.bitcoin.evidence import Evidence
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.money import AMOUNT_DECIMALS, ZERO, is_amount, plain
from hashrail.parties import operators, partners

Source = Literal["chain", "file", "word"]
# More than any pool pays at once: a slip of the point, or a figure of another column.
MOST_BTC = Decimal(10_000)
_READ = """
    SELECT id, source, key, day, amount_btc, undivided_btc, txid, reference, reason, block_hash, height, depth,
           witnessed, simulated, recorded_at, reversed_at, reversed_reason
    FROM pool_receipt"""


class PoolReceiptError(BadRequestError):
    """Not something that a pool can have paid: the amount or the day is out of bounds."""

    code = "BAD_POOL_RECEIPT"
    advice = "Give BTC above 0 and at most 10000, with at most 18 decimals, and a mined day that has begun."


class PoolReceiptConflictError(ConflictError):
    """It was recorded before as something else."""

    code = "POOL_RECEIPT_CONFLICT"
    advice = "Look at what is there (hashrail pool receipt list), and reverse it first if it is wrong."


class PoolReceiptNotFoundError(NotFoundError):
    """No receipt has that number."""

    code = "POOL_RECEIPT_NOT_FOUND"
    advice = "List them: hashrail pool receipt list"


@dataclass(frozen=True, slots=True)
class Entered:
    """What is to be recorded. `day` is the mined day that it is for; `key` is what it is known by."""

    source: Source
    key: str
    day: date
    amount_btc: Decimal
    txid: str | None = None
    reference: str = ""
    reason: str | None = None
    proof: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt, BTC; `undivided_btc` of it waits for days to come. Times are the business clock's."""

    id: int
    source: Source
    key: str
    day: date
    amount_btc: Decimal
    undivided_btc: Decimal
    txid: str | None
    reference: str
    reason: str | None
    block_hash: str | None
    height: int | None
    depth: int | None
    witnessed: bool | None
    simulated: bool | None
    recorded_at: datetime
    reversed_at: datetime | None
    reversed_reason: str | None


def by_word(*, day: date, amount_btc: Decimal, reference: str, reason: str) -> Entered:
    """What an operator says. Raises ReasonMissingError."""
    operators.assert_reason(reason)
    return Entered("word", f"word {reference}", day, amount_btc, reference=reference, reason=reason)


async def add(tx: Tx, entered: Sequence[Entered], *, tried: bool = False) -> list[Receipt]:
    """Record what was not recorded yet, and divide it; answers what was. The same again is nothing new.

    What is only `tried`, and undone by the caller, has numbers below zero and takes none of the sequence's.
    Holds all partners' fences. Raises PoolReceiptError, PoolReceiptConflictError.
    """
    held = await fence.hold(tx, await partners.ids(tx))
    now = await business_clock.now(tx)
    made = list[int]()
    for each in entered:
        check(each.day, each.amount_btc, now=now)
        found = await _known(tx, each)
        if found is None:
            number = -1 - len(made) if tried else await tx.fetchval("SELECT nextval('pool_receipt_id_seq')")
            await _write(tx, number, each, now)
            made.append(number)
    await _divide(tx, list(held), now)
    return [await get(tx, each) for each in made]


def check(day: date, amount_btc: Decimal, *, now: datetime) -> None:
    """Raises PoolReceiptError."""
    if not is_amount(amount_btc) or not 0 < amount_btc <= MOST_BTC:
        raise PoolReceiptError(f"{amount_btc} is not what a pool pays", field="amount")
    if day > clock.day_of(now):
        raise PoolReceiptError(f"{day} has not begun", field="day")


async def unrecorded(tx: Tx, entered: Sequence[Entered]) -> list[Entered]:
    """Those that were not recorded yet, or were taken back. Holds all partners' fences.

    Raises PoolReceiptError, PoolReceiptConflictError.
    """
    await fence.hold(tx, await partners.ids(tx))
    now = await business_clock.now(tx)
    for each in entered:
        check(each.day, each.amount_btc, now=now)
    return [each for each in entered if await _known(tx, each) is None]


async def get(tx: Reader, number: int) -> Receipt:
    """A receipt by its number. Raises PoolReceiptNotFoundError."""
    row = await tx.fetchrow(f"{_READ} WHERE id = $1", number)
    if row is None:
        raise PoolReceiptNotFoundError(f"there is no pool receipt {number}", field="id")
    return record(Receipt, row)


async def lock(tx: Tx, number: int) -> Receipt:
    """A receipt that nobody takes back meanwhile. Holds all partners' fences. Raises PoolReceiptNotFoundError."""
    await fence.hold(tx, await partners.ids(tx))
    return await get(tx, number)


async def newest(tx: Reader, limit: int) -> list[Receipt]:
    """The newest receipts, those that were taken back too."""
    rows = await tx.fetch(f"{_READ} ORDER BY id DESC LIMIT $1", limit)
    return [record(Receipt, row) for row in rows]


async def is_waiting(tx: Reader) -> bool:
    """Whether something is left of receipts for days to come."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM pool_receipt WHERE undivided_btc > 0 AND reversed_at IS NULL)"
    )
    return found


async def divide(tx: Tx) -> None:
    """Let what is left of receipts pay for days that were closed since. Holds all partners' fences."""
    held = await fence.hold(tx, await partners.ids(tx))
    await _divide(tx, list(held), await business_clock.now(tx))


async def reverse(tx: Tx, number: int, *, reason: str) -> bool:
    """Take a receipt back: what it paid for is owed again, as far as no other covers it. False when it was before.

    Holds all partners' fences. Raises PoolReceiptNotFoundError, ReasonMissingError.
    """
    operators.assert_reason(reason)
    held = await fence.hold(tx, await partners.ids(tx))
    found = await get(tx, number)
    if found.reversed_at is not None:
        return False
    now = await business_clock.now(tx)
    rows = await tx.fetch(
        """SELECT partner_id, max(leg) AS leg, sum(amount_btc) AS amount FROM pool_receipt_share
           WHERE receipt_id = $1 AND partner_id = ANY($2) GROUP BY partner_id ORDER BY partner_id""",
        number,
        list(held),
    )
    back = (Account.POOL_RECEIVABLE, Account.TREASURY)
    legs = [
        (row["partner_id"], Transfer(TransferKind.POOL_RECEIPT, number, row["leg"] + 1, *back, row["amount"]))
        for row in rows
    ]
    await ledger.post_control(tx, now, legs)
    await tx.execute(
        "UPDATE pool_receipt SET reversed_at = $2, reversed_reason = $3 WHERE id = $1", number, now, reason
    )
    await _divide(tx, list(held), now)
    return True


async def _known(tx: Reader, entered: Entered) -> Receipt | None:
    """What was recorded before of the same; the fences let one look at a time. Raises PoolReceiptConflictError."""
    row = await tx.fetchrow(f"{_READ} WHERE key = $1 AND reversed_at IS NULL", entered.key)
    if row is not None:
        found = record(Receipt, row)
        # The day of a transaction is what an operator said of it; its amount is the chain's word.
        is_same = entered.source == "chain" or found.day == entered.day
        if found.amount_btc != entered.amount_btc or not is_same:
            was = f"receipt {found.id} is {plain(found.amount_btc)} BTC for {found.day}"
            raise PoolReceiptConflictError(was, field="txid" if entered.source == "chain" else "reference")
        return found
    if entered.txid is None:
        return None
    row = await tx.fetchrow(
        f"{_READ} WHERE txid = $1 AND source <> $2 AND reversed_at IS NULL ORDER BY id LIMIT 1",
        entered.txid,
        entered.source,
    )
    if row is not None and entered.source == "chain":
        raise PoolReceiptConflictError(f"receipt {row['id']} names the transaction already, by a file", field="txid")
    return None if row is None else record(Receipt, row)


async def _write(tx: Tx, number: int, entered: Entered, now: datetime) -> None:
    proof = entered.proof
    await tx.execute(
        """INSERT INTO pool_receipt (id, source, key, day, amount_btc, undivided_btc, txid, reference, reason,
                                     block_hash, height, depth, witnessed, simulated, recorded_at)
           VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
        number,
        entered.source,
        entered.key,
        entered.day,
        entered.amount_btc,
        entered.txid,
        entered.reference,
        entered.reason,
        None if proof is None else proof.block_hash,
        None if proof is None else proof.height,
        None if proof is None else proof.depth,
        None if proof is None else proof.witnessed,
        None if proof is None else proof.simulated,
        now,
    )


async def _divide(tx: Tx, partner_ids: list[int], now: datetime) -> None:
    """Pay for open days with what is left of receipts, oldest first of both. The fences of all partners are held."""
    rows = await tx.fetch(
        """SELECT id, undivided_btc FROM pool_receipt WHERE undivided_btc > 0 AND reversed_at IS NULL
           ORDER BY id FOR NO KEY UPDATE"""
    )
    if not rows:
        return
    days = [list(group) for _, group in groupby(await pool_promises.open_days(tx), key=lambda each: each.day)]
    for row in rows:
        left, paid = row["undivided_btc"], list[Open]()
        while left > 0 and days:
            parts = shares(left, days[0])
            paid += parts
            left -= sum((each.open_btc for each in parts), ZERO)
            days[0] = still_open(days[0], parts)
            if not days[0]:
                days.pop(0)
        if paid:
            await _pay(tx, row["id"], paid, now)
            await tx.execute("UPDATE pool_receipt SET undivided_btc = $2 WHERE id = $1", row["id"], left)


def shares(amount_btc: Decimal, day: Sequence[Open]) -> list[Open]:
    """What of an amount each partner's part of a day gets: all that is open, or in proportion, down to the last digit.

    What does not divide goes to the first partners, as far as something is open there.
    """
    whole = sum((each.open_btc for each in day), ZERO)
    if amount_btc >= whole:
        return list(day)
    parts = [((amount_btc * each.open_btc).scaleb(AMOUNT_DECIMALS) // whole).scaleb(-AMOUNT_DECIMALS) for each in day]
    left = amount_btc - sum(parts, ZERO)
    for place, each in enumerate(day):
        more = min(left, each.open_btc - parts[place])
        parts[place] += more
        left -= more
    return [Open(each.partner_id, each.day, part) for each, part in zip(day, parts, strict=True) if part > 0]


def still_open(day: Sequence[Open], paid: Sequence[Open]) -> list[Open]:
    """What is left of a day's open parts after some was paid."""
    by_partner = {each.partner_id: each.open_btc for each in paid}
    left = [Open(each.partner_id, each.day, each.open_btc - by_partner.get(each.partner_id, ZERO)) for each in day]
    return [each for each in left if each.open_btc > 0]


async def _pay(tx: Tx, number: int, paid: Sequence[Open], now: datetime) -> None:
    """Write down which days a receipt pays for, and post each partner's part of it."""
    transfers = []
    for partner_id in sorted({each.partner_id for each in paid}):
        those = [each for each in paid if each.partner_id == partner_id]
        leg: int = await tx.fetchval(
            "SELECT coalesce(max(leg), 0) + 1 FROM pool_receipt_share WHERE partner_id = $1 AND receipt_id = $2",
            partner_id,
            number,
        )
        await tx.executemany(
            """INSERT INTO pool_receipt_share (partner_id, receipt_id, leg, day, amount_btc)
               VALUES ($1, $2, $3, $4, $5)""",
            [(partner_id, number, leg, each.day, each.open_btc) for each in those],
        )
        amount = sum((each.open_btc for each in those), ZERO)
        sides = (Account.TREASURY, Account.POOL_RECEIVABLE)
        transfers.append((partner_id, Transfer(TransferKind.POOL_RECEIPT, number, leg, *sides, amount)))
    await ledger.post_control(tx, now, transfers)
