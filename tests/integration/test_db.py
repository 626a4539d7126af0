"""Rows as records: by the names of the columns, whatever their order."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import pytest

from hashrail import db


@dataclass(frozen=True, slots=True)
class Amounts:
    net: Decimal
    fee: Decimal


class Pair(NamedTuple):
    net: Decimal
    fee: Decimal


async def test_a_record_has_the_columns_by_name(pool: db.Pool) -> None:
    row = await pool.fetchrow("SELECT 2::numeric AS fee, 1::numeric AS net")
    assert row is not None
    assert db.record(Amounts, row) == Amounts(net=Decimal(1), fee=Decimal(2))
    assert db.record(Pair, row) == Pair(net=Decimal(1), fee=Decimal(2))


@pytest.mark.parametrize("columns", ["1 AS net", "1 AS net, 2 AS fee, 3 AS tip", "1 AS net, 2 AS charge"])
async def test_a_record_lacks_no_column_and_leaves_none_over(pool: db.Pool, columns: str) -> None:
    row = await pool.fetchrow(f"SELECT {columns}")
    assert row is not None
    with pytest.raises(TypeError):
        db.record(Amounts, row)


async def test_tuples_are_the_rows_whose_columns_are_the_fields(pool: db.Pool) -> None:
    rows = await pool.fetch("SELECT n::numeric AS net, n * 2::numeric AS fee FROM generate_series(1, 3) n")
    assert db.tuples(Pair, rows) == [Pair(Decimal(n), Decimal(2 * n)) for n in (1, 2, 3)]
    assert db.tuples(Pair, []) == []


@pytest.mark.parametrize("columns", ["2 AS fee, 1 AS net", "1 AS net", "1 AS net, 2 AS fee, 3 AS tip"])
async def test_tuples_of_other_columns_are_our_bug(pool: db.Pool, columns: str) -> None:
    rows = await pool.fetch(f"SELECT {columns}")
    with pytest.raises(AssertionError, match="the columns are not the fields"):
        db.tuples(Pair, rows)
