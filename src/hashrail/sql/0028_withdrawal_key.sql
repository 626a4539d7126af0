-- The Idempotency-Key with which a withdrawal was asked for, for ever: the kept answers are forgotten after a while, and
-- whoever sends the same key after that must not be paid twice.
-- depends: 0027_signer_descriptors

CREATE TABLE withdrawal_key (
    partner_id bigint NOT NULL,
    key bytea NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- Which request it was: the operation, and SHA-256 of what its body says.
    operation text NOT NULL,
    body_hash bytea NOT NULL CHECK (length(body_hash) = 32),
    withdrawal_id bigint NOT NULL,
    PRIMARY KEY (partner_id, key),
    FOREIGN KEY (partner_id, withdrawal_id) REFERENCES withdrawal
);
CREATE INDEX withdrawal_key_of_withdrawal ON withdrawal_key (partner_id, withdrawal_id);
