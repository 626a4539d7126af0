-- An adjustment says what its pool reward was reckoned from, where it was; null where it was given.
-- depends: 0040_publish_delay_is_kept

ALTER TABLE adjustment ADD COLUMN difficulty amount;
ALTER TABLE adjustment ADD COLUMN subsidy_btc amount;
ALTER TABLE adjustment ADD COLUMN fees_btc amount;
