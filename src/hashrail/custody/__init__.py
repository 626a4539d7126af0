"""Bitcoin in trust: deposits, withdrawals, bound wallets, approvals, payout policy, the hot wallet."""
