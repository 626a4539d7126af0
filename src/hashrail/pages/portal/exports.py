"""The partner's exports: asking for days as a file, how far it is, and the file itself, whole or in parts."""

from collections.abc import AsyncIterator
from datetime import timedelta

from hashrail import business_clock, clock
from hashrail.api.serving.call import File
from hashrail.api.wire import fields
from hashrail.db import Tx
from hashrail.exports import content, export, kinds
from hashrail.exports.columns import Format
from hashrail.exports.export import Export
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.requests import why
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Download, Shown

LISTED = 50
BYTES = "application/octet-stream"
# What each kind has, in words.
KINDS: dict[kinds.Name, str] = {
    "income": "Income, a row a miner and day",
    "balances": "Balances of every user at the end of each day",
    "orders": "Orders made on these days",
    "withdrawals": "Withdrawals asked for on these days",
    "deposits": "Deposits seen on these days",
}
FORMATS: dict[Format, str] = {
    "csv": "CSV, for spreadsheets",
    "ndjson": "NDJSON, an object a line",
    "parquet": "Parquet, for programs that read columns",
}
MONTH = timedelta(days=29)


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest exports, with how far each is."""
    found = await export.of_partner(tx, visit.partner_id, limit=LISTED + 1, before=visit.number("after"))
    older = link("/exports", after=found[LISTED - 1].id) if len(found) > LISTED else None
    return Shown({"found": found[:LISTED], "more": older, "most": export.MAX_OPEN})


async def one(tx: Tx, visit: Visit) -> Shown:
    """An export with how far it is; once it is done, its checksum, sums and file. Raises ExportNotFoundError."""
    found = await export.find(tx, visit.partner_id, visit.numbers["export"])
    sums = await export.totals(tx, visit.partner_id, [found.id])
    return Shown(
        {
            "one": found,
            "what": KINDS[found.kind],
            "sums": sums[found.id],
            "why": None if found.reason is None else why(found.reason),
        }
    )


async def file(tx: Tx, visit: Visit) -> Download:
    """The file: who fetched it is noted, since it names users. Raises ExportNotFoundError, ExportNotReadyError."""
    found = await export.find(tx, visit.partner_id, visit.numbers["export"])
    content.assert_ready(found)

    def read(first: int, last: int) -> AsyncIterator[bytes]:
        return content.read(visit.deployment.pool, visit.partner_id, found, first, last)

    whole = File(found.byte_count, f'"{found.sha256}"', found.file_name, read)
    return Download(whole, BYTES, _called(found))


async def ask_for(tx: Tx, _: Visit) -> Asked:
    """Days of all users as a file."""
    today = clock.day_of(await business_clock.now(tx))
    asked = (
        Field("kind", "What it has", "choice", "income", choices=list(KINDS.items())),
        Field("format", "Format", "choice", "csv", choices=list(FORMATS.items())),
        Field("from", "From the day, UTC", "day", today - clock.ONE_DAY - MONTH),
        Field("to", "To the day, which is in it", "day", today - clock.ONE_DAY),
    )
    told = [
        f"The worker makes the file, of at most {fields.MAX_DAYS} days. {export.MAX_OPEN} may be under way at a time.",
        "It has every user's rows, with your ids of them.",
    ]
    return Asked("Ask for an export", "Ask for it", link("/exports"), asked, told)


async def ask(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Let the worker make it. Raises RangeBackwardsError, RangeTooLongError, ExportsOpenError, ExportSpaceError."""
    fields.check_days(values["from"], values["to"], field="to")
    made = await export.ask(
        tx,
        visit.partner_id,
        kind=values["kind"],
        file_format=values["format"],
        first=values["from"],
        last=values["to"],
        kept_bytes=export.MAX_KEPT_BYTES,
        now=clock.wall_now(),
    )
    await act.note(tx, "export asked for", _called(made))
    return Done(link(f"/exports/{made.id}"))


def _called(one: Export) -> str:
    """What the log calls it."""
    return f"export {one.id}: {one.kind} {one.days}, {one.format}"
