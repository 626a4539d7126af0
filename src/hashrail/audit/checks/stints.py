"""Invariants of stints: they follow from miners and users, and class power from them."""

from hashrail.audit.checks.invariant import Invariant

INVARIANTS = (
    Invariant(
        "stints-are-seamless",
        "a miner's stints follow each other without gap or overlap, and the last is open unless the miner has ended",
        """
        SELECT partner_id, miner_id, s.id AS stint_id FROM (
            SELECT partner_id, miner_id, id, to_day,
                   lead(from_day) OVER (PARTITION BY partner_id, miner_id ORDER BY from_day) AS next FROM stint) s
        JOIN (SELECT partner_id, id AS miner_id, ended_at FROM miner) m USING (partner_id, miner_id)
        WHERE CASE WHEN next IS NULL THEN (to_day IS NULL) <> (ended_at IS NULL)
                   ELSE to_day IS DISTINCT FROM next END""",
    ),
    Invariant(
        "stints-match-miners",
        "a miner's open stint has its owner, power, efficiency and its owner's level and programmes",
        """
        SELECT m.partner_id, m.id AS miner_id, s.id AS stint_id FROM miner m
        JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id
        LEFT JOIN stint s ON s.partner_id = m.partner_id AND s.miner_id = m.id AND s.to_day IS NULL
        LEFT JOIN rate_class c ON c.id = s.class_id
        WHERE m.ended_at IS NULL AND (s.id IS NULL OR s.user_id <> m.user_id OR s.power <> m.power
           OR c.energy_efficiency <> m.energy_efficiency OR c.level_discount <> u.level_discount
           OR c.programmes <> ARRAY(SELECT programme_id FROM user_programme g WHERE g.partner_id = u.partner_id
                                    AND g.user_id = u.id ORDER BY programme_id))""",
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
    ),
    Invariant(
        "class-power-equals-stints",
        "class power on the last closed day is the power of the stints that cover it",
        """
        WITH stints AS (
            SELECT s.partner_id, s.class_id, sum(s.power) AS power FROM stint s
            JOIN partner_day p ON p.partner_id = s.partner_id
            WHERE s.from_day <= p.closed_through AND (s.to_day IS NULL OR s.to_day > p.closed_through)
            GROUP BY s.partner_id, s.class_id)
        SELECT partner_id, class_id, c.power AS class_power, s.power AS stints
        FROM class_power c FULL JOIN stints s USING (partner_id, class_id) WHERE c.power IS DISTINCT FROM s.power""",
    ),
)
