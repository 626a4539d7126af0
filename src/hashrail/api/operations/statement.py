"""The partner's statement: what it owes, line by line, to be read in pages or as a file."""

import asyncio
from datetime import date, datetime, timedelta
from typing import ClassVar

from msgspec import UNSET, UnsetType

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import DAY_RANGE, day_range, number
from hashrail.api.wire.models import Answer, Cursor, Data, Limit, Moment, SignedQuery, SomeMoment, Usd
from hashrail.api.wire.page import Order, Page
from hashrail.selling import billing, statement_files, statements
from hashrail.selling.statement_files import LINE_TYPES, LineType, StatementTooLongError
from hashrail.selling.statements import Line

STATEMENT = Noun("Partner")

CSV = "text/csv; charset=utf-8"


class StatementQuery(SignedQuery, kw_only=True):
    """Days from startDate to endDate, both included, UTC."""

    start_date: SomeMoment
    end_date: SomeMoment


class StatementPageQuery(StatementQuery, kw_only=True):
    """A page of the statement."""

    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    # Debts are added up along the lines, so that no page begins at a number of them.
    offset: ClassVar[UnsetType] = UNSET


class LineOut(Answer, kw_only=True):
    """A line of the statement, USD: what it adds to the debt, and the debt after it. A payment or refund is negative.

    `reference` is the order's externalId, the post-payment's id, or the reference of the payment.
    """

    date: Moment
    type: LineType
    reference: str
    nft_id: int | None
    amount_usd: Usd
    balance_usd: Usd


class StatementOut(Answer, kw_only=True):
    """Lines oldest first; USD owed before the first day and after the last one; owed, reserved and allowed now."""

    array: list[LineOut]
    opening_usd: Usd
    closing_usd: Usd
    owed_usd: Usd
    reserved_usd: Usd
    credit_limit_usd: Usd
    next_cursor: str | UnsetType = UNSET


@STATEMENT.read(
    None,
    "s2s_statement",
    "GET",
    "/s2s/partner/get-statement",
    Auth.SIGNED,
    refuses=(cursors.CursorInvalidError, *DAY_RANGE),
    from_standbys=True,
)
async def statement(call: Call, query: StatementPageQuery) -> Data[StatementOut]:
    """What the partner owes, line by line, oldest first."""
    first, before = _range(query)
    page = Page.of(query, LINES)
    async with db.snapshot(call.pool) as tx:
        found = await statements.lines(
            tx, call.partner_id, first=first, before=before, limit=page.to_read, after=page.behind
        )
        opening = await statements.owed_before(tx, call.partner_id, first)
        closing = await statements.owed_before(tx, call.partner_id, before)
        now = await billing.receivable(tx, call.partner_id)
    shown, following = page.cut(found)
    return Data(
        StatementOut(
            array=[_line(one) for one in shown],
            opening_usd=number(opening),
            closing_usd=number(closing),
            owed_usd=number(now.owed),
            reserved_usd=number(now.reserved),
            credit_limit_usd=number(now.credit_limit),
            next_cursor=following,
        )
    )


@STATEMENT.read(
    None,
    "s2s_statement_csv",
    "GET",
    "/s2s/partner/get-statement.csv",
    Auth.SIGNED,
    refuses=(*DAY_RANGE, StatementTooLongError),
    media_type=CSV,
    from_standbys=True,
)
async def statement_csv(call: Call, query: StatementQuery) -> bytes:
    """The same lines as a CSV file, all of them."""
    first, before = _range(query)
    async with db.snapshot(call.pool) as tx:
        found = await statement_files.lines(tx, call.partner_id, first=first, before=before, field="endDate")
    call.cost.rows += len(found)
    return await asyncio.to_thread(statement_files.sheet, found)


def _range(query: StatementQuery) -> tuple[datetime, datetime]:
    """The first moment of the range and the first after it."""
    first, last = day_range(query.start_date, query.end_date)
    # The calendar's last day has no day after it, and nothing is posted on it.
    return clock.start_of(first), clock.start_of(min(last, date.max - clock.ONE_DAY) + clock.ONE_DAY)


def _parts(line: Line) -> tuple[int, int]:
    return (line.at - clock.EPOCH) // timedelta(microseconds=1), line.position


def _position(cursor: str) -> tuple[datetime, int]:
    microseconds, position = cursors.decode(cursor, int, int)
    return clock.EPOCH + timedelta(microseconds=microseconds), position


LINES = Order(_parts, _position)


def _line(one: Line) -> LineOut:
    return LineOut(
        date=clock.iso(one.at),
        type=LINE_TYPES[one.kind],
        reference=one.reference,
        nft_id=one.miner_id,
        amount_usd=number(one.amount_usd),
        balance_usd=number(one.balance_usd),
    )
