-- The standing of partners: who was suspended or closed. Whoever has no row is open.
-- depends: 0063_terms_of_runs

CREATE TABLE partner_standing (
    partner_id bigint PRIMARY KEY REFERENCES partner,
    standing text NOT NULL CHECK (standing IN ('open', 'suspended', 'closed')),
    -- Why it was changed last; each change is in the log of operators.
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    -- Since when, by the wall's clock.
    since timestamptz NOT NULL
);
