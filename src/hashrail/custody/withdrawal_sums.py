"""What withdrawals add up to in 24 hours, so that many small ones are looked at like one that is large.

A withdrawal needs approval when its amount, with what nobody had to approve of the last 24 hours, reaches a threshold:
by user, by address (whoever asks for it to be paid to), and by partner. So what is asked for in any 24 hours and leaves
without two people stays below each of them. What was approved does not count: people have looked at it.

Two requests at once see each other: the user is locked, and an address and a partner are locked here where a threshold
asks for it. Rows are kept for as long as they count. What was added up, and the thresholds of that moment, stay with
the withdrawal: the audit adds up again, whatever the thresholds have become.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail.books.fence import OpenBooks
from hashrail.custody.payout_policy import PayoutPolicy
from hashrail.db import Tx

WINDOW = timedelta(hours=24)
# Advisory locks by two numbers have a space of their own: the kind, and a digest of which one.
ADDRESSES, PARTNERS = 1, 2


@dataclass(frozen=True, slots=True)
class Slice:
    """A withdrawal as it is added up."""

    user_id: int
    address: str
    amount_btc: Decimal


@dataclass(frozen=True, slots=True)
class Sums:
    """BTC of 24 hours with this withdrawal, and the thresholds of the moment; None where there is no threshold."""

    single_threshold: Decimal | None
    partner_threshold: Decimal | None
    of_user: Decimal | None = None
    to_address: Decimal | None = None
    of_partner: Decimal | None = None

    @property
    def reach(self) -> bool:
        """Whether any of them reaches its threshold."""
        pairs = (
            (self.of_user, self.single_threshold),
            (self.to_address, self.single_threshold),
            (self.of_partner, self.partner_threshold),
        )
        return any(total is not None and above is not None and total >= above for total, above in pairs)


async def add_up(tx: Tx, books: OpenBooks, policy: PayoutPolicy, asked: Slice) -> Sums:
    """What a withdrawal of a locked user comes to, with those before it."""
    since = books.now - WINDOW
    found = Sums(policy.approval_threshold_btc, policy.partner_approval_btc)
    if found.single_threshold is not None:
        await _lock(tx, ADDRESSES, asked.address)
        of_user = asked.amount_btc + await _of_user(tx, books.partner_id, asked.user_id, since)
        to_address = asked.amount_btc + await _to_address(tx, asked.address, since)
        found = replace(found, of_user=of_user, to_address=to_address)
    if found.partner_threshold is not None:
        await _lock(tx, PARTNERS, str(books.partner_id))
        found = replace(found, of_partner=asked.amount_btc + await _of_partner(tx, books.partner_id, since))
    return found


async def count(tx: Tx, books: OpenBooks, withdrawal_id: int, asked: Slice) -> None:
    """Add a withdrawal that nobody has to approve."""
    await tx.execute(
        """INSERT INTO unapproved_withdrawal (partner_id, withdrawal_id, user_id, address, amount_btc, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        books.partner_id,
        withdrawal_id,
        asked.user_id,
        asked.address,
        asked.amount_btc,
        books.now,
    )


async def discount(tx: Tx, partner_id: int, withdrawal_id: int) -> None:
    """Take a withdrawal out that ended without being paid."""
    await tx.execute(
        "DELETE FROM unapproved_withdrawal WHERE partner_id = $1 AND withdrawal_id = $2", partner_id, withdrawal_id
    )


async def forget_past(tx: Tx, partner_id: int, *, now: datetime) -> int:
    """Let go what counts no more; answers how many."""
    gone: int = await tx.fetchval(
        """WITH gone AS (DELETE FROM unapproved_withdrawal WHERE partner_id = $1 AND created_at <= $2 RETURNING 1)
           SELECT count(*) FROM gone""",
        partner_id,
        now - WINDOW,
    )
    return gone


async def _lock(tx: Tx, kind: int, which: str) -> None:
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", kind, which)


async def _of_user(tx: Tx, partner_id: int, user_id: int, since: datetime) -> Decimal:
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(amount_btc), 0) FROM unapproved_withdrawal
           WHERE partner_id = $1 AND user_id = $2 AND created_at > $3""",
        partner_id,
        user_id,
        since,
    )
    return total


async def _to_address(tx: Tx, address: str, since: datetime) -> Decimal:
    """Of all partners: who pays in slices may have users of several."""
    total: Decimal = await tx.fetchval(
        "SELECT coalesce(sum(amount_btc), 0) FROM unapproved_withdrawal WHERE address = $1 AND created_at > $2",
        address,
        since,
    )
    return total


async def _of_partner(tx: Tx, partner_id: int, since: datetime) -> Decimal:
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(amount_btc), 0) FROM unapproved_withdrawal
           WHERE partner_id = $1 AND created_at > $2""",
        partner_id,
        since,
    )
    return total
