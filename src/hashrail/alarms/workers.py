"""Workers that live: each says so once a minute in a row of its own.

Whether it stops in good order or is killed, the row tells when it was last heard; another worker forgets it after a
day. Times are the database's, which all processes share.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import business_clock
from hashrail.db import Reader, Tx, record
from hashrail.version import VERSION

# A worker says that it lives every minute.
SILENT = timedelta(minutes=5)
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, as it was last heard; its machine's clock is `ahead_ms` milliseconds ahead of the database's."""

    name: str
    version: str
    began_at: datetime
    beat_at: datetime
    ahead_ms: int

    @property
    def machine(self) -> str:
        """Where it runs."""
        return self.name.rpartition(":")[0]


def own_name() -> str:
    """What this process is called among the workers: its machine and its number there."""
    return f"{own_machine()}:{os.getpid()}"


def own_machine() -> str:
    """What this machine is called."""
    return socket.gethostname()[:200]


async def beat(tx: Tx, name: str) -> datetime:
    """The worker lives; answers the database's time. Whoever was not heard for a day is forgotten."""
    moment = await business_clock.read(tx)
    await tx.execute(
        """INSERT INTO worker_heartbeat (name, version, began_at, beat_at, ahead_ms) VALUES ($1, $2, $3, $3, $4)
           ON CONFLICT (name) DO UPDATE SET version = $2, beat_at = $3, ahead_ms = $4""",
        name,
        VERSION,
        moment.database_now,
        moment.ahead // timedelta(milliseconds=1),
    )
    await tx.execute("DELETE FROM worker_heartbeat WHERE beat_at < $1", moment.database_now - FORGOTTEN)
    return moment.database_now


async def known(tx: Reader) -> list[Worker]:
    """Every worker that was heard within a day, newest first."""
    rows = await tx.fetch(
        "SELECT name, version, began_at, beat_at, ahead_ms FROM worker_heartbeat ORDER BY beat_at DESC, name"
    )
    return [record(Worker, row) for row in rows]
