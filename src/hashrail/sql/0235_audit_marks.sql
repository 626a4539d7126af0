-- What an audit that found everything in order has seen, so that the next one looks at what was written since.
-- depends: 0220_wal_timelines

-- Global, one row at most; none while something is broken.
CREATE TABLE audit_mark (
    id integer PRIMARY KEY CHECK (id = 1),
    -- The first transaction that its snapshot may not have seen whole.
    horizon bigint NOT NULL CHECK (horizon > 0),
    business_day date NOT NULL,
    published_through date,
    newest_class bigint NOT NULL,
    -- The life of the server in which rows say by whom they were written, and deletions were counted.
    server text NOT NULL,
    -- Rows by table, as JSON.
    deleted text NOT NULL,
    taken_at timestamptz NOT NULL,
    whole_at timestamptz NOT NULL
);

-- How far a partner was closed, and the sums of its accounts that were seen to be right.
CREATE TABLE audited_partner (
    partner_id bigint PRIMARY KEY REFERENCES partner,
    closed_through date
);
CREATE TABLE audited_account (
    partner_id bigint NOT NULL,
    account_id bigint NOT NULL,
    through_seq bigint NOT NULL,
    debits amount NOT NULL,
    credits amount NOT NULL,
    PRIMARY KEY (partner_id, account_id),
    FOREIGN KEY (partner_id, account_id) REFERENCES account
);
