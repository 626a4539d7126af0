"""Invariants of what the deployment is: one row says it, and nothing in the books contradicts it."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Whole

WHOLE = Whole("what a deployment is stands in few rows")

INVARIANTS = (
    Invariant(
        "deployment-is-one",
        "one row says what the deployment is",
        "SELECT count(*) AS rows FROM deployment HAVING count(*) <> 1",
        scope=WHOLE,
    ),
    Invariant(
        "production-has-the-walls-clock",
        "the business clock of a production deployment was never moved",
        """
        SELECT d.mode, c.offset_us FROM deployment d CROSS JOIN business_clock c
        WHERE d.mode = 'production' AND c.offset_us <> 0""",
        scope=WHOLE,
    ),
    Invariant(
        "production-rates-are-entered",
        "no rates of a production deployment are generated",
        """
        SELECT m.day, m.source FROM deployment d CROSS JOIN mining_day m
        WHERE d.mode = 'production' AND m.source LIKE 'generated%' ORDER BY m.day""",
        scope=WHOLE,
    ),
    Invariant(
        "production-simulates-no-chain",
        "nothing of a production deployment happened on a simulated chain",
        """
        SELECT d.mode, d.chain, t.txid FROM deployment d
        LEFT JOIN sandbox_chain c ON true LEFT JOIN sandbox_transaction t ON true
        WHERE d.mode = 'production' AND (c.id IS NOT NULL OR t.txid IS NOT NULL) LIMIT 20""",
        scope=WHOLE,
    ),
    Invariant(
        "keys-fit-the-mode",
        "keys that name a mode name the deployment's",
        """
        SELECT d.mode, k.partner_id, k.id AS key_id FROM deployment d CROSS JOIN api_key k
        WHERE k.key LIKE CASE d.mode WHEN 'production' THEN 'hrk_test_%' ELSE 'hrk_live_%' END""",
        scope=WHOLE,
    ),
)
