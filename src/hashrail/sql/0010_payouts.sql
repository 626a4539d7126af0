-- Payouts: batches of withdrawals, the transactions that pay them, and what the operator asks of them.
-- depends: 0009_rate_limits

CREATE SEQUENCE payout_batch_id_seq;
CREATE TABLE payout_batch (
    id bigint PRIMARY KEY DEFAULT nextval('payout_batch_id_seq'),
    -- external: paid outside this program, recorded with its txid
    kind text NOT NULL CHECK (kind IN ('fast', 'daily', 'external')),
    state text NOT NULL CHECK (state IN ('signed', 'broadcast', 'confirmed', 'final', 'conflicted')),
    most_fee_btc amount NOT NULL CHECK (most_fee_btc >= 0),
    -- The version that the best chain has, while it has one.
    txid text,
    confirmations integer NOT NULL DEFAULT 0 CHECK (confirmations >= 0),
    block_hash text,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- Every withdrawal of a final batch is posted, or every one of a conflicted batch is due again.
    settled_at timestamptz,
    -- The books carry the network fee; withdrawals that are recorded later bring none.
    fee_booked boolean NOT NULL DEFAULT false,
    -- Since which height the chain spends a coin of another wallet's payment otherwise.
    doomed_height integer,
    CONSTRAINT payout_batch_confirmed_by CHECK (
        (state IN ('confirmed', 'final')) = (txid IS NOT NULL) AND (txid IS NULL) = (confirmations = 0)
    ),
    CONSTRAINT payout_batch_settled_at_the_end CHECK (settled_at IS NULL OR state IN ('final', 'conflicted'))
);

CREATE INDEX payout_batch_created ON payout_batch (created_at);
CREATE INDEX payout_batch_watched ON payout_batch (id)
    WHERE state IN ('signed', 'broadcast', 'confirmed')
       OR (state = 'final' AND confirmations < 100 AND block_hash IS NOT NULL);

-- Versions of a batch: the first payment and its fee bumps. All spend the inputs of the first.
CREATE TABLE payout_transaction (
    txid text PRIMARY KEY CHECK (txid ~ '^[0-9a-f]{64}$'),
    batch_id bigint NOT NULL REFERENCES payout_batch,
    version integer NOT NULL CHECK (version >= 1),
    -- Committed before it is sent; every retry sends these bytes. Null where another program built it.
    raw text,
    -- Every address that a recorded one pays; null where its batch says it.
    paid text[],
    fee_btc amount NOT NULL CHECK (fee_btc >= 0),
    vsize integer NOT NULL CHECK (vsize >= 0),
    created_at timestamptz NOT NULL,
    broadcast_at timestamptz,
    refusal text,
    UNIQUE (batch_id, version)
);

CREATE INDEX payout_transaction_paid ON payout_transaction USING gin (paid) WHERE paid IS NOT NULL;

-- What a batch spends. A coin is promised to one batch only, until that batch can never be paid any more. What a
-- recorded payment of another program spends is known and not promised: released from the beginning.
CREATE TABLE payout_input (
    batch_id bigint NOT NULL REFERENCES payout_batch,
    txid text NOT NULL,
    vout integer NOT NULL CHECK (vout >= 0),
    amount_btc amount NOT NULL CHECK (amount_btc > 0),
    script text NOT NULL,
    -- Every version spends it.
    common boolean NOT NULL,
    released boolean NOT NULL DEFAULT false,
    PRIMARY KEY (batch_id, txid, vout)
);
CREATE UNIQUE INDEX payout_input_pinned ON payout_input (txid, vout) WHERE NOT released;

-- Spends of our coins that no batch knows: another program, a lost database, a stolen key. One stops every batch.
CREATE TABLE payout_foreign_spend (
    txid text PRIMARY KEY,
    inputs text[] NOT NULL,
    -- Addresses.
    paid text[] NOT NULL,
    -- Below zero: minus the depth of what the chain has in its place.
    confirmations integer NOT NULL,
    seen_at timestamptz NOT NULL,
    -- The chain has something else in its place, at final depth.
    dead boolean NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    reason text,
    CONSTRAINT payout_foreign_spend_reasoned CHECK (
        (acknowledged_at IS NULL) = (acknowledged_by IS NULL) AND (acknowledged_at IS NULL) = (reason IS NULL)
    )
);

CREATE INDEX payout_foreign_spend_paid ON payout_foreign_spend USING gin (paid);

-- How far the wallet's history is read: to a block, of which wallet, which had so many transactions, and those of them
-- that will be told again. Where it has got others meanwhile (an old one that was found late), all is read anew.
CREATE TABLE payout_scan (
    id integer PRIMARY KEY CHECK (id = 1),
    block_hash text,
    scanned_at timestamptz,
    wallet text,
    size integer NOT NULL DEFAULT 0,
    told text[] NOT NULL DEFAULT '{}'
);
INSERT INTO payout_scan (id) VALUES (1);

-- Keys of the wallet, and since when it looks for what concerns them, as it was read. A wallet without one of them, or
-- that looks since later, does not know what this one does.
CREATE TABLE payout_wallet_key (
    descriptor text PRIMARY KEY,
    since timestamptz NOT NULL
);

-- What the last turn had to tell.
CREATE TABLE payout_turn (
    id integer PRIMARY KEY CHECK (id = 1),
    -- The first that did not end, until one does.
    began_at timestamptz,
    ended_at timestamptz,
    found text NOT NULL
);
INSERT INTO payout_turn VALUES (1, NULL, NULL, '[]');

-- What the operator asks of payouts; null is without limit.
CREATE TABLE payout_policy (
    id integer PRIMARY KEY CHECK (id = 1),
    -- Counts its changes, and those of partners' limits: who plans by it sees that it is not the same.
    revision bigint NOT NULL DEFAULT 0,
    paused_reason text,
    approval_threshold_btc amount CHECK (approval_threshold_btc > 0),
    user_daily_btc amount CHECK (user_daily_btc > 0),
    partner_daily_btc amount CHECK (partner_daily_btc > 0),
    deployment_daily_btc amount CHECK (deployment_daily_btc > 0),
    cooldown_seconds integer NOT NULL DEFAULT 0 CHECK (cooldown_seconds BETWEEN 0 AND 2592000)
);
INSERT INTO payout_policy (id) VALUES (1);
ALTER TABLE partner ADD COLUMN payouts_daily_btc amount CHECK (payouts_daily_btc > 0);

-- Withdrawals that another program pays: out of every batch for ever.
CREATE SEQUENCE payout_export_id_seq;
CREATE TABLE payout_export (
    id bigint PRIMARY KEY DEFAULT nextval('payout_export_id_seq'),
    created_at timestamptz NOT NULL,
    exported_by text NOT NULL CHECK (length(exported_by) BETWEEN 1 AND 255)
);

ALTER TABLE withdrawal DROP CONSTRAINT withdrawal_state_check;
ALTER TABLE withdrawal
    ADD COLUMN batch_id bigint REFERENCES payout_batch,
    ADD COLUMN export_id bigint REFERENCES payout_export,
    ADD COLUMN reason text,
    ADD CONSTRAINT withdrawal_state_check CHECK (
        state IN ('awaiting_approval', 'queued', 'signed', 'exported', 'final', 'cancelled', 'refused')
    ),
    ADD CONSTRAINT withdrawal_in_batch CHECK ((batch_id IS NOT NULL) = (state IN ('signed', 'final'))),
    ADD CONSTRAINT withdrawal_exported_once CHECK (state <> 'exported' OR export_id IS NOT NULL),
    ADD CONSTRAINT withdrawal_never_back_in_a_batch CHECK (export_id IS NULL OR state <> 'queued');
CREATE INDEX withdrawal_of_batch ON withdrawal (partner_id, batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX withdrawal_of_export ON withdrawal (partner_id, export_id) WHERE export_id IS NOT NULL;

-- Books that exist get the accounts that payouts need.
INSERT INTO account (partner_id, id, kind, currency, carries_balance, created_at)
SELECT p.id, c.id, c.kind, 'BTC', false, p.created_at FROM partner p
CROSS JOIN (VALUES (1400, 'bitcoin_wallet'), (5100, 'network_fees'), (5200, 'reorg_losses')) AS c (id, kind);
