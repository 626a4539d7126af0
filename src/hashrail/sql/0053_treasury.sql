-- The account of what the pool has paid in (hashrail.books.chart), in the books that are there too.
-- depends: 0052_pool_receipts

ALTER TABLE account
    DROP CONSTRAINT account_is_of_the_chart,
    ADD CONSTRAINT account_is_of_the_chart CHECK (
        CASE WHEN user_id IS NULL THEN (id, kind, currency) IN (
            (1100, 'pool_receivable', 'BTC'),
            (1200, 'partner_receivable', 'USD'),
            (1300, 'cash', 'USD'),
            (1400, 'bitcoin_wallet', 'BTC'),
            (1500, 'treasury', 'BTC'),
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
SELECT id, 1500, 'treasury', 'BTC', false, created_at FROM partner ON CONFLICT (partner_id, id) DO NOTHING;

ALTER TABLE transfer VALIDATE CONSTRAINT transfer_kind_check;
