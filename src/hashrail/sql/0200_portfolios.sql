-- What a user's balance and a page of their income need of thousands of stints: those that were not over by a day.
-- depends: 0195_lists_over_all
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS stint_of_user_by_end;
CREATE INDEX CONCURRENTLY stint_of_user_by_end ON stint (partner_id, user_id, to_day, from_day);
DROP INDEX CONCURRENTLY IF EXISTS stint_of_user;
