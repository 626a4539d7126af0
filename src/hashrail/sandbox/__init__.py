"""A sandbox: its demo deployment, scenarios and generated rates."""
