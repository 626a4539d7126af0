"""Alone: up to which sum of 24 hours one operator takes back, refunds or corrects without a second.

What an operator does alone is added up, with what everybody did who may be the same person (`parties/people.py`), so
that many small ones are looked at like one that is large. What another has confirmed does not count: two have looked.
Two acts at once see each other, since each waits for its turn.

Times are those of the business clock.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from hashrail import business_clock
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError
from hashrail.money import is_amount
from hashrail.parties import people
from hashrail.parties.operators import Operator

WINDOW = timedelta(hours=24)
# Advisory locks by two numbers have a space of their own; withdrawals are 1 and 2 (`custody.withdrawal_sums`).
ALONE = 3


class Kind(StrEnum):
    """What is added up, each in currencies of its own."""

    PAYMENT_REVERSAL = "payment_reversal"
    REFUND = "refund"
    CORRECTION = "correction"
    POOL_RECEIPT = "pool_receipt"


# What is added up, in which currency: the rows of the table of limits.
ADDED_UP = (
    (Kind.PAYMENT_REVERSAL, "USD"),
    (Kind.REFUND, "USD"),
    (Kind.CORRECTION, "BTC"),
    (Kind.CORRECTION, "GOMINING"),
    (Kind.POOL_RECEIPT, "BTC"),
)


class AloneLimitError(BadRequestError):
    """Not a limit that the books hold, or nothing that is added up in that currency."""

    code = "ALONE_LIMIT"
    advice = "Give what is listed by: hashrail operator alone; an amount from 0, with at most 18 decimals."


@dataclass(frozen=True, slots=True)
class Limit:
    """What one operator does alone in 24 hours, at most."""

    kind: Kind
    currency: str
    amount: Decimal


async def limits(tx: Reader) -> list[Limit]:
    """All of them, by name."""
    rows = await tx.fetch("SELECT kind, currency, amount FROM alone_limit ORDER BY kind, currency")
    return [record(Limit, row) for row in rows]


async def limit(tx: Reader, kind: str, currency: str) -> Limit:
    """One of them. Raises AloneLimitError."""
    found = next((one for one in await limits(tx) if (one.kind, one.currency) == (kind, currency)), None)
    if found is None:
        raise AloneLimitError(f"there is no limit of {kind} in {currency}", field="kind")
    return found


def check_amount(amount: Decimal) -> None:
    """Raises AloneLimitError."""
    if not is_amount(amount) or amount < 0:
        raise AloneLimitError(f"{amount} is not an amount from 0", field="amount")


async def set_limit(tx: Tx, kind: str, currency: str, amount: Decimal) -> None:
    """Change one of them. Raises AloneLimitError."""
    check_amount(amount)
    await limit(tx, kind, currency)
    await tx.execute("UPDATE alone_limit SET amount = $3 WHERE kind = $1 AND currency = $2", kind, currency, amount)


async def is_beyond(tx: Tx, by: Operator | None, kind: Kind, currency: str, amount: Decimal) -> bool:
    """Whether an operator's next one takes a second, with what was done alone in the last 24 hours.

    Others who do the same wait until the transaction ends. Whoever has the shell, while there is no admin, is alone.
    """
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", ALONE, f"{kind} {currency}")
    if by is None:
        return False
    known = await people.ties(tx)
    rows = await tx.fetch(
        """SELECT operator_id, sum(amount) AS amount FROM alone_done
           WHERE kind = $1 AND currency = $2 AND done_at > $3 GROUP BY operator_id""",
        kind.value,
        currency,
        await business_clock.now(tx) - WINDOW,
    )
    done = sum((row["amount"] for row in rows if not known.are_two(by.id, row["operator_id"])), Decimal(0))
    return done + amount > (await limit(tx, kind, currency)).amount


async def count(tx: Tx, by: Operator | None, kind: Kind, currency: str, amount: Decimal) -> None:
    """Add what was done alone."""
    if by is not None:
        await tx.execute(
            "INSERT INTO alone_done (kind, currency, operator_id, amount, done_at) VALUES ($1, $2, $3, $4, $5)",
            kind.value,
            currency,
            by.id,
            amount,
            await business_clock.now(tx),
        )
