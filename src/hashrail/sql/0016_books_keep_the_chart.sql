-- The rows that were there before keep the two migrations before this one as well. Nobody waits for this.
-- depends: 0015_kinds_of_transfers

ALTER TABLE account VALIDATE CONSTRAINT account_is_of_the_chart;
ALTER TABLE account VALIDATE CONSTRAINT account_carries_a_limited_balance;
ALTER TABLE account VALIDATE CONSTRAINT account_limit_is_the_receivables;
ALTER TABLE transfer VALIDATE CONSTRAINT transfer_kind_check;
