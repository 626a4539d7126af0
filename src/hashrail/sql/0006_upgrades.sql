-- What upgrades cost, and the post-payments that they open.
-- depends: 0005_wallets

-- Global: the operator's tariff of upgrades.
CREATE TABLE upgrade_tariff (
    id integer PRIMARY KEY CHECK (id = 1),
    power_price_usd amount NOT NULL CHECK (power_price_usd >= 0),
    band_discount fraction NOT NULL
);
CREATE TABLE upgrade_step (
    kind text NOT NULL CHECK (kind IN ('power', 'efficiency')),
    to_level integer NOT NULL CHECK (to_level BETWEEN 1 AND 999),
    price_usd amount NOT NULL CHECK (price_usd >= 0),
    PRIMARY KEY (kind, to_level)
);

CREATE SEQUENCE post_payment_id_seq;
CREATE TABLE post_payment (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('post_payment_id_seq'),
    miner_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('power', 'efficiency')),
    -- TH or W/TH; the domain of power holds both.
    from_value power_th NOT NULL,
    to_value power_th NOT NULL,
    value_usd amount NOT NULL CHECK (value_usd > 0),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, miner_id) REFERENCES miner
);
-- What a partner owes, in the order of its statement; 1200 is its receivable.
CREATE INDEX transfer_of_receivable ON transfer (partner_id, resolved_at, posted_seq)
    WHERE state = 'posted' AND (debit_account = 1200 OR credit_account = 1200);
CREATE INDEX post_payment_of_miner ON post_payment (partner_id, miner_id);
