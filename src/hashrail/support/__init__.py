"""Answers for who is asked: what a text names, what a user sees and why, what a withdrawal waits for."""
