"""Books that came from a backup."""
