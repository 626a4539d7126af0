"""What can be exported: for each kind its columns, and where its rows are read.

The parameters of every query are the partner, the first day and the last one. Income and balances are read day by day,
since each of their days is a list of its own; the others in one go, by the day on which they were created.

- `income`: a row a record, as #17 shows them. The day is the one with which a record was credited, so that a closed day
  has the same rows for ever: what an adjustment gave or took stands under the day that it was credited with.
- `balances`: a row a user and currency at the end of each day, or now where the day has not ended.
- `orders`, `withdrawals`, `deposits`: those created on these days, as they stand when the file is made.
"""

from dataclasses import dataclass
from typing import Literal

from hashrail.custody import withdrawals
from hashrail.exports.columns import Column, Format, Type, selected

Name = Literal["income", "balances", "orders", "withdrawals", "deposits"]

# Days are read by themselves, so $2 is the day. Rows are put in order before they are written as texts, which are
# wider; the order that is asked for again is then there already. Rates are found by their key (OFFSET 0): statistics
# do not know the newest days, and a plan that trusts them would read all stints once for each class.
_INCOME = """
    FROM (SELECT u.partner_user_id, e.adjustment_id, e.user_id, e.miner_id, e.day, e.net, e.c1, e.c2 FROM (
          SELECT NULL::bigint AS adjustment_id, s.user_id, s.miner_id, d.day,
                 s.power * d.net AS net, s.power * d.c1 AS c1, s.power * d.c2 AS c2
          FROM partner_day p
          JOIN stint s ON s.partner_id = p.partner_id
                      AND s.from_day <= $2::date AND (s.to_day IS NULL OR s.to_day > $2::date)
          CROSS JOIN LATERAL (SELECT c.day, c.net, c.c1, c.c2 FROM class_day c
                              WHERE c.day = $2::date AND c.class_id = s.class_id OFFSET 0) AS d
          WHERE p.partner_id = $1::bigint AND p.closed_through >= $2::date
          UNION ALL
          SELECT a.id, s.user_id, s.miner_id, a.day, s.power * d.net, s.power * d.c1, s.power * d.c2
          FROM partner_day p JOIN adjustment a ON a.effective_day = $2::date AND $2::date <= p.closed_through
          JOIN class_adjustment d ON d.adjustment_id = a.id
          JOIN stint s ON s.partner_id = p.partner_id AND s.class_id = d.class_id
                      AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
          WHERE p.partner_id = $1::bigint) AS e
          JOIN app_user u ON u.partner_id = $1::bigint AND u.id = e.user_id
          WHERE $3::date >= $2::date
          ORDER BY e.adjustment_id NULLS FIRST, e.miner_id) AS r
    ORDER BY r.adjustment_id NULLS FIRST, r.miner_id"""
# A balance at the end of a day is what was posted before, and the income that was credited and unsettled then; it says
# the same as `settling.balance_at`.
_BALANCES = """
    FROM (SELECT a.id, a.user_id, a.currency, coalesce(m.settled, 0) AS settled, coalesce(m.held, 0) AS held,
                 CASE WHEN a.currency = 'BTC' THEN coalesce(i.net, 0) ELSE 0 END AS unsettled
          FROM account a
          LEFT JOIN (
              SELECT t.account, sum(CASE WHEN t.state = 'posted' AND t.resolved_at < $2::date + 1
                                         THEN t.amount ELSE 0 END) AS settled,
                     sum(CASE WHEN t.amount < 0 AND (t.state = 'pending' OR t.resolved_at >= $2::date + 1)
                              THEN -t.amount ELSE 0 END) AS held
              FROM (SELECT debit_account AS account, -amount AS amount, state, created_at, resolved_at
                    FROM transfer WHERE partner_id = $1::bigint
                    UNION ALL
                    SELECT credit_account, amount, state, created_at, resolved_at
                    FROM transfer WHERE partner_id = $1::bigint) AS t
              WHERE t.created_at < $2::date + 1
              GROUP BY t.account) AS m ON m.account = a.id
          LEFT JOIN (
              SELECT e.user_id, sum(e.net) AS net
              FROM (SELECT s.user_id, s.power * (hi.net_sum - lo.net_sum + lo.net) AS net
                    FROM partner_day p JOIN stint s ON s.partner_id = p.partner_id
                    JOIN rate_class c ON c.id = s.class_id
                    LEFT JOIN (SELECT object_id AS user_id, max(leg) AS leg FROM transfer
                               WHERE partner_id = $1::bigint AND kind = 'settlement' AND resolved_at < $2::date + 1
                               GROUP BY object_id) AS l ON l.user_id = s.user_id
                    CROSS JOIN LATERAL (
                        SELECT greatest(s.from_day, c.first_day, DATE '0001-01-01' + l.leg) AS first,
                               least(s.to_day - 1, p.closed_through, $2::date - 1) AS last) AS span
                    JOIN class_day lo ON lo.class_id = s.class_id AND lo.day = span.first
                    JOIN class_day hi ON hi.class_id = s.class_id AND hi.day = span.last
                    WHERE p.partner_id = $1::bigint AND p.closed_through IS NOT NULL AND span.first <= span.last
                    UNION ALL
                    SELECT s.user_id, s.power * d.net
                    FROM partner_day p
                    JOIN adjustment a ON a.effective_day <= least(p.closed_through, $2::date - 1)
                    JOIN stint s ON s.partner_id = p.partner_id
                                AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
                    JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
                    LEFT JOIN (SELECT object_id AS user_id, max(leg) AS leg FROM transfer
                               WHERE partner_id = $1::bigint AND kind = 'settlement' AND resolved_at < $2::date + 1
                               GROUP BY object_id) AS l ON l.user_id = s.user_id
                    WHERE p.partner_id = $1::bigint AND p.closed_through IS NOT NULL
                      AND a.effective_day >= coalesce(DATE '0001-01-01' + l.leg, a.effective_day)) AS e
              GROUP BY e.user_id) AS i ON i.user_id = a.user_id
          WHERE a.partner_id = $1::bigint AND a.user_id IS NOT NULL AND a.created_at < $2::date + 1) AS r
    JOIN app_user u ON u.partner_id = $1::bigint AND u.id = r.user_id
    WHERE $3::date >= $2::date
    ORDER BY r.id"""
_ORDERS = """
    FROM purchase r JOIN app_user u ON u.partner_id = r.partner_id AND u.id = r.user_id
    LEFT JOIN order_refund f ON f.partner_id = r.partner_id AND f.purchase_id = r.id
    WHERE r.partner_id = $1::bigint AND r.created_at >= $2::date AND r.created_at < $3::date + 1
    ORDER BY r.id"""
_WITHDRAWALS = """
    FROM withdrawal w JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
    LEFT JOIN payout_batch b ON b.id = w.batch_id
    WHERE w.partner_id = $1::bigint AND w.created_at >= $2::date AND w.created_at < $3::date + 1
    ORDER BY w.id"""
_DEPOSITS = """
    FROM deposit r JOIN app_user u ON u.partner_id = r.partner_id AND u.id = r.user_id
    WHERE r.partner_id = $1::bigint AND r.created_at >= $2::date AND r.created_at < $3::date + 1
    ORDER BY r.id"""
_USER = Column("partnerUserId", Type.TEXT, "u.partner_user_id")
_BTC, _USD = "'BTC'", "'USD'"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is exported: `source` is where its rows are read, `currency` the SQL of what their amounts are in.

    `is_by_day` says that each day of a range is read by itself.
    """

    name: Name
    columns: tuple[Column, ...]
    source: str
    currency: str
    is_by_day: bool = False

    def query(self, format_: Format) -> str:
        """The query whose rows are the file's; its parameters are the partner, the first day and the last one."""
        return selected(self.columns, self.source, format_)

    @property
    def amounts(self) -> tuple[Column, ...]:
        """The columns that are added up."""
        return tuple(each for each in self.columns if each.adds_up)


INCOME = Kind(
    "income",
    (
        Column("partnerUserId", Type.TEXT, "r.partner_user_id"),
        Column("userId", Type.WHOLE, "r.user_id"),
        Column("nftId", Type.WHOLE, "r.miner_id"),
        Column("day", Type.DAY, "r.day"),
        # A day is credited five minutes after it has ended; a query of its own is asked once, and not for each row.
        Column("createdAt", Type.MOMENT, "SELECT ($2::date + 1)::text || 'T00:05:00.000Z'", ready=True),
        Column("value", Type.NUMBER, "r.net", adds_up=True),
        Column("c1Value", Type.NUMBER, "r.c1", adds_up=True),
        Column("c2Value", Type.NUMBER, "r.c2", adds_up=True),
        Column("adjustmentId", Type.WHOLE, "r.adjustment_id"),
    ),
    _INCOME,
    _BTC,
    is_by_day=True,
)
BALANCES = Kind(
    "balances",
    (
        Column("day", Type.DAY, "$2::date"),
        _USER,
        Column("userId", Type.WHOLE, "r.user_id"),
        Column("currency", Type.WORD, "r.currency"),
        Column("balance", Type.NUMBER, "greatest(0, r.settled + r.unsettled - r.held)", adds_up=True),
        Column("settled", Type.NUMBER, "r.settled", adds_up=True),
        Column("unsettled", Type.NUMBER, "r.unsettled", adds_up=True),
        Column("held", Type.NUMBER, "r.held", adds_up=True),
    ),
    _BALANCES,
    "r.currency",
    is_by_day=True,
)
ORDERS = Kind(
    "orders",
    (
        Column("externalId", Type.TEXT, "r.external_id"),
        _USER,
        Column("userId", Type.WHOLE, "r.user_id"),
        Column("nftCollectionId", Type.WHOLE, "r.collection_id"),
        Column("state", Type.WORD, "CASE WHEN f.refunded_at IS NULL THEN r.state ELSE 'refunded' END"),
        Column("value", Type.NUMBER, "r.value_usd", adds_up=True),
        Column("power", Type.NUMBER, "r.power"),
        Column("energyEfficiency", Type.NUMBER, "r.energy_efficiency"),
        Column("nftId", Type.WHOLE, "r.miner_id"),
        Column("createdAt", Type.MOMENT, "r.created_at"),
        Column("expiresAt", Type.MOMENT, "r.expires_at"),
        Column("paidAt", Type.MOMENT, "r.paid_at"),
        Column("refundedAt", Type.MOMENT, "f.refunded_at"),
    ),
    _ORDERS,
    _USD,
)
WITHDRAWALS = Kind(
    "withdrawals",
    (
        Column("id", Type.WHOLE, "w.id"),
        _USER,
        Column("userId", Type.WHOLE, "w.user_id"),
        Column("speed", Type.WORD, "w.speed"),
        Column("walletAddress", Type.WORD, "w.address"),
        Column("amount", Type.NUMBER, "w.amount_btc", adds_up=True),
        Column("fee", Type.NUMBER, "w.commission_btc", adds_up=True),
        Column("state", Type.WORD, withdrawals.SHOWN_STATE),
        Column("txid", Type.WORD, withdrawals.SHOWN_TXID),
        Column("createdAt", Type.MOMENT, "w.created_at"),
        Column("changedAt", Type.MOMENT, withdrawals.SHOWN_CHANGE),
    ),
    _WITHDRAWALS,
    _BTC,
)
DEPOSITS = Kind(
    "deposits",
    (
        Column("id", Type.WHOLE, "r.id"),
        _USER,
        Column("userId", Type.WHOLE, "r.user_id"),
        Column("address", Type.WORD, "r.address"),
        Column("txid", Type.WORD, "r.txid"),
        Column("vout", Type.WHOLE, "r.vout"),
        Column("amount", Type.NUMBER, "r.amount_btc", adds_up=True),
        Column("state", Type.WORD, "r.state"),
        Column("createdAt", Type.MOMENT, "r.created_at"),
        Column("creditedAt", Type.MOMENT, "r.credited_at"),
    ),
    _DEPOSITS,
    _BTC,
)
KINDS = {each.name: each for each in (INCOME, BALANCES, ORDERS, WITHDRAWALS, DEPOSITS)}
