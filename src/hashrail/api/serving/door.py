"""The door of the application: whose request it is by address, and its body, before anything is done for it.

A body that does not come holds a few hundred bytes here, and is refused without the application ever seeing it.
"""

from collections.abc import Sequence

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from hashrail.access import addresses
from hashrail.access.addresses import Network
from hashrail.api.serving import envelope
from hashrail.api.serving.bodies import Bodies
from hashrail.api.serving.errors import BodyTooLargeError, BodyTooSlowError, RequestMalformedError
from hashrail.errors import HashrailError
from hashrail.settings import Settings

WITHOUT_BODY = (HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS)
# What the scope's state carries.
ADDRESS, BODY, REFUSAL = "address", "body", "body_refusal"


class Door:
    """ASGI around the application: its scope's state has `address` and `body`, or `body_refusal`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._bodies = Bodies.of(settings)
        self._trusted: Sequence[Network] = settings.trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection; anything but HTTP passes through."""
        if scope["type"] == ScopeType.HTTP:
            state = scope["state"]
            state[ADDRESS] = self._address(scope)
            if scope["method"] not in WITHOUT_BODY:
                try:
                    state[BODY] = await self._bodies.read(receive, state[ADDRESS])
                except BodyTooSlowError as refusal:
                    await _refuse(scope, send, refusal)
                    return
                except (BodyTooLargeError, RequestMalformedError) as refusal:
                    state[REFUSAL] = refusal
        await self.app(scope, receive, send)

    def _address(self, scope: HTTPScope) -> str:
        client = scope["client"]
        forwarded = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
        return addresses.of_caller("" if client is None else client[0], forwarded, self._trusted)


def body_of(scope: HTTPScope) -> bytes:
    """The body of a request that came through the door. Raises BodyTooLargeError, RequestMalformedError."""
    refusal: HashrailError | None = scope["state"].get(REFUSAL)
    if refusal is not None:
        raise refusal
    body: bytes = scope["state"].get(BODY, b"")
    return body


async def _refuse(scope: HTTPScope, send: Send, refusal: HashrailError) -> None:
    """In the one error shape, and at once: there may be a thousand of them."""
    body = msgspec.json.encode(envelope.refusal(scope, refusal, refusal.message))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
