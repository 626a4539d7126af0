-- The simulated chain of a sandbox.
-- depends: 0012_deposits

-- Blocks come by the business clock, one every ten minutes since the beginning, and by hand on top. They are not
-- stored: a block's hash follows from its height and the reorgs up to it.
CREATE TABLE sandbox_chain (
    id integer PRIMARY KEY CHECK (id = 1),
    began_at timestamptz NOT NULL,
    height integer NOT NULL CHECK (height >= 0),
    by_hand integer NOT NULL CHECK (by_hand >= 0),
    scenario text NOT NULL CHECK (scenario IN ('confirm', 'stuck', 'evicted', 'reorg', 'double_spend')),
    addresses integer NOT NULL CHECK (addresses >= 0)
);

CREATE TABLE sandbox_address (label text PRIMARY KEY, number integer NOT NULL UNIQUE);

CREATE TABLE sandbox_reorg (id integer PRIMARY KEY, from_height integer NOT NULL CHECK (from_height >= 1));

CREATE SEQUENCE sandbox_transaction_seq_seq;
CREATE TABLE sandbox_transaction (
    txid text PRIMARY KEY,
    seq bigint NOT NULL UNIQUE DEFAULT nextval('sandbox_transaction_seq_seq'),
    raw text NOT NULL,
    inputs text[] NOT NULL,
    fee_btc amount NOT NULL,
    vsize integer NOT NULL,
    state text NOT NULL CHECK (state IN ('mempool', 'mined', 'absent')),
    height integer,
    bumped boolean NOT NULL,
    -- What a scenario does to a transaction, it does once.
    evicted boolean NOT NULL DEFAULT false,
    reorged boolean NOT NULL DEFAULT false,
    CONSTRAINT sandbox_transaction_mined_at CHECK ((state = 'mined') = (height IS NOT NULL))
);
CREATE INDEX sandbox_transaction_unmined ON sandbox_transaction (seq) WHERE state <> 'mined';
CREATE INDEX sandbox_transaction_height ON sandbox_transaction (height) WHERE state = 'mined';
CREATE INDEX sandbox_transaction_inputs ON sandbox_transaction USING gin (inputs);

CREATE TABLE sandbox_output (
    txid text NOT NULL REFERENCES sandbox_transaction,
    vout integer NOT NULL,
    address text NOT NULL,
    amount_btc amount NOT NULL CHECK (amount_btc > 0),
    ours boolean NOT NULL,
    PRIMARY KEY (txid, vout)
);
CREATE INDEX sandbox_output_ours ON sandbox_output (txid, vout) WHERE ours;
CREATE INDEX sandbox_output_address ON sandbox_output (address) WHERE ours;
