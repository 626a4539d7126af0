-- Passkeys of partners' members, as `operator_passkey` has operators'.
-- depends: 0190_operators_looked_after

CREATE SEQUENCE member_passkey_id_seq;
CREATE TABLE member_passkey (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('member_passkey_id_seq'),
    member_id bigint NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    credential bytea NOT NULL,
    public_key bytea NOT NULL,
    signed bigint NOT NULL,
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, member_id) REFERENCES member
);
CREATE UNIQUE INDEX member_passkey_credential ON member_passkey (partner_id, credential);
CREATE INDEX member_passkey_of ON member_passkey (partner_id, member_id, id);
