"""Who may: signatures, tokens, sessions, API keys, origins, rate budgets, idempotency, TON logins."""
