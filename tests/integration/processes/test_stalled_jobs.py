"""A worker that is killed leaves a job behind; its lock must not stop the jobs that come after."""

import datetime as dt

import procrastinate

from hashrail import clock, db
from hashrail.processes import worker
from hashrail.settings import Settings
from tests.support.deployments import deployed


async def begin(pool: db.Pool, last_heartbeat: dt.datetime) -> int:
    """A job that a worker has begun; answers its id."""
    worker_id = await pool.fetchval(
        "INSERT INTO procrastinate.procrastinate_workers (last_heartbeat) VALUES ($1) RETURNING id", last_heartbeat
    )
    job_id: int = await pool.fetchval(
        """INSERT INTO procrastinate.procrastinate_jobs
               (queue_name, task_name, lock, queueing_lock, args, status, worker_id)
           VALUES ('default', 'keep_days', 'keep_days', 'keep_days', '{"timestamp": 1}', 'doing', $1) RETURNING id""",
        worker_id,
    )
    return job_id


async def states(pool: db.Pool) -> list[tuple[int, str]]:
    rows = await pool.fetch("SELECT id, status::text FROM procrastinate.procrastinate_jobs ORDER BY id")
    return [(row["id"], row["status"]) for row in rows]


async def test_the_job_of_a_killed_worker_is_ended(queue: procrastinate.App, pool: db.Pool) -> None:
    """The next job of its kind waits behind it; once it is ended, that one runs."""
    seen: list[int] = []

    @queue.task(name="keep_days", lock="keep_days", queueing_lock="keep_days")
    async def keep_days(timestamp: int) -> None:
        seen.append(timestamp)

    left = await begin(pool, clock.wall_now() - dt.timedelta(minutes=1))
    async with queue.open_async():
        waiting = await keep_days.defer_async(timestamp=2)
        await queue.run_worker_async(wait=False, install_signal_handlers=False)
        assert await states(pool) == [(left, "doing"), (waiting, "todo")]
        assert await worker.forget_stalled(queue) == 1
        assert await states(pool) == [(waiting, "todo")]
        await queue.run_worker_async(wait=False, install_signal_handlers=False)
    assert seen == [2]


async def test_the_job_of_a_living_worker_goes_on(queue: procrastinate.App, pool: db.Pool) -> None:
    """Until its heartbeat stops."""
    worker.tasks(queue, deployed(pool, Settings()))
    running = await begin(pool, clock.wall_now())
    async with queue.open_async():
        await queue.tasks["forget_stalled"](timestamp=3)
        assert await states(pool) == [(running, "doing")]
        ago = clock.wall_now() - dt.timedelta(minutes=1)
        await pool.execute("UPDATE procrastinate.procrastinate_workers SET last_heartbeat = $1", ago)
        await queue.tasks["forget_stalled"](timestamp=4)
    assert await states(pool) == []
