"""What the world outside says of a day: its blocks and its prices."""
