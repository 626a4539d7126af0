-- A day that is entered may be held for an operator, or for two, before it is published.
-- depends: 0034_market

ALTER TABLE mining_day ADD COLUMN held text[] NOT NULL DEFAULT '{}';
ALTER TABLE mining_day ADD COLUMN held_for_two boolean NOT NULL DEFAULT false;
