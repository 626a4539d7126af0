-- Addresses that a user has taken off, and from when an address may be paid that was bound beside others.
-- depends: 0031_sessions_of_keys

-- NULL: at once. So it is for what a program binds that does not know the column.
ALTER TABLE wallet ADD COLUMN usable_at timestamptz;

-- The last unbinding of each address, for a while: withdrawals that were asked for before go on, and an address that
-- comes instead has to wait.
CREATE TABLE wallet_unbound (
    partner_id bigint NOT NULL,
    user_id bigint NOT NULL,
    address text NOT NULL CHECK (length(address) BETWEEN 1 AND 100),
    bound_at timestamptz NOT NULL,
    usable_at timestamptz,
    unbound_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, user_id, address),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE INDEX wallet_unbound_age ON wallet_unbound (partner_id, unbound_at);
