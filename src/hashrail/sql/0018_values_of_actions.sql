-- What operators changed, from what to what: JSON.
-- depends: 0017_deployment

ALTER TABLE operator_action ADD COLUMN values_before text, ADD COLUMN values_after text;
