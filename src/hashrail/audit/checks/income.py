"""Invariants of income: what was posted and settled is what stints earned."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.books.chart import Account

INVARIANTS = (
    Invariant(
        "day-postings-equal-class-power",
        "every closed day's control postings are the sums over stints of power x class rate",
        """
        WITH days AS (
            SELECT s.partner_id, d.day,
                   sum(s.power * d.net) AS net, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2
            FROM (SELECT partner_id, class_id, from_day, to_day, sum(power) AS power FROM stint
                  GROUP BY partner_id, class_id, from_day, to_day) s
            JOIN partner_day p ON p.partner_id = s.partner_id
            JOIN class_day d ON d.class_id = s.class_id AND d.day >= s.from_day
                            AND (s.to_day IS NULL OR d.day < s.to_day) AND d.day <= p.closed_through
            GROUP BY s.partner_id, d.day),
        expected AS (
            SELECT partner_id, day, leg, amount FROM days
            CROSS JOIN LATERAL (VALUES (1, net), (2, c1), (3, c2)) AS legs (leg, amount) WHERE amount <> 0),
        posted AS (
            SELECT partner_id, '0001-01-01'::date + (object_id - 1)::integer AS day, leg, amount
            FROM transfer WHERE kind = 'day' AND state = 'posted')
        SELECT partner_id, day, leg, e.amount AS expected, t.amount AS posted
        FROM expected e FULL JOIN posted t USING (partner_id, day, leg) WHERE e.amount IS DISTINCT FROM t.amount""",
    ),
    Invariant(
        "adjustment-postings-equal-stints",
        "every credited adjustment's postings are the sums over the stints of its day of power x difference",
        """
        WITH sums AS (
            SELECT s.partner_id, a.id, sum(s.power * d.net) AS net, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2
            FROM adjustment a
            JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
            JOIN partner_day p ON p.partner_id = s.partner_id AND a.effective_day <= p.closed_through
            JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
            GROUP BY s.partner_id, a.id),
        expected AS (
            SELECT partner_id, id, leg, amount FROM sums
            CROSS JOIN LATERAL (VALUES (1, net), (2, c1), (3, c2)) AS legs (leg, amount) WHERE amount <> 0),
        posted AS (
            SELECT partner_id, object_id AS id, leg,
                   CASE WHEN debit_account = $1 THEN amount ELSE -amount END AS amount
            FROM transfer WHERE kind = 'adjustment' AND state = 'posted')
        SELECT partner_id, id AS adjustment_id, leg, e.amount AS expected, t.amount AS posted
        FROM expected e FULL JOIN posted t USING (partner_id, id, leg) WHERE e.amount IS DISTINCT FROM t.amount""",
        (Account.POOL_RECEIVABLE,),
    ),
    Invariant(
        "settled-equals-income",
        "what was settled to a user is their income up to the day through which it was settled",
        """
        WITH earned AS (
            SELECT partner_id, user_id, sum(net) AS net FROM (
                SELECT s.partner_id, s.user_id, s.power * (hi.net_sum - lo.net_sum + lo.net) AS net
                FROM stint s JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
                JOIN rate_class c ON c.id = s.class_id
                JOIN class_day lo ON lo.class_id = s.class_id AND lo.day = greatest(s.from_day, c.first_day)
                JOIN class_day hi ON hi.class_id = s.class_id AND hi.day = least(s.to_day - 1, u.settled_through)
                WHERE u.settled_through IS NOT NULL AND lo.day <= hi.day
                UNION ALL
                SELECT s.partner_id, s.user_id, s.power * d.net FROM adjustment a
                JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
                JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
                               AND a.effective_day <= u.settled_through
                JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id) AS parts
            GROUP BY partner_id, user_id),
        settled AS (
            SELECT partner_id, object_id AS user_id,
                   sum(CASE WHEN debit_account = $1 THEN amount ELSE -amount END) AS net
            FROM transfer WHERE kind = 'settlement' GROUP BY partner_id, object_id)
        SELECT partner_id, user_id, coalesce(e.net, 0) AS earned, coalesce(s.net, 0) AS settled
        FROM earned e FULL JOIN settled s USING (partner_id, user_id) WHERE coalesce(e.net, 0) <> coalesce(s.net, 0)""",
        (Account.INCOME_CONTROL,),
    ),
    Invariant(
        "control-equals-unsettled",
        "a partner's income control account holds exactly its users' unsettled income",
        """
        WITH unsettled AS (
            SELECT partner_id, sum(net) AS net FROM (
                SELECT s.partner_id, s.power * (hi.net_sum - lo.net_sum + lo.net) AS net
                FROM stint s JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
                JOIN partner_day p ON p.partner_id = s.partner_id JOIN rate_class c ON c.id = s.class_id
                JOIN class_day lo ON lo.class_id = s.class_id
                                 AND lo.day = greatest(s.from_day, u.settled_through + 1, c.first_day)
                JOIN class_day hi ON hi.class_id = s.class_id AND hi.day = least(s.to_day - 1, p.closed_through)
                WHERE lo.day <= hi.day
                UNION ALL
                SELECT s.partner_id, s.power * d.net
                FROM adjustment a
                JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
                JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
                JOIN partner_day p ON p.partner_id = s.partner_id AND a.effective_day <= p.closed_through
                JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
                WHERE u.settled_through IS NULL OR a.effective_day > u.settled_through) AS parts
            GROUP BY partner_id),
        control AS (
            SELECT partner_id, sum(CASE WHEN credit_account = $1 THEN amount ELSE -amount END) AS held
            FROM transfer WHERE state = 'posted' AND $1 IN (debit_account, credit_account) GROUP BY partner_id)
        SELECT p.id AS partner_id, coalesce(c.held, 0) AS control, coalesce(u.net, 0) AS unsettled
        FROM partner p LEFT JOIN control c ON c.partner_id = p.id LEFT JOIN unsettled u ON u.partner_id = p.id
        WHERE coalesce(c.held, 0) <> coalesce(u.net, 0)""",
        (Account.INCOME_CONTROL,),
    ),
)
