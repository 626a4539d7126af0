-- Whose addresses are given out: the signer's, whatever the node says.
-- depends: 0026_sums_of_the_last_day

CREATE TABLE signer_descriptor (
    side text PRIMARY KEY CHECK (side IN ('receive', 'change')),
    -- Public: it signs nothing.
    descriptor text NOT NULL CHECK (length(descriptor) BETWEEN 1 AND 1000)
);

CREATE TABLE deposit_index (
    id integer PRIMARY KEY CHECK (id = 1),
    -- The first index of the signer's addresses that nobody was given.
    next_index bigint NOT NULL CHECK (next_index BETWEEN 0 AND 2147483648)
);
INSERT INTO deposit_index VALUES (1, 0);
