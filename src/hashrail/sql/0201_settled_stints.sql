-- The newest of a partner's stints whose users were looked at: whether they have so many that they are settled.
-- depends: 0200_portfolios

ALTER TABLE partner_day ADD COLUMN looked_at_stint bigint NOT NULL DEFAULT 0;
