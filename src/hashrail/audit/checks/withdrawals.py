"""Invariants of withdrawals: their money is where their state says, and two have approved what needs it."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Since, key, of_kind, on, read, transfers, unmoved
from hashrail.books.chart import Account

# Those from three days before the first key on, of which the newer ones have before them whatever counted for them.
SINCE_FIRST_KEY = """(SELECT min(t.created_at) FROM {keys}
                      JOIN withdrawal t ON t.partner_id = k.partner_id AND t.id = k.id)"""
NEAR = f"(SELECT {read('withdrawal')} FROM withdrawal t WHERE t.created_at >= {SINCE_FIRST_KEY} - interval '3 days')"  # noqa: S608

INVARIANTS = (
    Invariant(
        "withdrawals-match-ledger",
        "a withdrawal's amount and commission are held on its user's account until it ends, posted when it is final",
        """
        WITH expected AS (
            SELECT w.partner_id, w.id, legs.leg, legs.debit, legs.credit, legs.amount,
                   CASE WHEN w.state = 'final' THEN 'posted'
                        WHEN w.state IN ('cancelled', 'refused') THEN 'voided' ELSE 'pending' END AS state
            FROM {withdrawal} w
            JOIN account a ON a.partner_id = w.partner_id AND a.user_id = w.user_id AND a.currency = 'BTC'
            CROSS JOIN LATERAL (VALUES (1, a.id, $1::bigint, w.amount_btc),
                                       (2, a.id, $2::bigint, w.commission_btc),
                                       (3, $1::bigint, $3::bigint,
                                        CASE WHEN w.state = 'final' THEN w.amount_btc ELSE 0 END))
                AS legs (leg, debit, credit, amount)
            WHERE legs.amount > 0),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount, state
            FROM {transfer} w WHERE kind = 'withdrawal')
        SELECT partner_id, id AS withdrawal_id, leg, e.state AS expected, w.state AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount, e.state) IS DISTINCT FROM (w.debit, w.credit, w.amount, w.state)""",
        (Account.PAYOUTS_IN_FLIGHT, Account.COMMISSION_REVENUE, Account.BITCOIN_WALLET),
        scope=Since(
            ("partner_id", "id"),
            {"withdrawal": key("partner_id", "id"), "transfer": of_kind("withdrawal"), "account": unmoved},
            {"withdrawal": on("withdrawal", partner_id="partner_id", id="id"), "transfer": transfers("withdrawal")},
        ),
    ),
    Invariant(
        "approvals-are-two",
        "what needed approval and is paid or may be paid was approved by two operators",
        """
        SELECT w.partner_id, w.id AS withdrawal_id FROM {withdrawal} w
        WHERE w.needs_approval AND w.state IN ('queued', 'signed', 'exported', 'final')
          AND (SELECT count(*) FROM withdrawal_approval a
               WHERE a.partner_id = w.partner_id AND a.withdrawal_id = w.id) < 2""",
        scope=Since(
            ("partner_id", "id"),
            {"withdrawal": key("partner_id", "id"), "withdrawal_approval": key("partner_id", "withdrawal_id")},
            {"withdrawal": on("withdrawal", partner_id="partner_id", id="id")},
        ),
    ),
    # In the order of numbers, which are given under the locks of what is added up: who has the lower one was seen. What
    # ended may have ended before or after that, and whose number came long after its time is left out; so a sum is
    # between what certainly counted and what may have.
    Invariant(
        "sums-are-below-thresholds",
        "what nobody had to approve was, with the 24 hours before it, below the thresholds of when it was asked for",
        """
        WITH sums AS (
            SELECT partner_id, id, created_at, needs_approval, amount_btc, kind, whose, sum_btc, threshold_btc,
                   CASE WHEN needs_approval THEN 0 ELSE amount_btc END AS may_count,
                   CASE WHEN needs_approval OR state IN ('cancelled', 'refused') OR threshold_btc IS NULL THEN 0
                        ELSE amount_btc END AS counts
            FROM (
                SELECT w.partner_id, w.id, w.created_at, w.needs_approval, w.amount_btc, w.state, s.kind,
                       CASE s.kind WHEN 'user' THEN w.partner_id || ':' || w.user_id WHEN 'address' THEN w.address
                                   ELSE w.partner_id::text END AS whose,
                       CASE s.kind WHEN 'user' THEN w.sum_of_user_btc WHEN 'address' THEN w.sum_to_address_btc
                                   ELSE w.sum_of_partner_btc END AS sum_btc,
                       CASE s.kind WHEN 'partner' THEN w.partner_threshold_btc
                                   ELSE w.single_threshold_btc END AS threshold_btc
                FROM {withdrawal} w CROSS JOIN unnest(ARRAY['user', 'address', 'partner']) AS s (kind)) AS of_kinds),
        timed AS (
            SELECT partner_id, id, needs_approval, amount_btc, kind, whose, sum_btc, threshold_btc,
                   created_at, may_count, counts, max(created_at) OVER
                       (PARTITION BY kind, whose ORDER BY id ROWS UNBOUNDED PRECEDING) AS reached
            FROM sums),
        certain AS (
            SELECT partner_id, id, needs_approval, amount_btc, kind, whose, sum_btc, threshold_btc,
                   may_count, reached, reached - created_at < '10 minutes'::interval AS in_time,
                   CASE WHEN reached - created_at < '10 minutes'::interval THEN counts ELSE 0 END AS does_count
            FROM timed),
        added AS (
            SELECT partner_id, id, needs_approval, kind, sum_btc, threshold_btc, in_time, reached,
                   sum(does_count) OVER so_far - does_count
                        - coalesce(sum(does_count) OVER (PARTITION BY kind, whose ORDER BY reached RANGE BETWEEN
                                   UNBOUNDED PRECEDING AND '23:50'::interval PRECEDING), 0) + amount_btc AS lowest_btc,
                   sum(may_count) OVER so_far - may_count
                        - coalesce(sum(may_count) OVER (PARTITION BY kind, whose ORDER BY reached RANGE BETWEEN
                                   UNBOUNDED PRECEDING AND '24:10'::interval PRECEDING), 0) + amount_btc AS highest_btc
            FROM certain WINDOW so_far AS (PARTITION BY kind, whose ORDER BY id ROWS UNBOUNDED PRECEDING))
        SELECT partner_id, id AS withdrawal_id, kind, sum_btc, threshold_btc, lowest_btc, highest_btc FROM added
        WHERE ((sum_btc IS NULL) <> (threshold_btc IS NULL) OR (NOT needs_approval AND sum_btc >= threshold_btc)
           OR (in_time AND sum_btc NOT BETWEEN lowest_btc AND highest_btc)) AND {judged}
        ORDER BY partner_id, id, kind""",
        scope=Since(
            ("partner_id", "id"),
            {"withdrawal": key("partner_id", "id")},
            {"withdrawal": NEAR, "judged": f"reached >= {SINCE_FIRST_KEY} - interval '1 day'"},
            wholly={"judged": "true"},
        ),
    ),
)
