"""The list of kinds has every table of the schema, and no other; what owned tables need is on every server."""

from collections.abc import AsyncIterator

import pytest

from hashrail import db
from hashrail.postgres import distributing, table_kinds
from hashrail.postgres.distributing import Plan
from tests.support.databases import database

LISTS = (table_kinds.REFERENCE, table_kinds.LOCAL, table_kinds.APART)


@pytest.fixture(scope="module")
async def planned(server: str, template: str) -> AsyncIterator[tuple[Plan, set[str]]]:
    """What there is to do to a migrated schema, and its tables."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=1)
        names = {
            row["relname"]
            for row in await pool.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                r" AND relname NOT LIKE '%yoyo\_%'"
            )
        }
        yield await distributing.plan(pool), names
        await pool.close()


async def test_every_table_has_one_kind(planned: tuple[Plan, set[str]]) -> None:
    plan, names = planned
    assert len(table_kinds.GLOBAL) == sum(map(len, LISTS))
    assert set(table_kinds.GLOBAL) <= names
    assert names == {name for name, _ in plan.tables} | set(table_kinds.APART)
    assert len(plan.of("owned")) > 50


async def test_owned_tables_refer_to_what_is_on_every_server(planned: tuple[Plan, set[str]]) -> None:
    """And no global table refers to an owned one, which would be on another server."""
    plan, _ = planned
    owned = {*plan.of("owned")}
    targets = {key.target for key in plan.foreign_keys if key.source in owned}
    assert targets - owned <= set(table_kinds.REFERENCE)
    assert not [key for key in plan.foreign_keys if key.target in owned and key.source not in owned]


async def test_what_is_apart_has_no_foreign_keys(planned: tuple[Plan, set[str]]) -> None:
    plan, _ = planned
    assert not [key for key in plan.foreign_keys if {key.source, key.target} & set(table_kinds.APART)]


async def test_the_order_of_work(planned: tuple[Plan, set[str]]) -> None:
    """Foreign keys are taken down first and made again last; the first owned table says how many shards."""
    plan, _ = planned
    statements = [statement for _, statement in plan.statements()]
    keys = len(plan.foreign_keys)
    assert keys > 100
    assert all(" DROP CONSTRAINT " in statement for statement in statements[:keys])
    assert all(" ADD CONSTRAINT " in statement for statement in statements[-keys:])
    # And before they are made again, so that emptying one table empties no other.
    assert statements[-keys - 1].startswith("SELECT truncate_local_data_after_distributing_table(")
    spread = [statement for statement in statements if "create_distributed_table" in statement]
    assert spread[0].endswith(", shard_count := 32)")
    assert all(statement.endswith(", colocate_with := 'account')") for statement in spread[1:])
