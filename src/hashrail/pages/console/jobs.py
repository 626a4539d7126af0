"""Jobs: what the worker does again and again, how each last went, and what its queues have now.

None is run again by hand: each comes by its rhythm, and its next run does what was left.
"""

from hashrail import business_clock
from hashrail.alarms import observations, workers
from hashrail.db import Tx
from hashrail.pages.console.visit import Shown, Visit
from hashrail.postgres import job_queue
from hashrail.processes import timetable

LISTED = 50


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The timetable with the newest outcomes, the queues, their newest jobs, and the workers that live."""
    seen = await observations.known(tx)
    has_chain = visit.deployment.facts.chain == "node"
    now = (await business_clock.read(tx)).database_now
    return Shown(
        {
            "rows": [
                (row, seen.get(observations.JOB + row.observed))
                for row in timetable.ROWS
                if has_chain or not row.of_chain
            ],
            "queues": await job_queue.queues(tx),
            "found": await job_queue.newest(tx, limit=LISTED),
            "workers": [(one, now - one.beat_at < workers.SILENT) for one in await workers.known(tx)],
        }
    )
