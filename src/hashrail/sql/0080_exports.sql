-- Exports: what a partner asked to have as a file, its content in parts, and its control totals.
-- depends: 0075_lists_by_state

CREATE SEQUENCE export_id_seq;
CREATE TABLE export (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('export_id_seq'),
    kind text NOT NULL CHECK (kind IN ('income', 'balances', 'orders', 'withdrawals', 'deposits')),
    format text NOT NULL CHECK (format IN ('csv', 'ndjson', 'parquet')),
    from_day date NOT NULL,
    to_day date NOT NULL CHECK (to_day >= from_day),
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'expired')),
    -- How often it was begun: what an earlier attempt has written does not count.
    attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    row_count bigint NOT NULL DEFAULT 0 CHECK (row_count >= 0),
    byte_count bigint NOT NULL DEFAULT 0 CHECK (byte_count >= 0),
    sha256 text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- The last day that was closed when it was read.
    closed_through date,
    -- Why it failed, as a code.
    reason text CHECK (length(reason) BETWEEN 1 AND 100),
    -- By the wall's clock, all three.
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    expires_at timestamptz,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT export_done_has_content CHECK (
        (state IN ('done', 'expired')) = (sha256 IS NOT NULL AND expires_at IS NOT NULL)),
    CONSTRAINT export_ends_once CHECK ((state IN ('waiting', 'running')) = (ended_at IS NULL)),
    CONSTRAINT export_failed_says_why CHECK ((state = 'failed') = (reason IS NOT NULL))
);
CREATE INDEX export_open ON export (partner_id, id) WHERE state IN ('waiting', 'running');
CREATE INDEX export_kept ON export (partner_id, expires_at) WHERE state = 'done';

-- Parts of equal size, but for the last; the first has number 0. One that is `pressed` is held by zlib.
CREATE TABLE export_chunk (
    partner_id bigint NOT NULL,
    export_id bigint NOT NULL,
    attempt integer NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    pressed boolean NOT NULL,
    content bytea NOT NULL CHECK (length(content) > 0),
    PRIMARY KEY (partner_id, export_id, attempt, number),
    FOREIGN KEY (partner_id, export_id) REFERENCES export
);
-- It is pressed before it comes, where that makes it smaller.
ALTER TABLE export_chunk ALTER COLUMN content SET STORAGE EXTERNAL;

-- What a column of the file adds up to, by currency.
CREATE TABLE export_total (
    partner_id bigint NOT NULL,
    export_id bigint NOT NULL,
    currency text NOT NULL,
    field text NOT NULL CHECK (length(field) BETWEEN 1 AND 100),
    total amount NOT NULL,
    PRIMARY KEY (partner_id, export_id, currency, field),
    FOREIGN KEY (partner_id, export_id) REFERENCES export
);
