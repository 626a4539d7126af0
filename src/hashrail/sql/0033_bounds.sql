-- How many users a partner may register in 24 hours, where the operator gave it a bound of its own; 0 is without limit.
-- depends: 0032_unbound_wallets

CREATE TABLE partner_bound (
    partner_id bigint PRIMARY KEY REFERENCES partner,
    new_users_per_day integer NOT NULL CHECK (new_users_per_day >= 0)
);
