"""Invariants of income: what was posted and settled is what stints earned."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hashrail.audit.checks.changes import PATIENCE_SECONDS, Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import (
    CREDITED,
    OLD_CLASS,
    PUBLISHED_DAY,
    Key,
    Since,
    closed_since,
    key,
    of_kind,
    on,
    transfers,
    transfers_of_all,
    unless,
    unmoved,
)
from hashrail.books.chart import FIRST_USER_ACCOUNT, Account
from hashrail.db import Row, Tx

DAYS_SINCE = """
    SELECT p.partner_id, p.closed_through - n AS day FROM unnest($1::bigint[]) AS k (partner_id)
    JOIN partner_day p ON p.partner_id = k.partner_id LEFT JOIN audited_partner a ON a.partner_id = k.partner_id
    CROSS JOIN (SELECT first_day FROM publication) f
    CROSS JOIN LATERAL generate_series(0, p.closed_through - coalesce(a.closed_through + 1, f.first_day)) AS n"""
ADJUSTMENTS_SINCE = """
    SELECT DISTINCT j.id FROM unnest($1::bigint[]) AS k (partner_id)
    JOIN partner_day p ON p.partner_id = k.partner_id LEFT JOIN audited_partner a ON a.partner_id = k.partner_id
    JOIN adjustment j ON j.effective_day > coalesce(a.closed_through, '-infinity')
                     AND j.effective_day <= p.closed_through"""
POSTINGS_OF_DAYS = """
    WITH keys AS (SELECT k.partner_id, k.day FROM {keys}),
    -- Of each day by the index; all days are too many to be sorted out.
    rates AS MATERIALIZED (
        SELECT d.day, d.class_id, d.net, d.c1, d.c2 FROM (SELECT DISTINCT day FROM keys) AS k
        CROSS JOIN LATERAL (
            SELECT t.day, t.class_id, t.net, t.c1, t.c2 FROM class_day t WHERE t.day = k.day OFFSET 0) AS d),
    days AS (
        SELECT s.partner_id, s.day, sum(s.power * d.net) AS net, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2
        FROM (SELECT k.partner_id, k.day, s.class_id, sum(s.power) AS power FROM keys k
              JOIN partner_day p ON p.partner_id = k.partner_id AND k.day <= p.closed_through
              JOIN stint s ON s.partner_id = k.partner_id AND s.from_day <= k.day
                          AND (s.to_day IS NULL OR s.to_day > k.day)
              GROUP BY k.partner_id, k.day, s.class_id) AS s
        JOIN rates d ON d.day = s.day AND d.class_id = s.class_id
        GROUP BY s.partner_id, s.day),
    expected AS (
        SELECT partner_id, day, leg, amount FROM days
        CROSS JOIN LATERAL (VALUES (1, net), (2, c1), (3, c2)) AS legs (leg, amount) WHERE amount <> 0),
    posted AS (
        SELECT k.partner_id, k.day, t.leg, t.amount FROM keys k
        JOIN transfer t ON t.partner_id = k.partner_id AND t.kind = 'day'
                       AND t.object_id = k.day - '0001-01-01'::date + 1 AND t.state = 'posted')
    SELECT partner_id, day, leg, e.amount AS expected, t.amount AS posted
    FROM expected e FULL JOIN posted t USING (partner_id, day, leg) WHERE e.amount IS DISTINCT FROM t.amount"""

# A stint that has begun can only be ended, later than any closed day; whose it was before it was changed, no row says.
PAST_STINTS = """
    SELECT count(*) FROM unnest($1::bigint[], $2::date[], $3::date[]) AS k (partner_id, from_day, to_day)
    JOIN audited_partner a ON a.partner_id = k.partner_id
    WHERE k.from_day <= a.closed_through AND coalesce(k.to_day <= a.closed_through, true)"""
PAST_POWER = """
    SELECT count(*) FROM unnest($1::bigint[], $2::date[]) AS k (partner_id, day)
    JOIN audited_partner a ON a.partner_id = k.partner_id AND a.closed_through >= k.day"""
# $1 is the first published day, and $2, $3, $4 a number of each day from it on for what its legs post.
WEIGHED = """
    WITH running AS (
        SELECT class_id, day, sum(rate) OVER (PARTITION BY class_id ORDER BY day ROWS UNBOUNDED PRECEDING) AS upto
        FROM (SELECT class_id, day, ($2::bigint[])[day - $1::date + 1] * net + ($3::bigint[])[day - $1::date + 1] * c1
                                    + ($4::bigint[])[day - $1::date + 1] * c2 AS rate FROM class_day) AS rates),
    edges AS (
        SELECT s.partner_id, s.class_id, edge.day, edge.sign * s.power AS power
        FROM stint s JOIN partner_day p ON p.partner_id = s.partner_id JOIN rate_class c ON c.id = s.class_id
        CROSS JOIN LATERAL (
            SELECT greatest(s.from_day, c.first_day) AS lo, least(s.to_day - 1, p.closed_through) AS hi) AS span
        CROSS JOIN LATERAL (VALUES (span.lo - 1, -1), (span.hi, 1)) AS edge (day, sign)
        WHERE span.lo <= span.hi),
    earned AS (
        SELECT e.partner_id, sum(e.power * r.upto) AS total FROM edges e
        JOIN running r ON r.class_id = e.class_id AND r.day = e.day GROUP BY e.partner_id),
    posted AS (
        SELECT partner_id, count(*) - count(number) AS others, sum(amount * number) AS total FROM (
            SELECT t.partner_id, t.amount, CASE WHEN n.nth <= p.closed_through - $1::date + 1 THEN
                       CASE t.leg WHEN 1 THEN ($2::bigint[])[n.nth] WHEN 2 THEN ($3::bigint[])[n.nth]
                                  WHEN 3 THEN ($4::bigint[])[n.nth] END END AS number
            FROM transfer t JOIN partner_day p ON p.partner_id = t.partner_id
            CROSS JOIN LATERAL (
                SELECT '0001-01-01'::date - $1::date + t.object_id::integer AS nth) AS n
            WHERE t.kind = 'day' AND t.state = 'posted') AS numbered
        GROUP BY partner_id)
    SELECT partner_id FROM earned e FULL JOIN posted t USING (partner_id)
    WHERE coalesce(e.total, 0) <> coalesce(t.total, 0) OR t.others > 0"""
WEIGHT_BITS = 48
# No day has a number then. It is not `date.min`, which is sent as -infinity: Citus reckons with it when it plans.
BEFORE_ANY_DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Weighed(Invariant):
    """A rule of every partner's every day, whose `query` adds up miners day by day, of the partners $1.

    All of them would be as many products as there are partners, classes and days. So each day's legs are first given a
    number that nobody knows before, and what miners earned is added up with these over all days at once, from running
    sums: a wrong posting is passed over by it once in 2^48 audits. Whose sum differs is looked at day by day.
    """

    async def find(self, tx: Tx, query: str, given: Sequence[Any]) -> Sequence[Mapping[str, object]]:
        """Days of partners whose postings differ; all partners where no days are given."""
        if not query or given:
            return await super(Weighed, self).find(tx, query, given)
        days = await tx.fetchrow(
            "SELECT min(day) AS first, max(day) AS last FROM mining_day WHERE published_at IS NOT NULL"
        )
        assert days is not None, "one row is asked for"
        count = 0 if days["first"] is None else (days["last"] - days["first"]).days + 1
        numbers = [[1 + secrets.randbits(WEIGHT_BITS) for _ in range(count)] for _ in range(3)]
        suspects = await tx.fetch(WEIGHED, days["first"] or BEFORE_ANY_DAY, *numbers, timeout=PATIENCE_SECONDS)
        if not suspects:
            return []
        return await super(Weighed, self).find(tx, query, [[row["partner_id"] for row in suspects]])


async def _days(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """The days of postings."""
    return [(row["partner_id"], date.fromordinal(row["object_id"])) for row in rows if row["kind"] == "day"]


async def _of_credited(changes: Changes, rows: Sequence[Row]) -> Iterable[Key] | None:
    """Everything, where the figures of an adjustment were changed that was credited by the mark."""
    if not rows:
        return []
    credited = await changes.tx.fetchval(
        "SELECT count(*) FROM adjustment WHERE id = ANY($1) AND effective_day <= $2",
        [row["adjustment_id"] for row in rows],
        changes.mark.published_through,
    )
    return None if credited else []


async def _strange(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """Partners whose income control was moved by no day, adjustment or settlement, or was not by one that is."""
    control = Account.INCOME_CONTROL
    return [(row["partner_id"],) for row in rows if _moves_income(row) != (control in _accounts(row))]


def _accounts(row: Row) -> set[int]:
    return {row["debit_account"], row["credit_account"]}


def _moves_income(row: Row) -> bool:
    """Whether a transfer is one that other invariants hold against income."""
    if row["state"] != "posted":
        return False
    if row["kind"] == "day":
        return bool(row["leg"] == 1 and row["credit_account"] == Account.INCOME_CONTROL)
    if row["kind"] == "adjustment":
        return bool(row["leg"] == 1)
    return row["kind"] == "settlement" and max(_accounts(row)) >= FIRST_USER_ACCOUNT


INVARIANTS = (
    Weighed(
        "day-postings-equal-class-power",
        "every closed day's control postings are the sums over stints of power x class rate",
        """
        WITH days AS (
            SELECT s.partner_id, d.day,
                   sum(s.power * d.net) AS net, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2
            FROM (SELECT partner_id, class_id, from_day, to_day, sum(power) AS power FROM stint
                  WHERE partner_id = ANY($1::bigint[]) GROUP BY partner_id, class_id, from_day, to_day) s
            JOIN partner_day p ON p.partner_id = s.partner_id
            JOIN class_day d ON d.class_id = s.class_id AND d.day >= s.from_day
                            AND (s.to_day IS NULL OR d.day < s.to_day) AND d.day <= p.closed_through
            GROUP BY s.partner_id, d.day),
        expected AS (
            SELECT partner_id, day, leg, amount FROM days
            CROSS JOIN LATERAL (VALUES (1, net), (2, c1), (3, c2)) AS legs (leg, amount) WHERE amount <> 0),
        posted AS (
            SELECT partner_id, '0001-01-01'::date + (object_id - 1)::integer AS day, leg, amount
            FROM transfer WHERE kind = 'day' AND state = 'posted' AND partner_id = ANY($1::bigint[]))
        SELECT partner_id, day, leg, e.amount AS expected, t.amount AS posted
        FROM expected e FULL JOIN posted t USING (partner_id, day, leg) WHERE e.amount IS DISTINCT FROM t.amount""",
        scope=Since(
            ("partner_id", "day"),
            {
                "transfer": _days,
                "partner_day": closed_since(DAYS_SINCE, "partner_id", "day"),
                "class_power_delta": unless(PAST_POWER, unmoved, "partner_id", "day"),
                "class_day": PUBLISHED_DAY,
                # Deltas are where stints begin and end, and were just held against them.
                "stint": unmoved,
            },
            query=POSTINGS_OF_DAYS,
        ),
    ),
    Invariant(
        "adjustment-postings-equal-stints",
        "every credited adjustment's postings are the sums over the stints of its day of power x difference",
        """
        WITH sums AS (
            SELECT s.partner_id, a.id, sum(s.power * d.net) AS net, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2
            FROM {adjustment} a
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
            FROM {transfer} w WHERE kind = 'adjustment' AND state = 'posted')
        SELECT partner_id, id AS adjustment_id, leg, e.amount AS expected, t.amount AS posted
        FROM expected e FULL JOIN posted t USING (partner_id, id, leg) WHERE e.amount IS DISTINCT FROM t.amount""",
        (Account.POOL_RECEIVABLE,),
        scope=Since(
            ("id",),
            {
                "adjustment": key("id"),
                "class_adjustment": key("adjustment_id"),
                "transfer": of_kind("adjustment", columns=("object_id",)),
                "partner_day": closed_since(ADJUSTMENTS_SINCE, "id"),
                "class_power_delta": unless(PAST_POWER, unmoved, "partner_id", "day"),
                "stint": unmoved,
            },
            {"adjustment": on("adjustment", id="id"), "transfer": transfers_of_all("adjustment")},
        ),
    ),
    Invariant(
        "settled-equals-income",
        "what was settled to a user is their income up to the day through which it was settled",
        """
        WITH earned AS (
            SELECT partner_id, user_id, sum(net) AS net FROM (
                SELECT s.partner_id, s.user_id, s.power * (hi.net_sum - lo.net_sum + lo.net) AS net
                FROM {stint} s JOIN {app_user} u ON u.partner_id = s.partner_id AND u.id = s.user_id
                JOIN rate_class c ON c.id = s.class_id
                JOIN class_day lo ON lo.class_id = s.class_id AND lo.day = greatest(s.from_day, c.first_day)
                JOIN class_day hi ON hi.class_id = s.class_id AND hi.day = least(s.to_day - 1, u.settled_through)
                WHERE u.settled_through IS NOT NULL AND lo.day <= hi.day
                UNION ALL
                SELECT s.partner_id, s.user_id, s.power * d.net FROM adjustment a
                JOIN {stint} s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
                JOIN {app_user} u ON u.partner_id = s.partner_id AND u.id = s.user_id
                               AND a.effective_day <= u.settled_through
                JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id) AS parts
            GROUP BY partner_id, user_id),
        settled AS (
            SELECT partner_id, object_id AS user_id,
                   sum(CASE WHEN debit_account = $1 THEN amount ELSE -amount END) AS net
            FROM {transfer} w WHERE kind = 'settlement' GROUP BY partner_id, object_id)
        SELECT partner_id, user_id, coalesce(e.net, 0) AS earned, coalesce(s.net, 0) AS settled
        FROM earned e FULL JOIN settled s USING (partner_id, user_id) WHERE coalesce(e.net, 0) <> coalesce(s.net, 0)""",
        (Account.INCOME_CONTROL,),
        scope=Since(
            ("partner_id", "id"),
            {
                "app_user": key("partner_id", "id"),
                "transfer": of_kind("settlement"),
                "stint": unless(PAST_STINTS, key("partner_id", "user_id"), "partner_id", "from_day", "to_day"),
                "class_day": PUBLISHED_DAY,
                "rate_class": OLD_CLASS,
                "adjustment": CREDITED,
                "class_adjustment": _of_credited,
            },
            {
                "app_user": on("app_user", partner_id="partner_id", id="id"),
                "stint": on("stint", partner_id="partner_id", user_id="id"),
                "transfer": transfers("settlement"),
            },
        ),
    ),
    Invariant(
        "control-equals-unsettled",
        "a partner's income control account holds exactly its users' unsettled income",
        """
        WITH unsettled AS (
            SELECT partner_id, sum(net) AS net FROM (
                SELECT s.partner_id, s.power * (hi.net_sum - lo.net_sum + lo.net) AS net
                FROM {stint} s JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
                JOIN partner_day p ON p.partner_id = s.partner_id JOIN rate_class c ON c.id = s.class_id
                JOIN class_day lo ON lo.class_id = s.class_id
                                 AND lo.day = greatest(s.from_day, u.settled_through + 1, c.first_day)
                JOIN class_day hi ON hi.class_id = s.class_id AND hi.day = least(s.to_day - 1, p.closed_through)
                WHERE lo.day <= hi.day
                UNION ALL
                SELECT s.partner_id, s.power * d.net
                FROM adjustment a
                JOIN {stint} s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
                JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
                JOIN partner_day p ON p.partner_id = s.partner_id AND a.effective_day <= p.closed_through
                JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
                WHERE u.settled_through IS NULL OR a.effective_day > u.settled_through) AS parts
            GROUP BY partner_id),
        control AS (
            SELECT partner_id, sum(CASE WHEN credit_account = $1 THEN amount ELSE -amount END) AS held
            FROM {transfer} w WHERE state = 'posted' AND $1 IN (debit_account, credit_account) GROUP BY partner_id)
        SELECT p.id AS partner_id, coalesce(c.held, 0) AS control, coalesce(u.net, 0) AS unsettled
        FROM {partner} p LEFT JOIN control c ON c.partner_id = p.id LEFT JOIN unsettled u ON u.partner_id = p.id
        WHERE coalesce(c.held, 0) <> coalesce(u.net, 0)""",
        (Account.INCOME_CONTROL,),
        scope=Since(
            ("partner_id",),
            {
                "transfer": _strange,
                # What days, adjustments and settlements post was just held against income, one by one. Their sum can
                # only be wrong by something else.
                **dict.fromkeys(
                    (
                        *("stint", "app_user", "partner_day", "rate_class", "class_day", "adjustment"),
                        *("class_adjustment", "partner"),
                    ),
                    unmoved,
                ),
            },
            {
                "stint": on("stint", partner_id="partner_id"),
                "transfer": on("transfer", partner_id="partner_id"),
                "partner": on("partner", id="partner_id"),
            },
        ),
    ),
)
