"""Processes that make a run of payouts, each killed at a step, named like "commit 2".

    python -m tests.simulation.crash_payer

Steps are the commits of our books and the calls of the chain, each counted by its name. Nothing in the program knows of
them: the chain is wrapped, and so is the way a transaction is opened.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hashrail import db
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.db import Pool, Tx
from hashrail.payouts import processor
from tests.support.bitcoin_node import Node
from tests.support.deployments import deployed
from tests.support.paying import (
    FEES,
    node_chain,
    settings,
)

opened_transaction = db.transaction


@dataclass
class Steps:
    """Counts what is done; at one step, before or after it, the process reaches its last: see `reached`."""

    last: tuple[str, str] | None
    done: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def begin(self, name: str) -> str:
        """The step that begins now."""
        self.counts[name] += 1
        step = f"{name} {self.counts[name]}"
        self.done.append(step)
        self._perhaps_the_last(step, "before")
        return step

    def end(self, step: str) -> None:
        self._perhaps_the_last(step, "after")

    def reached(self) -> None:
        """The process ends as by kill -9."""
        os.kill(os.getpid(), signal.SIGKILL)

    def _perhaps_the_last(self, step: str, when: str) -> None:
        if self.last == (step, when):
            self.reached()


class CountedChain:
    """A chain whose every call is a step."""

    def __init__(self, chain: Chain, steps: Steps) -> None:
        self._chain = chain
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Awaitable[Any]] = getattr(self._chain, name)
        if not asyncio.iscoroutinefunction(call):
            return call

        async def counted(*args: object, **kwargs: object) -> object:
            step = self._steps.begin(name)
            answer = await call(*args, **kwargs)
            self._steps.end(step)
            return answer

        return counted


def count_commits(books: Pool, steps: Steps) -> None:
    """Each commit of the books is a step; those of a simulated chain, which has connections of its own, are not."""

    @asynccontextmanager
    async def counted(pool: Pool, *, one_moment: bool = False) -> AsyncIterator[Tx]:
        if pool is not books:
            async with opened_transaction(pool, one_moment=one_moment) as tx:
                yield tx
            return
        async with opened_transaction(pool, one_moment=one_moment) as tx:
            yield tx
            step = steps.begin("commit")
        steps.end(step)

    db.transaction = counted


async def run(dsn: str, node: Node | None, wallet: str, last: tuple[str, str] | None) -> list[str]:
    """Make a run; answers the steps that it took."""
    books, outside = await db.open_pool(dsn, 2), await db.open_pool(dsn, 2)
    steps = Steps(last)
    simulated = SandboxChain(outside, fees=FEES, network="regtest")
    chain: Chain = simulated if node is None else node_chain(node, wallet)
    count_commits(books, steps)
    counted: Any = CountedChain(chain, steps)
    await processor.run(deployed(books, settings(payout_bump_minutes=20), counted))
    await chain.close()
    await books.close()
    await outside.close()
    return steps.done


def serve() -> None:
    """Fork a process for each line of JSON that comes in, and answer how it ended: everything is imported already."""
    gc.freeze()
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            node = None if job["folder"] is None else Node(Path(job["folder"]), rpc_port=job["rpc_port"])
            last = None if job["last"] is None else (job["last"][0], job["last"][1])
            steps = asyncio.run(run(job["dsn"], node, job["wallet"], last))
            Path(job["told"]).write_text("\n".join(steps))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    # What the forked processes log stands beside the answers.
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = nowhere
        serve()
