-- Forms of the console that were sent: each counts once.
-- depends: 0140_reserves

CREATE TABLE operator_form (
    operator_id bigint NOT NULL REFERENCES operator_account,
    once text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (operator_id, once)
);
CREATE INDEX operator_form_sent ON operator_form (sent_at);
