-- How long a day waits between entering and publishing; null is an hour in production, and nothing in a sandbox.
-- depends: 0038_held_days

ALTER TABLE publication ADD COLUMN delay_seconds integer;
ALTER TABLE publication ADD CONSTRAINT publication_delay CHECK (delay_seconds BETWEEN 0 AND 172800) NOT VALID;
