-- What support looks for: an address, the orders of a user, what operators did to somebody. Each index is built beside
-- everybody's work; where that was cut off it is not valid, so it is taken away first.
-- depends: 0054_pool_receipts_hold
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS withdrawal_to_address;
CREATE INDEX CONCURRENTLY withdrawal_to_address ON withdrawal (partner_id, address);
DROP INDEX CONCURRENTLY IF EXISTS wallet_of_address;
CREATE INDEX CONCURRENTLY wallet_of_address ON wallet (partner_id, address);
DROP INDEX CONCURRENTLY IF EXISTS wallet_unbound_of_address;
CREATE INDEX CONCURRENTLY wallet_unbound_of_address ON wallet_unbound (partner_id, address);
DROP INDEX CONCURRENTLY IF EXISTS purchase_of_user;
CREATE INDEX CONCURRENTLY purchase_of_user ON purchase (partner_id, user_id, id);
DROP INDEX CONCURRENTLY IF EXISTS operator_action_about;
CREATE INDEX CONCURRENTLY operator_action_about ON operator_action (subject, id);
