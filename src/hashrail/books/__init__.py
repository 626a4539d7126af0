"""The books: the ledger of transfers, its chart of accounts, the fence between days."""
