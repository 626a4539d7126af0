"""Invariants of pool receipts: each is divided to the last digit, and its parts are what the books say."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Since, key, lookup, of_kind, on, transfers
from hashrail.books.chart import Account

INVARIANTS = (
    Invariant(
        "pool-receipts-are-divided",
        "what of a pool receipt pays for days, and what waits for days to come, is the receipt",
        """
        SELECT r.id AS receipt_id, r.amount_btc, r.undivided_btc, coalesce(s.amount, 0) AS divided
        FROM {pool_receipt} r
        LEFT JOIN (SELECT receipt_id, sum(amount_btc) AS amount FROM {pool_receipt_share} s GROUP BY receipt_id) s
               ON s.receipt_id = r.id
        WHERE r.amount_btc <> r.undivided_btc + coalesce(s.amount, 0)""",
        scope=Since(
            ("id",),
            {"pool_receipt": key("id"), "pool_receipt_share": key("receipt_id")},
            {
                "pool_receipt": on("pool_receipt", id="id"),
                "pool_receipt_share": on("pool_receipt_share", receipt_id="id"),
            },
        ),
    ),
    Invariant(
        "pool-receipts-match-ledger",
        "a partner's part of a pool receipt is posted once, and back once where it was taken back",
        """
        WITH parts AS (
            SELECT partner_id, receipt_id AS id, leg, sum(amount_btc) AS amount
            FROM {pool_receipt_share} s GROUP BY partner_id, receipt_id, leg),
        expected AS (
            SELECT partner_id, id, leg, $1::bigint AS debit, $2::bigint AS credit, amount FROM parts
            UNION ALL
            SELECT p.partner_id, p.id, max(p.leg) + 1, $2::bigint, $1::bigint, sum(p.amount)
            FROM parts p JOIN pool_receipt r ON r.id = p.id WHERE r.reversed_at IS NOT NULL
            GROUP BY p.partner_id, p.id),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount
            FROM {transfer} w WHERE kind = 'pool_receipt' AND state = 'posted')
        SELECT partner_id, id AS receipt_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount) IS DISTINCT FROM (w.debit, w.credit, w.amount)""",
        (Account.TREASURY, Account.POOL_RECEIVABLE),
        scope=Since(
            ("partner_id", "id"),
            {
                "pool_receipt": lookup(
                    """SELECT DISTINCT s.partner_id, s.receipt_id AS id FROM unnest($1::bigint[]) AS k (id)
                       JOIN pool_receipt_share s ON s.receipt_id = k.id""",
                    "id",
                ),
                "pool_receipt_share": key("partner_id", "receipt_id"),
                "transfer": of_kind("pool_receipt"),
            },
            {
                "pool_receipt_share": on("pool_receipt_share", partner_id="partner_id", receipt_id="id"),
                "transfer": transfers("pool_receipt"),
            },
        ),
    ),
)
