-- Lists by state: of a partner's orders, deposits, withdrawals and miners, those in a state that few have are found
-- without reading all of them. What most are in is left out: those stand wherever a list begins.
-- depends: 0070_events
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS purchase_by_state;
CREATE INDEX CONCURRENTLY purchase_by_state ON purchase (partner_id, state, id) WHERE state <> 'issued';
DROP INDEX CONCURRENTLY IF EXISTS deposit_by_state;
CREATE INDEX CONCURRENTLY deposit_by_state ON deposit (partner_id, state, id) WHERE state <> 'credited';
DROP INDEX CONCURRENTLY IF EXISTS withdrawal_by_state;
CREATE INDEX CONCURRENTLY withdrawal_by_state ON withdrawal (partner_id, state, id) WHERE state <> 'final';
DROP INDEX CONCURRENTLY IF EXISTS miner_ended;
CREATE INDEX CONCURRENTLY miner_ended ON miner (partner_id, id) WHERE ended_at IS NOT NULL;
