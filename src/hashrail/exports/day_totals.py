"""What a partner's days add up to, to hold against its own books.

Income is read from what closing has posted for the day, and not from miners; so a month costs no more than its days.
Everything else is what was created or posted on the day. Each sum is that of the rows that an export of the day has.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hashrail import clock, db
from hashrail.books import fence
from hashrail.books.chart import Account
from hashrail.db import Tx

# A day is an ordinal in the ledger: 1 is the first of January of the year 1.
_DAYS = """
    WITH days AS (
        SELECT g.day::date AS day FROM generate_series($2::date, $3::date, interval '1 day') AS g (day)),
    income AS (
        SELECT x.day, sum(x.amount) FILTER (WHERE x.leg = 1) AS net, sum(x.amount) FILTER (WHERE x.leg = 2) AS c1,
               sum(x.amount) FILTER (WHERE x.leg = 3) AS c2
        FROM (SELECT d.day, t.leg, CASE WHEN t.credit_account = $6 THEN -t.amount ELSE t.amount END AS amount
              FROM days d JOIN transfer t ON t.partner_id = $1 AND t.kind = 'day'
                                         AND t.object_id = d.day - DATE '0001-01-01' + 1
              UNION ALL
              SELECT a.effective_day, t.leg, CASE WHEN t.credit_account = $6 THEN -t.amount ELSE t.amount END
              FROM adjustment a JOIN transfer t ON t.partner_id = $1 AND t.kind = 'adjustment' AND t.object_id = a.id
              WHERE a.effective_day BETWEEN $2::date AND $3::date) AS x GROUP BY x.day),
    mined AS (
        SELECT d.day, sum(p.power) AS power FROM days d
        JOIN class_power_delta p ON p.partner_id = $1 AND p.day <= d.day GROUP BY d.day),
    joined AS (
        SELECT d.day, count(u.id) AS users FROM days d
        JOIN app_user u ON u.partner_id = $1 AND u.created_at < d.day + 1 GROUP BY d.day),
    moved AS (
        SELECT t.resolved_at::date AS day,
               sum(CASE WHEN t.debit_account = $7 THEN t.amount ELSE -t.amount END)
                   FILTER (WHERE t.kind = 'settlement') AS settled,
               sum(t.amount) FILTER (WHERE t.kind = 'withdrawal' AND t.leg = 1) AS paid,
               sum(t.amount) FILTER (WHERE t.kind = 'withdrawal' AND t.leg = 2) AS commission
        FROM transfer t
        WHERE t.partner_id = $1 AND t.kind IN ('settlement', 'withdrawal') AND t.state = 'posted'
          AND t.resolved_at >= $4 AND t.resolved_at < $5 GROUP BY 1),
    ordered AS (
        SELECT created_at::date AS day, count(*) AS orders, sum(value_usd) AS value FROM purchase
        WHERE partner_id = $1 AND created_at >= $4 AND created_at < $5 GROUP BY 1),
    asked AS (
        SELECT created_at::date AS day, count(*) AS withdrawals, sum(amount_btc) AS amount, sum(commission_btc) AS fee
        FROM withdrawal WHERE partner_id = $1 AND created_at >= $4 AND created_at < $5 GROUP BY 1),
    arrived AS (
        SELECT created_at::date AS day, count(*) AS deposits, sum(amount_btc) AS amount FROM deposit
        WHERE partner_id = $1 AND created_at >= $4 AND created_at < $5 GROUP BY 1),
    refunded AS (
        SELECT refunded_at::date AS day, count(*) AS refunds, sum(value_usd) AS value FROM order_refund
        WHERE partner_id = $1 AND refunded_at >= $4 AND refunded_at < $5 GROUP BY 1)
    SELECT d.day, coalesce(j.users, 0) AS users, coalesce(m.power, 0) AS power,
           coalesce(i.net, 0) AS net, coalesce(i.c1, 0) AS c1, coalesce(i.c2, 0) AS c2,
           coalesce(t.settled, 0) AS settled, coalesce(o.orders, 0) AS orders, coalesce(o.value, 0) AS orders_usd,
           coalesce(f.refunds, 0) AS refunds, coalesce(f.value, 0) AS refunds_usd,
           coalesce(w.withdrawals, 0) AS withdrawals, coalesce(w.amount, 0) AS withdrawals_btc,
           coalesce(w.fee, 0) AS fees_btc, coalesce(t.paid, 0) AS paid_btc, coalesce(t.commission, 0) AS commission_btc,
           coalesce(a.deposits, 0) AS deposits, coalesce(a.amount, 0) AS deposits_btc
    FROM days d LEFT JOIN income i USING (day) LEFT JOIN mined m USING (day) LEFT JOIN joined j USING (day)
    LEFT JOIN moved t USING (day) LEFT JOIN ordered o USING (day) LEFT JOIN asked w USING (day)
    LEFT JOIN arrived a USING (day) LEFT JOIN refunded f USING (day)
    ORDER BY d.day"""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """A day of a partner: TH that earned, BTC and USD.

    Of the income, `net + c1 + c2` is what was mined; adjustments count in the day that they were credited with.
    `withdrawals` were asked for on the day, whatever became of them; `paid_btc` and `commission_btc` became final.
    """

    day: date
    users: int
    power: Decimal
    net: Decimal
    c1: Decimal
    c2: Decimal
    settled: Decimal
    orders: int
    orders_usd: Decimal
    refunds: int
    refunds_usd: Decimal
    withdrawals: int
    withdrawals_btc: Decimal
    fees_btc: Decimal
    paid_btc: Decimal
    commission_btc: Decimal
    deposits: int
    deposits_btc: Decimal


async def of(tx: Tx, partner_id: int, *, first: date, last: date) -> tuple[list[DayTotals], date | None]:
    """(the days from `first` to `last`, both included; the last day that is closed). Read it in one snapshot."""
    rows = await tx.fetch(
        _DAYS,
        *(partner_id, first, last),
        clock.start_of(first),
        clock.start_of(last) + timedelta(days=1),
        *(Account.POOL_RECEIVABLE.value, Account.INCOME_CONTROL.value),
    )
    return [db.record(DayTotals, row) for row in rows], await fence.closed_through(tx, partner_id)
