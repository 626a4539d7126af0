-- What a transfer may be about (hashrail.books.chart.TransferKind).
-- depends: 0014_accounts_of_the_chart

ALTER TABLE transfer
    ADD CONSTRAINT transfer_kind_check CHECK (
        kind IN (
            'day', 'adjustment', 'settlement', 'purchase', 'post_payment', 'partner_payment', 'withdrawal', 'network_fee',
            'deposit'
        )
    ) NOT VALID;
