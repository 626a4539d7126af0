-- The ledger: accounts and transfers between two of them. docs/why/chart-of-accounts.md names every kind.
-- depends: 0001_types_and_parties

-- Ids below 100000 are the chart of accounts, the same in every partner's books; users' accounts come after.
CREATE SEQUENCE account_id_seq START 100000;
CREATE TABLE account (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('account_id_seq'),
    user_id bigint,
    kind text NOT NULL,
    currency text NOT NULL,
    carries_balance boolean NOT NULL,
    credit_limit amount,
    debits_posted amount NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_posted amount NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    debits_pending amount NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    credits_pending amount NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, user_id, kind, currency),
    FOREIGN KEY (partner_id, user_id) REFERENCES app_user,
    CONSTRAINT account_user_has_high_id CHECK ((user_id IS NULL) = (id < 100000)),
    CONSTRAINT account_only_carried_balances_move CHECK (
        carries_balance OR (debits_posted = 0 AND credits_posted = 0 AND debits_pending = 0 AND credits_pending = 0)
    ),
    -- What a user owns cannot be spent twice: pending debits count, pending credits do not.
    CONSTRAINT account_no_overdraft CHECK (
        user_id IS NULL OR credits_posted - debits_posted - debits_pending >= 0
    ),
    -- What a partner owes or has reserved cannot pass its credit limit.
    CONSTRAINT account_credit_limit CHECK (
        credit_limit IS NULL OR debits_posted + debits_pending - credits_posted <= credit_limit
    )
);

CREATE SEQUENCE transfer_posted_seq;
CREATE TABLE transfer (
    partner_id bigint NOT NULL,
    kind text NOT NULL,
    object_id bigint NOT NULL,
    leg integer NOT NULL,
    debit_account bigint NOT NULL,
    credit_account bigint NOT NULL CHECK (credit_account <> debit_account),
    amount amount NOT NULL CHECK (amount > 0),
    state text NOT NULL CHECK (state IN ('pending', 'posted', 'voided')),
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    posted_seq bigint,
    PRIMARY KEY (partner_id, kind, object_id, leg),
    FOREIGN KEY (partner_id, debit_account) REFERENCES account,
    FOREIGN KEY (partner_id, credit_account) REFERENCES account,
    CONSTRAINT transfer_resolved_once CHECK ((state = 'pending') = (resolved_at IS NULL)),
    CONSTRAINT transfer_posted_has_sequence CHECK ((state = 'posted') = (posted_seq IS NOT NULL))
);
CREATE INDEX transfer_of_debit_account ON transfer (partner_id, debit_account, posted_seq);
CREATE INDEX transfer_of_credit_account ON transfer (partner_id, credit_account, posted_seq);

-- The balance of an account that carries none = its checkpoint + what was posted after it.
CREATE TABLE account_checkpoint (
    partner_id bigint NOT NULL,
    account_id bigint NOT NULL,
    through_seq bigint NOT NULL,
    debits amount NOT NULL,
    credits amount NOT NULL,
    PRIMARY KEY (partner_id, account_id),
    FOREIGN KEY (partner_id, account_id) REFERENCES account
);

CREATE SEQUENCE partner_payment_id_seq;
CREATE TABLE partner_payment (
    partner_id bigint NOT NULL REFERENCES partner,
    id bigint NOT NULL DEFAULT nextval('partner_payment_id_seq'),
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 255),
    amount_usd amount NOT NULL CHECK (amount_usd > 0),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, id),
    UNIQUE (partner_id, reference)
);
