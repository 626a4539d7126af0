"""A request as it arrived, before anybody knows whose it is: what was sent, and from which address."""

import asyncio

from litestar.types import HTTPReceiveMessage, Receive
from msgspec import Struct, field

from hashrail.api.serving import limits
from hashrail.api.serving.notes import Notes
from hashrail.errors import UnauthorizedError


class HeaderRepeatedError(UnauthorizedError):
    """A header that says who is calling came twice."""

    code = "HEADER_REPEATED"
    advice = "Send each credential header once."


async def _nothing() -> HTTPReceiveMessage:
    """Nothing else ever comes."""
    never: asyncio.Future[HTTPReceiveMessage] = asyncio.get_running_loop().create_future()
    return await never


class Arrival(Struct, frozen=True):
    """A request as it came: method and path, raw query and body, headers in lower case, the caller's address.

    `for_pages` says that the path is one that pages in a browser may call, `spending` what it was counted against,
    and `notes` what the log is to say of it. `receive` is what else comes from the caller: that it hangs up.
    """

    method: str
    path: str
    query: bytes
    body: bytes
    headers: list[tuple[str, str]]
    address: str
    for_pages: bool = False
    spending: limits.Spending = field(default_factory=limits.Spending)
    notes: Notes = field(default_factory=Notes)
    receive: Receive = _nothing

    def header(self, name: str) -> str | None:
        """A credential header's value. Raises HeaderRepeatedError."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise HeaderRepeatedError(f"the header {name} came {len(values)} times", field=name)
        return values[0] if values else None
