"""A deployment whose alarms a test evaluates and tells, and lets time pass for."""

import datetime as dt
from dataclasses import dataclass

from hashrail import db
from hashrail.alarms import delivery, states, workers
from hashrail.alarms.delivery import Receivers
from hashrail.alarms.states import Ringing
from hashrail.deployment.opened import Deployment
from tests.support.earlier import moved

# Times of the database's clock. Not since when workers work, who would have to have done something by now.
NOTED = {
    "alarm": ("since", "rings_at", "quiet_at", "ended_at", "told_at"),
    "alarm_delivery": ("written_at", "next_at", "delivered_at"),
    "alarm_silence": ("silenced_at", "until"),
    "observation": ("seen_at", "good_at", "bad_since"),
    "minute_count": ("minute",),
    "worker_heartbeat": ("beat_at",),
}


@dataclass
class Watched:
    """A deployment whose alarms a test evaluates, and lets time pass for."""

    deployment: Deployment
    receivers: Receivers

    async def evaluate(self, **later: int) -> int:
        """Let so much time pass, with a worker that lives on, and evaluate; answers how many messages were written."""
        await self.wait(**later)
        await self.beat()
        return await states.evaluate(self.deployment)

    async def beat(self) -> None:
        """A worker lives."""
        async with db.transaction(self.deployment.pool) as tx:
            await workers.beat(tx, "test:1")

    async def wait(self, **later: int) -> None:
        """What was noted of alarms lies further back."""
        if not later:
            return
        step = dt.timedelta(**later)
        async with db.transaction(self.deployment.pool) as tx:
            for table, columns in NOTED.items():
                back = ", ".join(moved(name, "- $1::interval") for name in columns)
                await tx.execute(f"UPDATE {table} SET {back}", step)

    async def deliver(self) -> int:
        """Tell what is to be told now."""
        return await delivery.deliver(self.deployment, self.receivers)

    async def rings(self) -> list[str]:
        """What rings, by code and subject."""
        return [f"{one.code} {one.subject}".strip() for one in await self.ringing()]

    async def ringing(self) -> list[Ringing]:
        """What rings, as it is shown."""
        return await states.ringing(self.deployment)
