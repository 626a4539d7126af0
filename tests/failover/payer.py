"""python -m tests.failover.payer: a process that pays like a worker, and waits at a step for what is done to it there.

It reads a job, a line of JSON, and tells "here" at the step; then the whole process stands still until it reads another
line. After that it makes runs as a worker does, until one of them finds nothing in its way; it tells how they ended.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg

from hashrail import db
from hashrail.deployment.opened import Deployment
from hashrail.errors import UnavailableError
from hashrail.payouts import processor
from tests.simulation.crash_payer import CountedChain, Steps, count_commits
from tests.support.bitcoin_node import Node
from tests.support.deployments import deployed
from tests.support.paying import (
    node_chain,
    settings,
)

PAY_SECONDS = 100
PAUSE_SECONDS = 0.3
BUMP_MINUTES = 20
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Waiting(Steps):
    """Stands still where another process is killed."""

    def reached(self) -> None:
        """Say so, and wait for a word."""
        self.last = None
        tell("here")
        sys.stdin.readline()


def tell(what: object) -> None:
    """A line of JSON to whoever started us."""
    print(json.dumps(what), file=sys.__stdout__, flush=True)


async def run(deployment: Deployment) -> list[str]:
    """What spoke against a payment in one run. Raises what a deployment would have to call a bug."""
    try:
        return [finding.code for finding in (await processor.run(deployment)).findings]
    except UnavailableError as error:
        return [error.code]
    except DATABASE_ERRORS as error:
        refused = db.refusal(error)
        if refused is None:
            raise
        return [refused.code]


async def work(job: dict[str, Any]) -> list[list[str]]:
    """Make runs until one finds nothing in its way; answers what each of them found."""
    books = await db.open_pool(job["dsn"], 2)
    chain = node_chain(Node(Path(job["folder"]), rpc_port=job["rpc_port"]), job["wallet"])
    steps = Waiting((job["step"], job["when"]))
    count_commits(books, steps)
    counted: Any = CountedChain(chain, steps)
    deployment = deployed(books, settings(payout_bump_minutes=BUMP_MINUTES), counted)
    told = [await run(deployment)]
    give_up = time.monotonic() + PAY_SECONDS
    while told[-1]:
        assert time.monotonic() < give_up, told
        await asyncio.sleep(PAUSE_SECONDS)
        told.append(await run(deployment))
    await chain.close()
    await books.close()
    return told


def main() -> None:
    """What is logged goes to the standard error."""
    sys.stdout = sys.stderr
    tell(asyncio.run(work(json.loads(sys.stdin.readline()))))


if __name__ == "__main__":
    main()
