-- Which wallet on the node was read: its name and keys do not tell it from one that was made anew.
-- depends: 0019_named_families

CREATE TABLE hot_wallet (
    id integer PRIMARY KEY CHECK (id = 1),
    -- What is written into the wallet, and whether one that has it was read.
    instance text NOT NULL CHECK (instance ~ '^[0-9a-f-]{36}$'),
    marked boolean NOT NULL
);
INSERT INTO hot_wallet VALUES (1, gen_random_uuid()::text, false);
