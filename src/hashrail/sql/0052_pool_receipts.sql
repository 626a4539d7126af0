-- Pool receipts: what the pool has paid in, and which partners' days it is divided among.
-- depends: 0051_invoices

ALTER TABLE transfer
    DROP CONSTRAINT transfer_kind_check,
    ADD CONSTRAINT transfer_kind_check CHECK (
        kind IN (
            'day', 'adjustment', 'settlement', 'purchase', 'post_payment', 'partner_payment', 'withdrawal', 'network_fee',
            'deposit', 'payment_reversal', 'refund', 'upgrade_refund', 'income_taken', 'correction', 'pool_receipt'
        )
    ) NOT VALID;

-- Up to which sum of 24 hours one operator enters by word what the pool has paid.
ALTER TABLE alone_limit
    DROP CONSTRAINT alone_limit_kind_check,
    ADD CONSTRAINT alone_limit_kind_check CHECK (kind IN ('payment_reversal', 'refund', 'correction', 'pool_receipt')) NOT VALID;
INSERT INTO alone_limit (kind, currency, amount) VALUES ('pool_receipt', 'BTC', 0.1);

-- Addresses of the operator's that the pool pays to.
CREATE TABLE pool_address (
    address text PRIMARY KEY,
    added_at timestamptz NOT NULL
);

CREATE SEQUENCE pool_receipt_id_seq;
CREATE TABLE pool_receipt (
    id bigint PRIMARY KEY DEFAULT nextval('pool_receipt_id_seq'),
    source text NOT NULL CHECK (source IN ('chain', 'file', 'word')),
    -- What it is known by: sent again it is the same, unless it was taken back.
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 600),
    day date NOT NULL,
    amount_btc amount NOT NULL CHECK (amount_btc > 0),
    undivided_btc amount NOT NULL CHECK (undivided_btc >= 0 AND undivided_btc <= amount_btc),
    txid text CHECK (length(txid) = 64),
    reference text NOT NULL CHECK (length(reference) <= 255),
    reason text CHECK (length(reason) BETWEEN 1 AND 1000),
    block_hash text,
    height integer,
    depth integer,
    witnessed boolean,
    simulated boolean,
    recorded_at timestamptz NOT NULL,
    reversed_at timestamptz,
    reversed_reason text CHECK (length(reversed_reason) BETWEEN 1 AND 1000),
    CONSTRAINT pool_receipt_is_witnessed CHECK (
        CASE source WHEN 'chain' THEN txid IS NOT NULL AND coalesce(depth, 0) > 0 WHEN 'word' THEN reason IS NOT NULL ELSE true END
    ),
    CONSTRAINT pool_receipt_reversed_with_reason CHECK ((reversed_at IS NULL) = (reversed_reason IS NULL))
);
CREATE UNIQUE INDEX pool_receipt_once ON pool_receipt (key) WHERE reversed_at IS NULL;
CREATE INDEX pool_receipt_of_day ON pool_receipt (day);
CREATE INDEX pool_receipt_of_transaction ON pool_receipt (txid) WHERE txid IS NOT NULL;

-- What of a receipt pays for a partner's mined day; leg is its transfer's.
CREATE TABLE pool_receipt_share (
    partner_id bigint NOT NULL REFERENCES partner,
    receipt_id bigint NOT NULL REFERENCES pool_receipt,
    leg integer NOT NULL CHECK (leg > 0),
    day date NOT NULL,
    amount_btc amount NOT NULL CHECK (amount_btc > 0),
    PRIMARY KEY (partner_id, receipt_id, leg, day)
);
CREATE INDEX pool_receipt_share_of_day ON pool_receipt_share (partner_id, day);
