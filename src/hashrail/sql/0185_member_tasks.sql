-- Long work that a member of a partner has asked for in the portal, and the worker does.
-- depends: 0175_passkeys

CREATE SEQUENCE member_task_id_seq;
CREATE TABLE member_task (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('member_task_id_seq'),
    kind text NOT NULL CHECK (kind IN ('sandbox advance', 'sandbox late notice')),
    -- What is meant, as JSON.
    meant text NOT NULL,
    member_id bigint NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    -- An attempt that is over changes nothing any more.
    attempt integer NOT NULL DEFAULT 0,
    -- How far it is: so many of so many, and at what.
    done integer NOT NULL DEFAULT 0,
    total integer,
    at text NOT NULL DEFAULT '',
    begun_at timestamptz,
    ended_at timestamptz,
    -- The code of what it failed with, and what came of it in words.
    code text,
    told text NOT NULL DEFAULT '',
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, member_id) REFERENCES member,
    CONSTRAINT member_task_fails_for_a_reason CHECK ((state = 'failed') = (code IS NOT NULL)),
    CONSTRAINT member_task_ends_once CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL))
);
CREATE INDEX member_task_open ON member_task (partner_id, id) WHERE state IN ('waiting', 'running');
