-- When an endpoint was disabled, so that it is seen which were lately.
-- depends: 0104_blocked_users

ALTER TABLE webhook_endpoint ADD COLUMN disabled_at timestamptz;
CREATE INDEX webhook_endpoint_disabled ON webhook_endpoint (partner_id, disabled_at) WHERE state = 'disabled';
