"""The commands of `hashrail`, one module a noun."""
