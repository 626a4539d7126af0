-- Invoices: what a partner was charged in a month, in whole cents; what is below a cent goes to the next one.
-- depends: 0050_corrections

CREATE TABLE invoice (
    partner_id bigint NOT NULL REFERENCES partner,
    number integer NOT NULL CHECK (number > 0),
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    carried_in_usd amount NOT NULL CHECK (carried_in_usd >= 0 AND carried_in_usd < 0.01),
    charged_usd amount NOT NULL,
    amount_usd amount NOT NULL CHECK (scale(trim_scale(amount_usd)) <= 2),
    carried_out_usd amount NOT NULL CHECK (carried_out_usd >= 0 AND carried_out_usd < 0.01),
    paid_usd amount NOT NULL,
    owed_before_usd amount NOT NULL,
    owed_after_usd amount NOT NULL,
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, number),
    UNIQUE (partner_id, month),
    CONSTRAINT invoice_adds_up CHECK (carried_in_usd + charged_usd = amount_usd + carried_out_usd),
    CONSTRAINT invoice_account_adds_up CHECK (owed_before_usd + charged_usd - paid_usd = owed_after_usd)
);
