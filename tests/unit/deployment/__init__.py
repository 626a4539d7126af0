"""What a deployment is, and the journal beside its database."""
