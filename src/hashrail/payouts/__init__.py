"""Paying out: batches, the queue, watching what was sent, settlement, exports."""
