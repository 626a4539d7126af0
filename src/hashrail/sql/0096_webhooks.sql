-- Webhooks: the endpoints that a partner's events are sent to, what is to be sent to each, and what became of it.
-- depends: 0085_read_tokens

CREATE SEQUENCE webhook_endpoint_id_seq;
CREATE TABLE webhook_endpoint (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('webhook_endpoint_id_seq'),
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    description text NOT NULL CHECK (length(description) <= 255),
    -- Types of events that it is sent; none named is all.
    types text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('enabled', 'disabled', 'deleted')),
    -- Why it is disabled.
    reason text CHECK (reason IN ('gone', 'failing', 'partner', 'operator')),
    sealed_secret bytea NOT NULL,
    -- The secret before, which signs beside it until then.
    sealed_old_secret bytea,
    old_secret_until timestamptz,
    created_at timestamptz NOT NULL,
    -- Up to which position of the feed it has deliveries.
    planned_through bigint NOT NULL CHECK (planned_through >= 0),
    -- Since the last success: when it first failed, and how often since.
    failing_since timestamptz,
    failures int NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- It is left alone until then.
    paused_until timestamptz,
    -- When the first of its deliveries is to leave; null where nothing is to.
    due_at timestamptz,
    -- Who has its turn delivers to it alone, until the turn ends or was not renewed in time.
    turn bigint NOT NULL DEFAULT 0,
    turn_ends_at timestamptz,
    PRIMARY KEY (partner_id, id),
    CHECK ((state = 'disabled') = (reason IS NOT NULL)),
    CHECK ((sealed_old_secret IS NULL) = (old_secret_until IS NULL)),
    CHECK ((failures = 0) = (failing_since IS NULL))
);
CREATE INDEX webhook_endpoint_due ON webhook_endpoint (partner_id, due_at) WHERE state = 'enabled' AND due_at IS NOT NULL;

-- An event that an endpoint is sent; events are never taken away, so nothing here has to hold them. Of an object's that wait only the first has a time for its next attempt.
CREATE TABLE webhook_delivery (
    partner_id bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    position bigint NOT NULL,
    object_kind text NOT NULL,
    object_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- How many of the attempts the schedule counts: it begins again when the delivery is wanted once more.
    step int NOT NULL DEFAULT 0 CHECK (step >= 0),
    next_attempt_at timestamptz,
    -- What the last attempt brought.
    attempted_at timestamptz,
    status int,
    error text,
    took_ms int,
    PRIMARY KEY (partner_id, endpoint_id, position),
    FOREIGN KEY (partner_id, endpoint_id) REFERENCES webhook_endpoint,
    CHECK (state = 'waiting' OR next_attempt_at IS NULL)
);
CREATE UNIQUE INDEX webhook_delivery_next ON webhook_delivery (partner_id, endpoint_id, object_kind, object_id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_delivery_due ON webhook_delivery (partner_id, endpoint_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (partner_id, endpoint_id, object_kind, object_id, position)
    WHERE state = 'waiting';
CREATE INDEX webhook_delivery_of_state ON webhook_delivery (partner_id, endpoint_id, state, position);
CREATE INDEX webhook_delivery_done ON webhook_delivery (partner_id, attempted_at) WHERE state <> 'waiting';

-- Each attempt, for some weeks.
CREATE TABLE webhook_attempt (
    partner_id bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    position bigint NOT NULL,
    number int NOT NULL CHECK (number >= 1),
    attempted_at timestamptz NOT NULL,
    status int,
    error text,
    took_ms int NOT NULL,
    -- How the answer begins.
    answer text NOT NULL,
    PRIMARY KEY (partner_id, endpoint_id, position, number),
    FOREIGN KEY (partner_id, endpoint_id, position) REFERENCES webhook_delivery
);
