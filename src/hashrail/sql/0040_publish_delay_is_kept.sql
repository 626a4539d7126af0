-- The bounds of the delay hold for what is there.
-- depends: 0039_publish_delay

ALTER TABLE publication VALIDATE CONSTRAINT publication_delay;
