"""The journal as accountants' programs read it: a sheet, or plain text for hledger or beancount.

Every amount stands there with all its digits. A plain-text journal that does not begin with the books begins with what
each account held then, and ends with what each must hold in the end: whoever reads a file that was cut off, or books a
line twice, is told so by their own program. Beancount adds up 28 digits, which is more than any bitcoin has.

What others chose (names, references) is written so that it stays a text: without line ends, quotes and comments.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from hashrail import clock, sheets, texts
from hashrail.accounting import journal, trial_balance, words
from hashrail.accounting.journal import Entry
from hashrail.accounting.periods import Period
from hashrail.accounting.trial_balance import Held
from hashrail.books.chart import TransferKind
from hashrail.db import Tx
from hashrail.money import AMOUNT_DECIMALS, plain

Format = Literal["csv", "hledger", "beancount"]
COLUMNS = (
    *("number", "at", "partner", "partner_name", "kind", "words", "reference", "object", "leg"),
    *("debit_account", "debit_name", "credit_account", "credit_name", "currency", "amount"),
)
CURRENCIES = ("BTC", "USD", "GOMINING")
HLEDGER_HEAD = "".join(
    [
        "decimal-mark .\n",
        *(f"commodity 1000.{'0' * AMOUNT_DECIMALS} {currency}\n" for currency in CURRENCIES),
    ]
)
BEANCOUNT_HEAD = 'option "title" "Hashrail"\nplugin "beancount.plugins.auto_accounts"\n' + "".join(
    f"1970-01-01 commodity {currency}\n" for currency in CURRENCIES
)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a format writes its beginning, an entry, what an account held before, and what it holds in the end.

    A sheet has entries only.
    """

    head: str
    entry: Callable[[Entry], str]
    opening: Callable[[date, Held], str] | None = None
    closing: Callable[[date, Held], str] | None = None


async def write(tx: Tx, form: Format, partner_id: int | None, period: Period) -> AsyncIterator[str]:
    """The journal of a period, in parts. Read it in one snapshot."""
    how, since, before = FORMS[form], period.since, period.before
    yield how.head
    if since is not None and how.opening is not None:
        async for held in trial_balance.each(tx, partner_id, before=since):
            yield how.opening(clock.day_of(since), held)
    async for part in journal.in_parts(tx, partner_id, first=since, before=before):
        yield "".join(map(how.entry, part))
    if how.closing is not None:
        async for held in trial_balance.each(tx, partner_id, before=before):
            yield how.closing(clock.day_of(before), held)


def _what(entry: Entry) -> str:
    """An entry in a few words; they begin with our own, so nothing of somebody else is read as a mark."""
    return f"{words.KINDS[TransferKind(entry.kind)]} {entry.reference}, {entry.partner_name}"


def _sheet_line(entry: Entry) -> str:
    kind, debit, credit = TransferKind(entry.kind), entry.debit_account, entry.credit_account
    cells = (entry.number, entry.at, entry.partner_id, entry.partner_name, entry.kind, words.KINDS[kind])
    accounts = (debit, words.name_of(debit), credit, words.name_of(credit))
    row = (*cells, entry.reference, entry.object_id, entry.leg, *accounts, entry.currency, entry.amount)
    return sheets.lines([row])


def _hledger_entry(entry: Entry) -> str:
    what = texts.shown(_what(entry)).replace(";", ",").replace("|", "/")
    return f"\n{clock.day_of(entry.at)} * ({entry.number}) {what}\n{_postings(entry)}"


def _hledger_opening(day: date, held: Held) -> str:
    return f"\n{day} * Brought forward\n{_moved(held)}"


def _hledger_closing(day: date, held: Held) -> str:
    account = words.path_of(held.partner_id, held.account_id)
    amount = f"{plain(held.debit)} {held.currency}"
    return f"\n{day} * What the account holds\n    {account}  0 {held.currency} = {amount}\n"


def _beancount_entry(entry: Entry) -> str:
    what = texts.shown(_what(entry)).replace("\\", "\\\\").replace('"', '\\"')
    return f'\n{clock.day_of(entry.at)} * "{what}"\n  number: {entry.number}\n{_postings(entry)}'


def _beancount_opening(day: date, held: Held) -> str:
    return f'\n{day} * "Brought forward"\n{_moved(held)}'


def _beancount_closing(day: date, held: Held) -> str:
    account = words.path_of(held.partner_id, held.account_id)
    # Without a tolerance of its own it would be one of the last digit that is written.
    return f"\n{day} balance {account}  {plain(held.debit)} ~ 0 {held.currency}\n"


def _postings(entry: Entry) -> str:
    debit = words.path_of(entry.partner_id, entry.debit_account)
    credit = words.path_of(entry.partner_id, entry.credit_account)
    return _two(debit, credit, entry.amount, entry.currency)


def _moved(held: Held) -> str:
    """What an account held before, from the account that all of them together leave at 0."""
    account = words.path_of(held.partner_id, held.account_id)
    return _two(account, f"Equity:Partner-{held.partner_id}:Brought-Forward", held.debit, held.currency)


def _two(debit: str, credit: str, amount: Decimal, currency: str) -> str:
    return f"    {debit}  {plain(amount)} {currency}\n    {credit}  {plain(-amount)} {currency}\n"


FORMS: dict[Format, _Form] = {
    "csv": _Form(sheets.lines([COLUMNS]), _sheet_line),
    "hledger": _Form(HLEDGER_HEAD, _hledger_entry, _hledger_opening, _hledger_closing),
    "beancount": _Form(BEANCOUNT_HEAD, _beancount_entry, _beancount_opening, _beancount_closing),
}
