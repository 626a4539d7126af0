"""Invariants of deposits: each has one owner and its transfers."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Since, key, lookup, of_kind, on, transfers, unmoved
from hashrail.books.chart import Account

INVARIANTS = (
    Invariant(
        "deposits-have-one-owner",
        "an output of the chain is one deposit in all books, and its user's whose address it pays",
        """
        SELECT d.partner_id, d.id AS deposit_id, d.txid, d.vout, d.address FROM {deposit} d
        LEFT JOIN deposit_address a ON a.address = d.address
        WHERE (a.partner_id, a.user_id) IS DISTINCT FROM (d.partner_id, d.user_id)
           OR (d.txid, d.vout) IN (SELECT txid, vout FROM deposit GROUP BY txid, vout HAVING count(*) > 1)""",
        scope=Since(
            ("partner_id", "id"),
            {
                "deposit": key("partner_id", "id"),
                "deposit_address": lookup(
                    """SELECT d.partner_id, d.id FROM unnest($1::text[]) AS k (address)
                       JOIN deposit d ON d.address = k.address""",
                    "address",
                ),
            },
            {"deposit": on("deposit", partner_id="partner_id", id="id")},
        ),
    ),
    Invariant(
        "deposits-match-ledger",
        "a credited deposit is posted to its user once, and a lost one is the operator's loss until it is found again",
        """
        WITH expected AS (
            SELECT d.partner_id, d.id, leg, d.amount_btc AS amount,
                   CASE WHEN leg % 2 = 1 THEN $1::bigint ELSE $2::bigint END AS debit,
                   CASE WHEN leg = 1 THEN a.id WHEN leg % 2 = 1 THEN $2::bigint ELSE $1::bigint END AS credit
            FROM {deposit} d
            JOIN account a ON a.partner_id = d.partner_id AND a.user_id = d.user_id AND a.currency = 'BTC'
            CROSS JOIN LATERAL generate_series(1, d.legs) AS leg),
        written AS (
            SELECT partner_id, object_id AS id, leg, amount, debit_account AS debit, credit_account AS credit
            FROM {transfer} w WHERE kind = 'deposit' AND state = 'posted')
        SELECT partner_id, id AS deposit_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount) IS DISTINCT FROM (w.debit, w.credit, w.amount)""",
        (Account.BITCOIN_WALLET, Account.REORG_LOSSES),
        scope=Since(
            ("partner_id", "id"),
            {"deposit": key("partner_id", "id"), "transfer": of_kind("deposit"), "account": unmoved},
            {"deposit": on("deposit", partner_id="partner_id", id="id"), "transfer": transfers("deposit")},
        ),
    ),
)
