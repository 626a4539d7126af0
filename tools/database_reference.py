"""What docs/reference/database-errors.md shows: rows about SQLSTATEs, sessions and DATABASE_URL, from their tables."""

from collections.abc import Iterator

from hashrail.database_url import OPTIONS, Option
from hashrail.db_session import PINS
from hashrail.sqlstates import CLASSES, STATES, Answer

BUG = "`INTERNAL_ERROR`: a bug, or damage"


def states() -> Iterator[tuple[str, str, str]]:
    """(SQLSTATE, PostgreSQL's name, answer): each class, and below it those of its states that mean something else."""
    for code, answer in sorted(CLASSES.items()):
        yield f"**{code}**", f"**{answer.title}**", _told(answer)
        for state in sorted(STATES):
            if state.startswith(code):
                yield state, STATES[state].title, _told(STATES[state])


def _told(answer: Answer) -> str:
    return BUG if answer.kind is None else f"`{answer.kind.code}`: {answer.message}"


def pins() -> Iterator[tuple[str, str, str]]:
    """(setting, value, why)."""
    for pin in PINS:
        yield f"`{pin.name}`", f"`{pin.value}`", pin.why


def options() -> Iterator[tuple[str, str]]:
    """(options of libpq that are treated alike, how)."""
    alike: dict[Option, list[str]] = {}
    for name, option in OPTIONS.items():
        alike.setdefault(option, []).append(f"`{name}`")
    for option, names in alike.items():
        yield ", ".join(names), _treated(option)


def _treated(option: Option) -> str:
    if option.allowed is None:
        return option.how
    values = ", ".join(f"`{value}`" for value in option.allowed)
    return f"{values} only: {option.how}" if values else f"refused: {option.how}"
