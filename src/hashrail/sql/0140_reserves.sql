-- What the wallet could spend after a day, signed: a transaction over its coins that can never be sent.
-- depends: 0131_console_roles_hold

CREATE TABLE reserves_document (
    day date PRIMARY KEY REFERENCES liabilities_document,
    -- The very bytes that are signed, as UTF-8: JSON.
    content text NOT NULL,
    sha256 text NOT NULL UNIQUE CHECK (length(sha256) = 64),
    previous_sha256 text UNIQUE REFERENCES reserves_document (sha256),
    kid text NOT NULL REFERENCES proof_key,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    signed_at timestamptz NOT NULL,
    coin_count integer NOT NULL CHECK (coin_count > 0),
    total_btc amount NOT NULL CHECK (total_btc > 0)
);
CREATE UNIQUE INDEX reserves_document_first ON reserves_document ((true)) WHERE previous_sha256 IS NULL;
