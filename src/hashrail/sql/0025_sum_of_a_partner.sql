-- From which sum of a partner's users on two must approve.
-- depends: 0024_sums_of_withdrawals

ALTER TABLE payout_policy ADD COLUMN partner_approval_btc amount,
    ADD CONSTRAINT payout_policy_partner_approval CHECK (partner_approval_btc > 0) NOT VALID;
