"""A PostgreSQL of our own: its server, the bootstrap of the schema, the job queue."""
