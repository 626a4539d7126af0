"""Alarms: what the platform knows of itself, the rules over it, what rings, and how people are told."""
