"""Columns of exports: how PostgreSQL writes each of them, so that Python looks at no value.

A file is written by `COPY`: in CSV as it comes, for NDJSON as cells that are JSON already, for Parquet as CSV that
pyarrow reads on. Amounts are written exact, without exponent and without trailing zeros, as the API shows them.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Format = Literal["csv", "ndjson", "parquet"]
# Stands before a text in CSV that a spreadsheet might take for more than a text: `csv_lines` looks at it. No text that
# is written without it holds the character.
MARK = "\x01"
# What `texts.cell` leaves as it is: the usual names, TON addresses and e-mail addresses among them.
_PLAIN = "'^[A-Za-z0-9_][A-Za-z0-9_.:@/+=() -]*$'"
_MOMENT = """'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"""


class Type(Enum):
    """What a column holds."""

    TEXT = "a text that somebody else wrote"
    WORD = "a word, address or hash of ours"
    WHOLE = "a whole number"
    NUMBER = "an exact number"
    DAY = "a day, UTC"
    MOMENT = "a moment, UTC, in milliseconds"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the API's name, and the SQL of its value.

    `adds_up` says that it is an amount with a total; `ready`, that the SQL is a text already, as the type is written.
    """

    name: str
    type: Type
    value: str
    adds_up: bool = False
    ready: bool = False

    @property
    def text(self) -> str:
        """SQL of the value as a text."""
        if self.ready:
            return f"({self.value})"
        if self.type is Type.NUMBER:
            return f"trim_scale({self.value})::text"
        if self.type is Type.MOMENT:
            return f"to_char({self.value} AT TIME ZONE 'UTC', {_MOMENT})"
        return f"({self.value})::text"

    @property
    def csv(self) -> str:
        """SQL of a cell."""
        if self.type is not Type.TEXT:
            return self.text
        return f"CASE WHEN {self.value} ~ {_PLAIN} THEN {self.value} ELSE E'\\x01' || {self.value} END"

    @property
    def json(self) -> str:
        """SQL of the value in a JSON object, as a text; it holds no control character."""
        return {
            Type.TEXT: f"to_json({self.value})::text",
            Type.WHOLE: self.text,
            Type.NUMBER: self.text,
        }.get(self.type, f"""'"' || {self.text} || '"'""")


def selected(columns: tuple[Column, ...], source: str, format_: Format) -> str:
    """The query whose rows are the file's: `source` is what follows SELECT's columns."""
    written = {
        "csv": [each.csv for each in columns],
        "ndjson": [each.json for each in columns],
        "parquet": [each.text for each in columns],
    }
    return f"SELECT {', '.join(written[format_])} {source}"
