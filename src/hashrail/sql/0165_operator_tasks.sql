-- Long work that an operator has asked for in the console, and the worker does.
-- depends: 0152_api_calls

CREATE SEQUENCE operator_task_id_seq;
CREATE TABLE operator_task (
    id bigint PRIMARY KEY DEFAULT nextval('operator_task_id_seq'),
    kind text NOT NULL CHECK (kind IN ('audit', 'day close', 'payouts reconcile', 'rates fetch')),
    -- What is meant, as JSON.
    meant text NOT NULL,
    operator_id bigint NOT NULL REFERENCES operator_account,
    asked_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    -- An attempt that is over changes nothing any more.
    attempt integer NOT NULL DEFAULT 0,
    -- How far it is: so many of so many, and at what.
    done integer NOT NULL DEFAULT 0,
    total integer,
    at text NOT NULL DEFAULT '',
    begun_at timestamptz,
    -- The newest sign of life of the attempt.
    seen_at timestamptz,
    ended_at timestamptz,
    -- The code of what it failed with, and what came of it in words.
    code text,
    told text NOT NULL DEFAULT '',
    CONSTRAINT operator_task_fails_for_a_reason CHECK ((state = 'failed') = (code IS NOT NULL)),
    CONSTRAINT operator_task_ends_once CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL))
);
CREATE INDEX operator_task_open ON operator_task (id) WHERE state IN ('waiting', 'running');
