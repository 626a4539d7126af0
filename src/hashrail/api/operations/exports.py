"""Exports: a partner asks for days as a file, looks how far it is, and fetches it in parts."""

from collections.abc import AsyncIterator, Sequence

from hashrail import clock, db
from hashrail.api.serving.call import Call, File
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.serving.ranges import RangeNotSatisfiableError
from hashrail.api.wire import cursors
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import DAY_RANGE, day_range, number, whole
from hashrail.api.wire.models import (
    Amount,
    Answer,
    Btc,
    Data,
    Day,
    IdText,
    Listing,
    Moment,
    Power,
    SignedBody,
    SignedPageQuery,
    SignedQuery,
    SomeMoment,
    Usd,
)
from hashrail.api.wire.page import Page, by_id
from hashrail.db import Tx
from hashrail.exports import content, day_totals, export, kinds
from hashrail.exports.columns import Format
from hashrail.exports.day_totals import DayTotals
from hashrail.exports.export import Export, Total

EXPORTS = Noun("Exports")
BY_ID = by_id(Export)
BYTES = "application/octet-stream"


class ExportBody(SignedBody, kw_only=True):
    """Days from startDate to endDate, both included, UTC. What a day means depends on the kind.

    `income` has the records that were credited with the day, `balances` every user's at its end, the others what was
    created on it.
    """

    kind: kinds.Name
    format: Format
    start_date: SomeMoment
    end_date: SomeMoment


class ExportQuery(SignedQuery, kw_only=True):
    """One export, by its number."""

    id: IdText


class TotalOut(Answer, kw_only=True):
    """What a column of the file adds up to, in a currency."""

    field: str
    currency: str
    total: Amount


class ExportOut(Answer, kw_only=True):
    """An export. Its file is there while the state is `done`; `rows` and `bytes` grow while it is `running`.

    `closedThrough` is the last day that was closed when it was read: of later days there is no income in it. `reason`
    is the code of what it failed with. `sha256` is of the whole file, in hexadecimal.
    """

    id: int
    kind: kinds.Name
    format: Format
    start_day: Day
    end_day: Day
    state: export.State
    rows: int
    bytes: int
    sha256: str | None
    totals: list[TotalOut]
    closed_through: Day | None
    reason: str | None
    created_at: Moment
    ended_at: Moment | None
    expires_at: Moment | None


class TotalsQuery(SignedQuery, kw_only=True):
    """Days from startDate to endDate, both included, UTC."""

    start_date: SomeMoment
    end_date: SomeMoment


class DayTotalsOut(Answer, kw_only=True):
    """A day. Income is that which was credited with it: `poolReward` is `value` and both costs together, in BTC.

    `users` were registered by its end, `totalPower` earned on it. `withdrawals` were asked for on it, whatever became
    of them; `paidAmount` and `paidFee` became final on it. `settled` is income that moved to users' accounts.
    """

    day: Day
    users: int
    total_power: Power
    pool_reward: Btc
    c1_value: Btc
    c2_value: Btc
    value: Btc
    settled: Btc
    orders: int
    orders_value: Usd
    refunds: int
    refunds_value: Usd
    withdrawals: int
    withdrawals_amount: Btc
    withdrawals_fee: Btc
    paid_amount: Btc
    paid_fee: Btc
    deposits: int
    deposits_amount: Btc


class TotalsOut(Answer, kw_only=True):
    """Days, oldest first. Days after `closedThrough` have no income yet."""

    array: list[DayTotalsOut]
    closed_through: Day | None


@EXPORTS.write_outside_books(
    None,
    "s2s_export_create",
    "/s2s/export/create",
    Auth.SIGNED,
    scope="read",
    refuses=(export.ExportsOpenError, export.ExportSpaceError, *DAY_RANGE),
)
async def create(call: Call, tx: Tx, body: ExportBody) -> Data[ExportOut]:
    """Ask for days of all users as a file; it is made beside the API, and fetched when its state is `done`."""
    first, last = day_range(body.start_date, body.end_date)
    asked = await export.ask(
        tx,
        call.partner_id,
        kind=body.kind,
        file_format=body.format,
        first=first,
        last=last,
        kept_bytes=export.MAX_KEPT_BYTES,
        now=clock.wall_now(),
    )
    return Data(_export(asked, []))


@EXPORTS.read(
    None, "s2s_exports", "GET", "/s2s/export/find-all", Auth.SIGNED, refuses=cursors.REFUSALS, from_standbys=True
)
async def every_export(call: Call, query: SignedPageQuery) -> Data[Listing[ExportOut]]:
    """The partner's exports, newest first."""
    page = Page.of(query, BY_ID)
    async with db.snapshot(call.pool) as tx:
        found = await export.of_partner(tx, call.partner_id, limit=page.to_read, offset=page.offset, before=page.behind)
        totals = await export.totals(tx, call.partner_id, [one.id for one in found])
    return Data(page.listing(found, lambda one: _export(one, totals[one.id])))


@EXPORTS.read(
    None,
    "s2s_export",
    "GET",
    "/s2s/export/find-one",
    Auth.SIGNED,
    # Bounds: for what no id can be, however it was written.
    refuses=(FieldBoundsError, export.ExportNotFoundError),
    from_standbys=True,
)
async def one_export(call: Call, query: ExportQuery) -> Data[ExportOut]:
    """An export with its state, and once it is done its checksum and what its columns add up to."""
    export_id = whole(query.id, "id")
    async with db.snapshot(call.pool) as tx:
        found = await export.find(tx, call.partner_id, export_id)
        totals = await export.totals(tx, call.partner_id, [found.id])
    return Data(_export(found, totals[found.id]))


@EXPORTS.read(
    None,
    "s2s_export_content",
    "GET",
    "/s2s/export/content",
    Auth.SIGNED,
    refuses=(FieldBoundsError, export.ExportNotFoundError, content.ExportNotReadyError, RangeNotSatisfiableError),
    media_type=BYTES,
)
async def file(call: Call, query: ExportQuery) -> File:
    """The file. A fetch that was cut off goes on with `Range: bytes=N-` and `If-Range` with the ETag."""
    found = await export.find(call.pool, call.partner_id, whole(query.id, "id"))
    content.assert_ready(found)

    def read(first: int, last: int) -> AsyncIterator[bytes]:
        return content.read(call.pool, call.partner_id, found, first, last)

    return File(found.byte_count, f'"{found.sha256}"', found.file_name, read)


@EXPORTS.read(None, "s2s_totals", "GET", "/s2s/partner/get-totals", Auth.SIGNED, refuses=DAY_RANGE, from_standbys=True)
async def totals(call: Call, query: TotalsQuery) -> Data[TotalsOut]:
    """What each day adds up to, to hold against the partner's own books: the sums of an export's rows of that day."""
    first, last = day_range(query.start_date, query.end_date)
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        found, closed_through = await day_totals.of(tx, call.partner_id, first=first, last=last)
    call.cost.rows += len(found)
    return Data(
        TotalsOut(
            array=[_day(one) for one in found],
            closed_through=None if closed_through is None else closed_through.isoformat(),
        )
    )


def _day(one: DayTotals) -> DayTotalsOut:
    return DayTotalsOut(
        day=one.day.isoformat(),
        users=one.users,
        total_power=number(one.power),
        pool_reward=number(one.net + one.c1 + one.c2),
        c1_value=number(one.c1),
        c2_value=number(one.c2),
        value=number(one.net),
        settled=number(one.settled),
        orders=one.orders,
        orders_value=number(one.orders_usd),
        refunds=one.refunds,
        refunds_value=number(one.refunds_usd),
        withdrawals=one.withdrawals,
        withdrawals_amount=number(one.withdrawals_btc),
        withdrawals_fee=number(one.fees_btc),
        paid_amount=number(one.paid_btc),
        paid_fee=number(one.commission_btc),
        deposits=one.deposits,
        deposits_amount=number(one.deposits_btc),
    )


def _export(one: Export, totals: Sequence[Total]) -> ExportOut:
    return ExportOut(
        id=one.id,
        kind=one.kind,
        format=one.format,
        start_day=one.from_day.isoformat(),
        end_day=one.to_day.isoformat(),
        state=one.state,
        rows=one.row_count,
        bytes=one.byte_count,
        sha256=one.sha256,
        totals=[TotalOut(field=each.field, currency=each.currency, total=number(each.total)) for each in totals],
        closed_through=None if one.closed_through is None else one.closed_through.isoformat(),
        reason=one.reason,
        created_at=clock.iso(one.created_at),
        ended_at=None if one.ended_at is None else clock.iso(one.ended_at),
        expires_at=None if one.expires_at is None else clock.iso(one.expires_at),
    )
