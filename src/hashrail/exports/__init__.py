"""Exports: a partner's days as files, made by the worker and fetched in parts; and the sums of its days."""
