"""The partner's statement: what it owes, line by line, to be read in pages or as a file."""

import csv
import io
import re
from datetime import date, datetime, timedelta
from typing import Literal

from msgspec import UNSET, UnsetType

from hashrail import billing, clock, db, statements
from hashrail.api import cursors
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import DAY_RANGE, day_range, number, page
from hashrail.api.models import Answer, Cursor, Data, Limit, Moment, SignedQuery, SomeMoment, Usd
from hashrail.errors import BadRequestError
from hashrail.money import plain
from hashrail.statements import Line

LineType = Literal["order", "upgrade", "payment"]
LINE_TYPES: dict[str, LineType] = {"purchase": "order", "post_payment": "upgrade", "partner_payment": "payment"}
CSV = "text/csv; charset=utf-8"
MOST_LINES = 50_000
# Where a cell may begin, a semicolon included, since some spreadsheets split there: what makes a formula of it.
FORMULA = re.compile(r"(^|;\s*)(?=[=+\-@\t\r\n])")
COLUMNS = ("date", "type", "reference", "nftId", "amountUsd", "balanceUsd")


class StatementTooLongError(BadRequestError):
    """A file holds so many lines and no more, since it is made in one piece."""

    code = "STATEMENT_TOO_LONG"
    advice = "Ask for a shorter range, or read the statement page by page with cursors."


class StatementQuery(SignedQuery, kw_only=True):
    """Days from startDate to endDate, both included, UTC."""

    start_date: SomeMoment
    end_date: SomeMoment


class StatementPageQuery(StatementQuery, kw_only=True):
    """A page of the statement."""

    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class LineOut(Answer, kw_only=True):
    """A line of the statement, USD: what it adds to the debt, and the debt after it. A payment is negative.

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


async def statement(call: Call, query: StatementPageQuery) -> Data[StatementOut]:
    """What the partner owes, line by line, oldest first."""
    first, before = _range(query)
    limit, _ = page(query.limit, UNSET)
    after = None if query.cursor is UNSET else _position(*cursors.decode(query.cursor, int, int))
    async with db.snapshot(call.pool) as tx:
        found = await statements.lines(tx, call.partner_id, first=first, before=before, limit=limit + 1, after=after)
        opening = await statements.owed_before(tx, call.partner_id, first)
        closing = await statements.owed_before(tx, call.partner_id, before)
        now = await billing.receivable(tx, call.partner_id)
    shown, following = cursors.cut(found, limit, _end_of)
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


async def statement_csv(call: Call, query: StatementQuery) -> bytes:
    """The same lines as a CSV file, all of them."""
    first, before = _range(query)
    async with db.snapshot(call.pool) as tx:
        found = await statements.lines(tx, call.partner_id, first=first, before=before, limit=MOST_LINES + 1)
    if len(found) > MOST_LINES:
        raise StatementTooLongError(f"the range has more than {MOST_LINES} lines", field="endDate")
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(COLUMNS)
    for one in found:
        nft_id = "" if one.miner_id is None else one.miner_id
        amounts = plain(one.amount_usd), plain(one.balance_usd)
        writer.writerow((clock.iso(one.at), LINE_TYPES[one.kind], _harmless(one.reference), nft_id, *amounts))
    return sheet.getvalue().encode()


def _range(query: StatementQuery) -> tuple[datetime, datetime]:
    """The first moment of the range and the first after it."""
    first, last = day_range(query.start_date, query.end_date)
    # The calendar's last day has no day after it, and nothing is posted on it.
    return clock.start_of(first), clock.start_of(min(last, date.max - clock.ONE_DAY) + clock.ONE_DAY)


def _position(microseconds: int, position: int) -> tuple[datetime, int]:
    """Where a page of the statement ended."""
    return clock.EPOCH + timedelta(microseconds=microseconds), position


def _end_of(line: Line) -> tuple[int, int]:
    """The position of a line, for a cursor."""
    return (line.at - clock.EPOCH) // timedelta(microseconds=1), line.position


def _harmless(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return FORMULA.sub(r"\1'", text)


def _line(one: Line) -> LineOut:
    return LineOut(
        date=clock.iso(one.at),
        type=LINE_TYPES[one.kind],
        reference=one.reference,
        nft_id=one.miner_id,
        amount_usd=number(one.amount_usd),
        balance_usd=number(one.balance_usd),
    )


ROUTES = (
    Route(
        None,
        "s2s_statement",
        "GET",
        "/s2s/partner/get-statement",
        Auth.SIGNED,
        StatementPageQuery,
        statement,
        refuses=(cursors.CursorInvalidError, *DAY_RANGE),
    ),
    Route(
        None,
        "s2s_statement_csv",
        "GET",
        "/s2s/partner/get-statement.csv",
        Auth.SIGNED,
        StatementQuery,
        statement_csv,
        refuses=(*DAY_RANGE, StatementTooLongError),
        media_type=CSV,
    ),
)
