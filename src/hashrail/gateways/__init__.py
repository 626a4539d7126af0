"""The world outside: each gateway speaks to one kind of service, and answers with values, not with its exceptions."""
