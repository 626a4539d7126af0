"""Budgets: nobody gets more than his limit in any minute, whichever processes count, and few statements are needed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from hashrail import clock, db
from hashrail.access import rate_budgets
from hashrail.access.rate_budgets import COUNTED_SECONDS, Budgets, Spent
from tests.support.locks import blocked, until_blocked
from tests.support.world import World

pytestmark = pytest.mark.slow

SECOND, MINUTE = 1000, 60_000
START = 1_800_000_000_000


@dataclass
class Time:
    """The wall clock of every process, in milliseconds; it moves when the test says so."""

    now: int = START

    def pass_by(self, milliseconds: int) -> None:
        self.now += milliseconds


@pytest.fixture
async def pool(shop: World) -> db.Pool:
    """Its database, where nobody has been counted yet."""
    await shop.pool.execute("TRUNCATE rate_budget")
    return shop.pool


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    moved = Time()
    monkeypatch.setattr(clock, "wall_millis", lambda: moved.now)
    return moved


async def spend(process: Budgets, count: int, limit: int, subject: str = "key:1") -> list[Spent]:
    """Several requests one after the other."""
    return [await process.spend(subject, limit) for _ in range(count)]


def allowed(answers: list[Spent]) -> int:
    return sum(answer.allowed for answer in answers)


async def version(pool: db.Pool, subject: str = "key:1") -> object:
    """Another one after every write of the row."""
    return await pool.fetchval("SELECT (ctid, xmin)::text FROM rate_budget WHERE subject = $1", subject)


# What costs more than one


async def test_what_costs_more_counts_for_every_process(pool: db.Pool, time: Time) -> None:
    one, other = Budgets(pool), Budgets(pool)
    assert allowed(await spend(one, 1, 100)) == 1
    assert await one.charge("key:1", 100, 59) == 40
    assert allowed(await spend(other, 50, 100)) == 40
    assert await one.charge("key:1", 100, 10) == 0
    time.pass_by(SECOND)
    assert allowed(await spend(one, 5, 100)) == 0
    time.pass_by(COUNTED_SECONDS * SECOND)
    assert allowed(await spend(one, 1, 100)) == 1


async def test_the_lease_pays_first(pool: db.Pool, time: Time) -> None:
    """No statement, as long as the process has requests in hand."""
    process = Budgets(pool)
    await spend(process, 20, 1000)
    lease = process._leases["key:1"]
    left, before = lease.left, await version(pool)
    assert left > 2
    assert await process.charge("key:1", 1000, left - 1) == lease.rest + 1
    assert await version(pool) == before
    assert await process.charge("key:1", 1000, 11) == lease.rest
    assert await version(pool) != before
    assert (await pool.fetchval("SELECT sum(each) FROM rate_budget, unnest(used) each")) == 20 + left + 10


async def test_a_refusal_is_known_without_asking(pool: db.Pool, time: Time) -> None:
    process = Budgets(pool)
    assert process.refused("key:1") is None
    await spend(process, 3, 2)
    refused = process.refused("key:1")
    assert refused is not None
    assert (refused.allowed, refused.remaining) == (False, 0)
    time.pass_by(2 * SECOND)
    assert process.refused("key:1") is None


# The limit


async def test_the_limit_is_reached_exactly(pool: db.Pool, time: Time) -> None:
    """Then everything is refused, and each answer says how much is left and when the first of them count no more."""
    answers = await spend(Budgets(pool), 105, 100)
    assert [answer.allowed for answer in answers] == [True] * 100 + [False] * 5
    assert [answer.remaining for answer in answers] == [*range(99, -1, -1), *[0] * 5]
    assert {answer.seconds for answer in answers} == {COUNTED_SECONDS}
    time.pass_by(20_500)
    (refused,) = await spend(Budgets(pool), 1, 100)
    assert (refused.allowed, refused.seconds) == (False, COUNTED_SECONDS - 20)


async def test_subjects_do_not_touch_each_other(pool: db.Pool, time: Time) -> None:
    process = Budgets(pool)
    assert allowed(await spend(process, 10, 5, "key:1")) == 5
    assert allowed(await spend(process, 10, 7, "key:2")) == 7
    assert time.now == START


@pytest.mark.parametrize(("limit", "leases"), [(1, 1), (49, 49), (99, 99), (100, 51), (600, 53), (6000, 56)])
async def test_how_many_statements_it_takes(pool: db.Pool, time: Time, limit: int, leases: int) -> None:
    """Leases double up to a fiftieth of the limit; a refusal takes one more statement and is remembered."""
    process, written = Budgets(pool), set()
    for _ in range(limit + 50):
        await process.spend("key:1", limit)
        written.add(await version(pool))
    assert len(written) == leases + 1
    assert await pool.fetchval("SELECT used[1] FROM rate_budget") == limit
    assert time.now == START


async def test_a_lease_is_spent_without_the_database(pool: db.Pool, time: Time) -> None:
    """For one second, the millisecond before its end included."""
    process = Budgets(pool)
    await spend(process, 1 + 2 + 4 + 8 + 1, 6000)
    before = await version(pool)
    time.pass_by(999)
    await spend(process, 14, 6000)
    assert await version(pool) == before
    time.pass_by(1)
    await spend(process, 1, 6000)
    assert await version(pool) != before


async def test_a_refusal_is_remembered_for_a_second(pool: db.Pool, time: Time) -> None:
    """A caller who does not listen costs the database a statement a second."""
    process = Budgets(pool)
    await spend(process, 11, 10)
    before = await version(pool)
    time.pass_by(999)
    assert allowed(await spend(process, 100, 10)) == 0
    assert await version(pool) == before
    time.pass_by(1)
    assert allowed(await spend(process, 1, 10)) == 0
    assert await version(pool) != before


async def test_who_waits_as_long_as_he_is_told_is_let_in(pool: db.Pool, time: Time) -> None:
    """And not a moment earlier, though he is refused again right before."""
    process = Budgets(pool)
    time.pass_by(700)
    assert allowed(await spend(process, 11, 10)) == 10
    time.pass_by(61_000)
    (refused,) = await spend(process, 1, 10)
    assert (refused.allowed, refused.seconds) == (False, 1)
    time.pass_by(299)
    assert allowed(await spend(process, 1, 10)) == 0
    time.pass_by(1)
    assert allowed(await spend(process, 11, 10)) == 10


async def test_each_second_comes_back_by_itself(pool: db.Pool, time: Time) -> None:
    process = Budgets(pool)
    for count in (3, 4):
        assert allowed(await spend(process, count, 10)) == count
        time.pass_by(5 * SECOND)
    assert [answer.remaining for answer in await spend(process, 4, 10)] == [2, 1, 0, 0]
    time.now = START + COUNTED_SECONDS * SECOND
    answers = await spend(process, 4, 10)
    assert ([answer.allowed for answer in answers], answers[0].seconds) == ([True] * 3 + [False], 5)
    time.pass_by(5 * SECOND)
    assert allowed(await spend(process, 9, 10)) == 4


async def test_the_time_told_is_never_over(pool: db.Pool, time: Time) -> None:
    """A lease may outlive the oldest requests that were counted when it was taken."""
    process = Budgets(pool)
    await spend(process, 3, 500)
    time.pass_by(61_500)
    assert [answer.seconds for answer in await spend(process, 1, 500)] == [1]
    time.pass_by(700)
    assert [answer.seconds for answer in await spend(process, 1, 500)] == [1]


# Several processes


async def test_what_a_process_did_not_spend_is_given_back(pool: db.Pool, time: Time) -> None:
    """With its next lease, in the second in which it was counted."""
    one, other = Budgets(pool), Budgets(pool)
    await spend(one, 1 + 2 + 1, 500)
    assert await pool.fetchval("SELECT used[1] FROM rate_budget") == 7
    time.pass_by(2 * SECOND)
    await spend(one, 1, 500)
    used = await pool.fetchval("SELECT used[:3] FROM rate_budget")
    assert used == [1, 0, 4]
    assert (await spend(other, 1, 500))[0].remaining == 500 - 6


async def test_no_more_is_given_back_than_was_counted(pool: db.Pool, time: Time) -> None:
    """The database may have lost what it had counted, and counted others since."""
    one, other = Budgets(pool), Budgets(pool)
    await spend(one, 1 + 2 + 1, 500)
    await pool.execute("TRUNCATE rate_budget")
    await spend(other, 1, 500)
    time.pass_by(SECOND)
    await spend(one, 1, 500)
    assert await pool.fetchval("SELECT used[:3] FROM rate_budget") == [1, 0, 0]


@pytest.mark.parametrize("seed", range(12))
async def test_no_minute_sees_more_than_the_limit(pool: db.Pool, time: Time, seed: int) -> None:
    """Over random histories of several processes: bursts, pauses, processes that die with a lease in hand."""
    chance = random.Random(seed)
    limit = chance.choice([3, 60, 200])
    processes = [Budgets(pool) for _ in range(chance.choice([1, 2, 4]))]
    moments: list[int] = []
    for _ in range(60):
        process = chance.randrange(len(processes))
        for answer in await spend(processes[process], chance.choice([1, 5, limit]), limit):
            moments += [time.now] * answer.allowed
        if chance.random() < 0.05:
            processes[process] = Budgets(pool)
        time.pass_by(chance.choice([0, 1, 300, 999, 1000, 7_777, 30_000, 59_999]))
    crowded = max(sum(then <= each < then + MINUTE for each in moments) for then in moments)
    assert crowded <= limit
    assert len(moments) > limit
    time.pass_by(COUNTED_SECONDS * SECOND)
    assert allowed(await spend(processes[0], limit + 1, limit)) == limit


async def test_a_steady_caller_gets_nearly_all(pool: db.Pool, time: Time) -> None:
    """One who asks twice as often as he may, over four processes, gets 60 of 62 parts of the limit minute by minute."""
    processes, limit, let_in = [Budgets(pool) for _ in range(4)], 300, 0
    for number in range(5 * 600):
        let_in += (await processes[number % 4].spend("key:1", limit)).allowed
        time.pass_by(100)
    assert 5 * limit * 0.93 <= let_in <= 5 * limit


async def test_a_caller_below_the_limit_is_never_refused(pool: db.Pool, time: Time) -> None:
    """Nine tenths of it, in bursts that change from one process to another."""
    processes, limit = [Budgets(pool) for _ in range(4)], 600
    for number in range(100):
        assert allowed(await spend(processes[number % 4], 9, limit)) == 9
        time.pass_by(SECOND)


async def test_hundreds_at_once_over_several_processes(pool: db.Pool, time: Time) -> None:
    processes = [Budgets(pool) for _ in range(4)]
    answers = await asyncio.gather(*(each.spend("key:1", 100) for _ in range(100) for each in processes))
    assert allowed(answers) == 100
    assert time.now == START


# Waiting for the database


@asynccontextmanager
async def held(pool: db.Pool) -> AsyncIterator[None]:
    """Nobody can count for the subject before the block ends."""
    async with db.transaction(pool) as tx:
        await tx.execute("SELECT 1 FROM rate_budget WHERE subject = 'key:1' FOR UPDATE")
        yield


async def test_all_wait_for_one_statement(pool: db.Pool, time: Time) -> None:
    """Whoever goes away meanwhile does not take it from the others."""
    process = Budgets(pool)
    await spend(process, 1 + 2 + 4 + 8, 6000)
    async with held(pool):
        calls = [asyncio.create_task(process.spend("key:1", 6000)) for _ in range(15)]
        await until_blocked(pool, *calls)
        assert await blocked(pool) == 1
        calls[0].cancel()
        await asyncio.sleep(0)
        time.pass_by(3 * SECOND)
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    answers = await asyncio.gather(*calls[1:])
    assert allowed(answers) == 14
    assert await pool.fetchval("SELECT used[1] FROM rate_budget") == 15 + 16


async def test_others_do_not_wait(pool: db.Pool, time: Time) -> None:
    process = Budgets(pool)
    await spend(process, 1, 10)
    async with held(pool):
        waiter = asyncio.create_task(process.spend("key:1", 10))
        await until_blocked(pool, waiter)
        assert allowed(await spend(process, 3, 10, "key:2")) == 3
        assert not waiter.done()
    assert (await waiter).allowed
    assert time.now == START


async def test_a_failing_database_fails_the_requests_and_nothing_else(pool: db.Pool) -> None:
    process = Budgets(pool)
    await pool.execute("ALTER TABLE rate_budget RENAME TO lost")
    answers = await asyncio.gather(*(process.spend("key:1", 10) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncpg.UndefinedTableError] * 3
    await pool.execute("ALTER TABLE lost RENAME TO rate_budget")
    assert allowed(await spend(process, 11, 10)) == 10


# Clocks


async def test_processes_whose_clocks_differ(pool: db.Pool, time: Time) -> None:
    """The row goes by the one that is ahead; the one behind cannot make the minute begin anew."""
    ahead, behind = Budgets(pool), Budgets(pool)
    time.pass_by(30 * SECOND)
    assert allowed(await spend(ahead, 6, 10)) == 6
    time.pass_by(-30 * SECOND)
    assert allowed(await spend(behind, 6, 10)) == 4
    assert await pool.fetchval("SELECT (second, used[1])::text FROM rate_budget") == f"({START // 1000 + 30},10)"
    time.pass_by(30 * SECOND)
    assert allowed(await spend(ahead, 1, 10)) == 0


async def test_a_clock_that_is_set_back_ends_a_lease(pool: db.Pool, time: Time) -> None:
    process = Budgets(pool)
    await spend(process, 2, 500)
    before = await version(pool)
    time.pass_by(-1)
    await spend(process, 1, 500)
    assert await version(pool) != before


async def test_housekeeping_forgets_whom_nobody_saw_for_a_minute(pool: db.Pool, time: Time) -> None:
    """And counts of a clock that was wrong, or its subjects would have to wait for that time to come."""
    ages = {"fresh": 61, "gone": 62, "ahead": -62, "far ahead": -63}
    for name, age in ages.items():
        time.pass_by(-age * SECOND)
        await spend(Budgets(pool), 11, 10, name)
        time.pass_by(age * SECOND)
    async with db.transaction(pool) as tx:
        assert await rate_budgets.forget_expired(tx) == 2
        assert await rate_budgets.forget_expired(tx) == 0
    left = await pool.fetch("SELECT subject FROM rate_budget ORDER BY subject")
    assert [row["subject"] for row in left] == ["ahead", "fresh"]
    assert allowed(await spend(Budgets(pool), 11, 10, "gone")) == 10
    assert allowed(await spend(Budgets(pool), 1, 10, "fresh")) == 0


# Changes and memory


async def test_a_changed_limit_counts_what_was_spent(pool: db.Pool, time: Time) -> None:
    process = Budgets(pool)
    await spend(process, 10, 10)
    assert [answer.allowed for answer in await spend(process, 6, 15)] == [True] * 5 + [False]
    time.pass_by(SECOND)
    (refused,) = await spend(process, 1, 5)
    assert (refused.allowed, refused.remaining) == (False, 0)


async def test_memory_is_bounded(pool: db.Pool, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease that was taken longest ago goes first."""
    monkeypatch.setattr(rate_budgets, "MAX_REMEMBERED", 3)
    process = Budgets(pool)
    for name in ("a", "b", "c", "a", "d"):
        await spend(process, 2, 5000, name)
    versions = {name: await version(pool, name) for name in "abcd"}
    for name in "dac":
        await spend(process, 1, 5000, name)
        assert await version(pool, name) == versions[name]
    await spend(process, 1, 5000, "b")
    assert await version(pool, "b") != versions["b"]
    assert time.now == START


async def test_a_row_that_vanishes_is_begun_anew(pool: db.Pool, time: Time) -> None:
    """As after a crash of the database, which empties the table."""
    process = Budgets(pool)
    await spend(process, 11, 10)
    await pool.execute("TRUNCATE rate_budget")
    time.pass_by(SECOND)
    assert allowed(await spend(process, 11, 10)) == 10
