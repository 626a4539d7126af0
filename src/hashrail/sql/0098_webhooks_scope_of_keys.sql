-- Keys that had every scope have this one as well; a key that had less gets nothing by itself.
-- depends: 0097_webhooks_scope

ALTER TABLE api_key VALIDATE CONSTRAINT api_key_scopes_check;

UPDATE api_key SET scopes = scopes || ARRAY['webhooks']
WHERE scopes @> ARRAY['read', 'login', 'wallet', 'order', 'transfer', 'withdraw'];
