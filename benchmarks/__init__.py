"""What the platform costs, measured beside baselines in the same run: `python -m benchmarks` writes the tables."""
