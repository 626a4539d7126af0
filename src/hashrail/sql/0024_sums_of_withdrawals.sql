-- What withdrawals add up to in 24 hours that nobody had to approve.
-- depends: 0023_two_people

CREATE TABLE unapproved_withdrawal (
    partner_id bigint NOT NULL,
    withdrawal_id bigint NOT NULL,
    user_id bigint NOT NULL,
    address text NOT NULL,
    amount_btc amount NOT NULL CHECK (amount_btc > 0),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, withdrawal_id)
);
CREATE INDEX unapproved_withdrawal_of_user ON unapproved_withdrawal (partner_id, user_id, created_at);
CREATE INDEX unapproved_withdrawal_of_partner ON unapproved_withdrawal (partner_id, created_at);
CREATE INDEX unapproved_withdrawal_to_address ON unapproved_withdrawal (address, created_at);
