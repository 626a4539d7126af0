"""The worker: one process that works off jobs and keeps the days going.

Every minute it publishes and closes the days that are due, expires orders, forgets what is past its time, and makes a
run of payouts; every ten minutes it fetches the figures of days that have none and looks at what the wallet has; every
hour it sums up accounts and audits the books, and each day it reconciles. How each of these last went is noted for the
alarms. Beside them it watches (`watching`), and sends webhooks (`delivering`). A second worker is harmless: each of
these does nothing twice. One whose clock is wrong only watches (`right_time`).
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial, wraps
from typing import TypeAlias

import procrastinate
import structlog
from procrastinate.jobs import Status
from prometheus_client import Counter, Histogram

from hashrail import business_clock, clock, db
from hashrail.accounting import pool_promises
from hashrail.acts import running
from hashrail.alarms import delivery, noting, observations
from hashrail.audit import marks
from hashrail.custody import regime
from hashrail.deployment import journal_file, opened
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError, HashrailError
from hashrail.exports import content, export, making
from hashrail.market.chain_days import ChainNotReadyError
from hashrail.parties import member_tasks as portal_tasks
from hashrail.parties import tasks as operator_tasks
from hashrail.payouts import processor, settlement
from hashrail.postgres import job_queue
from hashrail.processes import delivering, housekeeping, member_tasks, watching
from hashrail.processes.meters import REGISTRY
from hashrail.processes.right_time import RightTime
from hashrail.processes.timetable import CRON
from hashrail.proofs import day_documents, liabilities
from hashrail.recovery import lost
from hashrail.rewards import closing, fetching, portfolios
from hashrail.sandbox import rates
from hashrail.settings import Settings

STOP_SECONDS = 20
PAUSE_SECONDS = 1
Job: TypeAlias = Callable[[int], Awaitable[None]]
JOBS = Counter("hashrail_jobs", "Jobs that ended, by task and outcome.", ["task", "outcome"], registry=REGISTRY)
JOB_SECONDS = Histogram("hashrail_job_seconds", "Seconds that a job took, by task.", ["task"], registry=REGISTRY)
log = structlog.get_logger()


class DeploymentChangedError(ConflictError):
    """What the deployment is was changed since this worker was started; it pays nothing any more."""

    code = "DEPLOYMENT_CHANGED"
    advice = "Start the worker again, with the environment that the deployment has now."


async def run(settings: Settings, dsn: str) -> None:
    """Work until SIGINT or SIGTERM; a job that has begun may end within 20 seconds.

    Raises BadSettingError for a receiver of alarms that cannot be one, and what opening the deployment does.
    """
    delivery.check(settings)
    books = await opened.open_deployment(settings, dsn, connections=6)
    deployment = await opened.with_chain(books, signs=True)
    queue = job_queue.queue(dsn)
    tasks(queue, deployment)
    loop = asyncio.get_running_loop()
    async with queue.open_async():
        time = RightTime(deployment.pool)
        working = loop.create_task(time.keep(partial(_work, queue)))
        works = [partial(_work, queue, each) for each in (export.QUEUE, operator_tasks.QUEUE)]
        works.append(partial(delivering.run, deployment, dsn))
        beside = [loop.create_task(time.keep(each)) for each in works]
        beside += [loop.create_task(watching.watch(deployment)), loop.create_task(time.watch())]
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.cancel)
        log.info("worker started", **deployment.facts.shown())
        try:
            await working
        except asyncio.CancelledError:
            log.info("worker stopped")
        for each in beside:
            each.cancel()
        await asyncio.wait(beside)
    await deployment.close()


async def _work(queue: procrastinate.App, jobs: str = "default") -> None:
    """Work off the jobs of a queue until this is cancelled; each queue has one at a time, beside those of the others.

    Procrastinate ends, as if asked to, when it loses the database.
    """
    while True:
        try:
            await queue.run_worker_async(
                queues=[jobs],
                install_signal_handlers=False,
                shutdown_graceful_timeout=STOP_SECONDS,
                delete_jobs="successful",
            )
            log.warning("the queue lost the database: begun again")
        except procrastinate.exceptions.ConnectorException as error:
            log.warning("the queue has no database: begun again", error=str(error.__cause__))
        await asyncio.sleep(PAUSE_SECONDS)


def tasks(queue: procrastinate.App, deployment: Deployment) -> None:
    """Define the periodic jobs on a queue; without a chain nothing is paid."""
    pool, settings = deployment.pool, deployment.settings
    counted = _counted(pool)

    @queue.periodic(cron=CRON["keep_days"])
    @queue.task(name="keep_days", queueing_lock="keep_days", lock="keep_days", pass_context=False)
    @counted
    async def keep_days(timestamp: int) -> None:
        if deployment.is_sandbox:
            await rates.enter_generated(pool, settings)
        progress = await _close_days(deployment)
        if progress.missing_rates is not None:
            log.warning("rates missing", day=progress.missing_rates.isoformat(), tick=timestamp)
        if progress.waiting is not None:
            log.info("day waits", code=progress.waiting.code, message=progress.waiting.message, tick=timestamp)
        counts = await housekeeping.housekeeping(pool, call_log_days=settings.call_log_days)
        await housekeeping.pay_open_days(pool)
        log.info("days kept", closed=progress.closed, **counts)

    @queue.periodic(cron=CRON["write_journal"])
    @queue.task(name="write_journal", queueing_lock="write_journal", lock="write_journal", pass_context=False)
    @counted
    async def write_journal(timestamp: int) -> None:
        written = await journal_file.write_down(pool, settings.journal_file, with_heights=True)
        log.debug("journal written", lines=written, tick=timestamp)

    @queue.periodic(cron=CRON["pay"])
    @queue.task(name="pay", queueing_lock="pay", lock="pay", pass_context=False)
    @counted
    async def pay(timestamp: int) -> None:
        await _pay(deployment)

    # Without a lock of its own, which a killed worker would leave behind as well.
    @queue.periodic(cron=CRON["forget_stalled"])
    @queue.task(name="forget_stalled", queueing_lock="forget_stalled", pass_context=False)
    @counted
    async def forget_stalled_jobs(timestamp: int) -> None:
        await forget_stalled(queue)

    @queue.periodic(cron=CRON["audit"])
    @queue.task(name="audit", queueing_lock="audit", lock="audit")
    @counted
    async def audit(timestamp: int) -> None:
        await _audit(deployment, timestamp)

    _tasks_that_take_long(queue, deployment)
    if deployment.node is not None:
        _tasks_of_chain(queue, deployment)


def _tasks_that_take_long(queue: procrastinate.App, deployment: Deployment) -> None:
    """What makes files, adds up all users, and what people asked for: on queues of their own."""
    pool, settings = deployment.pool, deployment.settings

    # It begins at once where an export is asked for, and each minute what a worker that was killed has left.
    @queue.periodic(cron=CRON["make_exports"])
    @queue.task(name=export.JOB, queue=export.QUEUE, queueing_lock=export.JOB, pass_context=False)
    @_counted(pool)
    async def make_exports(timestamp: int) -> None:
        made = await making.make_waiting(pool, content.Terms.of(settings))
        (log.info if made else log.debug)("exports made", made=made, tick=timestamp)

    # It holds no lock of the queue: whoever comes second finds that the day was taken.
    @queue.periodic(cron=CRON["take_liabilities"])
    @queue.task(name="take_liabilities", queue=export.QUEUE, queueing_lock="take_liabilities", pass_context=False)
    @_counted(pool)
    async def take_liabilities(timestamp: int) -> None:
        day = await liabilities.take_due(pool, deployment.vault, every_days=settings.liabilities_every_days)
        if day is not None:
            log.info("liabilities signed", day=day.isoformat(), tick=timestamp)

    # What an operator asked for begins at once, and each minute what a worker that was killed has left.
    @queue.periodic(cron=CRON["do_tasks"])
    @queue.task(
        name=operator_tasks.JOB, queue=operator_tasks.QUEUE, queueing_lock=operator_tasks.JOB, pass_context=False
    )
    @_counted(pool)
    async def do_tasks(timestamp: int) -> None:
        done = await running.do_waiting(deployment)
        (log.info if done else log.debug)("tasks done", done=done, tick=timestamp)

    @queue.periodic(cron=CRON["do_member_tasks"])
    @queue.task(name=portal_tasks.JOB, queue=portal_tasks.QUEUE, queueing_lock=portal_tasks.JOB, pass_context=False)
    @_counted(pool)
    async def do_member_tasks(timestamp: int) -> None:
        done = await member_tasks.do_waiting(deployment)
        (log.info if done else log.debug)("tasks of members done", done=done, tick=timestamp)


def _tasks_of_chain(queue: procrastinate.App, deployment: Deployment) -> None:
    """What is looked at where there is a chain."""
    counted = _counted(deployment.pool)

    # What an exchange or the node did not tell is asked for again by this rhythm.
    @queue.periodic(cron=CRON["fetch_rates"])
    @queue.task(name="fetch_rates", queueing_lock="fetch_rates", lock="fetch_rates", pass_context=False)
    @counted
    async def fetch_rates(timestamp: int) -> None:
        await keep_rates(deployment)

    @queue.periodic(cron=CRON["see_wallet"])
    @queue.task(name="see_wallet", queueing_lock="see_wallet", lock="see_wallet", pass_context=False)
    @counted
    async def see_wallet(timestamp: int) -> None:
        await noting.wallet_seen(deployment)

    @queue.periodic(cron=CRON["reconcile"])
    @queue.task(name="reconcile", queueing_lock="reconcile", lock="reconcile", pass_context=False)
    @counted
    async def reconcile(timestamp: int) -> None:
        report = await noting.reconcile(deployment)
        (log.error if report.alarm else log.info)("reconciled", tick=timestamp, alarm=report.alarm)


def _counted(pool: db.Pool) -> Callable[[Job], Job]:
    """Jobs whose end and time are counted, and noted for the alarms."""

    def counted(job: Job) -> Job:
        @wraps(job)
        async def run(timestamp: int) -> None:
            started, outcome = clock.monotonic(), "failed"
            refused: DeploymentChangedError | None = None
            try:
                # What a wrong clock takes for old is not.
                await business_clock.now(pool)
                await job(timestamp)
                outcome = "done"
            except DeploymentChangedError as error:
                refused = error
                log.error(f"nothing is paid: {error.message}; start it again")  # noqa: TRY400
            finally:
                JOBS.labels(job.__name__, outcome).inc()
                JOB_SECONDS.labels(job.__name__).observe(clock.monotonic() - started)
                await _note(pool, job.__name__, refused or sys.exception())

        return run

    return counted


async def _note(pool: db.Pool, job: str, error: BaseException | None) -> None:
    """How a job ended; one that was called off did not end. Where even that cannot be written the job is missed."""
    if isinstance(error, asyncio.CancelledError):
        return
    try:
        async with db.transaction(pool) as tx:
            if error is None:
                await observations.good(tx, observations.JOB + job)
            else:
                await observations.bad(tx, observations.JOB + job, observations.code_of(error), str(error))
    except (HashrailError, *db.DATABASE_ERRORS) as failed:
        log.warning("how a job ended is not noted", job=job, cause=str(failed))


async def _audit(deployment: Deployment, timestamp: int) -> None:
    pool = deployment.pool
    await housekeeping.checkpoint_all(pool)
    whole = await marks.whole_is_due(pool, timedelta(hours=deployment.settings.audit_whole_hours))
    made = await noting.audit(pool, whole=whole)
    for finding in made.broken:
        log.error("invariant broken", invariant=finding.name, rows=finding.rows[:10])
    await _log_regime(deployment)
    log.info(
        "audited",
        tick=timestamp,
        whole=made.since is None,
        invariants=len(made.findings),
        broken=len(made.broken),
        seconds=round(made.seconds, 3),
    )


async def _close_days(deployment: Deployment) -> closing.Progress:
    """Close what is due, sign what is closed, and settle the portfolios that have become large by it."""
    progress = await closing.close_due(deployment.pool)
    await day_documents.sign_due(deployment.pool, deployment.vault)
    if progress.closed:
        await portfolios.settle_large(deployment.pool)
    return progress


async def keep_rates(deployment: Deployment) -> None:
    """Fetch the days that are due, where there is a node to tell their blocks; a sandbox has its own figures.

    Raises DeploymentChangedError.
    """
    if deployment.facts.chain != "node" or deployment.is_sandbox or not deployment.settings.market_fetch:
        return
    if await opened.has_changed(deployment):
        raise DeploymentChangedError("the deployment was changed since this process was started")
    made = await fetching.fetch_due(deployment.pool, deployment.settings)
    for day in made.entered:
        log.info("rates fetched", day=day.isoformat())
    if made.stopped is not None and made.why is not None:
        # That a day is not buried yet is how each morning begins.
        tell = log.info if isinstance(made.why, ChainNotReadyError) else log.warning
        tell("rates not fetched", day=made.stopped.isoformat(), code=made.why.code, reason=made.why.message)


async def _log_regime(deployment: Deployment) -> None:
    pool = deployment.pool
    found = await regime.warnings(pool, is_sandbox=deployment.is_sandbox)
    found += await pool_promises.findings(pool, now=await business_clock.now(pool))
    for each in found:
        log.warning("standing finding", code=each.code, message=each.message)


async def _pay(deployment: Deployment) -> None:
    """A run of payouts. A process that was started as another deployment than this has become pays nothing.

    Raises DeploymentChangedError, and what a run does.
    """
    if await opened.has_changed(deployment):
        raise DeploymentChangedError("the deployment was changed since this process was started")
    if deployment.chain_if_any is None:
        # What an operator recorded is final by their word; a process may have been killed before it was posted.
        _log_run(posted=await settlement.settle_final(deployment.pool))
        return
    # What a failover has lost may be paid already.
    await lost.assert_none(deployment.pool, deployment.settings.journal_file)
    done = await processor.run(deployment)
    _log_run(batches=len(done.batches), raised=len(done.bumped), posted=done.settled, findings=len(done.findings))


def _log_run(**counts: int) -> None:
    """What a run of payouts did; one that did nothing is not worth a line a minute."""
    (log.info if any(counts.values()) else log.debug)("payouts done", **counts)


async def forget_stalled(queue: procrastinate.App) -> int:
    """End the jobs of workers that were killed, or their locks would stop such jobs for ever; answers how many.

    They are not run again: every job here is periodic, and its next run does what was left.
    """
    stalled = list(await queue.job_manager.get_stalled_jobs())
    for job in stalled:
        assert job.id is not None, "a job that was begun is in the queue's table"
        await queue.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
        log.warning("stalled job ended", task=job.task_name, job=job.id)
    return len(stalled)
