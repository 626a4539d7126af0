-- Types that every table shares, and the parties: partners, their keys, their users.
-- depends:

-- numeric(38,18) would round silently; these domains refuse what does not fit exactly.
CREATE DOMAIN amount AS numeric CHECK (scale(trim_scale(VALUE)) <= 18 AND abs(VALUE) < 1e20);
CREATE DOMAIN power_th AS numeric CHECK (scale(trim_scale(VALUE)) <= 4 AND abs(VALUE) < 1e14);
CREATE DOMAIN efficiency AS numeric CHECK (scale(trim_scale(VALUE)) <= 2 AND VALUE > 0 AND VALUE < 1000);
CREATE DOMAIN fraction AS numeric CHECK (scale(trim_scale(VALUE)) <= 4 AND VALUE >= 0 AND VALUE <= 1);
CREATE DOMAIN btc_rate AS numeric CHECK (scale(trim_scale(VALUE)) <= 14 AND abs(VALUE) < 1e20);

-- Global: wall time + offset is business time. The offset is 0 for ever in production.
CREATE TABLE business_clock (
    id integer PRIMARY KEY CHECK (id = 1),
    offset_us bigint NOT NULL CHECK (offset_us BETWEEN -3155760000000000 AND 3155760000000000)
);
INSERT INTO business_clock VALUES (1, 0);

CREATE SEQUENCE partner_id_seq;
CREATE TABLE partner (
    id bigint PRIMARY KEY DEFAULT nextval('partner_id_seq'),
    public_id text NOT NULL UNIQUE,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL
);

-- The fence of a partner's days: closing holds the row exclusively, whoever writes money or stints shares it.
CREATE TABLE partner_day (
    partner_id bigint PRIMARY KEY REFERENCES partner,
    closed_through date
);

CREATE SEQUENCE api_key_id_seq;
CREATE TABLE api_key (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('api_key_id_seq'),
    key text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('full', 'secret', 'publishable')),
    label text NOT NULL DEFAULT '',
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'order', 'transfer', 'withdraw']),
    allowed_ips cidr[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, key)
);

CREATE SEQUENCE api_secret_id_seq;
CREATE TABLE api_secret (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('api_secret_id_seq'),
    key_id bigint NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, key_id) REFERENCES api_key
);
CREATE INDEX api_secret_of_key ON api_secret (partner_id, key_id) WHERE revoked_at IS NULL;

CREATE SEQUENCE app_user_id_seq;
CREATE TABLE app_user (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('app_user_id_seq'),
    partner_user_id text NOT NULL CHECK (length(partner_user_id) BETWEEN 1 AND 255),
    email text CHECK (length(email) > 0),
    created_at timestamptz NOT NULL,
    level_discount fraction NOT NULL DEFAULT 0,
    settled_through date,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, partner_user_id)
);

-- Global: the keys that sign access tokens are the deployment's.
CREATE TABLE signing_key (
    kid text PRIMARY KEY,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);

-- One row a login: the token of generation g is spent as soon as generation g + 1 exists.
CREATE SEQUENCE refresh_family_id_seq;
CREATE TABLE refresh_family (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('refresh_family_id_seq'),
    user_id bigint NOT NULL,
    generation integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE INDEX refresh_family_expiry ON refresh_family (partner_id, expires_at);

-- What was answered to a write, kept beside its effect: the same request again gets the same answer.
CREATE TABLE answered_write (
    partner_id bigint NOT NULL REFERENCES partner,
    scope text NOT NULL,
    key bytea NOT NULL,
    operation text NOT NULL,
    body_hash bytea NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, scope, key)
);
CREATE INDEX answered_write_expiry ON answered_write (partner_id, expires_at);
