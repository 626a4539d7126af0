-- Proofs: each day that every partner has closed is one signed document, which names the document of the day before.
-- depends: 0098_webhooks_scope_of_keys

-- Ed25519. The public half is published; the newest key signs, and what others have signed stays as it is.
CREATE TABLE proof_key (
    kid text PRIMARY KEY,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE day_document (
    day date PRIMARY KEY REFERENCES mining_day,
    -- The very bytes that are signed, as UTF-8: JSON.
    content text NOT NULL,
    sha256 text NOT NULL UNIQUE CHECK (length(sha256) = 64),
    -- That of the day before; null for the first document.
    previous_sha256 text UNIQUE REFERENCES day_document (sha256),
    kid text NOT NULL REFERENCES proof_key,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    signed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX day_document_first ON day_document ((true)) WHERE previous_sha256 IS NULL;
