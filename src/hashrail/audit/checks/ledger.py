"""Invariants of the ledger: what accounts carry follows from their transfers."""

from hashrail.audit.checks.invariant import Invariant

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
)
