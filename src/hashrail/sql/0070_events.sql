-- Events: one feed a partner, only ever appended to. A transaction leaves drafts of what it did; they move into the feed
-- when it has committed, one mover at a time, so that a position is never preceded later by a new one.
-- depends: 0068_partner_standing

CREATE SEQUENCE event_draft_id_seq;
CREATE TABLE event_draft (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('event_draft_id_seq'),
    -- What receivers know it by, however often it comes.
    name text NOT NULL CHECK (length(name) = 32),
    -- A pattern is a fifth of what a row costs; a test holds the program's names to it.
    type text NOT NULL CHECK (length(type) BETWEEN 3 AND 81),
    version int NOT NULL CHECK (version >= 1),
    object_kind text NOT NULL CHECK (length(object_kind) BETWEEN 1 AND 40),
    object_id text NOT NULL CHECK (length(object_id) BETWEEN 1 AND 300),
    -- JSON as it is told.
    data text NOT NULL,
    -- Business time.
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id)
);

-- How far a partner's feed goes.
CREATE TABLE event_feed (
    partner_id bigint PRIMARY KEY REFERENCES partner,
    last_position bigint NOT NULL CHECK (last_position >= 0)
);

CREATE TABLE event (
    partner_id bigint NOT NULL REFERENCES partner,
    position bigint NOT NULL CHECK (position >= 1),
    name text NOT NULL,
    type text NOT NULL,
    version int NOT NULL,
    object_kind text NOT NULL,
    object_id text NOT NULL,
    -- Which event of its object it is, counted from 1.
    sequence bigint NOT NULL CHECK (sequence >= 1),
    data text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, position)
);
CREATE UNIQUE INDEX event_of_object ON event (partner_id, object_kind, object_id, sequence);
CREATE INDEX event_of_type ON event (partner_id, type, position);
