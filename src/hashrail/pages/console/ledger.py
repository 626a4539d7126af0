"""The ledger: what each account of a partner holds, its transfers, one transfer with both sides; the trial balance."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from urllib.parse import quote

from hashrail import business_clock, clock, sheets
from hashrail.accounting import account_pages, journal_texts, periods, trial_balance, words
from hashrail.accounting.account_pages import Account, Moved
from hashrail.accounting.journal_texts import Format
from hashrail.accounting.periods import Period
from hashrail.books import ledger
from hashrail.books.chart import TransferKind
from hashrail.db import Tx
from hashrail.errors import BadRequestError
from hashrail.pages import listing
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import ROOT, Sheet, Shown, Visit, link
from hashrail.pages.visiting import CSV
from hashrail.parties import partners
from hashrail.parties.partners import Partner
from hashrail.rewards import settling

LISTED = 50
COLUMNS = ("account", "name", "class", "currency", "opening", "debits", "credits", "closing")
FORMATS: dict[str, tuple[Format, str]] = {
    "csv": ("csv", CSV),
    "hledger": ("hledger", "text/plain"),
    "beancount": ("beancount", "text/plain"),
}


class FormatUnknownError(BadRequestError):
    """The journal is written as csv, hledger or beancount."""

    code = "FORMAT_UNKNOWN"
    advice = "Choose one of these: csv, hledger, beancount."


async def accounts(tx: Tx, visit: Visit) -> Shown:
    """The chart of accounts of a partner, or of all, with what each holds now or held at a moment."""
    chosen, at = await _partner(tx, visit), _moment(visit)
    rows = await trial_balance.read(tx, None if chosen is None else chosen.id, before=at)
    return Shown(
        {
            "partners": await partners.every(tx),
            "chosen": chosen,
            "at": at,
            "at_asked": visit.query.get("at", ""),
            "now": await business_clock.now(tx),
            "rows": rows,
            "totals": trial_balance.totals(rows),
        }
    )


async def account(tx: Tx, visit: Visit) -> Shown:
    """One account with what it holds, what is reserved, and its transfers."""
    chosen, at = await _partner(tx, visit), _moment(visit)
    if chosen is None:
        raise account_pages.AccountNotFoundError("an account is a partner's: choose one", field="partner")
    found = await account_pages.find(tx, chosen.id, visit.number("account") or 0)
    kind, before = visit.query.get("kind") or None, visit.number("before")
    now = await business_clock.now(tx)
    moved = await account_pages.posted(tx, chosen.id, found.id, kind=kind, before=before, limit=LISTED + 1)
    names = {"partner": chosen.id, "account": found.id, "kind": kind, "at": visit.query.get("at") or None}
    older = link("/account", **names, before=moved[LISTED - 1].posted_seq) if len(moved) > LISTED else None
    pending = [] if before else await account_pages.pending(tx, chosen.id, found.id, kind=kind, limit=LISTED)
    facts = {
        "partner": chosen,
        "account": found,
        "kind": kind,
        "kinds": [(each.value, words.KINDS[each]) for each in TransferKind],
        "at": at,
        "at_asked": visit.query.get("at", ""),
        "now": now,
        "holds": await _holds(tx, chosen.id, found, at or now),
        "unsettled": await _unsettled(tx, chosen.id, found, at),
        "moved": moved[:LISTED],
        "pending": pending,
        "more": older,
        "name_of": words.name_of,
    }
    return Shown(facts, _subject(chosen, found))


async def transfer(tx: Tx, visit: Visit) -> Shown:
    """One transfer: its object, both sides with what they hold, and the other transfers of the object."""
    chosen = await _partner(tx, visit)
    if chosen is None:
        raise account_pages.TransferNotFoundError("a transfer is a partner's: choose one", field="partner")
    kind, number = visit.asked("kind"), visit.number("object") or 0
    one = await account_pages.transfer(tx, chosen.id, kind, number, visit.number("leg") or 0)
    sides = [
        (side, await account_pages.find(tx, chosen.id, account_id))
        for side, account_id in (("debit", one.debit_account), ("credit", one.credit_account))
    ]
    facts = {
        "partner": chosen,
        "one": one,
        "sides": sides,
        "legs": await account_pages.legs(tx, chosen.id, kind, number),
        "object_page": object_page(chosen.id, one),
        "name_of": words.name_of,
    }
    return Shown(facts, f"transfer {chosen.id}: {kind} {number}/{one.leg}")


async def trial(tx: Tx, visit: Visit) -> Shown:
    """The trial balance of a period, of one partner or of all."""
    chosen, period = await _partner(tx, visit), await _period(tx, visit)
    rows = await trial_balance.of_period(tx, None if chosen is None else chosen.id, period)
    asked = {"partner": None if chosen is None else chosen.id, "from": period.first, "to": period.last}
    return Shown(
        {
            "partners": await partners.every(tx),
            "chosen": chosen,
            "period": period,
            "rows": rows,
            "sheet": link("/trial-balance.csv", **asked),
            "journals": [(each, link("/journal", **asked, format=each)) for each in FORMATS],
        }
    )


async def trial_sheet(tx: Tx, visit: Visit) -> Sheet:
    """The same as a sheet."""
    chosen, period = await _partner(tx, visit), await _period(tx, visit)
    name = f"trial-balance-{_named(chosen)}{period.first or 'begin'}-{period.last}.csv"
    return Sheet(name, CSV, partial(_sheet, None if chosen is None else chosen.id, period))


async def journal(tx: Tx, visit: Visit) -> Sheet:
    """Every posted transfer of a period, for an accountant's program. Raises FormatUnknownError."""
    chosen, period = await _partner(tx, visit), await _period(tx, visit)
    known = FORMATS.get(visit.query.get("format", "csv"))
    if known is None:
        raise FormatUnknownError("no journal is written so", field="format")
    form, media_type = known
    name = f"journal-{_named(chosen)}{period.first or 'begin'}-{period.last}.{form}"
    partner_id = None if chosen is None else chosen.id

    def parts(reading: Tx) -> AsyncIterator[str]:
        return journal_texts.write(reading, form, partner_id, period)

    return Sheet(name, media_type, parts, f"journal of {'all partners' if chosen is None else f'partner {chosen.id}'}")


def object_page(partner_id: int, one: Moved) -> str | None:
    """The page of what a transfer is about, where there is one."""
    kind = TransferKind(one.kind)
    pages = {
        TransferKind.DAY: link("/day", day=one.reference),
        TransferKind.WITHDRAWAL: link(f"/withdrawals/{partner_id}/{one.object_id}"),
        TransferKind.DEPOSIT: link(f"/deposits/{partner_id}/{one.object_id}"),
        TransferKind.SETTLEMENT: link(f"/users/{partner_id}/{one.object_id}"),
        TransferKind.POOL_RECEIPT: link("/pool"),
    }
    if kind in (TransferKind.PURCHASE, TransferKind.REFUND):
        return f"{ROOT}/search?q={quote(one.reference.partition(':')[0])}"
    return pages.get(kind)


async def _sheet(partner_id: int | None, period: Period, tx: Tx) -> AsyncIterator[str]:
    rows = await trial_balance.of_period(tx, partner_id, period)
    yield sheets.sheet(
        COLUMNS,
        [
            (
                *(row.entry.number, row.entry.name, row.entry.sort, row.entry.currency),
                *(row.opening, row.debits, row.credits, row.closing),
            )
            for row in rows
        ],
    )


async def _holds(tx: Tx, partner_id: int, found: Account, at: datetime) -> Decimal:
    """What the account held, on its normal side."""
    held = await ledger.balance_at(tx, partner_id, found.id, at)
    return -held if found.debit_is_normal else held


async def _unsettled(tx: Tx, partner_id: int, found: Account, at: datetime | None) -> Decimal | None:
    """Income that a user's account does not have yet, now."""
    if found.user_id is None or found.currency != "BTC" or at is not None:
        return None
    return await settling.unsettled(tx, partner_id, found.user_id)


async def _partner(tx: Tx, visit: Visit) -> Partner | None:
    """The partner that is chosen; None for all."""
    number = visit.number("partner")
    return None if number is None else await numbered(tx, number)


def _moment(visit: Visit) -> datetime | None:
    """The moment that is asked for; None for now. Raises BadDateTimeError."""
    text = visit.query.get("at", "").strip()
    return clock.parse_iso(text, "at") if text else None


async def _period(tx: Tx, visit: Visit) -> Period:
    """The days that are asked for; this month where none are. Raises DayNotReadError, BadPeriodError."""
    now = await business_clock.now(tx)
    first, last = _day(visit, "from"), _day(visit, "to")
    if first is None and last is None:
        first = clock.day_of(now).replace(day=1)
    return periods.of_days(first, last, now=now)


def _day(visit: Visit, name: str) -> date | None:
    text = visit.query.get(name, "").strip()
    return listing.day(text, name) if text else None


def _named(chosen: Partner | None) -> str:
    return "" if chosen is None else f"partner-{chosen.id}-"


def _subject(chosen: Partner, found: Account) -> str | None:
    """What the log of views calls an account that is a person's."""
    return None if found.user_id is None else f"user {chosen.id}:{found.partner_user_id}"
