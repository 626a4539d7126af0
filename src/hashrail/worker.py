"""The worker: one process that works off jobs and keeps the days going.

Every minute it publishes and closes the days that are due, expires orders, forgets what is past its time, and makes a
turn of payouts; every hour it sums up accounts and audits the books. A second worker is harmless: each of these does
nothing twice.
"""

import asyncio
import signal

import procrastinate
import structlog
from procrastinate.jobs import Status

from hashrail import checks, clock, daily, db, jobs, payout_settlement, payouts
from hashrail.gateways.chain import Chain
from hashrail.gateways.chains import open_for
from hashrail.payouts import Desk
from hashrail.scenarios import Scenario
from hashrail.settings import Settings

EVERY_MINUTE = "* * * * *"
EVERY_HOUR = "17 * * * *"
STOP_SECONDS = 20
PAUSE_SECONDS = 1
log = structlog.get_logger()


async def forget_stalled(queue: procrastinate.App) -> int:
    """End the jobs of workers that were killed, or their locks would stop such jobs for ever; answers how many.

    They are not run again: every job here is periodic, and its next turn does what was left.
    """
    stalled = list(await queue.job_manager.get_stalled_jobs())
    for job in stalled:
        assert job.id is not None, "a job that was begun is in the queue's table"
        await queue.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
        log.warning("stalled job ended", task=job.task_name, job=job.id)
    return len(stalled)


def tasks(queue: procrastinate.App, pool: db.Pool, settings: Settings, chain: Chain | None) -> None:
    """Define the periodic jobs on a queue; without a chain nothing is paid."""

    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name="keep_days", queueing_lock="keep_days", lock="keep_days", pass_context=False)
    async def keep_days(timestamp: int) -> None:
        if settings.mode == "sandbox":
            await daily.enter_generated(pool, settings, Scenario.STEADY)
        progress = await daily.close_due(pool)
        if progress.missing_rates is not None:
            log.warning("rates missing", day=progress.missing_rates.isoformat(), tick=timestamp)
        counts = await daily.housekeeping(pool)
        log.info("days kept", closed=progress.closed, **counts)

    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name="pay", queueing_lock="pay", lock="pay", pass_context=False)
    async def pay(timestamp: int) -> None:
        if chain is None:
            # What an operator recorded is final by his word; a process may have been killed before it was posted.
            _tell_turn(posted=await payout_settlement.settle_final(pool))
            return
        done = await payouts.turn(Desk(pool, chain, settings))
        _tell_turn(batches=len(done.batches), raised=len(done.bumped), posted=done.settled, findings=len(done.findings))

    # Without a lock of its own, which a killed worker would leave behind as well.
    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name="forget_stalled", queueing_lock="forget_stalled", pass_context=False)
    async def forget_stalled_jobs(timestamp: int) -> None:
        await forget_stalled(queue)

    @queue.periodic(cron=EVERY_HOUR)
    @queue.task(name="audit", queueing_lock="audit", lock="audit")
    async def audit(timestamp: int) -> None:
        await daily.checkpoint_all(pool)
        started = clock.monotonic()
        async with db.snapshot(pool) as tx:
            findings = [finding async for finding in checks.audit(tx)]
        broken = [finding for finding in findings if finding.rows]
        for finding in broken:
            log.error("invariant broken", invariant=finding.name, rows=finding.rows[:10])
        seconds = round(clock.monotonic() - started, 3)
        log.info("audited", tick=timestamp, invariants=len(findings), broken=len(broken), seconds=seconds)


def _tell_turn(**counts: int) -> None:
    """What a turn of payouts did; one that did nothing is not worth a line a minute."""
    (log.info if any(counts.values()) else log.debug)("payouts done", **counts)


async def _work(queue: procrastinate.App) -> None:
    """Work the queue off until this is cancelled. Procrastinate ends, as if asked to, when it loses the database."""
    while True:
        try:
            await queue.run_worker_async(
                install_signal_handlers=False, shutdown_graceful_timeout=STOP_SECONDS, delete_jobs="successful"
            )
            log.warning("the queue lost the database: begun again")
        except procrastinate.exceptions.ConnectorException as error:
            log.warning("the queue has no database: begun again", error=str(error.__cause__))
        await asyncio.sleep(PAUSE_SECONDS)


async def run(settings: Settings, dsn: str) -> None:
    """Work until SIGINT or SIGTERM; a job that has begun may end within 20 seconds."""
    pool = await db.open_pool(dsn, connections=4)
    queue = jobs.queue(dsn)
    chain = open_for(pool, settings, signs=True)
    tasks(queue, pool, settings, chain)
    loop = asyncio.get_running_loop()
    async with queue.open_async():
        working = loop.create_task(_work(queue))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.cancel)
        log.info("worker started", mode=settings.mode)
        try:
            await working
        except asyncio.CancelledError:
            log.info("worker stopped")
    if chain is not None:
        await chain.close()
    await pool.close()
