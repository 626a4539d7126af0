"""`/metrics`: what the books say is the same for whoever asks, and is read without being in anybody's way."""

import asyncio
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.alarms import observations, workers
from hashrail.processes import metrics_page, onlooker
from hashrail.processes.metrics_page import MetricsPage
from hashrail.processes.onlooker import Onlooker
from hashrail.settings import Settings
from tests.support.programs import free_port


def lines(page: bytes, name: str) -> list[str]:
    """The values of a metric."""
    return [line for line in page.decode().splitlines() if line.startswith((f"{name} ", f"{name}{{"))]


def page_of(dsn: str) -> MetricsPage:
    return MetricsPage(Onlooker(Settings(mode="sandbox"), dsn))


async def test_every_process_says_the_same(pool: db.Pool, dsn: str) -> None:
    """What the worker has seen is told by a server as well: there is one truth, in the database."""
    async with db.transaction(pool) as tx:
        await workers.beat(tx, "here:1")
        await observations.bad(tx, observations.AUDIT, "INVARIANT_BROKEN", "two", {"broken": ["a-b", "c-d"]})
        seen = {"available_btc": Decimal("0.123456789"), "per_day_btc": Decimal(1)}
        await observations.good(tx, observations.WALLET, seen)
        await observations.good(tx, f"{observations.JOB}pay")
    server, worker = [(await page_of(dsn).page()).body for _ in range(2)]
    for page in (server, worker):
        assert lines(page, "hashrail_books_readable") == ["hashrail_books_readable 1.0"]
        assert lines(page, "hashrail_invariants_broken") == ["hashrail_invariants_broken 2.0"]
        assert len(lines(page, "hashrail_invariant_broken")) == 2
        # 0.123456789 as it is shown.
        assert lines(page, "hashrail_wallet_available_btc") == ["hashrail_wallet_available_btc 0.12345679"]
        assert lines(page, "hashrail_build_info")
    assert lines(server, "hashrail_job_good_timestamp_seconds") == lines(worker, "hashrail_job_good_timestamp_seconds")
    assert 'hashrail_alarms{severity="critical",silenced="false"} 1.0' in server.decode()


async def test_a_crowd_waits_for_one_reading_and_it_is_kept_a_while(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = 0
    real = db.open_pool

    async def counted(*given: str, **named: int) -> db.Pool:
        nonlocal opened
        opened += 1
        return await real(*given, **named)

    monkeypatch.setattr(db, "open_pool", counted)
    page = page_of(dsn)
    await asyncio.gather(*(page.page() for _ in range(5)))
    await page.page()
    assert opened == 1
    monkeypatch.setattr(metrics_page, "KEPT_SECONDS", 0)
    await page.page()
    assert opened == 2


async def test_a_database_that_is_away_takes_only_its_own_gauges() -> None:
    """What the processes counted is told on, and that the books cannot be read; a later reading is tried anew."""
    page = page_of(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    for _ in range(2):
        found = (await page.page()).body
        assert lines(found, "hashrail_books_readable") == ["hashrail_books_readable 0.0"]
        assert lines(found, "hashrail_build_info")
        assert lines(found, "hashrail_alarms") == []


async def test_a_database_that_hangs_holds_nobody(pool: db.Pool, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading has a deadline."""
    monkeypatch.setattr(onlooker, "READ_SECONDS", 0.2)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE observation")
        found = (await page_of(dsn).page()).body
    assert lines(found, "hashrail_books_readable") == ["hashrail_books_readable 0.0"]
