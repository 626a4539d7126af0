-- The partner's portal: a partner's people, their sessions, invitations and what they did and saw.
-- depends: 0141_operator_forms

CREATE SEQUENCE member_id_seq;
CREATE TABLE member (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('member_id_seq'),
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'support', 'developer', 'owner')),
    -- argon2id
    password text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    -- Who of the partner invited them or raised their role last, and when by the business clock; null: an operator did.
    made_by bigint,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id)
);

-- Which partner somebody is of who signs in by an e-mail address: one account an address.
CREATE TABLE member_login (
    email text PRIMARY KEY,
    partner_id bigint NOT NULL REFERENCES partner,
    member_id bigint NOT NULL
);
CREATE INDEX member_login_of ON member_login (partner_id, member_id);

CREATE SEQUENCE member_invitation_id_seq;
CREATE TABLE member_invitation (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('member_invitation_id_seq'),
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'support', 'developer', 'owner')),
    -- SHA-256 of the link's token, which nobody else has.
    digest bytea NOT NULL CHECK (length(digest) = 32),
    epoch text NOT NULL,
    -- The member who invites; null: an operator.
    invited_by bigint,
    invited_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'accepted', 'withdrawn')),
    PRIMARY KEY (partner_id, id)
);
CREATE UNIQUE INDEX member_invitation_digest ON member_invitation (partner_id, digest);

CREATE SEQUENCE member_session_id_seq;
CREATE TABLE member_session (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('member_session_id_seq'),
    member_id bigint NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    stage text NOT NULL CHECK (stage IN ('password', 'whole')),
    epoch text NOT NULL,
    address text NOT NULL,
    agent text NOT NULL,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, member_id) REFERENCES member
);
CREATE UNIQUE INDEX member_session_digest ON member_session (partner_id, digest);

-- The secret of a member's code generator, as `operator_code` has an operator's.
CREATE TABLE member_code (
    partner_id bigint NOT NULL,
    member_id bigint NOT NULL,
    sealed bytea NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (partner_id, member_id),
    FOREIGN KEY (partner_id, member_id) REFERENCES member
);

-- Forms of the portal that were sent: each counts once.
CREATE TABLE member_form (
    partner_id bigint NOT NULL,
    member_id bigint NOT NULL,
    once text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, member_id, once),
    FOREIGN KEY (partner_id, member_id) REFERENCES member
);

-- What members did, and which persons they saw.
CREATE SEQUENCE member_action_id_seq;
CREATE TABLE member_action (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('member_action_id_seq'),
    member_id bigint NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text,
    done_at timestamptz NOT NULL,
    values_before text,
    values_after text,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, member_id) REFERENCES member
);

CREATE SEQUENCE member_view_id_seq;
CREATE TABLE member_view (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('member_view_id_seq'),
    member_id bigint NOT NULL,
    page text NOT NULL,
    subject text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, member_id) REFERENCES member
);

-- What a second owner has to confirm.
CREATE SEQUENCE member_change_id_seq;
CREATE TABLE member_change (
    partner_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('member_change_id_seq'),
    act text NOT NULL,
    subject text NOT NULL,
    content text NOT NULL,
    -- A sealed secret of an API key.
    secret text,
    state text NOT NULL CHECK (state IN ('waiting', 'confirmed', 'withdrawn')),
    asked_by bigint NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_by bigint,
    ended_at timestamptz,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, asked_by) REFERENCES member
);

-- Attempts at the portal's door are counted apart: who may sign in there does not take back what failed at the console.
ALTER TABLE sign_in_attempt
    DROP CONSTRAINT sign_in_attempt_kind_check,
    ADD CONSTRAINT sign_in_attempt_kind_check CHECK (
        kind IN ('name', 'address', 'member', 'member_address')
    ) NOT VALID;
