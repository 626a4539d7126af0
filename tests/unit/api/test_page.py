"""Pages: what a query asks for, what is read for it, and what is shown of that."""

from typing import NamedTuple

import pytest
from msgspec import UNSET, UnsetType

from hashrail.api.wire import cursors
from hashrail.api.wire.cursors import CursorInvalidError, CursorWithOffsetError
from hashrail.api.wire.models import Listing, PageQuery
from hashrail.api.wire.page import Order, Page, Slice, by_id


class Thing(NamedTuple):
    """Something in a list."""

    id: int
    name: str


THINGS = [Thing(number, f"thing {number}") for number in range(1, 30)]
BY_ID = by_id(Thing)
BY_NAME: Order[Thing, str] = Order(lambda one: (one.name,), lambda cursor: cursors.decode(cursor, str)[0])


def asked(
    limit: str | UnsetType = UNSET, offset: str | UnsetType = UNSET, cursor: str | UnsetType = UNSET
) -> PageQuery:
    return PageQuery(limit=limit, offset=offset, cursor=cursor)


def name(one: Thing) -> str:
    return one.name


def test_the_first_page() -> None:
    page = Page.of(asked(), BY_ID)
    assert (page.limit, page.offset, page.behind, page.to_read) == (20, 0, None, 21)
    listing = page.listing(THINGS[: page.to_read], name)
    assert listing.array == [f"thing {number}" for number in range(1, 21)]
    assert listing.next_cursor == cursors.encode(20)


def test_pages_that_follow_each_other_are_the_whole_list() -> None:
    seen: list[str] = []
    cursor: str | UnsetType = UNSET
    while True:
        page = Page.of(asked("007", cursor=cursor), BY_ID)
        behind = page.behind or 0
        found = [one for one in THINGS if one.id > behind][: page.to_read]
        listing = page.listing(found, name)
        seen += listing.array
        if listing.next_cursor is UNSET:
            break
        cursor = listing.next_cursor
    assert seen == [one.name for one in THINGS]


def test_a_page_from_an_offset() -> None:
    page = Page.of(asked("2", "00003"), BY_ID)
    assert (page.limit, page.offset, page.behind) == (2, 3, None)
    assert page.listing(THINGS[3:5], name) == Listing(["thing 4", "thing 5"])


def test_positions_are_those_of_the_order() -> None:
    assert Page.of(asked(cursor=cursors.encode("a")), BY_NAME).behind == "a"
    with pytest.raises(CursorInvalidError):
        Page.of(asked(cursor=cursors.encode("a")), BY_ID)
    with pytest.raises(CursorWithOffsetError):
        Page.of(asked(offset="0", cursor=cursors.encode(1)), BY_ID)


def test_a_part_of_a_short_list() -> None:
    assert Slice.of(asked("2", "27")).cut(THINGS) == THINGS[27:29]
    assert Slice.of(asked("2", "28")).cut(THINGS) == THINGS[28:]
    assert Slice.of(asked(offset="99999")).cut(THINGS) == []
    assert Slice.of(asked()).cut(THINGS) == THINGS[:20]


def test_a_limit_that_no_model_lets_through() -> None:
    for limit in ("0", "1000"):
        with pytest.raises(AssertionError):
            Page.of(asked(limit), BY_ID)
