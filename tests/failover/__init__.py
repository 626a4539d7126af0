"""A primary PostgreSQL that is lost while payouts are made; `make failover` runs it."""
