"""The HTTP application: one route table, one error shape, health and metrics."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response
from litestar.enums import HttpMethod
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
)
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from hashrail import bootstrap, db, logs
from hashrail.api import cors, reference_page
from hashrail.api.call import JSON, Reply, Route, answer
from hashrail.api.deployment import Deployment, open_deployment
from hashrail.api.errors import (
    BodyTooLargeError,
    InternalError,
    MethodNotAllowedError,
    RequestMalformedError,
    RouteNotFoundError,
)
from hashrail.api.guards import Arrival
from hashrail.api.limits import Spending
from hashrail.api.routes import routes
from hashrail.api.telemetry import FAILED_ASSERTIONS, Telemetry, metrics
from hashrail.errors import HashrailError
from hashrail.settings import Settings

LARGEST_BODY = 64 * 1024
LONGEST_READ = 16 * LARGEST_BODY
LONGEST_METHOD = 32
ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


def create_app() -> ASGIApp:
    """The application of one API process, settings from the environment; Granian calls this."""
    app = build(Settings())
    # What is here now lives as long as the process: a full collection that walked it kept every request waiting.
    gc.collect()
    gc.freeze()
    return app


def build(settings: Settings) -> ASGIApp:
    """The application for given settings; it connects when it starts and gives connections back when it stops."""
    logs.configure()
    table = routes(settings)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        with bootstrap.database(settings) as database:
            deployment = await open_deployment(settings, database.dsn)
            app.state.deployment = deployment
            yield
            await deployment.close()

    app = Litestar(
        route_handlers=[
            # First, or Litestar answers OPTIONS itself.
            *[_options(path, [route for at, route in table if at == path]) for path in dict(table)],
            *[_handler(path, route) for path, route in table],
            *[_kept(path, kept) for path, kept in reference_page.pages(settings).items()],
            _page("/healthz", _healthy),
            _page("/readyz", _ready),
            _page("/metrics", _metrics),
        ],
        exception_handlers={
            HashrailError: _refused,
            HTTPException: _http_refused,
            Exception: _failed,
        },
        lifespan=[lifespan],
        openapi_config=None,
        request_max_body_size=None,
        logging_config=None,
    )
    return Telemetry(app)


class _Answer:
    """JSON that is encoded already; Litestar's own response would look at it once more."""

    def __init__(self, reply: Reply, media_type: str) -> None:
        self.reply = reply
        self.media_type = media_type

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        body = self.reply.body
        about_body = [
            (b"content-type", self.media_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        headers = [
            *(about_body if self.reply.status == HTTPStatus.OK else ()),
            *((name.encode(), value.encode()) for name, value in self.reply.headers.items()),
        ]
        await send({"type": "http.response.start", "status": int(self.reply.status), "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _handler(path: str, route: Route) -> HTTPRouteHandler:
    """One route of the table as Litestar wants it."""
    for_pages = cors.is_for_pages(path, route)

    async def handle(request: AnyRequest) -> ASGIApp:
        request.scope["state"]["operation"] = route.operation
        if for_pages:
            _add_headers(request, cors.answer_headers(request.scope["headers"]))
        if route.for_every_site:
            _add_headers(request, cors.EVERY_SITE)
        deployment: Deployment = request.app.state.deployment
        arrival = await _arrival(request, for_pages=for_pages)
        return _Answer(await answer(route, deployment, arrival), route.media_type)

    return HTTPRouteHandler(path, http_method=HttpMethod(route.method), name=f"{route.operation} {path}")(handle)


def _options(path: str, routes_of_path: list[Route]) -> HTTPRouteHandler:
    """What a browser asks before it sends; nothing else is answered to OPTIONS."""
    methods = sorted({route.method for route in routes_of_path})
    for_every_site = any(route.for_every_site for route in routes_of_path)
    for_pages = for_every_site or any(cors.is_for_pages(path, route) for route in routes_of_path)

    async def handle(request: AnyRequest) -> Response[None]:
        headers = cors.preflight_headers(request.scope["headers"], methods) if for_pages else None
        if headers is None:
            raise MethodNotAllowedException(headers={"allow": ", ".join(methods)})
        request.scope["state"]["operation"] = "preflight"
        if for_every_site:
            headers |= cors.EVERY_SITE_ASKING
        return Response(None, status_code=204, headers=headers)

    return HTTPRouteHandler(path, http_method=HttpMethod.OPTIONS, name=f"OPTIONS {path}")(handle)


def _add_headers(request: AnyRequest, headers: dict[str, str]) -> None:
    """Headers of the answer, be it a refusal or not."""
    request.scope["state"].setdefault("headers", {}).update(headers)


async def _arrival(request: AnyRequest, *, for_pages: bool) -> Arrival:
    scope = request.scope
    client = scope["client"]
    return Arrival(
        method=scope["method"],
        path=_called_path(scope),
        query=scope["query_string"],
        body=b"" if scope["method"] == "GET" else await _body(request),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        peer="" if client is None else client[0],
        for_pages=for_pages,
        spending=Spending(scope["state"].setdefault("headers", {})),
    )


def _called_path(scope: Scope) -> str:
    """The path as it was sent, which is what a client signs; Litestar cuts a slash off its end."""
    return str(scope["raw_path"].decode("latin-1"))


async def _body(request: AnyRequest) -> bytes:
    """The whole body. One that is too large is read on for a while: whoever still sends would not see the answer."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise RequestMalformedError("the connection ended before the body did")
        size += len(message["body"])
        if size <= LARGEST_BODY:
            chunks.append(message["body"])
        more = message["more_body"] and size <= LONGEST_READ
    if size > LARGEST_BODY:
        raise BodyTooLargeError(f"the body has more than {LARGEST_BODY} bytes")
    return b"".join(chunks)


def _page(path: str, page: Callable[[AnyRequest], Any]) -> HTTPRouteHandler:
    return HTTPRouteHandler(path, http_method=HttpMethod.GET, name=path)(page)


def _kept(path: str, kept: reference_page.Kept) -> HTTPRouteHandler:
    """Something that never changes while the process lives; who has it already is told so."""
    headers = kept.headers

    async def send(request: AnyRequest) -> Response[bytes]:
        request.scope["state"]["operation"] = "reference"
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(b"", status_code=304, headers=headers)
        return Response(kept.body, media_type=kept.media_type, headers=headers)

    return _page(path, send)


async def _healthy(request: AnyRequest) -> Response[bytes]:
    """The process is alive."""
    request.scope["state"]["operation"] = "healthz"
    return Response(b'{"status":"ok"}', media_type=JSON)


async def _ready(request: AnyRequest) -> Response[bytes]:
    """The database answers and its schema is this program's."""
    request.scope["state"]["operation"] = "readyz"
    deployment: Deployment = request.app.state.deployment
    # Anybody may ask, as often as he likes: a crowd holds one connection and not all of them.
    await deployment.answers.get("readyz", lambda: bootstrap.check_schema(deployment.pool), seconds=0)
    return Response(b'{"status":"ready"}', media_type=JSON)


async def _metrics(request: AnyRequest) -> Response[bytes]:
    """Prometheus metrics of this process."""
    request.scope["state"]["operation"] = "metrics"
    page, media_type = metrics()
    return Response(page, media_type=media_type)


def _refused(request: AnyRequest, error: HashrailError) -> Response[bytes]:
    """The one error shape."""
    state = request.scope["state"]
    if request.scope["path"].startswith(cors.PATHS):
        _add_headers(request, cors.answer_headers(request.scope["headers"]))
    state["error"] = error.code
    shape = {
        "statusCode": error.status,
        "error": error.code,
        "message": error.message,
        "requestId": state["request_id"],
        "details": error.details,
    }
    return Response(ENCODER.encode(shape), status_code=error.status, media_type=JSON)


def _http_refused(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses, in our shape."""
    if isinstance(error, NotFoundException):
        return _refused(request, RouteNotFoundError("there is no such path", path=request.scope["path"]))
    if isinstance(error, MethodNotAllowedException):
        allowed = [method for method in (error.headers or {})["allow"].split(", ") if method != HttpMethod.OPTIONS]
        _add_headers(request, {"allow": ", ".join(sorted(allowed))})
        method = request.scope["method"][:LONGEST_METHOD]
        return _refused(request, MethodNotAllowedError("the path has another method", method=method))
    if isinstance(error, ClientException):
        return _refused(request, RequestMalformedError(error.detail))
    return _failed(request, error)


def _failed(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The database is away, or a bug: the caller gets the request id, the log everything, and the alarm goes up."""
    unavailable = db.refusal(error)
    if unavailable is not None:
        return _refused(request, unavailable)
    FAILED_ASSERTIONS.inc()
    log.error("internal error", request_id=request.scope["state"]["request_id"], exc_info=error)
    return _refused(request, InternalError("something went wrong; it was logged and nothing was changed"))
