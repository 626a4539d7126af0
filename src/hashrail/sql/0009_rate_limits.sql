-- How many requests a key, a user or an address has made in the last minute.
-- depends: 0008_access

-- Requests that a key may make in a minute; without it the deployment's setting counts, 0 is without limit.
ALTER TABLE api_key ADD COLUMN requests_per_minute integer CHECK (requests_per_minute BETWEEN 0 AND 100000000);

-- Global, since addresses belong to nobody. used[1] is what was taken in the second that `second` names, used[2] in
-- the one before it, and so on; granted is what the newest statement got. Unlogged: after a crash everybody begins
-- anew, and the log that guards the money does not carry it. Rows are updated often, so pages leave room for that.
CREATE UNLOGGED TABLE rate_budget (
    subject text PRIMARY KEY CHECK (octet_length(subject) BETWEEN 1 AND 128),
    second bigint NOT NULL,
    used bigint[] NOT NULL CHECK (cardinality(used) = 62 AND 0 <= ALL (used)),
    granted bigint NOT NULL CHECK (granted >= 0)
) WITH (fillfactor = 50);
