"""CSV files, as spreadsheets and programs read them: commas, quotes where they are needed, UTF-8 without a mark.

A text is written by `texts.cell`, so that no spreadsheet takes it for a formula. What is ours is written as it is, so
that a negative amount stays a number: amounts exact and without exponent, times in ISO 8601, nothing for None.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from hashrail import clock, texts
from hashrail.money import plain


def sheet(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole file, with a first line that names the columns."""
    return lines([columns, *rows])


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Lines of a file that is written in parts; the first part begins with the columns."""
    paper = io.StringIO()
    csv.writer(paper).writerows([_written(each) for each in row] for row in rows)
    return paper.getvalue()


def _written(value: object) -> object:
    if isinstance(value, str):
        return texts.cell(value)
    if isinstance(value, Decimal):
        return plain(value)
    return clock.iso(value) if isinstance(value, datetime) else value
