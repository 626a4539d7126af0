"""Texts that somebody else wrote, where people read them: on a terminal, in a log, in an error, in a sheet.

JSON keeps a text as it is, to the last character. Everywhere else a text may not act: `shown` is for a screen, `cell`
for a file that a spreadsheet opens. Whatever does not print is written like in Python, `\\x1b` or `\\u202e`: control
characters, marks that turn the direction of reading, blanks that are none, what has no width, halves of surrogates.
"""

import re
import unicodedata
from collections.abc import Iterable

# No name of ours is as long; a text of which every character has to be written out may be longer.
MAX_SHOWN = 1000
# A letter of a living language has no more marks above and below; a pile of them covers other lines.
MAX_MARKS = 4
# They print as nothing, and Python takes them for printable: joiners, fillers, selectors of a glyph's form.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
# What makes a formula of a cell: also in the widths and heights in which some programs read them.
FORMULA = "=+\\-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
# Where a cell may begin for a program that parts lines at something else than a comma, up to what makes the formula.
BEGINS_FORMULA = re.compile(f"(?:^|(?<=[,;|]))(?=[ \"']*[{FORMULA}])")
OURS = re.compile(f"(?:^|(?<=[,;|]))'(?=[ \"']*[{FORMULA}])")
WRITTEN_OUT = re.compile(r"\\(?:\\|t|n|r|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """A text as one line on a screen, without anything that acts on it; what is longer than `limit` ends in `…`."""
    if len(text) <= limit and _is_plain(text):
        return text
    # More than the limit is read of no text; and no character is parted.
    parts: list[str] = []
    length = 0
    for part in _printable(text[: limit + 1]):
        length += len(part)
        if length > limit:
            return _within(parts, limit - 1) + "…"
        parts.append(part)
    return "".join(parts)


def shown_lines(text: str, limit: int = MAX_SHOWN) -> str:
    """The same for what has lines of its own, like a traceback; each is bounded."""
    return "\n".join(shown(line, limit) for line in text.split("\n"))


def cell(text: str) -> str:
    """A text for a sheet: one line, and no program takes it for a formula. `read_cell` tells the text again.

    An apostrophe stands before whatever could begin a formula, a backslash is written twice.
    """
    twice = text.replace("\\", "\\\\")
    return BEGINS_FORMULA.sub("'", twice if _is_plain(twice) else "".join(_printable(twice)))


def read_cell(written: str) -> str:
    """The text that `cell` has written."""
    return WRITTEN_OUT.sub(_character, OURS.sub("", written))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _printable(text: str) -> Iterable[str]:
    """A text character by character, each as it may be shown."""
    # A mark at the beginning would stand above what is printed before.
    marks = MAX_MARKS
    for character in text:
        is_mark = unicodedata.category(character) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if marks > MAX_MARKS or not character.isprintable() or INVISIBLE.match(character):
            yield _written_out(character)
        else:
            yield character


def _written_out(character: str) -> str:
    number = ord(character)
    if character in SHORT:
        return SHORT[character]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _character(written: re.Match[str]) -> str:
    text = written[0]
    if text == "\\\\":
        return "\\"
    return next((each for each, short in SHORT.items() if short == text), None) or chr(int(text[2:], 16))


def _within(parts: list[str], limit: int) -> str:
    """As many of the parts as fit."""
    while sum(map(len, parts)) > limit:
        parts.pop()
    return "".join(parts)
