"""Invariants of the ledger: what accounts carry follows from their transfers."""

from collections.abc import Iterable, Sequence

from hashrail.audit.checks.changes import Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Key, Since, key, on, unmoved
from hashrail.books.chart import FIRST_USER_ACCOUNT, Account
from hashrail.db import Row

# Beyond every number of a posting.
NEVER = (1 << 63) - 1
# What an account had moved is added up from its sums of the mark on, unless a transfer that is in them was written.
_SEEN = """
    touched AS (
        SELECT k.partner_id, k.id AS account, min(k.seq) AS seq FROM {keys} GROUP BY k.partner_id, k.id),
    seen AS (
        SELECT t.partner_id, t.account, coalesce(a.through_seq, -1) AS through_seq, coalesce(a.debits, 0) AS debits,
               coalesce(a.credits, 0) AS credits
        FROM touched t LEFT JOIN audited_account a
          ON a.partner_id = t.partner_id AND a.account_id = t.account AND a.through_seq < t.seq)"""
BALANCES_SINCE = f"""
    WITH {_SEEN},
    moved AS (
        SELECT partner_id, account, sum(amount) FILTER (WHERE side = 'd' AND state = 'posted') AS debits,
               sum(amount) FILTER (WHERE side = 'c' AND state = 'posted') AS credits,
               sum(amount) FILTER (WHERE side = 'd' AND state = 'pending') AS debits_pending,
               sum(amount) FILTER (WHERE side = 'c' AND state = 'pending') AS credits_pending
        FROM (
            SELECT s.partner_id, s.account, 'd' AS side, t.amount, t.state FROM seen s
            JOIN transfer t ON t.partner_id = s.partner_id AND t.debit_account = s.account
                           AND t.posted_seq > s.through_seq
            UNION ALL SELECT s.partner_id, s.account, 'd', t.amount, t.state FROM seen s
            JOIN transfer t ON t.partner_id = s.partner_id AND t.debit_account = s.account AND t.posted_seq IS NULL
            UNION ALL SELECT s.partner_id, s.account, 'c', t.amount, t.state FROM seen s
            JOIN transfer t ON t.partner_id = s.partner_id AND t.credit_account = s.account
                           AND t.posted_seq > s.through_seq
            UNION ALL SELECT s.partner_id, s.account, 'c', t.amount, t.state FROM seen s
            JOIN transfer t ON t.partner_id = s.partner_id AND t.credit_account = s.account AND t.posted_seq IS NULL
        ) AS sides GROUP BY partner_id, account)
    SELECT a.partner_id, a.id AS account_id FROM seen s
    JOIN account a ON a.partner_id = s.partner_id AND a.id = s.account
    LEFT JOIN moved m ON m.partner_id = s.partner_id AND m.account = s.account
    WHERE a.carries_balance AND (a.debits_posted <> s.debits + coalesce(m.debits, 0)
       OR a.credits_posted <> s.credits + coalesce(m.credits, 0)
       OR a.debits_pending <> coalesce(m.debits_pending, 0)
       OR a.credits_pending <> coalesce(m.credits_pending, 0))"""  # noqa: S608
CHECKPOINTS_SINCE = f"""
    WITH {_SEEN}
    SELECT c.partner_id, c.account_id FROM account_checkpoint c
    JOIN seen s ON s.partner_id = c.partner_id AND s.account = c.account_id
    CROSS JOIN LATERAL (
        SELECT s.through_seq <= c.through_seq AS goes_on) AS found
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.amount), 0) AS debits FROM transfer t
        WHERE t.partner_id = c.partner_id AND t.debit_account = c.account_id
          AND t.posted_seq > CASE WHEN goes_on THEN s.through_seq ELSE -1 END AND t.posted_seq <= c.through_seq) AS d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.amount), 0) AS credits FROM transfer t
        WHERE t.partner_id = c.partner_id AND t.credit_account = c.account_id
          AND t.posted_seq > CASE WHEN goes_on THEN s.through_seq ELSE -1 END AND t.posted_seq <= c.through_seq) AS e
    WHERE c.debits <> d.debits + CASE WHEN goes_on THEN s.debits ELSE 0 END
       OR c.credits <> e.credits + CASE WHEN goes_on THEN s.credits ELSE 0 END"""  # noqa: S608


async def _own(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """Accounts as they stand: whatever was posted is in their sums or after them."""
    return [(row["partner_id"], row["id"], NEVER) for row in rows]


async def _sides(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """Both accounts of each transfer, and the number of its posting."""
    return [
        (row["partner_id"], row[side], NEVER if row["posted_seq"] is None else row["posted_seq"])
        for row in rows
        for side in ("debit_account", "credit_account")
        if row[side] >= FIRST_USER_ACCOUNT or row[side] == Account.PARTNER_RECEIVABLE
    ]


async def _checkpoints(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    return [(row["partner_id"], row["account_id"], NEVER) for row in rows]


async def _chart_sides(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """The accounts of the chart that each posting moved, and its number."""
    return [
        (row["partner_id"], row[side], row["posted_seq"])
        for row in rows
        for side in ("debit_account", "credit_account")
        if row[side] < FIRST_USER_ACCOUNT and row["posted_seq"] is not None
    ]


INVARIANTS = (
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
                  WHERE debit_account >= 100000 OR debit_account = $1
                  UNION ALL SELECT partner_id, credit_account, 'c', amount, state FROM transfer
                  WHERE credit_account >= 100000 OR credit_account = $1) AS sides
            GROUP BY partner_id, account)
        SELECT a.partner_id, a.id AS account_id FROM account a
        LEFT JOIN moved m ON m.partner_id = a.partner_id AND m.account = a.id
        WHERE a.carries_balance AND (a.debits_posted <> coalesce(m.debits, 0)
           OR a.credits_posted <> coalesce(m.credits, 0)
           OR a.debits_pending <> coalesce(m.debits_pending, 0)
           OR a.credits_pending <> coalesce(m.credits_pending, 0))""",
        (Account.PARTNER_RECEIVABLE,),
        scope=Since(("partner_id", "id", "seq"), {"account": _own, "transfer": _sides}, query=BALANCES_SINCE),
    ),
    Invariant(
        "checkpoints-equal-transfers",
        "a checkpoint is the sum of what was posted up to it",
        """
        WITH moved AS (
            SELECT c.partner_id, c.account_id, sum(s.amount) FILTER (WHERE s.side = 'd') AS debits,
                   sum(s.amount) FILTER (WHERE s.side = 'c') AS credits
            FROM (SELECT partner_id, debit_account AS account, 'd' AS side, amount, posted_seq FROM transfer
                  UNION ALL SELECT partner_id, credit_account, 'c', amount, posted_seq FROM transfer) AS s
            JOIN account_checkpoint c ON c.partner_id = s.partner_id AND c.account_id = s.account
                                     AND s.posted_seq <= c.through_seq
            GROUP BY c.partner_id, c.account_id)
        SELECT c.partner_id, c.account_id FROM account_checkpoint c
        LEFT JOIN moved m ON m.partner_id = c.partner_id AND m.account_id = c.account_id
        WHERE c.debits <> coalesce(m.debits, 0) OR c.credits <> coalesce(m.credits, 0)""",
        scope=Since(
            ("partner_id", "id", "seq"),
            {"account_checkpoint": _checkpoints, "transfer": _chart_sides},
            query=CHECKPOINTS_SINCE,
        ),
    ),
    Invariant(
        "transfers-keep-currency",
        "both accounts of a transfer are in one currency",
        """
        SELECT t.partner_id, t.kind, t.object_id, t.leg FROM {transfer} t
        JOIN account d ON d.partner_id = t.partner_id AND d.id = t.debit_account
        JOIN account c ON c.partner_id = t.partner_id AND c.id = t.credit_account WHERE d.currency <> c.currency""",
        scope=Since(
            ("partner_id", "kind", "id", "leg"),
            {"transfer": key("partner_id", "kind", "object_id", "leg"), "account": unmoved},
            {"transfer": on("transfer", partner_id="partner_id", kind="kind", object_id="id", leg="leg")},
        ),
    ),
)
