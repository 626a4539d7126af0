-- Where the figures of a day come from: the operator's dated tariffs, the sources of each day, and why one waits.
-- depends: 0033_bounds

-- What counts from a day on, where the operator has a contract; before the first the settings' figure does.
CREATE TABLE tariff (
    kind text NOT NULL CHECK (kind IN ('kwh_usd', 'service_usd_per_th', 'pool_fee')),
    from_day date NOT NULL,
    value amount NOT NULL CHECK (value >= 0),
    PRIMARY KEY (kind, from_day),
    CHECK (kind <> 'pool_fee' OR value < 1)
);

-- What was asked for the figures that were entered at that moment; the rows of an entry that another replaced stay.
CREATE TABLE day_source (
    day date NOT NULL,
    entered_at timestamptz NOT NULL,
    figure text NOT NULL
        CHECK (figure IN ('chain', 'btc_usd', 'gomining_usd', 'kwh_usd', 'service_usd_per_th', 'pool_fee')),
    source text NOT NULL,
    value amount,
    url text,
    sha256 text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    left_out text,
    PRIMARY KEY (day, entered_at, figure, source)
);

-- The newest attempt to fetch a day that did not succeed; it goes when one does.
CREATE TABLE day_wait (
    day date PRIMARY KEY,
    since timestamptz NOT NULL,
    newest_at timestamptz NOT NULL,
    attempts integer NOT NULL CHECK (attempts > 0),
    code text NOT NULL,
    reason text NOT NULL,
    CHECK (newest_at >= since)
);
