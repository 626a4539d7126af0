"""What a worker does for webhooks, beside its jobs: it plans what came into the feeds, and sends what is due.

It has connections of its own, so payouts and days never wait for it. Endpoints whose last attempt failed are sent to in
a lane of their own, one attempt a turn, so they keep no other waiting. A turn that waits for its answers counts for its
lane only as long as that is usual: what hangs gives its place to the next. The first attempt of a round goes alone, so
a hundred endpoints that hang hold a hundred attempts, and leave others to those that live.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from hashrail import clock, db
from hashrail.alarms import observations
from hashrail.deployment.opened import Deployment
from hashrail.errors import HashrailError
from hashrail.events import planning, turns
from hashrail.events.sending import Outcome, Sender
from hashrail.events.targets import Rules
from hashrail.events.turns import Due, Turn
from hashrail.vault import Vault

CONNECTIONS = 4
IDLE_SECONDS = 0.5
RENEWING_SECONDS = 4
FAILED_SECONDS = 2
HANDING_BACK_SECONDS = 5
# How often it is noted for the alarms how this goes.
NOTING_SECONDS = 60
STEP = "send_webhooks"
# Turns that a lane begins beside each other, and those that may go on beside them while they wait.
AT_ONCE, AT_ALL = 32, 256
USUAL_SECONDS = 0.5
# What a turn sends before it makes room: so many rounds, of so many deliveries, so many beside each other.
ROUNDS, IN_A_ROUND, BESIDE_EACH_OTHER = 8, 64, 8
# Attempts that a lane makes beside each other, whoever they are of.
ATTEMPTS = 256
# Behind so many failures in a round and no success the rest of it is left for later.
HOPELESS = 3
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Running:
    """A turn that is under way since so many seconds."""

    turn: Turn
    since_seconds: float


# Of the steps whose last time failed, why.
Failed: TypeAlias = dict[str, Exception]


class Lane:
    """Turns of one sort of endpoints, beside each other."""

    def __init__(self, pool: db.Pool, vault: Vault, sender: Sender, *, failing: bool) -> None:
        self._pool, self._vault, self._sender = pool, vault, sender
        self._failing = failing
        self._running: dict[asyncio.Task[None], Running] = {}
        self._attempts = asyncio.Semaphore(ATTEMPTS)
        self.wakes = asyncio.Event()

    @property
    def held(self) -> list[Turn]:
        """The turns that are under way."""
        return [running.turn for running in self._running.values()]

    async def work(self, failed: Failed) -> None:
        """Take turns until this is cancelled."""
        try:
            step = "failing endpoints are tried" if self._failing else "webhooks are sent"
            await again_and_again(step, self.begin, self.wakes, failed)
        finally:
            await self._stop()

    async def begin(self) -> bool:
        """Begin the turns that there is room for; answers whether some were."""
        room = self._room()
        taken = []
        if room > 0:
            taken = await turns.take(self._pool, self._vault, failing=self._failing, limit=room)
        for turn in taken:
            task = asyncio.create_task(self._take_turn(turn))
            self._running[task] = Running(turn, clock.monotonic())
            task.add_done_callback(self._ended)
        return bool(taken)

    async def end(self) -> None:
        """Wait for the turns that are under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _stop(self) -> None:
        """End the turns that are under way, and hand them back: what was on its way is sent by the next at once."""
        held = self.held
        for task in self._running:
            task.cancel()
        await self.end()
        try:
            async with asyncio.timeout(HANDING_BACK_SECONDS):
                await turns.hand_back(self._pool, held)
        except (TimeoutError, HashrailError, *db.DATABASE_ERRORS) as error:
            log.warning("turns are not handed back", error=type(error).__name__, cause=str(error))

    def _room(self) -> int:
        """How many turns may begin now: one that waits longer than usual has given its place away."""
        now = clock.monotonic()
        brisk = sum(now - running.since_seconds < USUAL_SECONDS for running in self._running.values())
        return min(AT_ONCE - brisk, AT_ALL - len(self._running))

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self.wakes.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The turn is over in a few seconds, and what was on its way is sent once more.
            log.warning("a webhook's turn failed", error=type(error).__name__, cause=str(error))

    async def _take_turn(self, turn: Turn) -> None:
        """Send what is due to an endpoint; one that failed last gets a single attempt."""
        rounds, in_a_round = (1, 1) if turn.is_failing else (ROUNDS, IN_A_ROUND)
        for number in range(1, rounds + 1):
            found = await turns.due(self._pool, turn, limit=in_a_round)
            brought = await self._send(turn, found)
            ends = number == rounds or len(found) < in_a_round
            if not await turns.settle(self._pool, turn, brought, ends=ends):
                break

    async def _send(self, turn: Turn, found: list[Due]) -> list[tuple[Due, Outcome]]:
        """An attempt of each, some beside each other; of an endpoint that is down not all are made.

        The first goes alone: so one that hangs holds one place among the lane's attempts, and not several.
        """
        brought: list[tuple[Due, Outcome]] = []
        waiting = iter(found)

        async def one_more(one: Due) -> Outcome:
            async with self._attempts:
                outcome = await self._sender.send(turn.url, turn.secrets, one.event)
            brought.append((one, outcome))
            return outcome

        async def one_after_the_other() -> None:
            for one in waiting:
                failed = sum(not outcome.is_delivered for _, outcome in brought)
                if failed == len(brought) >= HOPELESS:
                    return
                await one_more(one)

        first = next(waiting, None)
        if first is None or (await one_more(first)).status is None:
            return brought
        async with asyncio.TaskGroup() as group:
            for _ in range(min(BESIDE_EACH_OTHER, len(found) - 1)):
                group.create_task(one_after_the_other())
        return brought


async def run(deployment: Deployment, dsn: str) -> None:
    """Deliver until this is cancelled."""
    pool = await db.open_pool(dsn, CONNECTIONS)
    sender = Sender(Rules.of(deployment.settings))
    try:
        await deliver(pool, deployment.vault, sender)
    finally:
        await sender.close()
        await pool.close()


async def deliver(pool: db.Pool, vault: Vault, sender: Sender) -> None:
    """Deliver over these connections until this is cancelled."""
    lanes, failed = lanes_of(pool, vault, sender), Failed()

    async def plan() -> bool:
        planned = await planning.plan(pool)
        if planned:
            for lane in lanes:
                lane.wakes.set()
        return planned > 0

    async def renew() -> bool:
        held = [turn for lane in lanes for turn in lane.held]
        if held:
            await turns.renew(pool, held)
        return False

    async def tell() -> bool:
        await note(pool, failed)
        return False

    async with asyncio.TaskGroup() as group:
        for step, work, seconds in (
            ("webhooks are planned", plan, IDLE_SECONDS),
            ("turns go on", renew, RENEWING_SECONDS),
            ("how it goes is noted", tell, NOTING_SECONDS),
        ):
            group.create_task(again_and_again(step, work, asyncio.Event(), failed, idle_seconds=seconds))
        for lane in lanes:
            group.create_task(lane.work(failed))


async def note(pool: db.Pool, failed: Failed) -> None:
    """Note for the alarms how the steps last went, as a job of a worker notes how it ended."""
    async with db.transaction(pool) as tx:
        for step, error in failed.items():
            code = observations.code_of(error)
            await observations.bad(tx, observations.JOB + STEP, code, f"{step}: {error}")
            return
        await observations.good(tx, observations.JOB + STEP)


def lanes_of(pool: db.Pool, vault: Vault, sender: Sender) -> tuple[Lane, Lane]:
    """One for endpoints that go well, one for those whose last attempt failed."""
    return Lane(pool, vault, sender, failing=False), Lane(pool, vault, sender, failing=True)


async def again_and_again(
    step: str,
    work: Callable[[], Awaitable[bool]],
    wakes: asyncio.Event,
    failed: Failed,
    *,
    idle_seconds: float = IDLE_SECONDS,
) -> None:
    """Work, at once again where something was done, and else after a while or when woken, until this is cancelled.

    While its last time failed, `failed` says why.
    """
    while True:
        wakes.clear()
        try:
            is_done = await work()
            failed.pop(step, None)
            if is_done:
                continue
        except Exception as error:
            # Also one that nobody has foreseen: the worker's jobs go on, and the next time may go well.
            failed[step] = error
            log.warning("delivering failed", step=step, error=type(error).__name__, cause=str(error))
            await asyncio.sleep(FAILED_SECONDS)
        try:
            async with asyncio.timeout(idle_seconds):
                await wakes.wait()
        except TimeoutError:
            continue
