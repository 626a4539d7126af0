"""Holding the books against themselves, a record against its inputs, the wallet against the books."""
