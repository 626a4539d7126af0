"""What tests of exports share: a deployment with thousands of records of income, built once for a module."""

from collections.abc import AsyncIterator, Iterator

import pytest
from benchmarks import dataset
from benchmarks.dataset import Dataset, Shape

from hashrail import db
from tests.support.databases import database
from tests.support.exports import DAYS, MINERS


@pytest.fixture(scope="module")
def many_dsn(server: str, template: str) -> Iterator[str]:
    """Where `many` is."""
    with database(server, template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
async def many(many_dsn: str) -> AsyncIterator[Dataset]:
    """Ten closed days of 5,000 miners in thirty classes."""
    pool = await db.open_pool(many_dsn, connections=10)
    made = await dataset.build(pool, Shape(efficiencies=6, levels=5), days=DAYS)
    await made.register(100)
    await made.buy(MINERS, days=DAYS)
    await dataset.close_past(made)
    yield made
    await pool.close()
