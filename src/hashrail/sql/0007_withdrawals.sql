-- Withdrawals: requested and reserved here, paid by batches later.
-- depends: 0006_upgrades

CREATE SEQUENCE withdrawal_id_seq;
CREATE TABLE withdrawal (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('withdrawal_id_seq'),
    user_id bigint NOT NULL,
    speed text NOT NULL CHECK (speed IN ('fast', 'daily')),
    address text NOT NULL CHECK (length(address) BETWEEN 1 AND 100),
    amount_btc amount NOT NULL CHECK (amount_btc > 0 AND scale(trim_scale(amount_btc)) <= 8),
    commission_btc amount NOT NULL CHECK (commission_btc >= 0 AND scale(trim_scale(commission_btc)) <= 8),
    state text NOT NULL CHECK (state IN ('queued', 'cancelled')),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE INDEX withdrawal_of_user ON withdrawal (partner_id, user_id, id);
CREATE INDEX withdrawal_queued ON withdrawal (partner_id, id) WHERE state = 'queued';

-- Whether the same withdrawal asked for twice within seconds is refused; 0 switches the guard off.
ALTER TABLE partner ADD COLUMN duplicate_seconds integer NOT NULL DEFAULT 60 CHECK (duplicate_seconds BETWEEN 0 AND 86400);

-- Books that exist get the accounts that withdrawals need.
INSERT INTO account (partner_id, id, kind, currency, carries_balance, created_at)
SELECT p.id, c.id, c.kind, 'BTC', false, p.created_at FROM partner p
CROSS JOIN (VALUES (2200, 'payouts_in_flight'), (4400, 'commission_revenue')) AS c (id, kind);
