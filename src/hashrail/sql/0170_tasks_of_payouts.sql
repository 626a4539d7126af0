-- The worker is asked for payouts too: a run, a raised fee, an export, a look at the node.
-- depends: 0165_operator_tasks

ALTER TABLE operator_task
    DROP CONSTRAINT operator_task_kind_check,
    ADD CONSTRAINT operator_task_kind_check CHECK (
        kind IN (
            'audit', 'day close', 'payouts bump', 'payouts export', 'payouts node', 'payouts reconcile', 'payouts run',
            'rates fetch'
        )
    ) NOT VALID;
