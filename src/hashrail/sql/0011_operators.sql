-- Operators: who approves payouts and looks after them.
-- depends: 0010_payouts

CREATE SEQUENCE operator_account_id_seq;
CREATE TABLE operator_account (
    id bigint PRIMARY KEY DEFAULT nextval('operator_account_id_seq'),
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    role text NOT NULL CHECK (role IN ('viewer', 'approver', 'admin')),
    -- scrypt: cost, block size, parallelism, salt and digest
    password text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);

-- What operators did, for ever. No operator: whoever has the shell.
CREATE SEQUENCE operator_action_id_seq;
CREATE TABLE operator_action (
    id bigint PRIMARY KEY DEFAULT nextval('operator_action_id_seq'),
    operator_id bigint REFERENCES operator_account,
    action text NOT NULL,
    subject text NOT NULL,
    reason text,
    done_at timestamptz NOT NULL
);

ALTER TABLE withdrawal ADD COLUMN needs_approval boolean NOT NULL DEFAULT false;
CREATE INDEX withdrawal_awaiting ON withdrawal (partner_id, id) WHERE state = 'awaiting_approval';

CREATE TABLE withdrawal_approval (
    partner_id bigint NOT NULL,
    withdrawal_id bigint NOT NULL,
    operator_id bigint NOT NULL REFERENCES operator_account,
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, withdrawal_id, operator_id),
    FOREIGN KEY (partner_id, withdrawal_id) REFERENCES withdrawal
);
