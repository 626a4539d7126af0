"""What hashrail export prints for scripts. Names and writing are those of shapes.py."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from hashrail.cli.printing import Shape, about
from hashrail.exports import kinds
from hashrail.exports.columns import Format


class ExportTotal(Shape, kw_only=True):
    """What a column of the file adds up to."""

    field: Annotated[str, about("the column")]
    currency: Annotated[str, about("what it counts")]
    total: Annotated[Decimal, about("the sum over all rows")]


class ExportFile(Shape, kw_only=True):
    """A file with days of a partner."""

    file: Annotated[str, about("where it is")]
    kind: Annotated[kinds.Name, about("what its rows are")]
    format: Annotated[Format, about("how it is written")]
    from_day: Annotated[date, about("the first day")]
    to_day: Annotated[date, about("the last day, included")]
    rows: Annotated[int, about("how many there are")]
    bytes: Annotated[int, about("its size")]
    sha256: Annotated[str, about("its checksum, in hexadecimal")]
    closed_through: Annotated[date | None, about("the last day that was closed: of later ones there is no income")]
    totals: Annotated[list[ExportTotal], about("what its columns add up to")]
