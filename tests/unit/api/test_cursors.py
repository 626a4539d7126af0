"""Cursors: what is decoded is what was encoded; what is no position is refused."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from hashrail.api.wire import cursors
from hashrail.api.wire.cursors import CursorInvalidError, CursorWithOffsetError

GREATEST = 2**53 - 1
IDS = st.integers(0, GREATEST)


def opaque(text: str) -> str:
    """Any text as the cursors look."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


# The text


@given(day=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20), first=IDS, second=IDS)
def test_a_position_comes_back(day: str, first: int, second: int) -> None:
    text = cursors.encode(day, first, second)
    assert cursors.decode(text, str, int, int) == (day, first, second)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert cursors.decode(cursors.encode(first), int) == (first,)
    assert cursors.decode(cursors.encode(first, day), int, str) == (first, day)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "=",
            "!!",
            "\ud800",
            "é",
            "AAAA",
            opaque(""),
            opaque("null"),
            opaque("{}"),
            opaque("[]"),
            opaque("[1]"),
        ),
        *(
            opaque(raw)
            for raw in ("[2,7]", '["1",7]', '[1,"7"]', "[1,7,7]", "[1,true]", "[1,null]", "[1,[7]]", "[1,7.5]")
        ),
        *(opaque(raw) for raw in ("[1,-1]", f"[1,{GREATEST + 1}]", f"[1,{10**30}]", "[1, 7]", "[1,7.0]", "[1,7]x")),
        *(opaque("[1,7]") + tail for tail in ("=", "\n", " ", "A", "!")),
        "[1,7]",
        "A" * 256,
    ],
)
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(CursorInvalidError) as refused:
        cursors.decode(text, int)
    assert refused.value.details == {"field": "cursor"}


def test_texts_in_positions() -> None:
    assert cursors.decode(opaque('[1,"é"]'), str) == ("é",)
    for raw in (f'[1,"{"x" * 300}"]', '[1,"\\u0000"]', '[1,"\\u00e9"]', '[1,"\\ud800"]', "[1,7]", '[1,"a","b"]'):
        with pytest.raises(CursorInvalidError):
            cursors.decode(opaque(raw), str)
    with pytest.raises(AssertionError):
        cursors.encode("x" * 200)


def test_a_page_begins_in_one_way() -> None:
    assert cursors.sent("c", UNSET) == "c"
    assert cursors.sent(UNSET, "0") is None
    assert cursors.sent(UNSET, UNSET) is None
    with pytest.raises(CursorWithOffsetError) as refused:
        cursors.sent("c", "0")
    assert refused.value.details == {"field": "cursor"}


def test_the_end_of_a_list_has_no_cursor() -> None:
    def at(number: int) -> tuple[int]:
        return (number,)

    assert cursors.cut([], 1, at) == ([], UNSET)
    assert cursors.cut([5], 1, at) == ([5], UNSET)
    assert cursors.cut([5, 6], 2, at) == ([5, 6], UNSET)
    assert cursors.cut([5, 6, 7], 2, at) == ([5, 6], cursors.encode(6))
