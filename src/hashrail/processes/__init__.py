"""What runs: the server of the API, the worker and its housekeeping."""
