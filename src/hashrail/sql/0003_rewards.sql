-- Days, rate classes, stints: a day costs what changed, not what exists. docs/why/rewards.md tells the whole story.
-- depends: 0002_ledger

-- Global: the operator's tables and published figures are the same for every partner.
CREATE TABLE discount_level (
    min_power power_th PRIMARY KEY CHECK (min_power >= 0),
    discount fraction NOT NULL
);

CREATE SEQUENCE discount_programme_id_seq;
CREATE TABLE discount_programme (
    id bigint PRIMARY KEY DEFAULT nextval('discount_programme_id_seq'),
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL
);

-- The fraction of a programme from a day on, until the next row.
CREATE TABLE programme_fraction (
    programme_id bigint NOT NULL REFERENCES discount_programme,
    from_day date NOT NULL,
    fraction fraction NOT NULL,
    PRIMARY KEY (programme_id, from_day)
);

-- One row: how far the days are published, and the cap of discounts for days to come.
CREATE TABLE publication (
    id integer PRIMARY KEY CHECK (id = 1),
    first_day date,
    published_through date,
    discount_cap fraction NOT NULL,
    CHECK ((first_day IS NULL) = (published_through IS NULL)),
    CHECK (first_day <= published_through)
);
INSERT INTO publication VALUES (1, NULL, NULL, 0.35);

-- The inputs of a day; fixed for ever once published_at is set.
CREATE TABLE mining_day (
    day date PRIMARY KEY,
    pool_btc_per_th btc_rate NOT NULL CHECK (pool_btc_per_th >= 0),
    btc_usd amount NOT NULL CHECK (btc_usd > 0),
    gomining_usd amount NOT NULL CHECK (gomining_usd > 0),
    kwh_usd amount NOT NULL CHECK (kwh_usd >= 0),
    service_usd_per_th amount NOT NULL CHECK (service_usd_per_th >= 0),
    discount_cap fraction,
    difficulty amount CHECK (difficulty > 0),
    subsidy_btc amount CHECK (subsidy_btc >= 0),
    fees_btc amount CHECK (fees_btc >= 0),
    source text NOT NULL,
    entered_at timestamptz NOT NULL,
    published_at timestamptz,
    CHECK (published_at IS NULL OR discount_cap IS NOT NULL)
);

CREATE TABLE published_fraction (
    day date NOT NULL REFERENCES mining_day,
    programme_id bigint NOT NULL REFERENCES discount_programme,
    fraction fraction NOT NULL,
    PRIMARY KEY (day, programme_id)
);

CREATE SEQUENCE rate_class_id_seq;
CREATE TABLE rate_class (
    id bigint PRIMARY KEY DEFAULT nextval('rate_class_id_seq'),
    energy_efficiency efficiency NOT NULL,
    level_discount fraction NOT NULL,
    programmes bigint[] NOT NULL,
    first_day date,
    UNIQUE (energy_efficiency, level_discount, programmes)
);

-- BTC per TH of a class on a day, and running sums of these since the class's first day.
CREATE TABLE class_day (
    day date NOT NULL REFERENCES mining_day,
    class_id bigint NOT NULL REFERENCES rate_class,
    discount fraction NOT NULL,
    pool btc_rate NOT NULL CHECK (pool >= 0),
    c1 btc_rate NOT NULL CHECK (c1 >= 0),
    c2 btc_rate NOT NULL CHECK (c2 >= 0),
    net btc_rate NOT NULL CHECK (net >= 0),
    pool_sum btc_rate NOT NULL,
    c1_sum btc_rate NOT NULL,
    c2_sum btc_rate NOT NULL,
    net_sum btc_rate NOT NULL,
    PRIMARY KEY (day, class_id),
    CONSTRAINT class_day_adds_up CHECK (net = pool - c1 - c2 AND net_sum = pool_sum - c1_sum - c2_sum)
);

-- A correction of a published day: credited with effective_day, for those who held miners on day.
CREATE SEQUENCE adjustment_id_seq;
CREATE TABLE adjustment (
    id bigint PRIMARY KEY DEFAULT nextval('adjustment_id_seq'),
    day date NOT NULL REFERENCES mining_day,
    effective_day date NOT NULL CHECK (effective_day > day),
    reason text NOT NULL CHECK (length(reason) > 0),
    pool_btc_per_th btc_rate NOT NULL CHECK (pool_btc_per_th >= 0),
    btc_usd amount NOT NULL CHECK (btc_usd > 0),
    kwh_usd amount NOT NULL CHECK (kwh_usd >= 0),
    service_usd_per_th amount NOT NULL CHECK (service_usd_per_th >= 0),
    entered_at timestamptz NOT NULL
);
CREATE INDEX adjustment_effective ON adjustment (effective_day);

CREATE TABLE class_adjustment (
    adjustment_id bigint NOT NULL REFERENCES adjustment,
    class_id bigint NOT NULL REFERENCES rate_class,
    pool btc_rate NOT NULL,
    c1 btc_rate NOT NULL,
    c2 btc_rate NOT NULL,
    net btc_rate NOT NULL,
    PRIMARY KEY (adjustment_id, class_id),
    CONSTRAINT class_adjustment_adds_up CHECK (net = pool - c1 - c2)
);

-- Global: what is on sale.
CREATE SEQUENCE collection_id_seq;
CREATE TABLE collection (
    id bigint PRIMARY KEY DEFAULT nextval('collection_id_seq'),
    name text NOT NULL,
    power power_th NOT NULL CHECK (power > 0),
    energy_efficiency efficiency NOT NULL,
    value_usd amount NOT NULL CHECK (value_usd > 0),
    active boolean NOT NULL DEFAULT true,
    UNIQUE (energy_efficiency, power)
);

-- Owned by a partner from here on.
CREATE TABLE partner_programme (
    partner_id bigint NOT NULL REFERENCES partner,
    programme_id bigint NOT NULL REFERENCES discount_programme,
    PRIMARY KEY (partner_id, programme_id)
);

CREATE TABLE user_programme (
    partner_id bigint NOT NULL,
    user_id bigint NOT NULL,
    programme_id bigint NOT NULL REFERENCES discount_programme,
    PRIMARY KEY (partner_id, user_id, programme_id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);

CREATE SEQUENCE miner_id_seq START 1001;
CREATE TABLE miner (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('miner_id_seq'),
    user_id bigint NOT NULL,
    name text NOT NULL,
    power power_th NOT NULL CHECK (power > 0 AND power <= 5000),
    energy_efficiency efficiency NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE INDEX miner_of_user ON miner (partner_id, user_id, id);

CREATE SEQUENCE stint_id_seq;
CREATE TABLE stint (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('stint_id_seq'),
    miner_id bigint NOT NULL,
    user_id bigint NOT NULL,
    class_id bigint NOT NULL REFERENCES rate_class,
    power power_th NOT NULL CHECK (power > 0),
    from_day date NOT NULL,
    to_day date CHECK (to_day > from_day),
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, miner_id, from_day),
    FOREIGN KEY (partner_id, miner_id) REFERENCES miner,
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE UNIQUE INDEX stint_open ON stint (partner_id, miner_id) WHERE to_day IS NULL;
CREATE INDEX stint_of_user ON stint (partner_id, user_id);

-- TH that a class gains or loses from a day on.
CREATE TABLE class_power_delta (
    partner_id bigint NOT NULL REFERENCES partner,
    day date NOT NULL,
    class_id bigint NOT NULL REFERENCES rate_class,
    power power_th NOT NULL,
    PRIMARY KEY (partner_id, day, class_id)
);

-- TH of a class on the partner's last closed day.
CREATE TABLE class_power (
    partner_id bigint NOT NULL REFERENCES partner,
    class_id bigint NOT NULL REFERENCES rate_class,
    power power_th NOT NULL CHECK (power >= 0),
    PRIMARY KEY (partner_id, class_id)
);
