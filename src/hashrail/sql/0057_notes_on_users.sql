-- What operators write down about a user for whoever asks next: never changed, never taken away.
-- depends: 0056_support_looks_up

CREATE SEQUENCE user_note_id_seq;
CREATE TABLE user_note (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('user_note_id_seq'),
    user_id bigint NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 2000),
    written_by bigint NOT NULL REFERENCES operator_account,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user
);
CREATE INDEX user_note_of_user ON user_note (partner_id, user_id, id);
