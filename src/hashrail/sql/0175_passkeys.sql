-- Passkeys of operators: a second factor that a forged page cannot ask for.
-- depends: 0171_tasks_of_payouts_hold

CREATE SEQUENCE operator_passkey_id_seq;
CREATE TABLE operator_passkey (
    id bigint PRIMARY KEY DEFAULT nextval('operator_passkey_id_seq'),
    operator_id bigint NOT NULL REFERENCES operator_account,
    name text NOT NULL,
    -- The host that it was made for: it opens nothing elsewhere.
    host text NOT NULL,
    credential bytea NOT NULL UNIQUE,
    -- COSE, as the authenticator gave it.
    public_key bytea NOT NULL,
    -- How often it has signed, as it counts itself; many count nothing, and stay at 0.
    signed bigint NOT NULL,
    made_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX operator_passkey_of ON operator_passkey (operator_id, id);
