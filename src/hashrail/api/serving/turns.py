"""Turns: how many operations of one partner a process runs at once, so that each partner finds room.

An operation needs a connection to the database and some of the processor. A partner whose fence is held, or whose
users read a lot, would have all of both. So an operation takes a place first, and a partner may hold fewer places than
are free (the dynamic threshold of shared buffers, Choudhury and Hahne 1998): alone it has half of them, a second one
half of the rest, and whoever comes next finds one. Partners that wait have their turn one after the other. A user has
no more than a lane or two before that, so that one of them does not take what is their partner's.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from hashrail.errors import UnavailableError

# Of so many connections one is left for what no partner has asked for: keys, budgets, origins.
CONNECTIONS_A_SPARE = 8
# As long as anybody waits for a lock.
WAIT_SECONDS = 20.0
MAX_WAITING = 256
# Requests of one user that run at once.
LANES_OF_A_USER = 2


class PartnerBusyError(UnavailableError):
    """Other requests of the partner, or of its user, hold all the places that they may have in this process."""

    code = "PARTNER_BUSY"
    advice = "Send the same request again after Retry-After seconds; send fewer at once."


@dataclass
class Lanes:
    """What one user runs at once, and how many of their requests are here."""

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LANES_OF_A_USER))
    requests: int = 0


@dataclass
class Turns:
    """The places of a process, and who waits for one."""

    places: int
    _held: Counter[int] = field(default_factory=Counter)
    _all_held: int = 0
    _waiting: dict[int, "deque[asyncio.Future[None]]"] = field(default_factory=dict)
    _users: dict[tuple[int, int], Lanes] = field(default_factory=dict)

    @classmethod
    def of(cls, connections: int) -> "Turns":
        """For a process with so many connections."""
        return cls(max(1, connections - -(-connections // CONNECTIONS_A_SPARE)))

    @asynccontextmanager
    async def turn(self, partner_id: int) -> AsyncIterator[None]:
        """A place while the block runs. Raises PartnerBusyError."""
        await self.take(partner_id)
        try:
            yield
        finally:
            self.leave(partner_id)

    async def take(self, partner_id: int) -> None:
        """Take a place, which is to be left again. Raises PartnerBusyError."""
        if partner_id in self._waiting or not self._has_room(partner_id):
            await self._wait(partner_id)
        else:
            self._hold(partner_id)

    @asynccontextmanager
    async def lane(self, partner_id: int, user_id: int) -> AsyncIterator[None]:
        """One of a user's lanes while the block runs; taken before the partner's turn. Raises PartnerBusyError."""
        lanes = self._users.setdefault((partner_id, user_id), Lanes())
        lanes.requests += 1
        try:
            if lanes.requests > MAX_WAITING:
                raise PartnerBusyError("too many requests of the user wait already", retryAfterSeconds=1)
            if not lanes.free.locked():
                async with lanes.free:
                    yield
                return
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(WAIT_SECONDS):
                        await held.enter_async_context(lanes.free)
                except TimeoutError as error:
                    raise PartnerBusyError("no request of the user ended", retryAfterSeconds=1) from error
                yield
        finally:
            lanes.requests -= 1
            if not lanes.requests:
                del self._users[partner_id, user_id]

    async def _wait(self, partner_id: int) -> None:
        queue = self._waiting.setdefault(partner_id, deque())
        if len(queue) >= MAX_WAITING:
            raise PartnerBusyError("too many requests of the partner wait already", retryAfterSeconds=1)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        came = False
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
            came = True
        except TimeoutError as error:
            raise PartnerBusyError("no place became free", retryAfterSeconds=1) from error
        finally:
            if not came:
                self._give_up(partner_id, turn)

    def _give_up(self, partner_id: int, turn: "asyncio.Future[None]") -> None:
        """Wait no longer; a turn that came at the same moment goes to the next."""
        queue = self._waiting.get(partner_id, deque())
        if turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[partner_id]
        elif not turn.cancelled():
            self.leave(partner_id)

    def _has_room(self, partner_id: int) -> bool:
        return self._held.get(partner_id, 0) < self.places - self._all_held

    def _hold(self, partner_id: int) -> None:
        self._held[partner_id] += 1
        self._all_held += 1

    def leave(self, partner_id: int) -> None:
        """Give a place back, and let in whose turn it is."""
        self._all_held -= 1
        self._held[partner_id] -= 1
        if not self._held[partner_id]:
            del self._held[partner_id]
        while self._waiting and (following := next(filter(self._has_room, self._waiting), None)) is not None:
            queue = self._waiting.pop(following)
            turn = queue.popleft()
            # Whoever has just been called off does not know it yet.
            if not turn.done():
                self._hold(following)
                turn.set_result(None)
            if queue:
                self._waiting[following] = queue  # behind the others
