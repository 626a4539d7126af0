-- The operator's console: roles for it, sessions, codes of the second factor, attempts to sign in, and who saw what.
-- depends: 0125_sandbox_days

ALTER TABLE operator_account
    DROP CONSTRAINT operator_account_role_check,
    ADD CONSTRAINT operator_account_role_check CHECK (
        role IN ('viewer', 'support', 'operator', 'approver', 'admin')
    ) NOT VALID;

CREATE SEQUENCE operator_session_id_seq;
CREATE TABLE operator_session (
    id bigint PRIMARY KEY DEFAULT nextval('operator_session_id_seq'),
    operator_id bigint NOT NULL REFERENCES operator_account,
    -- SHA-256 of the token, which the browser alone has.
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    -- password: the code of the second factor is still to come
    stage text NOT NULL CHECK (stage IN ('password', 'whole')),
    -- That of the deployment then: a restore ends every session.
    epoch text NOT NULL,
    address text NOT NULL,
    agent text NOT NULL,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX operator_session_of ON operator_session (operator_id, id);

-- The secret of an operator's code generator, sealed; null confirmed_at: no code of it was seen yet.
CREATE TABLE operator_code (
    operator_id bigint PRIMARY KEY REFERENCES operator_account,
    sealed bytea NOT NULL,
    confirmed_at timestamptz,
    -- The 30 seconds whose code was used last; none before it counts again.
    last_step bigint NOT NULL DEFAULT 0
);

-- Attempts to sign in since the last that succeeded, by the name (as its SHA-256) or the address that they came from.
CREATE TABLE sign_in_attempt (
    kind text NOT NULL CHECK (kind IN ('name', 'address')),
    place text NOT NULL,
    attempts integer NOT NULL,
    newest_at timestamptz NOT NULL,
    PRIMARY KEY (kind, place)
);
CREATE INDEX sign_in_attempt_newest ON sign_in_attempt (newest_at);

-- Which operator looked at what of a person; kept for a while.
CREATE SEQUENCE operator_view_id_seq;
CREATE TABLE operator_view (
    id bigint PRIMARY KEY DEFAULT nextval('operator_view_id_seq'),
    operator_id bigint NOT NULL REFERENCES operator_account,
    page text NOT NULL,
    subject text NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX operator_view_seen ON operator_view (seen_at);
