-- Two people: who made or changed whose account, for how long that ties them, and changes that wait for a second.
-- depends: 0022_restored

CREATE SEQUENCE operator_tie_id_seq;
CREATE TABLE operator_tie (
    id bigint PRIMARY KEY DEFAULT nextval('operator_tie_id_seq'),
    operator_id bigint NOT NULL REFERENCES operator_account,
    -- Who made or changed the account; null is whoever had the shell.
    by_id bigint REFERENCES operator_account,
    -- ended: an admin was disabled or made less, which ties nobody
    kind text NOT NULL CHECK (kind IN ('added', 'role', 'password', 'ended')),
    done_at timestamptz NOT NULL
);
CREATE INDEX operator_tie_done ON operator_tie (done_at);

-- What is known of those who are there.
INSERT INTO operator_tie (operator_id, by_id, kind, done_at)
SELECT o.id, a.operator_id,
       CASE a.action WHEN 'operator added' THEN 'added' WHEN 'role changed' THEN 'role' ELSE 'password' END, a.done_at
FROM operator_action a JOIN operator_account o
  ON (a.action = 'operator added' AND a.subject = o.name || ' as ' || substring(a.subject FROM '[a-z]+$'))
  OR (a.action = 'role changed' AND a.subject = o.name || ' to ' || substring(a.subject FROM '[a-z]+$'))
  OR (a.action = 'password changed' AND a.subject = o.name AND a.operator_id IS DISTINCT FROM o.id)
ORDER BY a.id;

CREATE TABLE operator_policy (
    id integer PRIMARY KEY CHECK (id = 1),
    -- How long who made or changed an account is not another person than its owner.
    apart_seconds integer NOT NULL CHECK (apart_seconds BETWEEN 0 AND 2592000)
);
INSERT INTO operator_policy (id, apart_seconds) VALUES (1, 604800);

CREATE SEQUENCE operator_change_id_seq;
CREATE TABLE operator_change (
    id bigint PRIMARY KEY DEFAULT nextval('operator_change_id_seq'),
    act text NOT NULL,
    subject text NOT NULL,
    -- From what to what: JSON.
    content text NOT NULL,
    -- The digest of a password, which nobody is shown.
    secret text,
    asked_by bigint NOT NULL REFERENCES operator_account,
    asked_at timestamptz NOT NULL,
    -- From then on who asked may confirm it alone.
    alone_from timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'confirmed', 'withdrawn')),
    ended_by bigint REFERENCES operator_account,
    ended_at timestamptz,
    CONSTRAINT operator_change_order CHECK (asked_at < alone_from AND alone_from < expires_at),
    CONSTRAINT operator_change_ended CHECK (
        (state = 'waiting') = (ended_at IS NULL) AND (ended_by IS NULL) = (ended_at IS NULL)
    )
);
CREATE INDEX operator_change_waiting ON operator_change (id) WHERE state = 'waiting';
