-- Which key opened a session, so that the session ends with the key. One that is older than this table, or that a TON
-- wallet opened, has no key: it is the partner's.
-- depends: 0030_scopes_of_keys_that_are_there

CREATE TABLE session_grant (
    partner_id bigint NOT NULL,
    family_id bigint NOT NULL,
    user_id bigint NOT NULL,
    key_id bigint,
    PRIMARY KEY (partner_id, family_id),
    FOREIGN KEY (partner_id, family_id) REFERENCES refresh_family ON DELETE CASCADE,
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user,
    FOREIGN KEY (partner_id, key_id) REFERENCES api_key
);
INSERT INTO session_grant (partner_id, family_id, user_id) SELECT partner_id, id, user_id FROM refresh_family;
CREATE INDEX session_grant_of_user ON session_grant (partner_id, user_id);
CREATE INDEX session_grant_of_key ON session_grant (partner_id, key_id);
