-- Credits and debits that operators give users by hand; and blocked users whose waiting withdrawals go on.
-- depends: 0049_refunds_of_orders

CREATE SEQUENCE balance_correction_id_seq;
CREATE TABLE balance_correction (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('balance_correction_id_seq'),
    user_id bigint NOT NULL,
    currency text NOT NULL CHECK (currency IN ('BTC', 'GOMINING')),
    -- Above zero it is credited, below it is debited.
    amount amount NOT NULL CHECK (amount <> 0),
    -- The operator's: each is done once.
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 255),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    made_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, reference),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE INDEX balance_correction_of_user ON balance_correction (partner_id, user_id, id);

-- Counts while the user is blocked; a program of the version before pays nothing of a blocked user.
ALTER TABLE app_user ADD COLUMN payouts_go_on boolean NOT NULL DEFAULT false;
