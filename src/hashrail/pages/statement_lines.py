"""Lines of a partner's statement, as the console and the portal show them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hashrail import clock
from hashrail.accounting import words
from hashrail.books.chart import TransferKind
from hashrail.pages.forms import FieldNotANumberError
from hashrail.pages.visiting import BaseVisit
from hashrail.selling.statements import Line

LISTED = 100
MICROSECOND = timedelta(microseconds=1)
# An invoice of more lines is written as a file.
PRINTED = 2000


def named(found: Sequence[Line]) -> list[tuple[Line, str]]:
    """Each line, and what it is in words."""
    return [(each, words.KINDS[TransferKind(each.kind)]) for each in found]


def after(visit: BaseVisit) -> tuple[datetime, int] | None:
    """The last line of the page before: its moment, in microseconds, and its position. Raises FieldNotANumberError."""
    at = visit.number("at")
    if at is None:
        return None
    try:
        return clock.EPOCH + at * MICROSECOND, visit.number("after") or 0
    except OverflowError as error:
        raise FieldNotANumberError("nothing was posted so late", field="at") from error


def following(found: Sequence[Line]) -> dict[str, int] | None:
    """What the address of the next page says, where more was read than is listed."""
    if len(found) <= LISTED:
        return None
    last = found[LISTED - 1]
    return {"at": (last.at - clock.EPOCH) // MICROSECOND, "after": last.position}
