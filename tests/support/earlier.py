"""Times in rows that are moved: it happened so long before.

A sum of a time and an interval depends on the zone of the session, and Citus lets no UPDATE of its tables call what
depends on a session with a column. What is summed here is the time in UTC, which depends on nothing.
"""

# What comes last comes later than the others.
A_MOMENT = "+ interval '1 microsecond'"


def moved(column: str, by: str, of: str | None = None) -> str:
    """SQL that sets a column to its time, or that `of` another one, plus an interval as SQL has it, with its sign."""
    return f"{column} = ({of or column} AT TIME ZONE 'UTC' {by}) AT TIME ZONE 'UTC'"


def earlier(column: str, by: str) -> str:
    """SQL that sets a column to its time less what PostgreSQL reads as an interval, as in `8 days`."""
    return moved(column, f"- interval '{by}'")
