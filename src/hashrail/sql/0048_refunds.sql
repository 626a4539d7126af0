-- Refunds of miners that were issued. A miner that has ended earns nothing from the next day on, and is in no list.
-- depends: 0047_accounts_of_reversals

ALTER TABLE account VALIDATE CONSTRAINT account_is_of_the_chart;

ALTER TABLE miner ADD COLUMN ended_at timestamptz;
