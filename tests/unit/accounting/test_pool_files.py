"""A file of the pool has one meaning, or is refused whole."""

import datetime as dt
from decimal import Decimal

import pytest

from hashrail.accounting import pool_files
from hashrail.accounting.pool_files import BadPoolFileError

TXID = "ab" * 32


def test_a_file_is_read_in_any_order_of_its_columns() -> None:
    one = pool_files.read(["day,amount_btc\n", "2026-03-01,0.05\n", "\n", "2026-03-02, 0.06\n"])
    assert [(each.day, each.amount_btc, each.txid) for each in one] == [
        (dt.date(2026, 3, 1), Decimal("0.05"), None),
        (dt.date(2026, 3, 2), Decimal("0.06"), None),
    ]
    other = pool_files.read(["txid,amount_btc,reference,day\n", f"{TXID},0.05,March 1,2026-03-01\n"])
    assert (other[0].txid, other[0].reference) == (TXID, "March 1")


def test_the_same_line_twice_is_one_payment() -> None:
    """However its digits are written; another day, amount, transaction or reference is another payment."""
    lines = ["day,amount_btc,txid,reference\n", "2026-03-01,0.05,,\n", "2026-03-01,0.050,,\n"]
    assert len(pool_files.read(lines)) == 1
    more = ["2026-03-02,0.05,,\n", "2026-03-01,0.06,,\n", f"2026-03-01,0.05,{TXID},\n", "2026-03-01,0.05,,second\n"]
    assert len(pool_files.read([*lines, *more])) == 5


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "file"),
        ("day,amount_btc\n", "file"),
        ("day,amount\n2026-03-01,1\n", "file"),
        ("day,amount_btc,amount_btc\n2026-03-01,1,1\n", "file"),
        ("day,amount_btc,fee\n2026-03-01,1,1\n", "file"),
        ("Day,amount_btc\n2026-03-01,1\n", "file"),
        ("day;amount_btc\n2026-03-01;1\n", "file"),
        ("day,amount_btc\n2026-03-01,0,05\n", "file"),
        ("day,amount_btc\n2026-03-01\n", "file"),
        ('day,amount_btc\n2026-03-01,"0.05\n', "file"),
        ('day,amount_btc\n2026-03-01,"0,05"\n', "amount_btc"),
        ("day,amount_btc\n2026-03-01,1e-3\n", "amount_btc"),
        ("day,amount_btc\n2026-03-01,0\n", "amount_btc"),
        ("day,amount_btc\n2026-03-01,-1\n", "amount_btc"),
        ("day,amount_btc\n2026-03-01,NaN\n", "amount_btc"),
        ("day,amount_btc\n2026-03-01,0.0000000000000000001\n", "amount_btc"),
        ("day,amount_btc\n2026-03-01,\u0661\n", "amount_btc"),
        ("day,amount_btc\n01.03.2026,1\n", "day"),
        ("day,amount_btc\n2026-02-30,1\n", "day"),
        ("day,amount_btc\n20260301,1\n", "day"),
        ("day,amount_btc,txid\n2026-03-01,1,abcd\n", "txid"),
        (f"day,amount_btc,txid\n2026-03-01,1,{TXID.upper()}\n", "txid"),
        (f"day,amount_btc,reference\n2026-03-01,1,{'x' * 256}\n", "reference"),
    ],
)
def test_a_file_that_could_mean_something_else_is_refused(text: str, field: str) -> None:
    with pytest.raises(BadPoolFileError) as refused:
        pool_files.read(text.splitlines(keepends=True))
    assert refused.value.details["field"] == field


def test_a_reference_that_the_books_cannot_hold_is_refused() -> None:
    """By its line, and not by the database."""
    with pytest.raises(BadPoolFileError) as refused:
        pool_files.read(["day,amount_btc,reference\n", "2026-03-01,1,a\0b\n"])
    assert refused.value.details == {"field": "reference", "line": 2}
