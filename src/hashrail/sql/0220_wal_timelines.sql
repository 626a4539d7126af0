-- Timelines of the write-ahead log, each with a mark that no other history of these books has.
-- A standby may be read from only where its newest mark is the primary's: it follows the same history then.
-- depends: 0206_chart_in_one_list_holds

CREATE TABLE wal_timeline (
    -- The number that PostgreSQL gave the cluster when it was made: a dump that is restored elsewhere begins anew.
    system bigint NOT NULL,
    timeline integer NOT NULL,
    -- Made by chance.
    mark bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) CHECK (length(mark) = 16),
    PRIMARY KEY (system, timeline)
);
