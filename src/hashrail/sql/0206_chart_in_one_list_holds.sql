-- The rows that were there before keep it as well. Nobody waits for this.
-- depends: 0205_chart_in_one_list

ALTER TABLE account VALIDATE CONSTRAINT account_is_of_the_chart;
