-- Reversals: what their transfers are about (hashrail.books.chart.TransferKind), payments that were taken back, and what
-- one operator may take back alone within a day.
-- depends: 0043_alarms

ALTER TABLE transfer
    DROP CONSTRAINT transfer_kind_check,
    ADD CONSTRAINT transfer_kind_check CHECK (
        kind IN (
            'day', 'adjustment', 'settlement', 'purchase', 'post_payment', 'partner_payment', 'withdrawal', 'network_fee',
            'deposit', 'payment_reversal', 'refund', 'upgrade_refund', 'income_taken', 'correction'
        )
    ) NOT VALID;

-- A payment is reversed at most once.
CREATE TABLE payment_reversal (
    partner_id bigint NOT NULL,
    payment_id bigint NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    reversed_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, payment_id),
    FOREIGN KEY (partner_id, payment_id) REFERENCES partner_payment
);

-- Up to which sum of 24 hours one operator does it alone; above it another confirms.
CREATE TABLE alone_limit (
    kind text NOT NULL CHECK (kind IN ('payment_reversal', 'refund', 'correction')),
    currency text NOT NULL CHECK (currency IN ('USD', 'BTC', 'GOMINING')),
    amount amount NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (kind, currency)
);
INSERT INTO alone_limit (kind, currency, amount) VALUES
    ('payment_reversal', 'USD', 1000), ('refund', 'USD', 1000), ('correction', 'BTC', 0.001), ('correction', 'GOMINING', 1000);

CREATE SEQUENCE alone_done_id_seq;
CREATE TABLE alone_done (
    id bigint PRIMARY KEY DEFAULT nextval('alone_done_id_seq'),
    kind text NOT NULL,
    currency text NOT NULL,
    operator_id bigint NOT NULL REFERENCES operator_account,
    amount amount NOT NULL CHECK (amount > 0),
    done_at timestamptz NOT NULL,
    FOREIGN KEY (kind, currency) REFERENCES alone_limit
);
CREATE INDEX alone_done_lately ON alone_done (kind, currency, done_at);
