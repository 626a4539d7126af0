-- What was given and taken away, as the journal beside the database tells it; and each time that the books were restored.
-- depends: 0021_deposit_evidence

CREATE SEQUENCE journal_entry_id_seq;
CREATE TABLE journal_entry (
    id bigint PRIMARY KEY DEFAULT nextval('journal_entry_id_seq'),
    -- 128 random bits, by which the entry is known in every file that has it.
    name text NOT NULL UNIQUE,
    kind text NOT NULL,
    -- JSON.
    what text NOT NULL,
    noted_at timestamptz NOT NULL
);

-- Each time that the books came from a backup, or had lost commits in a failover; `by_name` is an operator.
CREATE SEQUENCE restoration_id_seq;
CREATE TABLE restoration (
    id bigint PRIMARY KEY DEFAULT nextval('restoration_id_seq'),
    restored_at timestamptz NOT NULL,
    by_name text,
    old_epoch text NOT NULL
);

-- Numbers that may have been given out in the part of life that is lost: nobody gets them again.
CREATE TABLE restored_gap (
    restoration_id bigint NOT NULL REFERENCES restoration,
    sequence text NOT NULL,
    from_number bigint NOT NULL,
    to_number bigint NOT NULL CHECK (to_number >= from_number),
    PRIMARY KEY (restoration_id, sequence)
);
