-- What is owed to all users after a day, signed: the root of a tree over them, whose leaves are kept for a while.
-- depends: 0107_webhooks_disabled_at

CREATE TABLE liabilities_document (
    day date PRIMARY KEY REFERENCES day_document,
    -- The very bytes that are signed, as UTF-8: JSON.
    content text NOT NULL,
    sha256 text NOT NULL UNIQUE CHECK (length(sha256) = 64),
    previous_sha256 text UNIQUE REFERENCES liabilities_document (sha256),
    kid text NOT NULL REFERENCES proof_key,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    signed_at timestamptz NOT NULL,
    leaf_count bigint NOT NULL CHECK (leaf_count >= 0),
    owed_btc amount NOT NULL CHECK (owed_btc >= 0),
    -- What corrections took from users beyond what they had: no leaf is below nothing.
    shortfall_btc amount NOT NULL CHECK (shortfall_btc >= 0),
    books_btc amount NOT NULL,
    CONSTRAINT liabilities_equal_books CHECK (owed_btc - shortfall_btc = books_btc)
);
CREATE UNIQUE INDEX liabilities_document_first ON liabilities_document ((true)) WHERE previous_sha256 IS NULL;

-- Leaves in the order of owners, 48 bytes each: 32 of the owner, 16 of what is owed, big-endian, in 10^-18 BTC.
CREATE TABLE liability_leaves (
    day date NOT NULL REFERENCES liabilities_document DEFERRABLE INITIALLY DEFERRED,
    number integer NOT NULL CHECK (number >= 0),
    first_owner bytea NOT NULL CHECK (length(first_owner) = 32),
    leaves bytea NOT NULL CHECK (length(leaves) BETWEEN 48 AND 49152 AND length(leaves) % 48 = 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    sum_btc amount NOT NULL CHECK (sum_btc > 0),
    PRIMARY KEY (day, number),
    UNIQUE (day, first_owner)
);
-- What a hash gives is not made smaller.
ALTER TABLE liability_leaves ALTER COLUMN leaves SET STORAGE EXTERNAL;
