"""Texts of others on a screen and in a sheet: none acts, and each can be told apart."""

import csv
import io
import re
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hashrail import sheets, texts
from hashrail.errors import HashrailError
from tests.support.hostile import HOSTILE, acting

FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212\u207a\u207b\u207c\u208a\u208b\u208c")
SOME_TEXT = st.text(st.characters() | st.sampled_from("=+-@'\";|,\\ \t\n\r\x1b\u202e\u0301"))


# On a screen


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_acts_on_a_screen(text: str) -> None:
    shown = texts.shown(text)
    assert acting(shown) == []
    assert "\n" not in shown
    assert len(shown) <= texts.MAX_SHOWN
    assert not texts.INVISIBLE.search(shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice", "alice"),
        ("z\u0142\u00f3\u0142w, \u05d0\u05d1 \u4f60\u597d", "z\u0142\u00f3\u0142w, \u05d0\u05d1 \u4f60\u597d"),
        ("[b] :bomb: \\", "[b] :bomb: \\"),
        ("a\x1b[1m\x9b\x7f\t\r\n", "a\\x1b[1m\\x9b\\x7f\\t\\r\\n"),
        ("\u202e\u200b\ufeff\u2028\u00a0", "\\u202e\\u200b\\ufeff\\u2028\\xa0"),
        ("\U000e0041\ud800", "\\U000e0041\\ud800"),
        ("a\u3164\ufe0f", "a\\u3164\\ufe0f"),
        # What a language writes stays, what is piled up does not.
        ("e\u0323\u0302", "e\u0323\u0302"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301" * 2),
        ("\u0301a\u0301", "\\u0301a\u0301"),
    ],
)
def test_what_is_shown(text: str, expected: str) -> None:
    assert texts.shown(text) == expected


def test_what_is_too_long_says_so() -> None:
    """And no character that is written out is parted."""
    assert texts.shown("x" * 10, 10) == "x" * 10
    assert texts.shown("x" * 11, 10) == "x" * 9 + "\u2026"
    assert texts.shown("ab\x1b\x1b\x1b", 10) == "ab\\x1b\u2026"
    assert texts.shown("\x1b\x1b", 8) == "\\x1b\\x1b"
    assert texts.shown_lines("x" * 11 + "\n\x1b", 10) == "x" * 9 + "\u2026\n\\x1b"


@given(SOME_TEXT, st.integers(1, 50))
def test_any_text_is_bounded_and_does_not_act(text: str, limit: int) -> None:
    shown = texts.shown(text, limit)
    assert len(shown) <= limit
    assert acting(shown) == []


# In a sheet


def begins_formula(piece: str) -> bool:
    return piece.lstrip(" \"'\t\r\n\u00a0\u200b")[:1] in FORMULA and not piece.lstrip(' "\t\r\n').startswith("'")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_program_reads_a_formula(text: str) -> None:
    """Wherever it parts lines; and a cell is one line that acts on no screen."""
    written = texts.cell(text)
    assert acting(written) == []
    assert "\n" not in written
    assert not any(begins_formula(piece) for piece in re.split("[,;|\t\r\n]", written))
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", " =", '"='))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order-77", "order-77"),
        ("a=b 1-2 @c", "a=b 1-2 @c"),
        ("=1", "'=1"),
        ("'=1", "''=1"),
        (" =1", "' =1"),
        ("a; +2;-3", "a;' +2;'-3"),
        ("a\t=1", "a\\t=1"),
        ("C:\\x", "C:\\\\x"),
        ("a\u2212", "a\u2212"),
        ("\u2212a", "'\u2212a"),
    ],
)
def test_what_a_cell_is(text: str, expected: str) -> None:
    assert texts.cell(text) == expected


@example("\\x1b")
@example("'' =1")
@example("a;'-")
@given(SOME_TEXT)
def test_a_cell_can_be_read_again(text: str) -> None:
    assert texts.read_cell(texts.cell(text)) == text


def test_what_is_ours_stays_a_number() -> None:
    rows = [(-1, Decimal("-0.000000000000000001"), None, "-1", 'a "b"'), (2, Decimal("1E+3"), None, "", "x,y")]
    paper = sheets.sheet(("id", "amount", "none", "=text", "other"), rows)
    assert paper == ('id,amount,none,\'=text,other\r\n-1,-0.000000000000000001,,\'-1,"a ""b"""\r\n2,1000,,,"x,y"\r\n')
    assert len(list(csv.reader(io.StringIO(paper, newline="")))) == 3


# In an error


def test_an_error_tells_no_text_that_acts() -> None:
    """What it says of details is data."""
    error = HashrailError("no user \x1b[31m\u202e" + "x" * 5000, text="\x1b")
    assert acting(error.message + str(error)) == []
    assert len(error.message) == texts.MAX_SHOWN
    assert error.details == {"text": "\x1b"}


def test_unicode_has_no_mark_that_goes_through() -> None:
    """Every character that is nothing to look at is written out."""
    for number in range(0x110000):
        character = chr(number)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
            assert texts.shown("a" + character).startswith("a\\"), hex(number)
