"""Pages of lists: which part was asked for, what to read for it, and the listing with the next page's cursor."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import UNSET, Struct, UnsetType

from hashrail.api.wire import cursors
from hashrail.api.wire.cursors import Part
from hashrail.api.wire.models import Listing

# Where a request names no limit; and what no query lets through is above.
DEFAULT_LIMIT = 20
MAX_LIMIT = 999

T = TypeVar("T")
P = TypeVar("P")
A = TypeVar("A")


class Sliced(Protocol):
    """A query that asks for a part of a short list."""

    @property
    def limit(self) -> str | UnsetType:
        """How many, in digits."""

    @property
    def offset(self) -> str | UnsetType:
        """How many to skip, in digits."""


class Paged(Sliced, Protocol):
    """A query that asks for a page of a list."""

    @property
    def cursor(self) -> str | UnsetType:
        """Where the page before ended."""


class Numbered(Protocol):
    """What has an id and is listed in the order of ids."""

    @property
    def id(self) -> int:
        """Its number."""


N = TypeVar("N", bound=Numbered)


class Order(Struct, Generic[T, P], frozen=True):
    """The order of a list: the parts of a thing's position, and the position that a cursor names.

    `read` raises CursorInvalidError.
    """

    parts: Callable[[T], tuple[Part, ...]]
    read: Callable[[str], P]


def by_id(_of: type[N]) -> Order[N, int]:
    """The order of things by their ids, upwards or downwards."""
    return Order(lambda one: (one.id,), lambda cursor: cursors.decode(cursor, int)[0])


class Slice(Struct, frozen=True):
    """A part of a short list, which is read as a whole: `limit` things after the first `offset`."""

    limit: int
    offset: int

    @classmethod
    def of(cls, query: Sliced) -> "Slice":
        """The part that a query asks for."""
        return cls(*_bounds(query))

    def cut(self, found: Sequence[T]) -> Sequence[T]:
        """The part of the whole list."""
        return found[self.offset : self.offset + self.limit]


class Page(Struct, Generic[T, P], frozen=True):
    """A page of a list: at most `limit` things, from an offset or from `behind` a position; None begins the list."""

    limit: int
    offset: int
    behind: P | None
    order: Order[T, P]

    @classmethod
    def of(cls, query: Paged, order: Order[T, P]) -> "Page[T, P]":
        """The page that a query asks for. Raises CursorInvalidError, CursorWithOffsetError."""
        limit, offset = _bounds(query)
        cursor = cursors.sent(query.cursor, query.offset)
        return cls(limit, offset, None if cursor is None else order.read(cursor), order)

    @property
    def to_read(self) -> int:
        """How many to read: one more than is shown, so that the end of the list is known."""
        return self.limit + 1

    def cut(self, found: Sequence[T]) -> tuple[Sequence[T], str | UnsetType]:
        """(what is shown, the next page's cursor) of what was read."""
        return cursors.cut(found, self.limit, self.order.parts)

    def listing(self, found: Sequence[T], show: Callable[[T], A]) -> Listing[A]:
        """The answer, of what was read."""
        shown, next_cursor = cursors.cut(found, self.limit, self.order.parts)
        return Listing([show(one) for one in shown], next_cursor)

    def following(self, shown: Sequence[T]) -> str:
        """The next page's cursor, behind what is shown."""
        return cursors.encode(*self.order.parts(shown[-1]))


def _bounds(query: Sliced) -> tuple[int, int]:
    """(limit, offset). The models of queries hold their bounds."""
    limit = DEFAULT_LIMIT if query.limit is UNSET else int(query.limit)
    assert 1 <= limit <= MAX_LIMIT, "the model of a query bounds its limit"
    return limit, 0 if query.offset is UNSET else int(query.offset)
