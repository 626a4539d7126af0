-- Who may call from where, who is blocked, and the payloads of TON logins.
-- depends: 0007_withdrawals

-- Domains that a partner's TON users sign for, origins of the browsers that may call for its users, and whether
-- withdrawals go to bound addresses only.
ALTER TABLE partner
    ADD COLUMN ton_domains text[] NOT NULL DEFAULT '{}',
    ADD COLUMN origins text[] NOT NULL DEFAULT '{}',
    ADD COLUMN bound_addresses_only boolean NOT NULL DEFAULT false;

-- A key that may leave upgrades unsigned is tied to addresses.
ALTER TABLE api_key
    ADD COLUMN unsigned_upgrades boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT api_key_unsigned_needs_addresses CHECK (NOT unsigned_upgrades OR cardinality(allowed_ips) > 0);

-- A blocked user keeps their money and may read; nothing of theirs is written.
ALTER TABLE app_user ADD COLUMN blocked_at timestamptz;

-- Global, since the payload alone says which partner a login is for. A payload opens one session.
CREATE TABLE ton_payload (
    payload text PRIMARY KEY CHECK (octet_length(payload) BETWEEN 1 AND 128),
    partner_id bigint NOT NULL REFERENCES partner,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),
    used_at timestamptz
);
CREATE INDEX ton_payload_expiry ON ton_payload (expires_at);
