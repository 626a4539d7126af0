-- The accounts that books may have: those of the chart (hashrail.books.chart), and users' in the currencies that they hold.
-- depends: 0013_sandbox_chain

-- Held against rows that are written from now on. A later migration looks at those that are there, so that this one
-- holds the table for a moment only.
ALTER TABLE account
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
            (5100, 'network_fees', 'BTC'),
            (5200, 'reorg_losses', 'BTC')
        ) ELSE kind = 'user' AND currency IN ('BTC', 'GOMINING') END
    ) NOT VALID,
    -- Users' accounts and the partner's receivable, which has the limit.
    ADD CONSTRAINT account_carries_a_limited_balance CHECK (carries_balance = (user_id IS NOT NULL OR id = 1200)) NOT VALID,
    ADD CONSTRAINT account_limit_is_the_receivables CHECK ((credit_limit IS NOT NULL) = (id = 1200)) NOT VALID;
