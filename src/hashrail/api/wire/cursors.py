"""Cursors: where a page of a list ended, as an opaque text that a client hands back for the next page.

An offset counts from the front, so a page moves when the list grows there, and a deep one has to be counted to. A
cursor holds the position of the last thing that was shown. The text is not signed: whoever forges one sees what they
may see anyway, from another place on. So the verb that reads a position must bear any of the right types.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, overload

import msgspec
from msgspec import UNSET, UnsetType

from hashrail.errors import BadRequestError

VERSION = 1
MAX_LENGTH = 255
# What PostgreSQL's bigint and JavaScript both hold exactly.
MAX_NUMBER = 2**53 - 1

Part: TypeAlias = int | str
T = TypeVar("T")
A = TypeVar("A", int, str)
B = TypeVar("B", int, str)
C = TypeVar("C", int, str)


class CursorInvalidError(BadRequestError):
    """The cursor is none that this list gave out."""

    code = "CURSOR_INVALID"
    advice = "Send nextCursor of the page before as it is, to the same operation; begin without a cursor."


class CursorWithOffsetError(BadRequestError):
    """A page begins either at a cursor or at an offset."""

    code = "CURSOR_WITH_OFFSET"
    advice = "Send cursor or offset, not both."


# What `sent` and `decode` refuse.
REFUSALS = (CursorInvalidError, CursorWithOffsetError)


def encode(*parts: Part) -> str:
    """A position as a text that may stand in a query as it is. Whole numbers are 0 to 2^53 - 1."""
    text = urlsafe_b64encode(msgspec.json.encode([VERSION, *parts])).decode().rstrip("=")
    assert len(text) <= MAX_LENGTH, "a position fits the cursor field"
    return text


@overload
def decode(text: str, first: type[A], /) -> tuple[A]: ...
@overload
def decode(text: str, first: type[A], second: type[B], /) -> tuple[A, B]: ...
@overload
def decode(text: str, first: type[A], second: type[B], third: type[C], /) -> tuple[A, B, C]: ...
def decode(text: str, *kinds: type[Any]) -> tuple[Any, ...]:
    """The parts of a position, of these types. Raises CursorInvalidError."""
    if len(text) > MAX_LENGTH:
        raise invalid()
    try:
        raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        _, *parts = msgspec.json.decode(raw, type=list[Part])
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise invalid() from error
    if [type(part) for part in parts] != list(kinds) or not all(map(_is_storable, parts)):
        raise invalid()
    # There is one text for a position, so that no other version and nothing unseen is in it.
    if encode(*parts) != text:
        raise invalid()
    return tuple(parts)


def invalid() -> CursorInvalidError:
    """The refusal, for a verb that finds the parts to be no position of its list."""
    return CursorInvalidError("the cursor is none that this list gave out", field="cursor")


def sent(cursor: str | UnsetType, offset: str | UnsetType) -> str | None:
    """The cursor of a request; None when it has none. Raises CursorWithOffsetError."""
    if cursor is UNSET:
        return None
    if offset is not UNSET:
        raise CursorWithOffsetError("cursor and offset exclude each other", field="cursor")
    return cursor


def cut(
    found: Sequence[T], limit: int, position: Callable[[T], tuple[Part, ...]]
) -> tuple[Sequence[T], str | UnsetType]:
    """(page, next cursor) of what was read for a page of `limit`, one more than it so that its end is known.

    The page that ends the list has no next cursor: whoever follows cursors until there is none has seen everything.
    """
    if len(found) <= limit:
        return found, UNSET
    shown = found[:limit]
    return shown, encode(*position(shown[-1]))


def _is_storable(part: Part) -> bool:
    """Whether PostgreSQL takes it as a parameter."""
    return "\x00" not in part if isinstance(part, str) else 0 <= part <= MAX_NUMBER
