"""Invariants of what is sold: orders, upgrades and payments have their transfers, and capacity is kept."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Since, Whole, key, of_kind, on, read, transfers, unmoved
from hashrail.books.chart import Account

# What is expected of refunds is few, and added up each time; so is what was written for it.
REFUNDS = ("refund", "upgrade_refund", "income_taken")
WRITTEN_OF_REFUNDS = f"""
    (SELECT {read("transfer")} FROM (SELECT partner_id, kind, id FROM expected
                      UNION SELECT k.partner_id, k.kind, k.id FROM {{keys}}) AS e
     JOIN transfer t ON t.partner_id = e.partner_id AND t.kind = e.kind AND t.object_id = e.id)"""  # noqa: S608

INVARIANTS = (
    Invariant(
        "refunds-end-miners",
        "an order that is refunded was issued, and its miner has ended",
        """
        SELECT r.partner_id, r.purchase_id, o.state, m.ended_at FROM order_refund r
        LEFT JOIN purchase o ON o.partner_id = r.partner_id AND o.id = r.purchase_id
        LEFT JOIN miner m ON m.partner_id = o.partner_id AND m.id = o.miner_id
        WHERE o.state IS DISTINCT FROM 'issued' OR m.ended_at IS NULL""",
        scope=Whole("refunds are few"),
    ),
    Invariant(
        "refunds-match-ledger",
        "the price of a refunded order and of its miner's upgrades is given back once, and income is taken as noted",
        """
        WITH expected AS (
            SELECT r.partner_id, 'refund' AS kind, r.purchase_id AS id, 1 AS leg, $1::bigint AS debit,
                   $2::bigint AS credit, o.value_usd AS amount
            FROM order_refund r JOIN purchase o ON o.partner_id = r.partner_id AND o.id = r.purchase_id
            UNION ALL
            SELECT r.partner_id, 'upgrade_refund', u.id, 1, $1, $2, u.value_usd
            FROM order_refund r JOIN purchase o ON o.partner_id = r.partner_id AND o.id = r.purchase_id
            JOIN post_payment u ON u.partner_id = o.partner_id AND u.miner_id = o.miner_id
            UNION ALL
            SELECT t.partner_id, 'income_taken', t.purchase_id, t.leg, a.id, $3, t.taken_btc
            FROM refund_taking t JOIN account a ON a.partner_id = t.partner_id AND a.user_id = t.user_id
                                               AND a.currency = 'BTC' WHERE t.taken_btc > 0),
        written AS (
            SELECT partner_id, kind, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount
            FROM {transfer} w WHERE kind IN ('refund', 'upgrade_refund', 'income_taken') AND state = 'posted')
        SELECT partner_id, kind, id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, kind, id, leg)
        WHERE (e.debit, e.credit, e.amount) IS DISTINCT FROM (w.debit, w.credit, w.amount)""",
        (Account.MINER_SALES, Account.PARTNER_RECEIVABLE, Account.INCOME_TAKEN_BACK),
        scope=Since(
            ("partner_id", "kind", "id"),
            {
                "order_refund": unmoved,
                "purchase": unmoved,
                "post_payment": unmoved,
                "refund_taking": unmoved,
                "account": unmoved,
                "transfer": of_kind(*REFUNDS, columns=("partner_id", "kind", "object_id")),
            },
            {"transfer": WRITTEN_OF_REFUNDS},
            always=True,
        ),
    ),
    Invariant(
        "orders-match-ledger",
        "an order's money is pending while it is created, posted when issued, voided when over",
        """
        SELECT o.partner_id, o.id AS purchase_id, o.state, t.state AS transfer FROM {purchase} o
        LEFT JOIN transfer t ON t.partner_id = o.partner_id AND t.kind = 'purchase'
                            AND t.object_id = o.id AND t.leg = o.attempt
        WHERE t.state IS NULL OR t.amount <> o.value_usd OR t.state <> CASE o.state
              WHEN 'created' THEN 'pending' WHEN 'issued' THEN 'posted' ELSE 'voided' END""",
        scope=Since(
            ("partner_id", "id"),
            {"purchase": key("partner_id", "id"), "transfer": of_kind("purchase")},
            {"purchase": on("purchase", partner_id="partner_id", id="id")},
        ),
    ),
    Invariant(
        "upgrades-match-ledger",
        "every post-payment of an upgrade is owed once",
        """
        WITH expected AS (
            SELECT partner_id, id, 1 AS leg, $1::bigint AS debit, $2::bigint AS credit, value_usd AS amount,
                   'posted' AS state
            FROM {post_payment} p),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount, state
            FROM {transfer} w WHERE kind = 'post_payment')
        SELECT partner_id, id AS post_payment_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount, e.state) IS DISTINCT FROM (w.debit, w.credit, w.amount, w.state)""",
        (Account.PARTNER_RECEIVABLE, Account.MINER_SALES),
        scope=Since(
            ("partner_id", "id"),
            {"post_payment": key("partner_id", "id"), "transfer": of_kind("post_payment")},
            {
                "post_payment": on("post_payment", partner_id="partner_id", id="id"),
                "transfer": transfers("post_payment"),
            },
        ),
    ),
    Invariant(
        "payments-match-ledger",
        "every recorded payment of a partner is posted once",
        """
        SELECT partner_id, p.id AS payment_id, p.amount_usd, t.amount FROM {partner_payment} p
        FULL JOIN (SELECT partner_id, object_id AS id, amount FROM {transfer} w
                   WHERE kind = 'partner_payment' AND state = 'posted') t USING (partner_id, id)
        WHERE p.amount_usd IS DISTINCT FROM t.amount""",
        scope=Since(
            ("partner_id", "id"),
            {"partner_payment": key("partner_id", "id"), "transfer": of_kind("partner_payment")},
            {
                "partner_payment": on("partner_payment", partner_id="partner_id", id="id"),
                "transfer": transfers("partner_payment"),
            },
        ),
    ),
    Invariant(
        "corrections-match-ledger",
        "every correction of a user's balance is posted once, against the account of its currency",
        """
        WITH expected AS (
            SELECT c.partner_id, c.id, 1 AS leg, abs(c.amount) AS amount,
                   CASE WHEN c.amount > 0 THEN o.id ELSE a.id END AS debit,
                   CASE WHEN c.amount > 0 THEN a.id ELSE o.id END AS credit, 'posted' AS state
            FROM {balance_correction} c
            JOIN account a ON a.partner_id = c.partner_id AND a.user_id = c.user_id AND a.currency = c.currency
            JOIN (VALUES ('BTC', $1::bigint), ('GOMINING', $2::bigint)) AS o (currency, id) ON o.currency = c.currency),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount, state
            FROM {transfer} w WHERE kind = 'correction')
        SELECT partner_id, id AS correction_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount, e.state) IS DISTINCT FROM (w.debit, w.credit, w.amount, w.state)""",
        (Account.CORRECTIONS_BTC, Account.CORRECTIONS_GOMINING),
        scope=Since(
            ("partner_id", "id"),
            {"balance_correction": key("partner_id", "id"), "transfer": of_kind("correction"), "account": unmoved},
            {
                "balance_correction": on("balance_correction", partner_id="partner_id", id="id"),
                "transfer": transfers("correction"),
            },
        ),
    ),
    Invariant(
        "payment-reversals-match-ledger",
        "every payment that was taken back is owed again once",
        """
        WITH expected AS (
            SELECT r.partner_id, r.payment_id AS id, 1 AS leg, $1::bigint AS debit, $2::bigint AS credit,
                   p.amount_usd AS amount, 'posted' AS state
            FROM {payment_reversal} r
            LEFT JOIN partner_payment p ON p.partner_id = r.partner_id AND p.id = r.payment_id),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount, state
            FROM {transfer} w WHERE kind = 'payment_reversal')
        SELECT partner_id, id AS payment_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount, e.state) IS DISTINCT FROM (w.debit, w.credit, w.amount, w.state)""",
        (Account.PARTNER_RECEIVABLE, Account.CASH),
        scope=Since(
            ("partner_id", "id"),
            {
                "payment_reversal": key("partner_id", "payment_id"),
                "partner_payment": key("partner_id", "id"),
                "transfer": of_kind("payment_reversal"),
            },
            {
                "payment_reversal": on("payment_reversal", partner_id="partner_id", payment_id="id"),
                "transfer": transfers("payment_reversal"),
            },
        ),
    ),
    Invariant(
        "capacity-is-counted",
        "a partner's committed TH are its miners and open orders",
        """
        WITH used AS (
            SELECT partner_id, sum(power) AS th FROM (
                SELECT partner_id, power FROM miner WHERE ended_at IS NULL
                UNION ALL SELECT partner_id, power FROM purchase WHERE state = 'created') AS parts GROUP BY partner_id)
        SELECT p.partner_id, p.committed_th, coalesce(u.th, 0) AS used
        FROM partner_capacity p LEFT JOIN used u USING (partner_id) WHERE p.committed_th <> coalesce(u.th, 0)""",
        scope=Whole("miners that are there and open orders are added up in one pass"),
    ),
    Invariant(
        "capacity-is-kept",
        "no more TH are promised than the operator owns",
        """
        SELECT c.cap_th, p.committed
        FROM capacity c CROSS JOIN (SELECT sum(committed_th) AS committed FROM partner_capacity) p
        WHERE p.committed > c.cap_th""",
        scope=Whole("a row a partner"),
    ),
)
