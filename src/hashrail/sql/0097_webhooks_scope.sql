-- A scope more (hashrail.access.scopes.SCOPES): `webhooks` looks after the endpoints that a partner's events are sent to.
-- depends: 0096_webhooks

ALTER TABLE api_key
    DROP CONSTRAINT api_key_scopes_check,
    ADD CONSTRAINT api_key_scopes_check CHECK (
        scopes <@ ARRAY['read', 'login', 'wallet', 'order', 'transfer', 'withdraw', 'webhooks']
    ) NOT VALID;
