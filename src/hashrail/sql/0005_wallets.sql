-- Bitcoin addresses that users have bound.
-- depends: 0004_orders

CREATE SEQUENCE wallet_id_seq;
CREATE TABLE wallet (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('wallet_id_seq'),
    user_id bigint NOT NULL,
    address text NOT NULL CHECK (length(address) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, user_id, address),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
