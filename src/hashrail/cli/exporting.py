"""hashrail export: days of a partner as a file, without the API and without the worker."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hashrail import db, private_files
from hashrail.books import fence
from hashrail.cli import exporting_shapes as shapes
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, day, err, run, say, table
from hashrail.deployment.opened import Deployment
from hashrail.exports import kinds, making
from hashrail.exports.columns import Format
from hashrail.exports.export import Total
from hashrail.exports.making import Wanted
from hashrail.parties import partners
from hashrail.private_files import FileNotWrittenError

app = typer.Typer()


class _Counted:
    """A file that counts and adds up the bytes that it is given."""

    def __init__(self, file: BinaryIO) -> None:
        self.byte_count, self.row_count = 0, 0
        self.digest = hashlib.sha256()
        self._file = file

    async def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._file.write(data)
        self.digest.update(data)
        self.byte_count += len(data)


@app.command(
    "export",
    epilog=example(
        "hashrail export income --partner 1 --from 2026-03-01 --to 2026-03-31 --out march.csv",
        "hashrail export orders --partner 1 --from 2026-03-01 --to 2026-03-31 --format parquet --out march.parquet",
    ),
)
@prints(shapes.ExportFile)
def export(
    exported: Annotated[
        kinds.Name, typer.Argument(metavar="KIND", help="income, balances, orders, withdrawals, deposits.")
    ],
    partner: PartnerOption,
    first: Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="The first day, UTC.")],
    last: Annotated[date, typer.Option("--to", parser=day, metavar="DAY", help="The last day, UTC, included.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The file; one that is there is replaced by a whole one.")],
    form: Annotated[Format, typer.Option("--format", help="A sheet, lines of JSON, or Parquet.")] = "csv",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write days of all users of a partner into a file: income, balances, orders, withdrawals or deposits.

    It is the file that the partner gets over the API, read in one snapshot and held against the books. It lies beside
    its place until it is whole: killed, run it again, and it begins anew. Readable by its owner only.
    """
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    wanted = Wanted(exported, form, first, last)

    async def work(deployment: Deployment) -> tuple[_Counted, list[Total], date | None]:
        with private_files.Drafts() as drafts, _progress() as tell:
            async with db.snapshot(deployment.pool) as tx:
                partner_id = (await partners.find(tx, partner)).id
                with drafts.opened(out) as file:
                    counted = _Counted(file)

                    def told(rows: int, part: int, parts: int) -> None:
                        counted.row_count = rows
                        tell(rows, part, parts)

                    totals = await making.copy_out(tx, partner_id, wanted, counted.write, told)
                closed_through = await fence.closed_through(tx, partner_id)
            try:
                drafts.keep()
            except OSError as error:
                raise FileNotWrittenError(f"{out}: {error.strerror}") from error
        return counted, totals, closed_through

    counted, totals, closed_through = run(data, work)
    made = shapes.ExportFile(
        file=str(out),
        kind=exported,
        format=form,
        from_day=first,
        to_day=last,
        rows=counted.row_count,
        bytes=counted.byte_count,
        sha256=counted.digest.hexdigest(),
        closed_through=closed_through,
        totals=[shapes.ExportTotal(field=one.field, currency=one.currency, total=one.total) for one in totals],
    )
    if as_json:
        show_json(made)
        return
    say(f"{out}: {made.rows} rows, {made.bytes} bytes, closed through {closed_through or 'no day'}.")
    say(f"sha256 {made.sha256}")
    table("What it adds up to", ("column", "currency", "total"), [(o.field, o.currency, o.total) for o in made.totals])


@contextmanager
def _progress() -> Iterator[Callable[[int, int, int], None]]:
    """A bar of the parts that are read, most often days."""
    columns = (TextColumn("{task.fields[rows]:,} rows"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as progress:
        task = progress.add_task("export", total=None, rows=0)
        yield lambda rows, part, parts: progress.update(task, total=parts, completed=part, rows=rows)
