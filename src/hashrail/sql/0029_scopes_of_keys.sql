-- Two scopes more (hashrail.access.api_keys.SCOPES): `login` opens sessions of users, `wallet` binds their addresses.
-- depends: 0028_withdrawal_key

ALTER TABLE api_key
    DROP CONSTRAINT api_key_scopes_check,
    ADD CONSTRAINT api_key_scopes_check CHECK (
        scopes <@ ARRAY['read', 'login', 'wallet', 'order', 'transfer', 'withdraw']
    ) NOT VALID;
