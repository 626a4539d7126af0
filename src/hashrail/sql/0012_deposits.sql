-- Deposits: bitcoin that users send to their own address.
-- depends: 0011_operators

-- A look-up: what arrives at an address says nothing of a partner.
CREATE TABLE deposit_address (
    address text PRIMARY KEY CHECK (length(address) BETWEEN 1 AND 100),
    partner_id bigint NOT NULL REFERENCES partner,
    user_id bigint NOT NULL,
    -- The one that the user is told; another one is theirs by its label in the wallet.
    given boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX deposit_address_given ON deposit_address (partner_id, user_id) WHERE given;

CREATE SEQUENCE deposit_id_seq;
CREATE TABLE deposit (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('deposit_id_seq'),
    user_id bigint NOT NULL,
    address text NOT NULL,
    txid text NOT NULL CHECK (txid ~ '^[0-9a-f]{64}$'),
    vout integer NOT NULL CHECK (vout >= 0),
    amount_btc amount NOT NULL CHECK (amount_btc > 0 AND scale(trim_scale(amount_btc)) <= 8),
    state text NOT NULL CHECK (state IN ('pending', 'credited', 'lost', 'gone')),
    confirmations integer NOT NULL CHECK (confirmations >= 0),
    -- How often it was credited, lost and found again: the newest leg of its transfers.
    legs integer NOT NULL DEFAULT 0 CHECK (legs >= 0),
    -- Mined for the user: it cannot be spent before it is a hundred blocks deep.
    coinbase boolean NOT NULL,
    created_at timestamptz NOT NULL,
    credited_at timestamptz,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, txid, vout),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user,
    CONSTRAINT deposit_legs_follow_state CHECK (
        CASE state WHEN 'credited' THEN legs % 2 = 1 WHEN 'lost' THEN legs > 0 AND legs % 2 = 0 ELSE legs = 0 END
    ),
    CONSTRAINT deposit_credited_at CHECK ((legs > 0) = (credited_at IS NOT NULL))
);
CREATE INDEX deposit_of_user ON deposit (partner_id, user_id, id);
CREATE INDEX deposit_watched ON deposit (partner_id, id) 
    WHERE state IN ('pending', 'lost') OR (state = 'credited' AND confirmations < 100);
