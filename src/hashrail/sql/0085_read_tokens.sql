-- Read tokens: what a user gives to a dashboard. The token itself is signed and kept nowhere; a row says that it lives.
-- depends: 0080_exports

CREATE SEQUENCE read_token_id_seq;
CREATE TABLE read_token (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('read_token_id_seq'),
    user_id bigint NOT NULL,
    -- 128 random bits: a number alone may be given out again by a restored database.
    name text NOT NULL CHECK (name ~ '^[0-9a-f]{32}$'),
    -- The user's own word for it.
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
    -- The key that opened the session in which it was made: it ends with the key. None after a TON login.
    key_id bigint,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    last_used_on date,
    revoked_at timestamptz,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user,
    FOREIGN KEY (partner_id, key_id) REFERENCES api_key
);
CREATE UNIQUE INDEX read_token_label ON read_token (partner_id, user_id, label) WHERE revoked_at IS NULL;
CREATE INDEX read_token_of_key ON read_token (partner_id, key_id) WHERE revoked_at IS NULL;
