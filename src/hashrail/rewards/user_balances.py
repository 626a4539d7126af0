"""What all users of a partner can spend, a row a user and currency, and of which of them it has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hashrail.books.chart import USER_CURRENCIES
from hashrail.db import Tx
from hashrail.events.types.balances import BalanceChanged
from hashrail.events.types.days import AdjustmentPublished, DayClosed
from hashrail.events.types.users import UserCreated
from hashrail.money import ZERO
from hashrail.rewards import settling


@dataclass(frozen=True, slots=True)
class UserBalance:
    """What a user can spend of a currency, unsettled income included, and what is reserved for withdrawals."""

    account_id: int
    user_id: int
    partner_user_id: str
    currency: str
    available: Decimal
    reserved: Decimal
    created_at: datetime


_READ = """
    SELECT a.id AS account_id, a.user_id, u.partner_user_id, a.currency,
           a.credits_posted - a.debits_posted - a.debits_pending AS spendable, a.debits_pending, a.created_at
    FROM account a JOIN app_user u ON u.partner_id = a.partner_id AND u.id = a.user_id
    WHERE a.partner_id = $1 AND a.user_id IS NOT NULL
      AND ($2::bigint IS NULL OR (a.user_id, a.id) < ($2, $3::bigint)) AND ($4::text IS NULL OR a.currency = $4)
      AND ($7::bigint IS NULL OR a.user_id = $7)"""
_PAGE = """
    ORDER BY a.user_id DESC, a.id DESC LIMIT $5 OFFSET $6"""
# A balance that was told of, or of a user who is new.
_TOLD = """(a.user_id, a.currency) IN (
    SELECT split_part(e.object_id, ':', 1)::bigint, split_part(e.object_id, ':', 2) FROM event e
    WHERE e.partner_id = $1 AND e.position > $8 AND e.type = $9
    UNION ALL
    SELECT e.object_id::bigint, x.currency FROM event e CROSS JOIN unnest($11::text[]) AS x (currency)
    WHERE e.partner_id = $1 AND e.position > $8 AND e.type = $10)"""
# Bitcoin of a user who had power on one of these days.
_EARNED = """(a.currency = 'BTC' AND EXISTS (
    SELECT 1 FROM stint s JOIN unnest($12::date[]) AS x (day)
                          ON s.from_day <= x.day AND (s.to_day IS NULL OR s.to_day > x.day)
    WHERE s.partner_id = $1 AND s.user_id = a.user_id))"""


async def of_partner(
    tx: Tx,
    partner_id: int,
    *,
    user_id: int | None = None,
    currency: str | None = None,
    changed_since: int | None = None,
    limit: int,
    offset: int = 0,
    before: tuple[int, int] | None = None,
) -> tuple[list[UserBalance], int]:
    """(a page of the balances, newest users first; how many stints were looked at). Read it in one snapshot.

    `changed_since` is a position of the partner's feed: of those balances only that an event behind it tells of, and
    the bitcoin of everybody who had power on a day that was closed or corrected behind it. `before` is the last page's
    last user and account.
    """
    last_user, last_account = (None, None) if before is None else before
    page = (partner_id, last_user, last_account, currency, limit, offset, user_id)
    if changed_since is None:
        rows = await tx.fetch(f"{_READ}{_PAGE}", *page)
    else:
        told = (changed_since, BalanceChanged.TYPE, UserCreated.TYPE, list(USER_CURRENCIES))
        days = await _days_credited(tx, partner_id, changed_since)
        # Without a day the few that were told of are looked up, and nobody else is looked at.
        if days:
            rows = await tx.fetch(f"{_READ} AND ({_TOLD} OR {_EARNED}){_PAGE}", *page, *told, days)
        else:
            rows = await tx.fetch(f"{_READ} AND {_TOLD}{_PAGE}", *page, *told)
    earners = {row["user_id"] for row in rows if row["currency"] == "BTC"}
    unsettled = await settling.unsettled_of(tx, partner_id, sorted(earners))
    found = [
        UserBalance(
            account_id=row["account_id"],
            user_id=row["user_id"],
            partner_user_id=row["partner_user_id"],
            currency=row["currency"],
            available=max(ZERO, row["spendable"] + _income(unsettled, row["user_id"], row["currency"])),
            reserved=row["debits_pending"],
            created_at=row["created_at"],
        )
        for row in rows
    ]
    return found, sum(stints for _, stints in unsettled.values())


async def _days_credited(tx: Tx, partner_id: int, changed_since: int) -> Sequence[date]:
    """The days that were closed or corrected behind a position of the feed."""
    rows = await tx.fetch(
        """SELECT DISTINCT (e.data::jsonb ->> 'day')::date AS day FROM event e
           WHERE e.partner_id = $1 AND e.position > $2 AND e.type = ANY($3)""",
        partner_id,
        changed_since,
        [DayClosed.TYPE, AdjustmentPublished.TYPE],
    )
    return [row["day"] for row in rows]


def _income(unsettled: dict[int, tuple[Decimal, int]], user_id: int, currency: str) -> Decimal:
    return unsettled[user_id][0] if currency == "BTC" and user_id in unsettled else ZERO
