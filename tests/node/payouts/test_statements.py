"""What a run asks of the database: a batch is read once, however long it waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from hashrail.payouts import processor
from tests.support.bitcoin_node import Node
from tests.support.paying import Asker, deployed_on, run_later
from tests.support.world import World

THREE = 3


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the server from now on, those that begin and commit included."""
    sent: list[str] = []

    def noted(name: str) -> Any:
        real = getattr(asyncpg.Connection, name)

        async def send(self: object, query: str, *arguments: object, **options: object) -> object:
            sent.append(query)
            return await real(self, query, *arguments, **options)

        return send

    for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, noted(name))
    return sent


@contextmanager
def at_most(statements: list[str], most: int) -> Iterator[None]:
    """So many statements go to the server."""
    statements.clear()
    yield
    assert len(statements) <= most, "\n".join(statements)


async def test_a_run_reads_little(world: World, bitcoin_node: Node, statements: list[str]) -> None:
    """Nothing to do, a payment, a batch that waits, one that becomes final: no statement more than before."""
    alice = await Asker.create(world, bitcoin_node)
    async with deployed_on(world.pool, bitcoin_node, bitcoin_final_depth=THREE) as deployment:
        with at_most(statements, 36):
            await processor.run(deployment)
        await alice.asks()
        assert len((await run_later(world, deployment)).batches) == 1
        with at_most(statements, 37):
            assert (await processor.run(deployment)).findings == []
        assert sum("FROM payout_transaction WHERE" in each for each in statements) == 1
        bitcoin_node.mine(THREE)
        # One of them asks for payments of the batch that are open still, which no subquery of a batch may ask.
        with at_most(statements, 69):
            assert (await processor.run(deployment)).settled == 1
