"""Who is calling: signatures, keys and tokens."""
