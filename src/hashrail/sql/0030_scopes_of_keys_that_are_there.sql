-- Keys that are there keep what they could do by right, and no more: whoever had everything has everything, and whoever
-- could withdraw could bind addresses. A key that had less opened sessions although nobody had given it that right.
-- depends: 0029_scopes_of_keys

ALTER TABLE api_key VALIDATE CONSTRAINT api_key_scopes_check;

UPDATE api_key SET scopes = scopes || ARRAY['wallet'] WHERE scopes @> ARRAY['withdraw'];
UPDATE api_key SET scopes = scopes || ARRAY['login'] WHERE scopes @> ARRAY['read', 'order', 'transfer', 'withdraw'];
