"""What the vendor's app sends and is answered, where programs of others read it: bodies with filters and pages.

Such programs send fields beside those that count, and more with every release of theirs. So a body may hold what is not
known here; what is known keeps its bounds.
"""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, UnsetType

from hashrail.api.wire.models import NO_NUL, Answer, Body, SignedBody

T = TypeVar("T")

MAX_SKIP = 1_000_000
Skip = Annotated[int, Meta(ge=0, le=MAX_SKIP, description="how many to skip")]
UpTo20 = Annotated[int, Meta(ge=1, le=20, description="how many")]
UpTo100 = Annotated[int, Meta(ge=1, le=100, description="how many")]
UpTo1000 = Annotated[int, Meta(ge=1, le=1000, description="how many")]
# Words of the vendor's that mean nothing here choose nothing.
Word = Annotated[str, Meta(max_length=100, extra_json_schema=NO_NUL)]
Words = Annotated[list[Word], Meta(max_length=100)]
# A decimal in units of 10^-18, as text: what every currency is counted in.
Units = Annotated[str, Meta(pattern=r"^-?[0-9]+$", description="a whole number of 10^-18, as text")]


class AppBody(SignedBody, forbid_unknown_fields=False, kw_only=True):
    """A body of the app's. What it does not list is left alone."""


class AppPart(Body, forbid_unknown_fields=False, kw_only=True):
    """An object in such a body."""


class Skipping(AppPart, kw_only=True):
    """A page by number: `limit` rows after the first `skip`."""

    skip: Skip | UnsetType = UNSET
    limit: UpTo100 | UnsetType = UNSET


class SkippingBody(AppBody, kw_only=True):
    """A list of which a page is asked for."""

    pagination: Skipping | UnsetType = UNSET


class Rows(Answer, Generic[T], kw_only=True):
    """A page, and how many rows there are on all pages."""

    array: Sequence[T]
    count: int


def part_of(page: Skipping | UnsetType, default: int) -> tuple[int, int]:
    """(limit, offset) that a page asks for."""
    if page is UNSET:
        return default, 0
    return default if page.limit is UNSET else page.limit, 0 if page.skip is UNSET else page.skip


def chosen(words: list[str] | UnsetType) -> list[str] | None:
    """The words that were asked for; None where every one is meant."""
    return None if words is UNSET or not words else words
