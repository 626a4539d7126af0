-- Lists of users by state: the few who are blocked are found without reading all.
-- depends: 0100_proofs
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS app_user_blocked;
CREATE INDEX CONCURRENTLY app_user_blocked ON app_user (partner_id, id) WHERE blocked_at IS NOT NULL;
