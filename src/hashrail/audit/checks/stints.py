"""Invariants of stints: they follow from miners and users, and class power from them."""

from collections.abc import Iterable, Sequence

from hashrail.audit.checks.changes import Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import OLD_CLASS, Key, Since, closed_since, key, lookup, on, read
from hashrail.db import Row

MINERS_OF_USERS = """
    SELECT m.partner_id, m.id FROM unnest($1::bigint[], $2::bigint[]) AS k (partner_id, user_id)
    JOIN miner m ON m.partner_id = k.partner_id AND m.user_id = k.user_id"""
# Classes that gained or lost power on days that partners have closed since the mark.
CLASSES_SINCE = """
    SELECT DISTINCT d.partner_id, d.class_id FROM unnest($1::bigint[]) AS k (partner_id)
    JOIN partner_day p ON p.partner_id = k.partner_id
    LEFT JOIN audited_partner a ON a.partner_id = k.partner_id
    JOIN class_power_delta d ON d.partner_id = k.partner_id AND d.day > coalesce(a.closed_through, '-infinity')
                            AND d.day <= p.closed_through"""
# Those of partners are read in one go, and then held against keys: no index has their classes or days.
OF_PARTNERS = f"""
    (SELECT {read("stint")} FROM (SELECT DISTINCT k.partner_id FROM {{keys}}) AS k
     JOIN stint t ON t.partner_id = k.partner_id OFFSET 0)"""  # noqa: S608
OF_CLASSES = f"""
    (SELECT {read("stint")} FROM {OF_PARTNERS} AS t
     JOIN {{keys}} ON k.partner_id = t.partner_id AND k.class_id = t.class_id)"""  # noqa: S608
# A stint that had not begun is changed or dropped in its place. Where it was before is seen by its day, which was after
# the mark's. What is written of days before is looked at by itself.
DELTAS_SINCE = f"""
    WITH keys AS (SELECT k.partner_id, k.day, k.class_id FROM {{keys}} WHERE k.day <= {{day}}),
    edges AS (
        SELECT partner_id, day, class_id, sum(power) AS power FROM (
            SELECT s.partner_id, e.day, s.class_id, e.power FROM stint s
            CROSS JOIN LATERAL (VALUES (s.from_day, s.power), (s.to_day, -s.power)) AS e (day, power)
            WHERE (s.from_day > {{day}} OR s.to_day > {{day}}) AND e.day > {{day}}
            UNION ALL
            SELECT partner_id, day, class_id, power FROM keys JOIN (
                SELECT s.partner_id, e.day, s.class_id, e.power FROM {OF_PARTNERS.replace("{keys}", "keys AS k")} AS s
                CROSS JOIN LATERAL (VALUES (s.from_day, s.power), (s.to_day, -s.power)) AS e (day, power)
            ) AS near USING (partner_id, day, class_id)) AS parts
        GROUP BY partner_id, day, class_id),
    deltas AS (
        SELECT d.partner_id, d.day, d.class_id, d.power FROM class_power_delta d WHERE d.day > {{day}}
        UNION ALL SELECT d.partner_id, d.day, d.class_id, d.power FROM keys k
        JOIN class_power_delta d ON d.partner_id = k.partner_id AND d.day = k.day AND d.class_id = k.class_id)
    SELECT partner_id, day, class_id, coalesce(d.power, 0) AS delta, coalesce(e.power, 0) AS stints
    FROM deltas d FULL JOIN edges e USING (partner_id, day, class_id)
    WHERE coalesce(d.power, 0) <> coalesce(e.power, 0)"""  # noqa: S608


async def _edges(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """Where stints begin and end."""
    days = [(row, row["from_day"]) for row in rows] + [(row, row["to_day"]) for row in rows if row["to_day"]]
    return [(row["partner_id"], day, row["class_id"]) for row, day in days]


INVARIANTS = (
    Invariant(
        "stints-are-seamless",
        "a miner's stints follow each other without gap or overlap, and the last is open unless the miner has ended",
        """
        SELECT partner_id, miner_id, s.id AS stint_id FROM (
            SELECT partner_id, miner_id, id, to_day,
                   lead(from_day) OVER (PARTITION BY partner_id, miner_id ORDER BY from_day) AS next FROM {stint} t) s
        JOIN (SELECT partner_id, id AS miner_id, ended_at FROM {miner} t) m USING (partner_id, miner_id)
        WHERE CASE WHEN next IS NULL THEN (to_day IS NULL) <> (ended_at IS NULL)
                   ELSE to_day IS DISTINCT FROM next END""",
        scope=Since(
            ("partner_id", "id"),
            {"stint": key("partner_id", "miner_id"), "miner": key("partner_id", "id")},
            {
                "stint": on("stint", partner_id="partner_id", miner_id="id"),
                "miner": on("miner", partner_id="partner_id", id="id"),
            },
        ),
    ),
    Invariant(
        "stints-match-miners",
        "a miner's open stint has its owner, power, efficiency and its owner's level and programmes",
        """
        SELECT m.partner_id, m.id AS miner_id, s.id AS stint_id FROM {miner} m
        JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id
        LEFT JOIN stint s ON s.partner_id = m.partner_id AND s.miner_id = m.id AND s.to_day IS NULL
        LEFT JOIN rate_class c ON c.id = s.class_id
        WHERE m.ended_at IS NULL AND (s.id IS NULL OR s.user_id <> m.user_id OR s.power <> m.power
           OR c.energy_efficiency <> m.energy_efficiency OR c.level_discount <> u.level_discount
           OR c.programmes <> ARRAY(SELECT programme_id FROM user_programme g WHERE g.partner_id = u.partner_id
                                    AND g.user_id = u.id ORDER BY programme_id))""",
        scope=Since(
            ("partner_id", "id"),
            {
                "miner": key("partner_id", "id"),
                "stint": key("partner_id", "miner_id"),
                "app_user": lookup(MINERS_OF_USERS, "partner_id", "id"),
                "user_programme": lookup(MINERS_OF_USERS, "partner_id", "user_id"),
                "rate_class": OLD_CLASS,
            },
            {"miner": on("miner", partner_id="partner_id", id="id")},
        ),
    ),
    Invariant(
        "deltas-equal-stints",
        "class power deltas are where stints begin and end",
        """
        WITH edges AS (
            SELECT partner_id, day, class_id, sum(power) AS power FROM (
                SELECT partner_id, from_day AS day, class_id, power FROM stint
                UNION ALL SELECT partner_id, to_day, class_id, -power FROM stint WHERE to_day IS NOT NULL) AS parts
            GROUP BY partner_id, day, class_id)
        SELECT partner_id, day, class_id, coalesce(d.power, 0) AS delta, coalesce(e.power, 0) AS stints
        FROM class_power_delta d FULL JOIN edges e USING (partner_id, day, class_id)
        WHERE coalesce(d.power, 0) <> coalesce(e.power, 0)""",
        scope=Since(
            ("partner_id", "day", "class_id"),
            {"class_power_delta": key("partner_id", "day", "class_id"), "stint": _edges},
            query=DELTAS_SINCE,
            always=True,
        ),
    ),
    Invariant(
        "class-power-equals-stints",
        "class power on the last closed day is the power of the stints that cover it",
        """
        WITH stints AS (
            SELECT s.partner_id, s.class_id, sum(s.power) AS power FROM {stint} s
            JOIN partner_day p ON p.partner_id = s.partner_id
            WHERE s.from_day <= p.closed_through AND (s.to_day IS NULL OR s.to_day > p.closed_through)
            GROUP BY s.partner_id, s.class_id)
        SELECT partner_id, class_id, c.power AS class_power, s.power AS stints
        FROM {class_power} c FULL JOIN stints s USING (partner_id, class_id) WHERE c.power IS DISTINCT FROM s.power""",
        scope=Since(
            ("partner_id", "class_id"),
            {
                "class_power": key("partner_id", "class_id"),
                "stint": key("partner_id", "class_id"),
                "partner_day": closed_since(CLASSES_SINCE, "partner_id", "class_id"),
            },
            {
                "class_power": on("class_power", partner_id="partner_id", class_id="class_id"),
                "stint": OF_CLASSES,
            },
        ),
    ),
)
