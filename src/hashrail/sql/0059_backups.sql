-- Backups that were made, so that it can be told how old the newest is.
-- depends: 0057_notes_on_users

CREATE SEQUENCE backup_id_seq;
CREATE TABLE backup (
    id bigint PRIMARY KEY DEFAULT nextval('backup_id_seq'),
    -- The moment of its snapshot, wall time.
    made_at timestamptz NOT NULL,
    -- Where it was written on the machine that made it.
    path text NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0)
);
CREATE INDEX backup_by_time ON backup (made_at);
