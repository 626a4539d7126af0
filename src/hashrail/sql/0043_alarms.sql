-- Alarms: what rings and rang, what was told of it, to whom, and what operators do not want to hear for a while.
-- depends: 0042_watching

CREATE SEQUENCE alarm_id_seq;
CREATE TABLE alarm (
    id bigint PRIMARY KEY DEFAULT nextval('alarm_id_seq'),
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    -- Of what there may be several: a partner, a job, a finding; empty where there is one.
    subject text NOT NULL CHECK (length(subject) <= 300),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message text NOT NULL,
    -- Since when it is so; since when it rings, null while it has not been so for long enough; since when it is so no
    -- more, while it rings on; and when it ended.
    since timestamptz NOT NULL,
    rings_at timestamptz,
    quiet_at timestamptz,
    ended_at timestamptz,
    -- What was last told of it, and when; null where nothing was, because it was silenced.
    told_at timestamptz,
    told_severity text CHECK (told_severity IN ('info', 'warning', 'critical')),
    CONSTRAINT alarm_told_with_severity CHECK ((told_at IS NULL) = (told_severity IS NULL)),
    CONSTRAINT alarm_rings_before_it_ends CHECK (rings_at IS NOT NULL OR (ended_at IS NULL AND quiet_at IS NULL))
);
CREATE UNIQUE INDEX alarm_open ON alarm (code, subject) WHERE ended_at IS NULL;
CREATE INDEX alarm_ended ON alarm (ended_at);

CREATE SEQUENCE alarm_message_id_seq;
CREATE TABLE alarm_message (
    id bigint PRIMARY KEY DEFAULT nextval('alarm_message_id_seq'),
    -- What receivers know it by, however often it comes.
    name text NOT NULL UNIQUE CHECK (length(name) = 32),
    alarm_id bigint NOT NULL REFERENCES alarm ON DELETE CASCADE,
    what text NOT NULL CHECK (what IN ('begins', 'goes on', 'ends')),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    title text NOT NULL,
    body text NOT NULL,
    written_at timestamptz NOT NULL
);
CREATE INDEX alarm_message_of ON alarm_message (alarm_id);

-- A message on its way to one receiver: delivered, or tried again at `next_at`, or given up.
CREATE TABLE alarm_delivery (
    message_id bigint NOT NULL REFERENCES alarm_message ON DELETE CASCADE,
    target text NOT NULL CHECK (length(target) BETWEEN 1 AND 100),
    alarm_id bigint NOT NULL,
    written_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at timestamptz NOT NULL,
    delivered_at timestamptz,
    given_up_at timestamptz,
    error text,
    PRIMARY KEY (message_id, target),
    CONSTRAINT alarm_delivery_ends_once CHECK (delivered_at IS NULL OR given_up_at IS NULL)
);
CREATE INDEX alarm_delivery_waiting ON alarm_delivery (target, message_id)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;

CREATE SEQUENCE alarm_silence_id_seq;
CREATE TABLE alarm_silence (
    id bigint PRIMARY KEY DEFAULT nextval('alarm_silence_id_seq'),
    code text NOT NULL,
    -- Null is every subject.
    subject text,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    silenced_by text,
    silenced_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    CHECK (until > silenced_at)
);
CREATE INDEX alarm_silence_until ON alarm_silence (until);
