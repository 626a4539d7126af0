"""The doors of the platform: HTTP."""
