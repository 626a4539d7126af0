"""What is done when the books are not the newest: restored from a backup, or without the last commits of a failover."""
