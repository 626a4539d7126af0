-- What alarms rest on: who works, how what is done again and again last went, and what API processes count.
-- depends: 0041_adjusted_inputs

-- Workers, and when each was last heard, by the database's clock.
CREATE TABLE worker_heartbeat (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 300),
    version text NOT NULL,
    began_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL,
    -- How far the clock of its machine is ahead of the database's; negative behind.
    ahead_ms bigint NOT NULL
);

-- How something that is done again and again last went, and since when it fails.
CREATE TABLE observation (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
    seen_at timestamptz NOT NULL,
    good_at timestamptz,
    bad_since timestamptz,
    code text,
    message text,
    -- JSON, by name.
    figures text NOT NULL,
    CONSTRAINT observation_says_what_is_bad CHECK (
        (bad_since IS NULL) = (code IS NULL) AND (bad_since IS NULL) = (message IS NULL)
    )
);

-- What API processes have counted in a minute, all of them together; kept for a day.
CREATE TABLE minute_count (
    minute timestamptz NOT NULL,
    name text NOT NULL,
    seen bigint NOT NULL CHECK (seen > 0),
    PRIMARY KEY (minute, name)
);
