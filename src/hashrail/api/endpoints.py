"""Endpoints: what is served at one path, from the bytes of a request to the bytes of its answer.

An endpoint is plain ASGI that Litestar routes to. A request of ours is read once and by our own rules, since what was
sent is what is signed, and its answer is encoded already: there is nothing left for Litestar's requests and responses.
"""

from collections.abc import Iterable
from http import HTTPStatus

from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from hashrail.api import cors
from hashrail.api.call import Reply, Route, answer
from hashrail.api.deployment import Deployment
from hashrail.api.errors import BodyTooLargeError, MethodNotAllowedError, RequestMalformedError
from hashrail.api.guards import Arrival
from hashrail.api.limits import Spending

LARGEST_BODY = 64 * 1024
LONGEST_READ = 16 * LARGEST_BODY
LONGEST_METHOD = 32
OPTIONS = "OPTIONS"


class Endpoint:
    """The operations of one path, by method; and what a browser asks before it calls one of them."""

    def __init__(self, path: str, routes: Iterable[Route]) -> None:
        self.routes = {route.method: (route, cors.is_for_pages(path, route)) for route in routes}
        self.for_every_site = any(route.for_every_site for route, _ in self.routes.values())
        self.for_pages = self.for_every_site or any(for_pages for _, for_pages in self.routes.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises every refusal, for the application to show."""
        if scope["type"] != ScopeType.HTTP:
            raise NotFoundException("there are no web sockets here")
        found = self.routes.get(scope["method"])
        if found is None:
            await self._answer_browser(scope, send)
            return
        route, for_pages = found
        scope["state"]["operation"] = route.operation
        if for_pages:
            add_headers(scope, cors.answer_headers(scope["headers"]))
        if route.for_every_site:
            add_headers(scope, cors.EVERY_SITE)
        deployment: Deployment = scope["litestar_app"].state.deployment
        arrival = await _arrival(scope, receive, for_pages=for_pages)
        await _send(send, await answer(route, deployment, arrival), route.media_type)

    async def _answer_browser(self, scope: HTTPScope, send: Send) -> None:
        """A preflight, where pages may call. Raises MethodNotAllowedError for all else."""
        asked = scope["method"] == OPTIONS and self.for_pages
        headers = cors.preflight_headers(scope["headers"], self.routes) if asked else None
        if headers is None:
            raise refused_method(scope, self.routes)
        scope["state"]["operation"] = "preflight"
        if self.for_every_site:
            headers |= cors.EVERY_SITE_ASKING
        await _send(send, Reply(b"", headers, HTTPStatus.NO_CONTENT), "")


def handlers(table: Iterable[tuple[str, Route]]) -> list[ASGIRouteHandler]:
    """An endpoint for every path of the route table, as Litestar wants them."""
    by_path: dict[str, list[Route]] = {}
    for path, route in table:
        by_path.setdefault(path, []).append(route)
    return [_handler(path, Endpoint(path, routes)) for path, routes in by_path.items()]


def add_headers(scope: Scope, headers: dict[str, str]) -> None:
    """Headers of the answer, be it a refusal or not."""
    scope["state"].setdefault("headers", {}).update(headers)


def refused_method(scope: HTTPScope, allowed: Iterable[str]) -> MethodNotAllowedError:
    """The refusal of a method; its answer names those that the path has."""
    add_headers(scope, {"allow": ", ".join(sorted(allowed))})
    return MethodNotAllowedError("the path has another method", method=scope["method"][:LONGEST_METHOD])


def _handler(path: str, endpoint: Endpoint) -> ASGIRouteHandler:
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    return ASGIRouteHandler(path, name=path, copy_scope=False)(handle)


async def _arrival(scope: HTTPScope, receive: Receive, *, for_pages: bool) -> Arrival:
    client = scope["client"]
    return Arrival(
        method=scope["method"],
        # As it was sent, which is what a client signs; Litestar cuts a slash off the end of `path`.
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"],
        body=b"" if scope["method"] == "GET" else await _body(receive),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        peer="" if client is None else client[0],
        for_pages=for_pages,
        spending=Spending(scope["state"].setdefault("headers", {})),
    )


async def _body(receive: Receive) -> bytes:
    """The whole body. One that is too large is read on for a while: whoever still sends would not see the answer."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise RequestMalformedError("the connection ended before the body did")
        size += len(message["body"])
        if size <= LARGEST_BODY:
            chunks.append(message["body"])
        more = message["more_body"] and size <= LONGEST_READ
    if size > LARGEST_BODY:
        raise BodyTooLargeError(f"the body has more than {LARGEST_BODY} bytes")
    return b"".join(chunks)


async def _send(send: Send, reply: Reply, media_type: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.status == HTTPStatus.OK:
        headers += [(b"content-type", media_type.encode()), (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})
