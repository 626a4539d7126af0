"""Endpoints: what is served at one path, from the bytes of a request to the bytes of its answer.

A request of ours is read once and by our own rules, since what was sent is what is signed, and its answer is encoded
already: there is nothing in it for Litestar's requests and responses. So it is looked up in a table of our own
(`Table`), and Litestar has what is not in it as it stands there: pages, and paths that are written otherwise.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from re import compile as pattern
from typing import Any, TypeAlias

from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from hashrail.api.serving import cors, door, envelope
from hashrail.api.serving.answering import answer
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.call import FileReply, Reply
from hashrail.api.serving.errors import MethodNotAllowedError
from hashrail.api.serving.heads import SENT_METHOD
from hashrail.api.serving.limits import Spending
from hashrail.api.serving.notes import NOTES
from hashrail.api.serving.operation import AnyOperation
from hashrail.api.serving.state import Serving

MAX_METHOD_LENGTH = 32
OPTIONS = "OPTIONS"
# Of any other host Litestar judges.
PLAIN_HOST = pattern(rb"[A-Za-z0-9.:_\[\]-]{1,255}")
# How a refusal, or what failed, is shown to whoever asked.
Shown: TypeAlias = Callable[[Request[Any, Any, Any], Exception], Response[bytes]]


class Endpoint:
    """The operations of one path, by method; and what a browser asks before it calls one of them."""

    def __init__(self, path: str, operations: Iterable[AnyOperation]) -> None:
        self.by_method: dict[str, tuple[AnyOperation, bool]] = {
            one.method: (one, cors.is_for_pages(path, one)) for one in operations
        }
        self.for_every_site = any(one.for_every_site for one, _ in self.by_method.values())
        self.for_pages = self.for_every_site or any(for_pages for _, for_pages in self.by_method.values())

    async def answer(self, serving: Serving, scope: HTTPScope, receive: Receive) -> tuple[Reply, str]:
        """The reply to one request and its media type. Raises every refusal, for the application to show."""
        found = self.by_method.get(scope["method"])
        if found is None:
            return self._answer_browser(scope), ""
        operation, for_pages = found
        scope["state"]["operation"] = operation.name
        if for_pages:
            envelope.add_headers(scope, cors.answer_headers(scope["headers"]))
        if operation.for_every_site:
            envelope.add_headers(scope, cors.EVERY_SITE)
        arrival = _arrival(scope, receive, for_pages=for_pages)
        return await answer(operation, serving, arrival), operation.media_type

    def _answer_browser(self, scope: HTTPScope) -> Reply:
        """A preflight, where pages may call. Raises MethodNotAllowedError for all else."""
        asked = scope["method"] == OPTIONS and self.for_pages
        headers = cors.preflight_headers(scope["headers"], self.by_method) if asked else None
        if headers is None:
            raise refused_method(scope, self.by_method)
        scope["state"]["operation"] = "preflight"
        if self.for_every_site:
            headers |= cors.EVERY_SITE_ASKING
        return Reply(b"", headers, HTTPStatus.NO_CONTENT)


class Table:
    """ASGI around Litestar: what is asked of an endpoint's path goes there at once, and its refusals are shown."""

    def __init__(self, by_path: Mapping[str, Endpoint], app: Litestar, shown: Shown) -> None:
        self.by_path = by_path
        self.app = app
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == ScopeType.HTTP:
            endpoint = self.by_path.get(scope["path"])
            if endpoint is not None and _has_plain_host(scope):
                await self._answer(endpoint, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _answer(self, endpoint: Endpoint, scope: HTTPScope, receive: Receive, send: Send) -> None:
        try:
            reply, media_type = await endpoint.answer(self.app.state.serving, scope, receive)
        except Exception as error:
            scope["litestar_app"] = self.app
            request = Request[Any, Any, Any](scope, receive, send)
            response = self._shown(request, error)
            await response.to_asgi_response(app=None, request=request)(scope, receive, send)
            return
        await _send(send, reply, media_type)


def by_path(table: Iterable[tuple[str, AnyOperation]]) -> dict[str, Endpoint]:
    """An endpoint for every path of the route table."""
    found: dict[str, list[AnyOperation]] = {}
    for path, operation in table:
        found.setdefault(path, []).append(operation)
    return {path: Endpoint(path, operations) for path, operations in found.items()}


def handlers(endpoints: Mapping[str, Endpoint]) -> list[ASGIRouteHandler]:
    """The endpoints as Litestar wants them, for paths with a slash at their end or two in their midst."""
    return [_handler(path, endpoint) for path, endpoint in endpoints.items()]


def refused_method(scope: HTTPScope, allowed: Collection[str]) -> MethodNotAllowedError:
    """The refusal of a method; its answer names those that the path has."""
    methods = {*allowed} | ({"HEAD"} if "GET" in allowed else set())
    envelope.add_headers(scope, {"allow": ", ".join(sorted(methods))})
    return MethodNotAllowedError("the path has another method", method=scope["method"][:MAX_METHOD_LENGTH])


def _handler(path: str, endpoint: Endpoint) -> ASGIRouteHandler:
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            raise NotFoundException("there are no web sockets here")
        reply, media_type = await endpoint.answer(scope["litestar_app"].state.serving, scope, receive)
        await _send(send, reply, media_type)

    return ASGIRouteHandler(path, name=path, copy_scope=False)(handle)


def _has_plain_host(scope: HTTPScope) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return host is None or _is_plain_host(host)


@lru_cache(maxsize=1000)
def _is_plain_host(host: bytes) -> bool:
    return PLAIN_HOST.fullmatch(host) is not None


def _arrival(scope: HTTPScope, receive: Receive, *, for_pages: bool) -> Arrival:
    return Arrival(
        method=scope["state"].get(SENT_METHOD, scope["method"]),
        # As it was sent, which is what a client signs; Litestar cuts a slash off the end of `path`.
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"],
        body=door.body_of(scope),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        address=scope["state"][door.ADDRESS],
        for_pages=for_pages,
        spending=Spending(scope["state"].setdefault("headers", {})),
        notes=scope["state"][NOTES],
        receive=receive,
    )


async def _send(send: Send, reply: Reply, media_type: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        size = reply.size if isinstance(reply, FileReply) else len(reply.body)
        headers += [(b"content-type", media_type.encode()), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
    if isinstance(reply, FileReply) and reply.content is not None:
        async for part in reply.content:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})
