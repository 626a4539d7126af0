-- The rows that were there before keep the two migrations before this one as well. Nobody waits for this.
-- depends: 0053_treasury

ALTER TABLE account VALIDATE CONSTRAINT account_is_of_the_chart;
ALTER TABLE alone_limit VALIDATE CONSTRAINT alone_limit_kind_check;
