"""A call: one request that was let in, and the reply that is sent."""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import msgspec
from msgspec import Struct, field

from hashrail import db
from hashrail.api.serving import limits
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.guards import Caller
from hashrail.api.serving.state import Serving
from hashrail.api.serving.turns import PartnerBusyError
from hashrail.deployment.opened import Deployment
from hashrail.events import feed
from hashrail.postgres.replicas import Reading

ENCODER = msgspec.json.Encoder(decimal_format="number")


class Cost(Struct):
    """What a request costs beside being one: the rows that were read for its answer, which may show few of them."""

    rows: int = 0


class Call(Struct, frozen=True):
    """One request that was let in. `caller` is None where an operation asks for no credential.

    A handler adds to `headers` what its answer is to carry beside the body, and to `cost` what it read in bulk.
    `reading` is from which standby it reads, where it does.
    """

    serving: Serving
    caller: Caller | None
    arrival: Arrival
    operation: str
    headers: dict[str, str] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    reading: Reading | None = None

    @property
    def deployment(self) -> Deployment:
        """The deployment that is called."""
        return self.serving.deployment

    @property
    def pool(self) -> db.Pool:
        """Connections for reads; those of a standby where it answers."""
        return self.serving.deployment.pool if self.reading is None else self.reading.pool

    async def append_to_feed(self) -> None:
        """Let the partner's feed tell all that has happened, for what this call reads from then on."""
        await feed.append_all(self.serving.deployment.pool, self.partner_id)
        if self.reading is not None:
            await self.reading.renew()

    @property
    def partner_id(self) -> int:
        """The calling partner; every query carries it."""
        return self.known.partner_id

    @property
    def known(self) -> Caller:
        """Who is calling, where the operation asks."""
        assert self.caller is not None, "nobody calls an operation without a credential"
        return self.caller

    def turn(self, partner_id: int) -> "Turn":
        """The partner's turn at the connections, while the block runs; raises PartnerBusyError, RateLimitedError.

        Whoever is known before the operation runs has it by then. What finds out itself whose it is takes it here.
        """
        return Turn(self, partner_id)

    @property
    def user_id(self) -> int:
        """The user whose token it is."""
        assert self.known.user_id is not None, "only a token says which user"
        return self.known.user_id


class Turn:
    """A partner's turn, for the time of a block. It is no generator, since each request has one."""

    __slots__ = ("_call", "_partner_id")

    def __init__(self, call: Call, partner_id: int) -> None:
        self._call = call
        self._partner_id = partner_id

    async def __aenter__(self) -> None:
        serving, spending = self._call.serving, self._call.arrival.spending
        try:
            await serving.turns.take(self._partner_id)
        except PartnerBusyError:
            spending.headers["retry-after"] = "1"
            raise
        try:
            # Those before may have cost more than was left.
            limits.recheck(serving, spending)
        except limits.RateLimitedError:
            serving.turns.leave(self._partner_id)
            raise

    async def __aexit__(self, *failure: object) -> None:
        self._call.serving.turns.leave(self._partner_id)
        if isinstance(failure[1], PartnerBusyError):
            self._call.arrival.spending.headers["retry-after"] = "1"


class Reply(Struct, frozen=True):
    """What is sent: the body and the headers that the operation adds. With status 304 there is no body."""

    body: bytes
    headers: dict[str, str]
    status: int = HTTPStatus.OK


class File(Struct, frozen=True):
    """What a handler answers with whose answer is a file: its size, its tag, and what reads a part of it.

    `read` takes the first byte and the last one, both included, and yields parts that are no larger than a chunk.
    """

    size: int
    tag: str
    name: str
    read: Callable[[int, int], AsyncIterator[bytes]]


class FileReply(Reply, frozen=True):
    """A part of a file, or the whole: its body is sent as it is read, and is `size` bytes long."""

    size: int = 0
    content: AsyncIterator[bytes] | None = None
