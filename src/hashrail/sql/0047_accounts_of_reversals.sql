-- Accounts of reversals (hashrail.books.chart), in the books that are there too.
-- depends: 0046_reversals

ALTER TABLE account
    DROP CONSTRAINT account_is_of_the_chart,
    ADD CONSTRAINT account_is_of_the_chart CHECK (
        CASE WHEN user_id IS NULL THEN (id, kind, currency) IN (
            (1100, 'pool_receivable', 'BTC'),
            (1200, 'partner_receivable', 'USD'),
            (1300, 'cash', 'USD'),
            (1400, 'bitcoin_wallet', 'BTC'),
            (2100, 'income_control', 'BTC'),
            (2200, 'payouts_in_flight', 'BTC'),
            (4100, 'electricity_revenue', 'BTC'),
            (4200, 'service_revenue', 'BTC'),
            (4300, 'miner_sales', 'USD'),
            (4400, 'commission_revenue', 'BTC'),
            (4500, 'income_taken_back', 'BTC'),
            (5100, 'network_fees', 'BTC'),
            (5200, 'reorg_losses', 'BTC'),
            (5300, 'corrections_btc', 'BTC'),
            (5310, 'corrections_gomining', 'GOMINING')
        ) ELSE kind = 'user' AND currency IN ('BTC', 'GOMINING') END
    ) NOT VALID;

INSERT INTO account (partner_id, id, kind, currency, carries_balance, created_at)
SELECT p.id, c.id, c.kind, c.currency, false, p.created_at
FROM partner p
CROSS JOIN (VALUES (4500, 'income_taken_back', 'BTC'), (5300, 'corrections_btc', 'BTC'),
                   (5310, 'corrections_gomining', 'GOMINING')) AS c (id, kind, currency);

ALTER TABLE transfer VALIDATE CONSTRAINT transfer_kind_check;
