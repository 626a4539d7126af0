"""The HTTP application: one route table, one error shape, health."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import structlog
from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
)
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.routes import ASGIRoute, BaseRoute, HTTPRoute
from litestar.types import ASGIApp
from litestar.types.internal_types import RouteHandlerMapItem

from hashrail import db, logs
from hashrail.api.document import served
from hashrail.api.operations.routes import routes
from hashrail.api.serving import endpoints, envelope, standbys
from hashrail.api.serving.answering import is_known
from hashrail.api.serving.call import ENCODER
from hashrail.api.serving.door import Door
from hashrail.api.serving.errors import InternalError, RequestMalformedError, RouteNotFoundError
from hashrail.api.serving.operation import JSON
from hashrail.api.serving.state import Serving, open_serving
from hashrail.api.serving.telemetry import FAILED_ASSERTIONS, MAX_SHOWN, Telemetry
from hashrail.bitcoin.rpc import NodeError
from hashrail.errors import HashrailError, UnavailableError
from hashrail.postgres import bootstrap
from hashrail.postgres.readiness import Readiness
from hashrail.processes import leaving
from hashrail.settings import Settings

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]
# A database that is gone is back in seconds, or another one is promoted in as many.
COME_AGAIN_SECONDS = "5"


# How a refusal is shown to a browser that asked for a page; None where a program asked, which gets the error shape.
Shows: TypeAlias = Callable[[AnyRequest, HashrailError, Mapping[str, object]], Response[bytes] | None]


class _Application(Litestar):
    """Litestar that takes all its handlers together.

    One by one it looks through all routes whenever another comes, and with pages there are hundreds.
    """

    def __init__(self, handlers: Sequence[ASGIRouteHandler | HTTPRouteHandler], **options: Any) -> None:
        self._methods: dict[str, RouteHandlerMapItem] = {}
        super().__init__(**options)
        for handler in handlers:
            for route in Router.register(self, handler):
                self._take(route)
        self.asgi_router.construct_routing_trie()

    def _take(self, route: BaseRoute) -> None:
        """What Litestar does with a route that is new, or that has got another method."""
        known = self._methods.setdefault(route.path, {})
        if isinstance(route, HTTPRoute):
            known.update({method: one for one in route.route_handlers for method in one.http_methods})
            for one in route.route_handlers:
                one.on_registration(self)
            route.create_handler_map()
        elif isinstance(route, ASGIRoute):
            known["asgi"] = route.route_handler
            route.route_handler.on_registration(self)

    @property
    def route_handler_method_map(self) -> dict[str, RouteHandlerMapItem]:
        """What has been taken, by path and method."""
        return self._methods


def build(settings: Settings, pages: Sequence[HTTPRouteHandler] = (), shows: Shows | None = None) -> ASGIApp:
    """The application for given settings; it connects when it starts and gives connections back when it stops.

    `pages` are served beside the API, and `shows` shows people what is refused.
    """
    logs.configure()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        with bootstrap.database(settings) as database:
            serving = await open_serving(settings, database.dsn)
            app.state.serving = serving
            app.state.readiness = Readiness(database.dsn, pooler=settings.database_pooler_url)
            with leaving.told(lambda: loop.call_soon_threadsafe(serving.growth.close)):
                yield
            await serving.close()

    of_paths = endpoints.by_path(routes(settings))
    app = _Application(
        [
            *endpoints.handlers(of_paths),
            _kept(served.PATH, served.document(settings)),
            _page("/healthz", _healthy),
            _page("/readyz", _ready),
            *pages,
        ],
        exception_handlers={Exception: _shown},
        lifespan=[lifespan],
        state=State({"shows": shows}),
        openapi_config=None,
        request_max_body_size=None,
        logging_config=None,
    )
    return Telemetry(Door(endpoints.Table(of_paths, app, _shown), settings), reads=settings.log_reads)


def _page(path: str, page: Callable[[AnyRequest], Any]) -> HTTPRouteHandler:
    return HTTPRouteHandler(path, http_method=HttpMethod.GET, name=path)(page)


def _kept(path: str, kept: served.Kept) -> HTTPRouteHandler:
    """Something that never changes while the process lives; who has it already is told so."""
    headers = kept.headers

    async def send(request: AnyRequest) -> Response[bytes]:
        request.scope["state"]["operation"] = "document"
        if is_known(headers["etag"], request.headers.multi_items()):
            return Response(b"", status_code=304, headers=headers)
        return Response(kept.body, media_type=kept.media_type, headers=headers)

    return _page(path, send)


async def _healthy(request: AnyRequest) -> Response[bytes]:
    """The process is alive."""
    request.scope["state"]["operation"] = "healthz"
    return Response(b'{"status":"ok"}', media_type=JSON)


async def _ready(request: AnyRequest) -> Response[bytes]:
    """The database takes a write, and its schema is this program's."""
    request.scope["state"]["operation"] = "readyz"
    serving: Serving = request.app.state.serving
    readiness: Readiness = request.app.state.readiness
    leaving.assert_stays()
    serving.assert_may_answer()
    # Anybody may ask, as often as they like: a crowd holds one connection and not all of them.
    servers = await serving.answers.get("readyz", readiness.prove, seconds=0)
    page = {"status": "ready", **standbys.shown(serving.replicas), **servers}
    return Response(ENCODER.encode(page), media_type=JSON)


def _shown(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Whatever is raised, as its answer."""
    if isinstance(error, HashrailError) and not isinstance(error, InternalError):
        return _refused(request, error)
    return _http_refused(request, error) if isinstance(error, HTTPException) else _failed(request, error)


def _refused(request: AnyRequest, error: HashrailError) -> Response[bytes]:
    """The one error shape; to people, a page."""
    shape = envelope.refusal(request.scope, error, _told(error, request.scope["state"]["request_id"]))
    shows: Shows | None = request.app.state.shows
    page = None if shows is None else shows(request, error, shape)
    if page is not None:
        return page
    headers = {"retry-after": COME_AGAIN_SECONDS} if isinstance(error, db.DatabaseDownError) else None
    return Response(ENCODER.encode(shape), status_code=error.status, media_type=JSON, headers=headers)


def _told(error: HashrailError, request_id: str) -> str:
    """The message for the caller. What failed at the node is the operator's, and stands in the log."""
    if not isinstance(error, NodeError):
        return error.message
    log.warning("a call of the node failed", request_id=request_id, code=error.code, cause=error.message)
    return error.outside


def _http_refused(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses, in our shape."""
    if isinstance(error, NotFoundException):
        return _refused(request, RouteNotFoundError("there is no such path", path=request.scope["path"][:MAX_SHOWN]))
    if isinstance(error, MethodNotAllowedException):
        return _refused(request, endpoints.refused_method(request.scope, (HttpMethod.GET,)))
    if isinstance(error, ClientException):
        return _refused(request, RequestMalformedError(error.detail))
    return _failed(request, error)


def _failed(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The database is away, or a bug: the caller gets the request id, the log everything, and the alarm goes up.

    What works in steps says itself, by an InternalError, how far it came.
    """
    refused = db.refusal(error)
    if refused is not None:
        if not isinstance(refused, UnavailableError):
            # Its field should have refused it, by name.
            log.warning("a value reached the database", request_id=request.scope["state"]["request_id"], exc_info=error)
        return _refused(request, refused)
    FAILED_ASSERTIONS.inc()
    log.error("internal error", request_id=request.scope["state"]["request_id"], exc_info=error)
    if not isinstance(error, InternalError):
        error = InternalError("something went wrong; it was logged under the request id")
    return _refused(request, error)
