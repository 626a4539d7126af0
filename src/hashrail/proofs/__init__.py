"""Proofs: what others can check without trust in whoever runs the deployment."""
