"""The OpenAPI document of what is served, and its page."""
