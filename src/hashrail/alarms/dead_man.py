"""The heartbeat for somebody outside, who misses it: called while the worker does what it is there for.

A worker that is dead tells nobody so, and neither does one without a database. So a service elsewhere expects a call
every few minutes, and raises the alarm itself when none comes.
"""

import logging
from datetime import datetime

import httpx
import structlog

from hashrail import business_clock, db
from hashrail.alarms import observations
from hashrail.alarms.observations import Observation
from hashrail.alarms.rules import ESSENTIAL
from hashrail.deployment.opened import Deployment

TIMEOUT_SECONDS = 10
log = structlog.get_logger()
# It tells every URL that is called.
logging.getLogger("httpx").setLevel(logging.WARNING)


async def call(deployment: Deployment) -> bool:
    """Call the URL if every essential job lately went well; answers whether it was called and took it."""
    url = deployment.settings.heartbeat_url
    if url is None:
        return False
    async with db.snapshot(deployment.pool) as tx:
        now, seen = (await business_clock.read(tx)).database_now, await observations.known(tx)
    missing = [name for name in ESSENTIAL if not _is_well(seen.get(observations.JOB + name), name, now)]
    if missing:
        log.warning("no heartbeat", jobs=missing)
        return False
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await client.get(url.get_secret_value())
    except httpx.HTTPError as error:
        # Its text may hold the URL, which is a secret.
        log.warning("the heartbeat did not arrive", cause=type(error).__name__)
        return False
    if answer.is_error:
        log.warning("the heartbeat did not arrive", cause=answer.status_code)
    return answer.is_success


def _is_well(seen: Observation | None, name: str, now: datetime) -> bool:
    """Whether a job's last end was a good one, and not long ago."""
    return seen is not None and seen.bad_since is None and now - seen.seen_at < ESSENTIAL[name]
