"""Hashrail: a self-hosted platform for selling tokenised Bitcoin hashrate through partners."""
