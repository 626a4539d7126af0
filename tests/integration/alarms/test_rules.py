"""Every rule rings by what really causes it, and ends when that is put right: told once each."""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from procrastinate.tasks import Task

from hashrail import business_clock, clock, db
from hashrail.alarms import counts, observations, states, workers
from hashrail.alarms.counts import Counts
from hashrail.alarms.rules import ESSENTIAL, RULES
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.records import Coin
from hashrail.bitcoin.rpc import NodeUnreachableError
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.clock import ONE_DAY
from hashrail.custody import payout_policy
from hashrail.deployment.journal_file import JournalNotWriteableError
from hashrail.events import endpoints, mover
from hashrail.parties.operators import Operator
from hashrail.payouts import processor
from hashrail.recovery import archiving
from hashrail.rewards import closing, day_waits, rates
from hashrail.selling import capacity
from hashrail.settings import Settings
from tests.support.books import advance, cancel, offer, order, post
from tests.support.earlier import earlier
from tests.support.hooked import endpoint
from tests.support.payouts import asked, cancelled
from tests.support.watched import Watched
from tests.support.world import World, inputs

pytestmark = pytest.mark.slow


@dataclass
class Stage:
    """What a case needs to cause something, and to put it right."""

    world: World
    alice: int
    olga: Operator
    watched: Watched
    jobs: dict[str, Task]
    patch: pytest.MonkeyPatch
    folder: Path

    async def run(self, job: str, *, fails: bool = False) -> None:
        """The worker's job, whose failure the worker outlives."""
        try:
            await self.jobs[job](timestamp=1)
        except (TypeError, JournalNotWriteableError):
            assert fails
        else:
            assert not fails

    async def execute(self, statement: str) -> None:
        """Damage to the books, or its repair."""
        await self.world.pool.execute(statement)


Case = Callable[[Stage], AsyncIterator[None]]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """A case of the alarm of that code and subject: it causes it, and after its `yield` it puts it right."""

    def add(made: Case) -> Case:
        CASES[name] = made
        return made

    return add


@case("RATES_MISSING")
async def _rates(stage: Stage) -> AsyncIterator[None]:
    await advance(stage.world, ONE_DAY)
    waits = await closing.close_due(stage.world.pool)
    assert waits.missing_rates is not None
    async with db.transaction(stage.world.pool) as tx:
        at = await business_clock.now(tx)
        await day_waits.note(tx, waits.missing_rates, code="QUORUM", reason="two of three tell nothing", at=at)
    yield
    told = await stage.world.pool.fetchval("SELECT body FROM alarm_message ORDER BY id DESC LIMIT 1")
    assert "asked for 1 time, last: QUORUM: two of three tell nothing" in told
    missing = await closing.close_due(stage.world.pool)
    assert missing.missing_rates is not None
    async with db.transaction(stage.world.pool) as tx:
        await rates.enter(tx, inputs(missing.missing_rates), at=clock.wall_now())
    await closing.close_due(stage.world.pool)


@case("DAY_HELD")
async def _held(stage: Stage) -> AsyncIterator[None]:
    day = await stage.world.today()
    async with db.transaction(stage.world.pool) as tx:
        await rates.enter(tx, inputs(day), at=await business_clock.now(tx), held=["btc_usd is doubled"])
    yield
    async with db.transaction(stage.world.pool) as tx:
        await rates.delete(tx, day)


@case("DAYS_OPEN closing")
async def _behind(stage: Stage) -> AsyncIterator[None]:
    await stage.world.next_day()
    yield
    await closing.close_due(stage.world.pool)


@case("DAYS_OPEN publishing")
async def _unpublished(stage: Stage) -> AsyncIterator[None]:
    async with db.transaction(stage.world.pool) as tx:
        await rates.enter(tx, inputs(await stage.world.today()), at=clock.wall_now())
    await advance(stage.world, ONE_DAY)
    yield
    await closing.close_due(stage.world.pool)


@case("JOB_FAILS pay")
async def _job(stage: Stage) -> AsyncIterator[None]:
    with stage.patch.context() as patch:
        patch.setattr(processor, "run", None)
        await stage.run("pay", fails=True)
    yield
    await stage.run("pay")


@case("JOURNAL_NOT_WRITTEN")
async def _journal(stage: Stage) -> AsyncIterator[None]:
    stage.folder.write_text("a file where a folder should be")
    await stage.run("write_journal", fails=True)
    yield
    stage.folder.unlink()
    await stage.run("write_journal")


@case("WITHDRAWAL_OVERDUE")
async def _overdue(stage: Stage) -> AsyncIterator[None]:
    await asked(stage.world, stage.alice, "0.01", speed="fast")
    await advance(stage.world, dt.timedelta(hours=3))
    yield
    await stage.run("pay")


@case("APPROVAL_WAITS")
async def _approval(stage: Stage) -> AsyncIterator[None]:
    async with db.transaction(stage.world.pool) as tx:
        present = await payout_policy.hold(tx)
        limits = present.limits() | {"approval_threshold_btc": "0.01"}
        await payout_policy.put(tx, None, present.with_limits(limits))
    made = await asked(stage.world, stage.alice, "0.05")
    await advance(stage.world, dt.timedelta(hours=5))
    yield
    await cancelled(stage.world, made.id)


async def _no_coins(_chain: SandboxChain) -> list[Coin]:
    return []


@case("HOT_WALLET_LOW")
async def _low(stage: Stage) -> AsyncIterator[None]:
    await asked(stage.world, stage.alice, "0.05")
    with stage.patch.context() as patch:
        patch.setattr(SandboxChain, "coins", _no_coins)
        await stage.run("see_wallet")
    yield
    await stage.run("see_wallet")


@case("PAYOUTS_FOUND BITCOIN_WALLET_SHORT")
async def _short(stage: Stage) -> AsyncIterator[None]:
    await asked(stage.world, stage.alice, "0.05", speed="fast")
    await advance(stage.world, dt.timedelta(minutes=11))
    with stage.patch.context() as patch:
        patch.setattr(SandboxChain, "coins", _no_coins)
        await stage.run("pay")
    yield
    await stage.run("pay")


@case("UNEXPLAINED_SATOSHI")
async def _unexplained(stage: Stage) -> AsyncIterator[None]:
    # A posting that the chain has nothing for.
    made_up = Transfer(TransferKind.NETWORK_FEE, 1, 1, Account.NETWORK_FEES, Account.BITCOIN_WALLET, Decimal("0.0001"))
    assert await post(stage.world, made_up)
    await stage.run("reconcile")
    yield
    await stage.execute("DELETE FROM transfer WHERE amount = 0.0001")
    await stage.run("reconcile")


@case("INVARIANT_BROKEN")
async def _invariant(stage: Stage) -> AsyncIterator[None]:
    await stage.execute("UPDATE partner_capacity SET committed_th = committed_th + 1")
    await stage.run("audit")
    yield
    await stage.execute("UPDATE partner_capacity SET committed_th = committed_th - 1")
    await stage.run("audit")


@case("CREDIT_NEARLY_USED small")
async def _credit(stage: Stage) -> AsyncIterator[None]:
    small = await stage.world.another_partner("small", Decimal(60))
    user = await small.user()
    await order(small, user.id, "o-1", await offer(small, "4"))
    yield
    await cancel(small, "o-1")


@case("CAPACITY_NEARLY_USED")
async def _capacity(stage: Stage) -> AsyncIterator[None]:
    for th in (16, 100):
        async with db.transaction(stage.world.pool) as tx:
            await capacity.set_capacity(tx, Decimal(th))
        if th == 16:
            yield


async def _unreachable(_chain: SandboxChain) -> list[Finding]:
    raise NodeUnreachableError("nobody listens")


async def _behind_its_headers(_chain: SandboxChain) -> list[Finding]:
    return [Finding("NODE_BLOCKS_BEHIND", "the node is 9 blocks behind its headers")]


@case("NODE_SILENT")
async def _node_silent(stage: Stage) -> AsyncIterator[None]:
    with stage.patch.context() as patch:
        patch.setattr(SandboxChain, "findings", _unreachable)
        await stage.run("pay")
    yield
    await stage.run("pay")


@case("NODE_IN_DOUBT NODE_BLOCKS_BEHIND")
async def _node_behind(stage: Stage) -> AsyncIterator[None]:
    with stage.patch.context() as patch:
        patch.setattr(SandboxChain, "findings", _behind_its_headers)
        await stage.run("pay")
    yield
    await stage.run("pay")


@case("PAYOUTS_PAUSED")
async def _paused(stage: Stage) -> AsyncIterator[None]:
    async with db.transaction(stage.world.pool) as tx:
        await payout_policy.pause(tx, None, "a key may have leaked")
    yield
    async with db.transaction(stage.world.pool) as tx:
        await payout_policy.resume(tx, stage.olga)


@case("CLOCK_OFF")
async def _clock(stage: Stage) -> AsyncIterator[None]:
    real = clock.wall_now
    with stage.patch.context() as patch:
        patch.setattr(clock, "wall_now", lambda: real() + dt.timedelta(seconds=10))
        yield
    told = await stage.world.pool.fetchval("SELECT string_agg(body, ' ') FROM alarm_message")
    # Of the worker's machine or of this one: both are as far.
    assert any(f"the clock of {machine} is 10" in told for machine in ("test", workers.own_machine()))


@case("API_ERRORS")
async def _errors(stage: Stage) -> AsyncIterator[None]:
    seen = Counts()
    seen.answered(500)
    await seen.write_down(stage.world.pool)
    yield
    await stage.watched.wait(minutes=16)


@case("API_UNAVAILABLE")
async def _unavailable(stage: Stage) -> AsyncIterator[None]:
    seen = Counts()
    for _ in range(10):
        seen.answered(503)
    await seen.write_down(stage.world.pool)
    yield
    await stage.watched.wait(minutes=16)


@case("TON_ENDPOINT_SILENT")
async def _ton(stage: Stage) -> AsyncIterator[None]:
    seen = Counts()
    for _ in range(3):
        seen.add(counts.TON_SILENT)
    await seen.write_down(stage.world.pool)
    yield
    for _ in range(3):
        seen.add(counts.TON_ANSWERED)
    await seen.write_down(stage.world.pool)


@case("REPLICA_ASIDE")
async def _replica(stage: Stage) -> AsyncIterator[None]:
    seen = Counts()
    seen.add(counts.REPLICA_ASIDE)
    await seen.write_down(stage.world.pool)
    yield
    await stage.watched.wait(minutes=16)


@case("BACKUP_OLD")
async def _backup(stage: Stage) -> AsyncIterator[None]:
    make = "INSERT INTO backup (made_at, path, bytes) VALUES (now() - interval '{} hours', '/b', 1)"
    await stage.execute(make.format(37))
    yield
    await stage.execute(make.format(0))


@case("ARCHIVING_STANDS_STILL")
async def _archiving(stage: Stage) -> AsyncIterator[None]:
    """Of a server that archives; a real one is in tests/node/recovery."""
    tells = "SELECT now() - interval '{} minutes' AS until, '00000001000000000000002A' AS failing"
    stage.patch.setattr(archiving, "LOOK", tells.format(16))
    yield
    told = await stage.world.pool.fetchval("SELECT body FROM alarm_message ORDER BY id DESC LIMIT 1")
    assert "is in no archive; 00000001000000000000002A is refused" in told
    stage.patch.setattr(archiving, "LOOK", tells.format(1))


@case("EVENTS_WAIT")
async def _events(stage: Stage) -> AsyncIterator[None]:
    await stage.execute(
        "INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)"
        " SELECT min(id), repeat('a', 32), 'order.created', 1, 'order', 'one', '{}', now() - interval '6 minutes'"
        " FROM partner"
    )
    yield
    await mover.move_all(stage.world.pool)


@case("WEBHOOKS_WAIT")
async def _webhooks_wait(stage: Stage) -> AsyncIterator[None]:
    await endpoint(stage.world, "https://hooks.partner.example/")
    await stage.execute("UPDATE webhook_endpoint SET due_at = now() - interval '6 minutes'")
    yield
    # Somebody sends.
    await stage.execute("UPDATE webhook_endpoint SET turn_ends_at = now() + interval '1 hour'")


@case("WEBHOOKS_DISABLED partner")
async def _webhooks_disabled(stage: Stage) -> AsyncIterator[None]:
    made, _ = await endpoint(stage.world, "https://hooks.partner.example/")
    async with db.transaction(stage.world.pool) as tx:
        await endpoints.disable(tx, stage.world.partner.id, made.id, "gone")
    yield
    await stage.execute(f"UPDATE webhook_endpoint SET {earlier('disabled_at', '25 hours')}")


@case("STANDING_FINDING PAYOUTS_UNLIMITED")
async def _standing(stage: Stage) -> AsyncIterator[None]:
    produces = replace(stage.watched.deployment.facts, mode="production")
    stage.watched.deployment = replace(stage.watched.deployment, facts=produces)
    async with db.transaction(stage.world.pool) as tx:
        present = await payout_policy.hold(tx)
    yield
    async with db.transaction(stage.world.pool) as tx:
        most = dict.fromkeys((name for name in present.limits() if name.endswith("_btc")), "1")
        await payout_policy.put(tx, None, present.with_limits(present.limits() | most))


@pytest.fixture
def stage(
    world: World,
    alice: int,
    olga: Operator,
    watched: Watched,
    jobs: dict[str, Task],
    monkeypatch: pytest.MonkeyPatch,
    journal_folder: Path,
) -> Stage:
    """A deployment in order, with a user who has bitcoin."""
    return Stage(world, alice, olga, watched, jobs, monkeypatch, journal_folder)


@pytest.mark.parametrize("name", CASES)
async def test_it_rings_and_ends_by_its_cause(stage: Stage, name: str) -> None:
    """It has its figures and what to do, and nothing else of its code rings."""
    code, _, subject = name.partition(" ")
    watched = stage.watched
    await watched.evaluate()
    assert name not in await watched.rings()
    rule = next(rule for rule in RULES if rule.code == code)
    caused = asynccontextmanager(CASES[name])(stage)
    await caused.__aenter__()
    await watched.evaluate()
    if name not in await watched.rings():  # it was not known for how long it has been so
        await watched.evaluate(seconds=int(rule.holds.total_seconds()) + 1)
    (found,) = [one for one in await watched.ringing() if (one.code, one.subject) == (code, subject)]
    assert found.told_at is not None
    assert found.message
    assert await watched.evaluate() == 0
    await caused.__aexit__(None, None, None)
    await watched.evaluate()
    await watched.evaluate(minutes=6)
    assert name not in await watched.rings()
    told = await stage.world.pool.fetch(
        """SELECT m.what FROM alarm_message m JOIN alarm a ON a.id = m.alarm_id
           WHERE a.code = $1 AND a.subject = $2 ORDER BY m.id""",
        code,
        subject,
    )
    assert [row["what"] for row in told] == ["begins", "ends"]


def test_every_rule_has_a_case() -> None:
    """Those that need no cause of their own stand in other tests here."""
    others = {"WORKER_SILENT", "ALARM_NOT_DELIVERED"}
    assert {name.partition(" ")[0] for name in CASES} == {rule.code for rule in RULES} - others


async def test_a_worker_that_is_silent_is_told_by_who_asks(watched: Watched) -> None:
    """Nobody evaluates any more, and it is seen all the same; another worker that comes ends it."""
    assert await watched.rings() == ["WORKER_SILENT"]  # there never was one
    assert await watched.evaluate() == 0
    assert await watched.rings() == []
    await watched.wait(minutes=6)
    (found,) = await watched.ringing()
    assert (found.code, found.severity, found.told_at) == ("WORKER_SILENT", "critical", None)
    assert await watched.evaluate() == 0
    assert await watched.rings() == []


async def test_a_job_that_does_not_end_is_missed(watched: Watched, jobs: dict[str, Task]) -> None:
    """Each within its own time; one that ends again is not missed. A worker that has only begun is given time."""
    pool = watched.deployment.pool
    await watched.evaluate()
    assert await watched.rings() == []
    await pool.execute("UPDATE worker_heartbeat SET began_at = began_at - interval '11 minutes'")
    found = {one.subject: one.severity for one in await watched.ringing()}
    assert found == {"keep_days": "critical", "write_journal": "critical", "forget_stalled_jobs": "warning"}
    for name in ("keep_days", "write_journal"):
        await jobs[name](timestamp=1)
    assert await watched.rings() == ["JOB_FAILS forget_stalled_jobs"]
    await pool.execute("UPDATE worker_heartbeat SET began_at = began_at - interval '1 day'")
    assert set(await watched.rings()) == {f"JOB_FAILS {name}" for name in ("pay", "audit", "forget_stalled_jobs")}
    assert set(ESSENTIAL) >= {"pay"}


async def test_the_rules_see_a_deployment_without_anything(watched: Watched) -> None:
    """What is missing is no fault of a rule."""
    async with db.transaction(watched.deployment.pool) as tx:
        await workers.beat(tx, workers.own_name())
    assert await states.evaluate(watched.deployment) == 0
    assert Settings().alarm_urls == {}


async def test_a_worker_that_has_just_come_is_not_blamed_for_the_time_before(watched: Watched) -> None:
    """No job has ended since the last worker was killed, hours ago; the new one has had no time yet."""
    async with db.transaction(watched.deployment.pool) as tx:
        await observations.good(tx, f"{observations.JOB}keep_days")
        await workers.beat(tx, "killed:1")
        await tx.execute("UPDATE worker_heartbeat SET began_at = began_at - interval '9 hours'")
    await watched.wait(hours=3)
    assert "WORKER_SILENT" in await watched.rings()
    await watched.evaluate()
    assert not [each for each in await watched.rings() if each.startswith("JOB_FAILS")]
