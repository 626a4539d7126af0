"""What is served, a noun a module: models, handlers and routes of both doors."""
