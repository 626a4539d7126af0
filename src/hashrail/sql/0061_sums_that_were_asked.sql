-- What a withdrawal came to when it was asked for, with the 24 hours before it, and the thresholds of that moment: BTC.
-- Null where there was no threshold, and for what was asked for before.
-- depends: 0059_backups

ALTER TABLE withdrawal
    ADD COLUMN single_threshold_btc amount, ADD COLUMN partner_threshold_btc amount,
    ADD COLUMN sum_of_user_btc amount, ADD COLUMN sum_to_address_btc amount, ADD COLUMN sum_of_partner_btc amount,
    ADD CONSTRAINT withdrawal_below_thresholds CHECK (
        needs_approval
        OR (coalesce(sum_of_user_btc < single_threshold_btc, true) AND coalesce(sum_to_address_btc < single_threshold_btc, true)
            AND coalesce(sum_of_partner_btc < partner_threshold_btc, true))
    ) NOT VALID;
