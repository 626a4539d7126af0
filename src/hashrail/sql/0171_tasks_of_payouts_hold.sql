-- What operators asked for holds to the kinds of tasks.
-- depends: 0170_tasks_of_payouts

ALTER TABLE operator_task VALIDATE CONSTRAINT operator_task_kind_check;
