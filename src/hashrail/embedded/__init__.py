"""The parts of the embedded PostgreSQL: its files, its binaries and its processes."""
