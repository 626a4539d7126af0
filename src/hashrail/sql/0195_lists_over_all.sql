-- Lists of withdrawals and deposits: the newest of a time, and large amounts, are found without reading all of a partner's.
-- depends: 0191_member_passkeys
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS withdrawal_newest;
CREATE INDEX CONCURRENTLY withdrawal_newest ON withdrawal (partner_id, created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS withdrawal_by_amount;
CREATE INDEX CONCURRENTLY withdrawal_by_amount ON withdrawal (partner_id, amount_btc);
DROP INDEX CONCURRENTLY IF EXISTS deposit_newest;
CREATE INDEX CONCURRENTLY deposit_newest ON deposit (partner_id, created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS deposit_by_amount;
CREATE INDEX CONCURRENTLY deposit_by_amount ON deposit (partner_id, amount_btc);
