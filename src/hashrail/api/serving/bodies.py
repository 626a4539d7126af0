"""Bodies of requests: how long one is waited for, and how many of one address at once.

Whoever promises a body and does not send it costs a connection and a little memory. So a body has a deadline, and of
too many that one address keeps waiting the oldest gives way: an honest body comes at once, and is never the oldest.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from litestar.types import Receive

from hashrail.access.addresses import place_of
from hashrail.api.serving.errors import BodyTooLargeError, BodyTooSlowError, RequestMalformedError
from hashrail.settings import Settings

LARGEST_BODY = 64 * 1024
MAX_READ = 16 * LARGEST_BODY


@dataclass
class Bodies:
    """The bodies that a process waits for, by address, oldest first."""

    seconds: float
    an_address: int
    _waiting: dict[str, dict[asyncio.Timeout, None]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def of(cls, settings: Settings) -> "Bodies":
        """With the bounds that the operator set."""
        return cls(settings.body_seconds, settings.bodies_per_address)

    async def read(self, receive: Receive, address: str) -> bytes:
        """The whole body. Raises BodyTooSlowError, BodyTooLargeError, RequestMalformedError."""
        place = place_of(address)
        theirs = self._waiting[place]
        if len(theirs) >= self.an_address:
            oldest = next(iter(theirs))
            del theirs[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(self.seconds) as deadline:
                theirs[deadline] = None
                return await _whole(receive)
        except TimeoutError as error:
            raise BodyTooSlowError("the body did not come in time") from error
        finally:
            theirs.pop(deadline, None)
            if not theirs:
                self._waiting.pop(place, None)


async def _whole(receive: Receive) -> bytes:
    """One that is too large is read on for a while: whoever still sends would not see the answer."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise RequestMalformedError("the connection ended before the body did")
        size += len(message["body"])
        if size <= LARGEST_BODY:
            chunks.append(message["body"])
        more = message["more_body"] and size <= MAX_READ
    if size > LARGEST_BODY:
        raise BodyTooLargeError(f"the body has more than {LARGEST_BODY} bytes")
    return b"".join(chunks)
