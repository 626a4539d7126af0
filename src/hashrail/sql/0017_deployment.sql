-- What a deployment is: a fact of its database, which no environment of a process can change.
-- depends: 0016_books_keep_the_chart

CREATE TABLE deployment (
    id integer PRIMARY KEY CHECK (id = 1),
    mode text NOT NULL CHECK (mode IN ('production', 'sandbox')),
    network text NOT NULL CHECK (network IN ('bitcoin', 'testnet4', 'signet', 'regtest')),
    -- Where payouts and deposits happen: nowhere, and withdrawals wait for an export; on a chain that the program plays;
    -- on the operator's node.
    chain text NOT NULL CHECK (chain IN ('none', 'simulated', 'node')),
    -- The name of the wallet on the node.
    wallet text,
    -- Digest of the public descriptors of an external signer; without it the wallet on the node signs.
    signer text,
    -- Random, and new when the database was restored.
    epoch text NOT NULL CHECK (length(epoch) >= 22),
    -- Sealed by the master keys, which must open it.
    master_key_check bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT deployment_plays_in_a_sandbox CHECK (chain <> 'simulated' OR mode = 'sandbox'),
    CONSTRAINT deployment_names_the_wallet CHECK ((wallet IS NOT NULL) = (chain = 'node')),
    CONSTRAINT deployment_signs_for_the_node CHECK (signer IS NULL OR chain = 'node')
);
