-- With which terms the runs of payouts of the last hour were made: fees, depths and rhythm stand in each process' own
-- environment, and two that differ decide differently of the same batch.
-- depends: 0062_sums_are_below

CREATE TABLE run_terms (
    -- SHA-256 of the terms.
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    -- By the names of the settings: JSON.
    terms text NOT NULL,
    -- When the last run with them began, by the wall's clock.
    seen_at timestamptz NOT NULL
);
