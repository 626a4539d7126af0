"""Named invariants: what must hold in the books, checked in one snapshot.

Each is one query that answers the rows that break it, so an auditor sees where to look. `hashrail audit` runs all of
them; the constraints of the schema hold many of the same rules at every write.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

from hashrail.db import Row, Tx
from hashrail.income import DayInputs, class_rates, total_discount

MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule of the books; `query` answers the rows that break it."""

    name: str
    rule: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one invariant: it holds when `rows` is empty."""

    name: str
    rule: str
    rows: list[dict[str, object]]


INVARIANTS = (
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
            SELECT partner_id, sum(CASE WHEN credit_account = 2100 THEN amount ELSE -amount END) AS held
            FROM transfer WHERE state = 'posted' AND 2100 IN (debit_account, credit_account) GROUP BY partner_id)
        SELECT p.id AS partner_id, coalesce(c.held, 0) AS control, coalesce(u.net, 0) AS unsettled
        FROM partner p LEFT JOIN control c ON c.partner_id = p.id LEFT JOIN unsettled u ON u.partner_id = p.id
        WHERE coalesce(c.held, 0) <> coalesce(u.net, 0)""",
    ),
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
                   CASE WHEN debit_account = 1100 THEN amount ELSE -amount END AS amount
            FROM transfer WHERE kind = 'adjustment' AND state = 'posted')
        SELECT partner_id, id AS adjustment_id, leg, e.amount AS expected, t.amount AS posted
        FROM expected e FULL JOIN posted t USING (partner_id, id, leg) WHERE e.amount IS DISTINCT FROM t.amount""",
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
        "stints-match-miners",
        "a miner's open stint has its owner, power, efficiency and its owner's level and programmes",
        """
        SELECT m.partner_id, m.id AS miner_id, s.id AS stint_id FROM miner m
        JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id
        LEFT JOIN stint s ON s.partner_id = m.partner_id AND s.miner_id = m.id AND s.to_day IS NULL
        LEFT JOIN rate_class c ON c.id = s.class_id
        WHERE s.id IS NULL OR s.user_id <> m.user_id OR s.power <> m.power
           OR c.energy_efficiency <> m.energy_efficiency OR c.level_discount <> u.level_discount
           OR c.programmes <> ARRAY(SELECT programme_id FROM user_programme g WHERE g.partner_id = u.partner_id
                                    AND g.user_id = u.id ORDER BY programme_id)""",
    ),
    Invariant(
        "stints-are-seamless",
        "a miner's stints follow each other without gap or overlap",
        """
        SELECT partner_id, miner_id, id AS stint_id FROM (
            SELECT *, lead(from_day) OVER (PARTITION BY partner_id, miner_id ORDER BY from_day) AS next FROM stint) s
        WHERE to_day IS DISTINCT FROM next""",
    ),
    Invariant(
        "balances-equal-transfers",
        "what an account carries is the sum of its transfers",
        """
        WITH moved AS (
            SELECT partner_id, account,
                   sum(amount) FILTER (WHERE side = 'd' AND state = 'posted') AS debits,
                   sum(amount) FILTER (WHERE side = 'c' AND state = 'posted') AS credits,
                   sum(amount) FILTER (WHERE side = 'd' AND state = 'pending') AS debits_pending,
                   sum(amount) FILTER (WHERE side = 'c' AND state = 'pending') AS credits_pending
            FROM (SELECT partner_id, debit_account AS account, 'd' AS side, amount, state FROM transfer
                  UNION ALL SELECT partner_id, credit_account, 'c', amount, state FROM transfer) AS sides
            GROUP BY partner_id, account)
        SELECT a.partner_id, a.id AS account_id FROM account a
        LEFT JOIN moved m ON m.partner_id = a.partner_id AND m.account = a.id
        WHERE a.carries_balance AND (a.debits_posted <> coalesce(m.debits, 0)
           OR a.credits_posted <> coalesce(m.credits, 0)
           OR a.debits_pending <> coalesce(m.debits_pending, 0)
           OR a.credits_pending <> coalesce(m.credits_pending, 0))""",
    ),
    Invariant(
        "checkpoints-equal-transfers",
        "a checkpoint is the sum of what was posted up to it",
        """
        SELECT c.partner_id, c.account_id FROM account_checkpoint c
        LEFT JOIN transfer t ON t.partner_id = c.partner_id AND c.account_id IN (t.debit_account, t.credit_account)
                            AND t.posted_seq <= c.through_seq
        GROUP BY c.partner_id, c.account_id, c.debits, c.credits
        HAVING coalesce(sum(t.amount) FILTER (WHERE t.debit_account = c.account_id), 0) <> c.debits
            OR coalesce(sum(t.amount) FILTER (WHERE t.credit_account = c.account_id), 0) <> c.credits""",
    ),
    Invariant(
        "transfers-keep-currency",
        "both accounts of a transfer are in one currency",
        """
        SELECT t.partner_id, t.kind, t.object_id, t.leg FROM transfer t
        JOIN account d ON d.partner_id = t.partner_id AND d.id = t.debit_account
        JOIN account c ON c.partner_id = t.partner_id AND c.id = t.credit_account WHERE d.currency <> c.currency""",
    ),
    Invariant(
        "settled-equals-income",
        "what was settled to a user is his income up to the day he is settled through",
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
                   sum(CASE WHEN debit_account = 2100 THEN amount ELSE -amount END) AS net
            FROM transfer WHERE kind = 'settlement' GROUP BY partner_id, object_id)
        SELECT partner_id, user_id, coalesce(e.net, 0) AS earned, coalesce(s.net, 0) AS settled
        FROM earned e FULL JOIN settled s USING (partner_id, user_id) WHERE coalesce(e.net, 0) <> coalesce(s.net, 0)""",
    ),
    Invariant(
        "class-days-run-on",
        "running sums continue from one published day to the next",
        """
        SELECT d.class_id, d.day FROM class_day d JOIN rate_class c ON c.id = d.class_id
        LEFT JOIN class_day y ON y.class_id = d.class_id AND y.day = d.day - 1
        WHERE d.day > c.first_day AND (y.day IS NULL
           OR d.pool_sum <> y.pool_sum + d.pool OR d.c1_sum <> y.c1_sum + d.c1
           OR d.c2_sum <> y.c2_sum + d.c2 OR d.net_sum <> y.net_sum + d.net)""",
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
    ),
    Invariant(
        "days-are-consecutive",
        "published days have no gap",
        """
        SELECT p.first_day, p.published_through, count(d.day) AS published FROM publication p
        LEFT JOIN mining_day d ON d.published_at IS NOT NULL
        GROUP BY p.first_day, p.published_through
        HAVING count(d.day) <> coalesce(p.published_through - p.first_day + 1, 0)""",
    ),
    Invariant(
        "orders-match-ledger",
        "an order's money is pending while it is created, posted when issued, voided when over",
        """
        SELECT o.partner_id, o.id AS purchase_id, o.state, t.state AS transfer FROM purchase o
        LEFT JOIN transfer t ON t.partner_id = o.partner_id AND t.kind = 'purchase'
                            AND t.object_id = o.id AND t.leg = o.attempt
        WHERE t.state IS NULL OR t.amount <> o.value_usd OR t.state <> CASE o.state
              WHEN 'created' THEN 'pending' WHEN 'issued' THEN 'posted' ELSE 'voided' END""",
    ),
    Invariant(
        "upgrades-match-ledger",
        "every post-payment of an upgrade is owed once",
        """
        WITH expected AS (
            SELECT partner_id, id, 1 AS leg, 1200 AS debit, 4300 AS credit, value_usd AS amount, 'posted' AS state
            FROM post_payment),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount, state
            FROM transfer WHERE kind = 'post_payment')
        SELECT partner_id, id AS post_payment_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount, e.state) IS DISTINCT FROM (w.debit, w.credit, w.amount, w.state)""",
    ),
    Invariant(
        "withdrawals-match-ledger",
        "a withdrawal's amount and commission are held on its user's account until it ends, posted when it is final",
        """
        WITH expected AS (
            SELECT w.partner_id, w.id, legs.leg, legs.debit, legs.credit, legs.amount,
                   CASE WHEN w.state = 'final' THEN 'posted'
                        WHEN w.state IN ('cancelled', 'refused') THEN 'voided' ELSE 'pending' END AS state
            FROM withdrawal w
            JOIN account a ON a.partner_id = w.partner_id AND a.user_id = w.user_id AND a.currency = 'BTC'
            CROSS JOIN LATERAL (VALUES (1, a.id, 2200, w.amount_btc), (2, a.id, 4400, w.commission_btc),
                                       (3, 2200, 1400, CASE WHEN w.state = 'final' THEN w.amount_btc ELSE 0 END))
                AS legs (leg, debit, credit, amount)
            WHERE legs.amount > 0),
        written AS (
            SELECT partner_id, object_id AS id, leg, debit_account AS debit, credit_account AS credit, amount, state
            FROM transfer WHERE kind = 'withdrawal')
        SELECT partner_id, id AS withdrawal_id, leg, e.state AS expected, w.state AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount, e.state) IS DISTINCT FROM (w.debit, w.credit, w.amount, w.state)""",
    ),
    Invariant(
        "approvals-are-two",
        "what needed approval and is paid or may be paid was approved by two operators",
        """
        SELECT w.partner_id, w.id AS withdrawal_id FROM withdrawal w
        WHERE w.needs_approval AND w.state IN ('queued', 'signed', 'exported', 'final')
          AND (SELECT count(*) FROM withdrawal_approval a
               WHERE a.partner_id = w.partner_id AND a.withdrawal_id = w.id) < 2""",
    ),
    Invariant(
        "network-fees-match-batches",
        "a settled batch's network fee is posted once, to the satoshi, shared among its partners",
        """
        WITH posted AS (
            SELECT object_id AS id, sum(amount) AS fee FROM transfer
            WHERE kind = 'network_fee' AND state = 'posted' AND debit_account = 5100 AND credit_account = 1400
            GROUP BY object_id),
        paid AS (
            SELECT b.id, t.fee_btc AS fee, b.settled_at FROM payout_batch b
            JOIN payout_transaction t ON t.txid = b.txid WHERE b.state = 'final' AND t.fee_btc > 0)
        SELECT id AS batch_id, paid.fee AS fee, posted.fee AS posted FROM paid FULL JOIN posted USING (id)
        WHERE (paid.settled_at IS NOT NULL AND paid.fee IS DISTINCT FROM posted.fee)
           OR coalesce(posted.fee, 0) > coalesce(paid.fee, 0)""",
    ),
    Invariant(
        "batches-pay-in-full",
        "what a batch spends is what its withdrawals are paid, its fee, and change",
        """
        SELECT b.id AS batch_id, i.btc AS inputs, coalesce(w.btc, 0) AS paid, t.fee_btc AS fee
        FROM payout_batch b
        JOIN payout_transaction t ON t.batch_id = b.id
        JOIN (SELECT batch_id, sum(amount_btc) AS btc FROM payout_input GROUP BY batch_id) i ON i.batch_id = b.id
        LEFT JOIN (SELECT batch_id, sum(amount_btc) AS btc FROM withdrawal GROUP BY batch_id) w ON w.batch_id = b.id
        WHERE b.kind <> 'external' AND b.state <> 'conflicted'
          AND (i.btc < coalesce(w.btc, 0) + t.fee_btc OR w.btc IS NULL
               -- What was recorded, somebody has allowed himself.
               OR (t.paid IS NULL AND t.fee_btc > b.most_fee_btc))""",
    ),
    Invariant(
        "deposits-have-one-owner",
        "an output of the chain is one deposit in all books, and its user's whose address it pays",
        """
        SELECT d.partner_id, d.id AS deposit_id, d.txid, d.vout, d.address FROM deposit d
        LEFT JOIN deposit_address a ON a.address = d.address
        WHERE (a.partner_id, a.user_id) IS DISTINCT FROM (d.partner_id, d.user_id)
           OR (d.txid, d.vout) IN (SELECT txid, vout FROM deposit GROUP BY txid, vout HAVING count(*) > 1)""",
    ),
    Invariant(
        "deposits-match-ledger",
        "a credited deposit is posted to its user once, and a lost one is the operator's loss until it is found again",
        """
        WITH expected AS (
            SELECT d.partner_id, d.id, leg, d.amount_btc AS amount,
                   CASE WHEN leg = 1 OR leg % 2 = 1 THEN 1400 ELSE 5200 END AS debit,
                   CASE WHEN leg = 1 THEN a.id WHEN leg % 2 = 1 THEN 5200 ELSE 1400 END AS credit
            FROM deposit d
            JOIN account a ON a.partner_id = d.partner_id AND a.user_id = d.user_id AND a.currency = 'BTC'
            CROSS JOIN LATERAL generate_series(1, d.legs) AS leg),
        written AS (
            SELECT partner_id, object_id AS id, leg, amount, debit_account AS debit, credit_account AS credit
            FROM transfer WHERE kind = 'deposit' AND state = 'posted')
        SELECT partner_id, id AS deposit_id, leg, e.amount AS expected, w.amount AS transfer
        FROM expected e FULL JOIN written w USING (partner_id, id, leg)
        WHERE (e.debit, e.credit, e.amount) IS DISTINCT FROM (w.debit, w.credit, w.amount)""",
    ),
    Invariant(
        "settled-batches-are-over",
        "no withdrawal of a settled batch is still on its way, and every final one was in a final batch",
        """
        SELECT w.partner_id, w.id AS withdrawal_id, w.state, b.state AS batch FROM withdrawal w
        JOIN payout_batch b ON b.id = w.batch_id
        WHERE (b.settled_at IS NOT NULL AND w.state <> 'final') OR (w.state = 'final' AND b.state <> 'final')""",
    ),
    Invariant(
        "payments-match-ledger",
        "every recorded payment of a partner is posted once",
        """
        SELECT partner_id, p.id AS payment_id, p.amount_usd, t.amount FROM partner_payment p
        FULL JOIN (SELECT partner_id, object_id AS id, amount FROM transfer
                   WHERE kind = 'partner_payment' AND state = 'posted') t USING (partner_id, id)
        WHERE p.amount_usd IS DISTINCT FROM t.amount""",
    ),
    Invariant(
        "capacity-is-counted",
        "a partner's committed TH are its miners and open orders",
        """
        WITH used AS (
            SELECT partner_id, sum(power) AS th FROM (
                SELECT partner_id, power FROM miner
                UNION ALL SELECT partner_id, power FROM purchase WHERE state = 'created') AS parts GROUP BY partner_id)
        SELECT p.partner_id, p.committed_th, coalesce(u.th, 0) AS used
        FROM partner_capacity p LEFT JOIN used u USING (partner_id) WHERE p.committed_th <> coalesce(u.th, 0)""",
    ),
    Invariant(
        "capacity-is-kept",
        "no more TH are promised than the operator owns",
        """
        SELECT c.cap_th, sum(p.committed_th) AS committed FROM capacity c CROSS JOIN partner_capacity p
        GROUP BY c.cap_th HAVING sum(p.committed_th) > c.cap_th""",
    ),
)

RATES_FROM_INPUTS = (
    "rates-follow-from-inputs",
    "every published class rate is what the published inputs give",
)


async def audit(tx: Tx) -> AsyncIterator[Finding]:
    """Check every invariant in the transaction's one snapshot, in order."""
    for invariant in INVARIANTS:
        rows = await tx.fetch(invariant.query)
        yield Finding(invariant.name, invariant.rule, [dict(row.items()) for row in rows[:MOST_ROWS]])
    yield Finding(*RATES_FROM_INPUTS, await _rates_that_differ(tx))


def names() -> list[tuple[str, str]]:
    """(name, rule) of every invariant, in the order they are checked."""
    return [*((invariant.name, invariant.rule) for invariant in INVARIANTS), RATES_FROM_INPUTS]


async def _rates_that_differ(tx: Tx) -> list[dict[str, object]]:
    """Class days that the formula, applied once more to the day's published inputs, does not give."""
    fractions: dict[tuple[object, int], Decimal] = {
        (row["day"], row["programme_id"]): row["fraction"]
        for row in await tx.fetch("SELECT day, programme_id, fraction FROM published_fraction")
    }
    broken: list[dict[str, object]] = []
    async for row in tx.cursor(
        """SELECT d.*, c.energy_efficiency, c.level_discount, c.programmes, m.pool_btc_per_th, m.btc_usd,
                  m.gomining_usd, m.kwh_usd, m.service_usd_per_th, m.discount_cap
           FROM class_day d JOIN rate_class c ON c.id = d.class_id JOIN mining_day m ON m.day = d.day""",
        prefetch=1000,
    ):
        programmes = sum((fractions.get((row["day"], p), Decimal(0)) for p in row["programmes"]), Decimal(0))
        inputs = _inputs(row)
        discount = total_discount(inputs, row["level_discount"], programmes)
        paid = class_rates(inputs, row["energy_efficiency"], discount)
        if (row["discount"], row["pool"], row["c1"], row["c2"], row["net"]) != (
            discount,
            paid.pool,
            paid.c1,
            paid.c2,
            paid.net,
        ):
            broken.append({"day": row["day"], "class_id": row["class_id"], "expected_net": paid.net, "net": row["net"]})
            if len(broken) == MOST_ROWS:
                break
    return broken


def _inputs(row: Row) -> DayInputs:
    return DayInputs(
        row["day"],
        row["pool_btc_per_th"],
        row["btc_usd"],
        row["gomining_usd"],
        row["kwh_usd"],
        row["service_usd_per_th"],
        row["discount_cap"],
    )
