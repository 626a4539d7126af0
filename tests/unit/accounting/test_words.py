"""Every account and every kind of transfers has a name that people and their programs can read."""

import re

from hashrail.accounting import words
from hashrail.books.chart import CURRENCY_OF, USER_CURRENCIES, Account, TransferKind

COMPONENT = re.compile(r"[A-Z0-9][A-Za-z0-9-]*")


def test_every_kind_of_transfers_has_words() -> None:
    assert words.KINDS.keys() == set(TransferKind)
    assert len(set(words.KINDS.values())) == len(words.KINDS)
    # Neither a mark of a plain-text journal nor of a spreadsheet.
    assert all(re.fullmatch(r"[A-Z][A-Za-z -]+", each) for each in words.KINDS.values())


def test_the_chart_has_every_account_once() -> None:
    entries = words.chart()
    assert {entry.number: entry.currency for entry in entries if entry.number} == CURRENCY_OF
    assert [entry.currency for entry in entries if entry.number is None] == list(USER_CURRENCIES)
    assert len({(entry.name, entry.currency) for entry in entries}) == len(entries)


def test_paths_are_what_plain_text_accounting_calls_accounts() -> None:
    paths = [words.path_of(7, account) for account in (*Account, 100_000, 123_456)]
    assert len(set(paths)) == len(paths)
    for path in paths:
        sort, *rest = path.split(":")
        assert sort in words.SORTS.values()
        assert all(COMPONENT.fullmatch(each) for each in rest)
    assert words.path_of(7, Account.POOL_RECEIVABLE) == "Assets:Partner-7:Pool-Receivable"
    assert words.path_of(7, 123_456) == "Liabilities:Partner-7:Users:123456"


def test_the_normal_side_is_what_the_chart_says() -> None:
    sides = {entry.number: entry.debit_is_normal for entry in words.chart()}
    assert [sides[number] for number in (1100, 2100, 4100, 5100, None)] == [True, False, False, True, False]
