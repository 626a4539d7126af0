-- Requests of partners that the API has answered, kept for some days for their own engineers.
-- depends: 0151_portal_attempts_hold

CREATE SEQUENCE api_call_id_seq;
CREATE TABLE api_call (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('api_call_id_seq'),
    request_id text NOT NULL,
    answered_at timestamptz NOT NULL,
    operation text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    status integer NOT NULL,
    -- The code of a refusal, what was said of it, and what of its details explains it, as JSON.
    error text,
    message text,
    details text,
    key_id bigint,
    user_id bigint,
    partner_user text,
    address text NOT NULL,
    milliseconds integer NOT NULL,
    PRIMARY KEY (partner_id, id)
);
CREATE INDEX api_call_answered ON api_call (partner_id, answered_at);
CREATE INDEX api_call_refused ON api_call (partner_id, error, id) WHERE error IS NOT NULL;
CREATE INDEX api_call_request ON api_call (partner_id, request_id);
