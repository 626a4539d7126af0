-- Withdrawals of the last day are added up too; a partner's threshold is above zero.
-- depends: 0025_sum_of_a_partner

INSERT INTO unapproved_withdrawal (partner_id, withdrawal_id, user_id, address, amount_btc, created_at)
SELECT partner_id, id, user_id, address, amount_btc, created_at FROM withdrawal
WHERE NOT needs_approval AND state NOT IN ('cancelled', 'refused') AND created_at > (SELECT max(created_at) FROM withdrawal) - interval '1 day';

ALTER TABLE payout_policy VALIDATE CONSTRAINT payout_policy_partner_approval;
