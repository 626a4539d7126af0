-- What an operator did, newest first, and when they signed in last. Each index is built beside everybody's work; where
-- that was cut off it is not valid, so it is taken away first.
-- depends: 0185_member_tasks
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS operator_action_of;
CREATE INDEX CONCURRENTLY operator_action_of ON operator_action (operator_id, id);
DROP INDEX CONCURRENTLY IF EXISTS operator_action_signed_in;
CREATE INDEX CONCURRENTLY operator_action_signed_in ON operator_action (operator_id, done_at) WHERE action = 'signed in';
