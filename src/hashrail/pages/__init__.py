"""Pages for people: the front page, in one look with what comes beside it."""
