"""hashrail restored: what is done when the books are not the newest."""

from pathlib import Path
from typing import Annotated

import typer

from hashrail import clock
from hashrail.cli import recovery_shapes as shapes
from hashrail.cli.acting import AsOption, acting_password
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, run, say, table
from hashrail.deployment import journal_file
from hashrail.deployment.opened import Deployment
from hashrail.recovery import restoring, takings
from hashrail.recovery.restoring import Report

app = typer.Typer()
JournalOption = Annotated[
    list[Path] | None,
    typer.Option("--journal", help="A file of the journal; repeat it, one a machine. Without: HASHRAIL_JOURNAL."),
]


@app.command("restored", epilog=example("hashrail restored --journal one.jsonl --journal two.jsonl --as olga"))
@prints(shapes.Restored)
def restored(
    journal: JournalOption = None,
    again: Annotated[bool, typer.Option("--again", help="Once more within an hour.")] = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a new epoch of books that came from a backup, or lost commits in a failover.

    With every process stopped. What the journal tells was taken away is taken away again; numbers that were given out
    are given to nobody else; every session ends; payouts are paused until somebody has looked at the chain.
    """
    mine = acting_password(operator)

    async def work(deployment: Deployment) -> tuple[list[Path], Report]:
        own = deployment.settings.journal_file
        journal_file.check(own)
        paths = journal or ([own] if own.stat().st_size or journal_file.aside(own, 1).exists() else [])
        return paths, await restoring.restored(deployment.pool, paths, name=operator, password=mine, again=again)

    paths, report = run(data, work)
    if as_json:
        show_json(_shape(report))
        return
    say(f"The books begin a new epoch: restoration {report.number}. {report.sessions} session(s) ended.")
    _show(report)
    _tell_unknown(paths, report)


def _show(report: Report) -> None:
    table(
        "Taken away again",
        ("what", "about", "at", "left as it is, because"),
        [(one.kind, one.about, one.noted_at, one.left) for one in report.taken],
    )
    table(
        "Given in the life that is lost: give it again where it is still wanted",
        ("what", "about", "at"),
        [(one.kind, takings.about(one), one.noted_at) for one in report.given],
    )
    table(
        "Numbers that nobody gets",
        ("sequence", "from", "to"),
        [(gap.sequence, gap.from_number, gap.to_number) for gap in report.gaps],
    )


def _tell_unknown(paths: list[Path], report: Report) -> None:
    """What neither the books nor the journal can know."""
    if not paths:
        say("There was no journal: what was taken away after the backup is back. Take it away by hand.")
    since = "ever" if report.books_until is None else clock.iso(report.books_until)
    until = "nothing" if report.told_until is None else f"until {clock.iso(report.told_until)}"
    say(f"The newest trace of life in the books is of {since}; the journal tells {until}.")
    say(
        "Neither tells of orders, registrations, bindings and payments after the backup. Payouts are paused: look at"
        " the chain (hashrail payouts run, hashrail payouts reconcile), then hashrail payouts resume --as ADMIN."
    )


def _shape(report: Report) -> shapes.Restored:
    return shapes.Restored(
        number=report.number,
        restored_at=report.restored_at,
        books_until=report.books_until,
        told_until=report.told_until,
        sessions=report.sessions,
        taken=[
            shapes.Taken(kind=one.kind, about=one.about, noted_at=one.noted_at, left=one.left) for one in report.taken
        ],
        given=[shapes.Given(kind=one.kind, about=takings.about(one), noted_at=one.noted_at) for one in report.given],
        gaps=[
            shapes.Gap(sequence=gap.sequence, from_number=gap.from_number, to_number=gap.to_number)
            for gap in report.gaps
        ],
    )
