"""The invariants of the audit, one noun a module."""
