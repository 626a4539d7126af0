-- Orders and the capacity that they sell.
-- depends: 0003_rewards

-- Global, one row: the TH that the operator owns; null sells without a cap.
CREATE TABLE capacity (
    id integer PRIMARY KEY CHECK (id = 1),
    cap_th power_th CHECK (cap_th >= 0)
);
INSERT INTO capacity VALUES (1, NULL);

-- TH that a partner's miners have and its open orders promise.
CREATE TABLE partner_capacity (
    partner_id bigint PRIMARY KEY REFERENCES partner,
    committed_th power_th NOT NULL DEFAULT 0 CHECK (committed_th >= 0)
);

CREATE SEQUENCE purchase_id_seq;
CREATE TABLE purchase (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('purchase_id_seq'),
    external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 255),
    user_id bigint NOT NULL,
    collection_id bigint NOT NULL REFERENCES collection,
    power power_th NOT NULL CHECK (power > 0),
    energy_efficiency efficiency NOT NULL,
    value_usd amount NOT NULL CHECK (value_usd > 0),
    state text NOT NULL CHECK (state IN ('created', 'issued', 'expired', 'cancelled')),
    attempt integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    paid_at timestamptz,
    miner_id bigint,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, external_id),
    UNIQUE (partner_id, miner_id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user,
    FOREIGN KEY (partner_id, miner_id) REFERENCES miner,
    CONSTRAINT purchase_issued_has_miner CHECK ((state = 'issued') = (miner_id IS NOT NULL AND paid_at IS NOT NULL))
);
CREATE INDEX purchase_due ON purchase (partner_id, expires_at) WHERE state = 'created';
