"""How a request is served: who calls, limits, one transaction, one answer."""
