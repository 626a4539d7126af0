-- Orders that were refunded, and what of their miners' income was taken back. Whether it is, a partner's setting says.
-- depends: 0048_refunds

ALTER TABLE partner ADD COLUMN refunds_take_income boolean NOT NULL DEFAULT false;

-- An order is refunded at most once.
CREATE TABLE order_refund (
    partner_id bigint NOT NULL,
    purchase_id bigint NOT NULL,
    -- The order's price and that of the upgrades of its miner.
    value_usd amount NOT NULL CHECK (value_usd > 0),
    takes_income boolean NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    refunded_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, purchase_id),
    FOREIGN KEY (partner_id, purchase_id) REFERENCES purchase
);

-- What the miner had earned in a user's hands, and what of it was taken: the rest was not there any more.
CREATE TABLE refund_taking (
    partner_id bigint NOT NULL,
    purchase_id bigint NOT NULL,
    user_id bigint NOT NULL,
    leg integer NOT NULL CHECK (leg > 0),
    earned_btc amount NOT NULL CHECK (earned_btc > 0),
    taken_btc amount NOT NULL CHECK (taken_btc >= 0 AND taken_btc <= earned_btc),
    PRIMARY KEY (partner_id, purchase_id, user_id),
    FOREIGN KEY (partner_id, purchase_id) REFERENCES order_refund,
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
