"""Invariants of published days: they run on without a gap, and their rates are what their inputs give."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hashrail.audit.checks.changes import PATIENCE_SECONDS, Changes
from hashrail.audit.checks.invariant import MAX_ROWS, Invariant
from hashrail.audit.checks.scope import OLD_CLASS, Key, Since, Whole, key, on, unmoved
from hashrail.db import Row, Tx
from hashrail.money import ZERO
from hashrail.rewards.formula import DayInputs, class_rates, total_discount


@dataclass(frozen=True, slots=True)
class Recalculated(Invariant):
    """A rule of class days: `query` answers all of them with their inputs, and the formula decides which break it."""

    async def find(self, tx: Tx, query: str, given: Sequence[Any]) -> Sequence[Mapping[str, object]]:
        """Class days that the formula, applied once more to the day's published inputs, does not give."""
        if not query:
            return []
        fractions: dict[tuple[object, int], Decimal] = {
            (row["day"], row["programme_id"]): row["fraction"]
            for row in await tx.fetch("SELECT day, programme_id, fraction FROM published_fraction")
        }
        broken: list[dict[str, object]] = []
        async for row in tx.cursor(query, *given, prefetch=1000, timeout=PATIENCE_SECONDS):
            programmes = sum((fractions.get((row["day"], each), ZERO) for each in row["programmes"]), ZERO)
            inputs = _inputs(row)
            discount = total_discount(inputs, row["level_discount"], programmes)
            paid = class_rates(inputs, row["energy_efficiency"], discount)
            expected = {"discount": discount, "pool": paid.pool, "c1": paid.c1, "c2": paid.c2, "net": paid.net}
            if any(row[name] != figure for name, figure in expected.items()):
                facts = {"day": row["day"], "class_id": row["class_id"]}
                broken.append(facts | {"expected_net": paid.net, "net": row["net"]})
                if len(broken) == MAX_ROWS:
                    break
        return broken


def _inputs(row: Row) -> DayInputs:
    return DayInputs(
        day=row["day"],
        pool_btc_per_th=row["pool_btc_per_th"],
        btc_usd=row["btc_usd"],
        gomining_usd=row["gomining_usd"],
        kwh_usd=row["kwh_usd"],
        service_usd_per_th=row["service_usd_per_th"],
        discount_cap=row["discount_cap"],
    )


# What the formula divides and rounds is held against it by products first: a figure is the quotient where it is less
# than half a unit away from it, and a class is idle where costs are more than a unit above the reward. What is neither,
# or exactly in the middle, the formula judges. Every day goes through it once, when it is new. What a day's classes of
# one level and the same programmes have in common is multiplied once for all of them.
ALIKE = """
        (SELECT t.day, t.class_id, t.discount, t.pool, t.c1, t.c2, t.net, g.alike FROM class_day t
         JOIN (SELECT id, min(id) OVER (PARTITION BY level_discount, programmes) AS alike FROM rate_class) AS g
           ON g.id = t.class_id OFFSET 0)"""
DOUBTFUL = """
        JOIN (SELECT s.alike, f.day, e.discount, f.kwh_usd * 24 * (1 - e.discount) AS power_usd,
                     f.service_usd_per_th * (1 - e.discount) AS service_usd, f.pool_btc_per_th,
                     f.pool_btc_per_th * f.btc_usd + 0.00000000000001 * f.btc_usd AS most_usd, f.btc_usd,
                     f.btc_usd * 1000 AS thousand_usd, 0.000000000005 * f.btc_usd AS power_apart,
                     0.000000000000005 * f.btc_usd AS service_apart
              FROM (SELECT level_discount, programmes, min(id) AS alike FROM rate_class
                    GROUP BY level_discount, programmes) AS s
              CROSS JOIN LATERAL (
                  SELECT m.day, m.discount_cap, m.kwh_usd, m.service_usd_per_th, m.pool_btc_per_th, m.btc_usd,
                         coalesce(sum(p.fraction), 0) AS fraction FROM mining_day m
                  LEFT JOIN published_fraction p ON p.day = m.day AND p.programme_id = ANY(s.programmes)
                  GROUP BY m.day) AS f
              CROSS JOIN LATERAL (SELECT least(f.discount_cap, s.level_discount + f.fraction) AS discount) AS e
              -- Reckoned once, and not for each class.
              OFFSET 0) AS x ON x.day = d.day AND x.alike = d.alike
        WHERE NOT (
            d.discount = x.discount
            AND CASE WHEN d.pool = 0 AND d.c1 = 0 AND d.c2 = 0 AND d.net = 0
                THEN x.power_usd * c.energy_efficiency + 1000 * x.service_usd > 1000 * x.most_usd
                ELSE d.pool = x.pool_btc_per_th AND d.net = d.pool - d.c1 - d.c2 AND d.net >= 0
                     AND abs(x.power_usd * c.energy_efficiency - d.c1 * x.thousand_usd) < x.power_apart
                     AND abs(x.service_usd - d.c2 * x.btc_usd) < x.service_apart
                     AND scale(trim_scale(d.c1)) <= 14 AND scale(trim_scale(d.c2)) <= 14 END)"""
# Of every class the days that were published since; of those classes all, of which something older was written.
PUBLISHED_SINCE = """
    WITH keys AS (SELECT DISTINCT k.class_id FROM {keys}),
    rows AS (
        SELECT class_id FROM class_day WHERE day > {published} AND class_id NOT IN (SELECT class_id FROM keys)
        UNION ALL SELECT d.class_id FROM keys k JOIN class_day d ON d.class_id = k.class_id),
    counted AS (SELECT class_id, count(*) AS rows FROM rows GROUP BY class_id)
    SELECT c.id AS class_id, coalesce(n.rows, 0) AS rows, e.expected
    FROM publication p JOIN rate_class c ON c.first_day <= p.published_through
    LEFT JOIN counted n ON n.class_id = c.id
    CROSS JOIN LATERAL (
        SELECT p.published_through + 1 - CASE WHEN c.id IN (SELECT class_id FROM keys) THEN c.first_day
                                              ELSE greatest(c.first_day, {published} + 1) END AS expected) AS e
    WHERE coalesce(n.rows, 0) <> e.expected"""


async def _and_after(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """The days of rows, and those after them."""
    days = {row["day"] for row in rows}
    return [(day,) for day in days | {day + timedelta(days=1) for day in days}]


async def _of_published(changes: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """The classes of rows of days that were published by the mark."""
    return {(row["class_id"],) for row in rows if row["day"] <= changes.mark.published_through}


# Days run on by a join of each with the one before it alone (OFFSET keeps it so): one of all class days with all of
# them would make a table of millions first.
INVARIANTS = (
    Invariant(
        "days-are-consecutive",
        "published days have no gap",
        """
        SELECT p.first_day, p.published_through, count(d.day) AS published FROM publication p
        LEFT JOIN mining_day d ON d.published_at IS NOT NULL
        GROUP BY p.first_day, p.published_through
        HAVING count(d.day) <> coalesce(p.published_through - p.first_day + 1, 0)""",
        scope=Whole("a row a day"),
    ),
    Invariant(
        "classes-are-published",
        "every class has a row for every published day since its first",
        """
        SELECT c.id AS class_id, count(d.day) AS rows, p.published_through - c.first_day + 1 AS expected
        FROM publication p JOIN rate_class c ON c.first_day <= p.published_through
        LEFT JOIN class_day d ON d.class_id = c.id
        GROUP BY c.id, c.first_day, p.published_through
        HAVING count(d.day) <> p.published_through - c.first_day + 1""",
        scope=Since(
            ("class_id",),
            {"class_day": _of_published, "rate_class": key("id"), "publication": unmoved},
            query=PUBLISHED_SINCE,
            always=True,
        ),
    ),
    Invariant(
        "class-days-run-on",
        "running sums continue from one published day to the next",
        """
        SELECT broken.class_id, broken.day FROM {days} m CROSS JOIN LATERAL (
            SELECT d.class_id, d.day FROM class_day d JOIN rate_class c ON c.id = d.class_id
            LEFT JOIN class_day y ON y.day = m.day - 1 AND y.class_id = d.class_id
            WHERE d.day = m.day AND d.day > c.first_day AND (y.day IS NULL
               OR d.pool_sum <> y.pool_sum + d.pool OR d.c1_sum <> y.c1_sum + d.c1
               OR d.c2_sum <> y.c2_sum + d.c2 OR d.net_sum <> y.net_sum + d.net) OFFSET 0) AS broken""",
        scope=Since(
            ("day",),
            {"class_day": _and_after, "rate_class": OLD_CLASS, "mining_day": unmoved},
            {"days": "(SELECT k.day FROM {keys})"},
            wholly={"days": "mining_day"},
        ),
    ),
    Recalculated(
        "rates-follow-from-inputs",
        "every published class rate is what the published inputs give",
        """
        SELECT d.day, d.class_id, d.discount, d.pool, d.c1, d.c2, d.net, c.energy_efficiency, c.level_discount,
               c.programmes, m.pool_btc_per_th, m.btc_usd, m.gomining_usd, m.kwh_usd, m.service_usd_per_th,
               m.discount_cap
        FROM {class_day} d JOIN rate_class c ON c.id = d.class_id JOIN mining_day m ON m.day = d.day {doubtful}""",
        scope=Since(
            ("day",),
            {
                "class_day": key("day"),
                "mining_day": key("day"),
                "published_fraction": key("day"),
                "rate_class": OLD_CLASS,
            },
            {"class_day": on("class_day", day="day"), "doubtful": ""},
            wholly={"class_day": ALIKE, "doubtful": DOUBTFUL},
        ),
    ),
    Invariant(
        "signed-days-follow",
        "every signed day is what was hashed, and names the one before",
        """
        SELECT d.day FROM {day_document} d LEFT JOIN day_document y ON y.day = d.day - 1
        WHERE d.previous_sha256 IS DISTINCT FROM y.sha256
           OR d.sha256 <> encode(sha256(convert_to(d.content, 'UTF8')), 'hex')""",
        scope=Since(("day",), {"day_document": _and_after}, {"day_document": on("day_document", day="day")}),
    ),
    Invariant(
        "signed-liabilities-follow",
        "every document of what is owed is what was hashed, and names its day's and the one before",
        """
        SELECT d.day FROM (
            SELECT day, content, sha256, previous_sha256, lag(sha256) OVER (ORDER BY day) AS before
            FROM liabilities_document) d
        JOIN day_document m ON m.day = d.day
        WHERE d.previous_sha256 IS DISTINCT FROM d.before
           OR d.content::jsonb ->> 'previous' IS DISTINCT FROM d.before
           OR d.content::jsonb ->> 'dayDocument' IS DISTINCT FROM m.sha256
           OR d.sha256 <> encode(sha256(convert_to(d.content, 'UTF8')), 'hex')""",
        scope=Whole("a short text a day"),
    ),
    Invariant(
        "liabilities-equal-books",
        "what the tree of a signed day adds up to, less what users fall short of, is what the books owed them then",
        """
        SELECT d.day, d.owed_btc, d.shortfall_btc, d.books_btc, t.owed_btc AS kept_btc
        FROM liabilities_document d
        LEFT JOIN (SELECT day, sum(sum_btc) AS owed_btc, sum(length(leaves)) / 48 AS leaf_count
                   FROM liability_leaves GROUP BY day) t ON t.day = d.day
        WHERE d.owed_btc - d.shortfall_btc <> d.books_btc
           OR (d.content::jsonb ->> 'sum')::numeric <> d.owed_btc
           OR (d.content::jsonb ->> 'count')::bigint <> d.leaf_count
           OR (t.owed_btc, t.leaf_count) <> (d.owed_btc, d.leaf_count)""",
        scope=Whole("a short text a day, and leaves are not unpacked"),
    ),
)
