-- Attempts that were counted before keep to the list of kinds.
-- depends: 0150_portal

ALTER TABLE sign_in_attempt VALIDATE CONSTRAINT sign_in_attempt_kind_check;
