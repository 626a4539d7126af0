"""Settling a user moves their income up to the last closed day from income control to their BTC account.

It happens in the same transaction as whatever needs it: a withdrawal, a spendable balance.

Accounts touched: income control, users' BTC.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from hashrail import clock
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.db import Tx
from hashrail.money import ZERO
from hashrail.parties import users

# A row a user of partners that have closed a day: BTC that are credited and not settled, and the stints that were read.
_UNSETTLED = """
    SELECT u.partner_id, u.id, coalesce(mined.net, 0) + coalesce(corrected.net, 0) AS net, mined.stints
    FROM app_user u JOIN partner_day p ON p.partner_id = u.partner_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS stints, sum(s.power * (
                   (SELECT net_sum FROM class_day hi WHERE hi.class_id = s.class_id AND hi.day = span.last)
                   - (SELECT net_sum - net FROM class_day lo
                      WHERE lo.class_id = s.class_id AND lo.day = span.first))) AS net
        FROM stint s JOIN rate_class c ON c.id = s.class_id
        CROSS JOIN LATERAL (SELECT greatest(s.from_day, u.settled_through + 1, c.first_day) AS first,
                                   least(s.to_day - 1, p.closed_through) AS last) AS span
        WHERE s.partner_id = {partner} AND s.user_id = u.id AND span.first <= span.last) AS mined
    CROSS JOIN LATERAL (
        SELECT sum(s.power * d.net) AS net
        FROM adjustment a JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
        JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
        WHERE a.effective_day > coalesce(u.settled_through, '-infinity')
          AND a.effective_day <= p.closed_through
          AND s.partner_id = {partner} AND s.user_id = u.id) AS corrected
    WHERE p.closed_through IS NOT NULL"""
UNSETTLED = _UNSETTLED.format(partner="u.partner_id")
_OF_USERS = _UNSETTLED.format(partner="$1") + " AND u.partner_id = $1 AND u.id = ANY($2)"


async def settle(tx: Tx, books: OpenBooks, user_id: int) -> Decimal:
    """Move a user's income up to the last closed day to their BTC account; answers what moved (BTC, signed).

    A negative sum (adjustments took more than was earned) waits until the account covers it. Locks the user.
    """
    user = (await users.lock(tx, books.partner_id, [user_id]))[user_id]
    through = books.closed_through
    if through is None or (user.settled_through is not None and user.settled_through >= through):
        return ZERO
    amount = await income_between(tx, books.partner_id, user_id, after=user.settled_through, through=through)
    account = await ledger.user_account(tx, books.partner_id, user_id, "BTC")
    if amount < 0:
        held = next(b for b in await ledger.balances_of_user(tx, books.partner_id, user_id) if b.account_id == account)
        if held.spendable + amount < 0:
            return ZERO
        await ledger.post(tx, books, _settlement(user_id, through, account, int(Account.INCOME_CONTROL), -amount))
    elif amount > 0:
        await ledger.post(tx, books, _settlement(user_id, through, int(Account.INCOME_CONTROL), account, amount))
    await tx.execute(
        "UPDATE app_user SET settled_through = $3 WHERE partner_id = $1 AND id = $2",
        books.partner_id,
        user_id,
        through,
    )
    return amount


async def income_between(tx: Tx, partner_id: int, user_id: int, *, after: date | None, through: date) -> Decimal:
    """A user's net income (BTC) credited for days after `after` up to `through`, adjustments included.

    Cost: the stints that have such days, and two look-ups for those of a class that begin and end alike: what goes on
    all the time is one sum a class, however many miners. The look-ups are subqueries, since as joins they would tempt
    the planner to read every class's every day for a user with many stints.
    """
    total: Decimal = await tx.fetchval(
        """SELECT coalesce((
               SELECT sum(g.power * (
                          (SELECT net_sum FROM class_day hi WHERE hi.class_id = g.class_id AND hi.day = g.last)
                          - (SELECT net_sum - net FROM class_day lo
                             WHERE lo.class_id = g.class_id AND lo.day = g.first)))
               FROM (SELECT e.class_id, e.last, e.power, greatest(e.first, c.first_day) AS first
                     FROM (SELECT s.class_id, greatest(s.from_day, $3::date + 1) AS first,
                                  least(s.to_day - 1, $4::date) AS last, sum(s.power) AS power
                           FROM stint s
                           WHERE s.partner_id = $1 AND s.user_id = $2 AND s.from_day <= $4::date
                             AND (s.to_day IS NULL OR s.to_day > coalesce($3::date + 1, '-infinity'))
                           GROUP BY 1, 2, 3) AS e
                     JOIN rate_class c ON c.id = e.class_id) AS g
               WHERE g.first <= g.last), 0)
           + coalesce((
               SELECT sum(s.power * d.net)
               FROM adjustment a JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
               JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
               WHERE a.effective_day > coalesce($3::date, '-infinity') AND a.effective_day <= $4::date
                 AND s.partner_id = $1 AND s.user_id = $2), 0)""",
        partner_id,
        user_id,
        after,
        through,
    )
    return total


async def unsettled(tx: Tx, partner_id: int, user_id: int) -> Decimal:
    """A user's income (BTC) that is credited and not settled yet. Read it in one snapshot with their balance."""
    row = await tx.fetchrow(
        """SELECT u.settled_through, p.closed_through FROM app_user u JOIN partner_day p ON p.partner_id = u.partner_id
           WHERE u.partner_id = $1 AND u.id = $2""",
        partner_id,
        user_id,
    )
    if row is None or row["closed_through"] is None:
        return ZERO
    return await income_between(tx, partner_id, user_id, after=row["settled_through"], through=row["closed_through"])


async def unsettled_of(tx: Tx, partner_id: int, user_ids: Sequence[int]) -> dict[int, tuple[Decimal, int]]:
    """What `unsettled` says of each of these users, and how many stints were looked at for it."""
    rows = await tx.fetch(_OF_USERS, partner_id, list(user_ids))
    return {row["id"]: (row["net"], row["stints"]) for row in rows}


async def spendable(tx: Tx, partner_id: int, user_id: int) -> Decimal:
    """What a locked user has who was settled just now (BTC), less what is reserved and what adjustments still take."""
    account = await ledger.user_account(tx, partner_id, user_id, "BTC")
    held = next(b for b in await ledger.balances_of_user(tx, partner_id, user_id) if b.account_id == account)
    return max(ZERO, held.spendable + min(ZERO, await unsettled(tx, partner_id, user_id)))


async def credited(tx: Tx, partner_id: int, user_id: int) -> Decimal:
    """A user's net income (BTC) of every day that is closed, settled or not, adjustments included."""
    settled: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(CASE WHEN debit_account = $3 THEN amount ELSE -amount END), 0)
           FROM transfer WHERE partner_id = $1 AND kind = 'settlement' AND object_id = $2""",
        partner_id,
        user_id,
        int(Account.INCOME_CONTROL),
    )
    return settled + await unsettled(tx, partner_id, user_id)


async def balance_at(tx: Tx, partner_id: int, user_id: int, moment: datetime) -> Decimal:
    """A user's BTC at a past moment: what was posted by then and the income that was credited and unsettled then."""
    account = await ledger.user_account(tx, partner_id, user_id, "BTC")
    posted = await ledger.balance_at(tx, partner_id, account, moment)
    settled_leg = await tx.fetchval(
        """SELECT max(leg) FROM transfer WHERE partner_id = $1 AND kind = 'settlement' AND object_id = $2
           AND resolved_at <= $3""",
        partner_id,
        user_id,
        moment,
    )
    closed = await fence.closed_through(tx, partner_id)
    if closed is None:
        return posted
    through = min(closed, clock.last_creditable_day(moment))
    after = None if settled_leg is None else date.fromordinal(settled_leg)
    return posted + await income_between(tx, partner_id, user_id, after=after, through=through)


def _settlement(user_id: int, through: date, debit: int, credit: int, amount: Decimal) -> Transfer:
    return Transfer(TransferKind.SETTLEMENT, user_id, through.toordinal(), debit, credit, amount)
