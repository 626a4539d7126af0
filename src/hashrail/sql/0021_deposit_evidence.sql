-- What the credit of a deposit rests on.
-- depends: 0020_wallet_instance

CREATE TABLE deposit_evidence (
    partner_id bigint NOT NULL,
    deposit_id bigint NOT NULL,
    -- Odd: credited, lost, credited again.
    leg integer NOT NULL CHECK (leg > 0 AND leg % 2 = 1),
    block_hash text NOT NULL CHECK (block_hash ~ '^[0-9a-f]{64}$'),
    height integer NOT NULL CHECK (height >= 0),
    depth integer NOT NULL CHECK (depth >= 1),
    -- A second node had the block as deep.
    witnessed boolean NOT NULL,
    -- The word of a sandbox's chain, and nothing else.
    simulated boolean NOT NULL,
    proven_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, deposit_id, leg),
    FOREIGN KEY (partner_id, deposit_id) REFERENCES deposit
);

-- Headers that a credit rested on: their hash meets the work that they name.
CREATE TABLE accepted_header (
    block_hash text PRIMARY KEY CHECK (block_hash ~ '^[0-9a-f]{64}$'),
    height integer NOT NULL CHECK (height >= 0),
    previous_hash text NOT NULL CHECK (previous_hash ~ '^[0-9a-f]{64}$'),
    raw text NOT NULL CHECK (raw ~ '^[0-9a-f]{160}$'),
    -- What its hash must not exceed, as a number in hexadecimal: the smaller, the more work.
    target text NOT NULL CHECK (target ~ '^[0-9a-f]{64}$'),
    accepted_at timestamptz NOT NULL
);
CREATE INDEX accepted_header_height ON accepted_header (height);
