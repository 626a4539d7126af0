"""The HTTP application: one route table, one error shape, health and metrics."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
from hashrail.api.call import JSON, Reply, Route, answer
from hashrail.api.deployment import Deployment, open_deployment
from hashrail.api.guards import Arrival
from hashrail.api.routes import routes
from hashrail.api.telemetry import FAILED_ASSERTIONS, Telemetry, metrics
from hashrail.errors import HashrailError
from hashrail.settings import Settings

LARGEST_BODY = 64 * 1024
LONGEST_READ = 16 * LARGEST_BODY
ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


class RouteNotFoundError(HashrailError):
    """There is no such path."""

    status = 404
    code = "ROUTE_NOT_FOUND"
    advice = "Compare the path with the API reference."


class MethodNotAllowedError(HashrailError):
    """The path exists with another method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    advice = "Use the method that the API reference names."


class BodyTooLargeError(HashrailError):
    """A body has at most 64 KiB."""

    status = 413
    code = "BODY_TOO_LARGE"
    advice = "Send at most 65536 bytes."


class RequestMalformedError(HashrailError):
    """The request is no proper HTTP."""

    status = 400
    code = "REQUEST_MALFORMED"
    advice = "Check the client library: the request cannot be read."


class InternalError(HashrailError):
    """A bug of the platform; it was logged under the request id, and nothing was changed."""

    status = 500
    code = "INTERNAL_ERROR"
    advice = "Tell the operator the request id."


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

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        with bootstrap.database(settings) as database:
            deployment = await open_deployment(settings, database.dsn)
            app.state.deployment = deployment
            yield
            await deployment.close()

    app = Litestar(
        route_handlers=[
            *[_handler(path, route) for path, route in routes(settings)],
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
    """JSON that is encoded already, with status 200; Litestar's own response would look at it once more."""

    def __init__(self, reply: Reply, media_type: str) -> None:
        self.reply = reply
        self.media_type = media_type

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        body = self.reply.body
        headers = [
            (b"content-type", self.media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *((name.encode(), value.encode()) for name, value in self.reply.headers.items()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _handler(path: str, route: Route) -> HTTPRouteHandler:
    """One route of the table as Litestar wants it."""

    async def handle(request: AnyRequest) -> ASGIApp:
        request.scope["state"]["operation"] = route.operation
        deployment: Deployment = request.app.state.deployment
        return _Answer(await answer(route, deployment, await _arrival(request)), route.media_type)

    return HTTPRouteHandler(path, http_method=HttpMethod(route.method), name=f"{route.operation} {path}")(handle)


async def _arrival(request: AnyRequest) -> Arrival:
    scope = request.scope
    client = scope["client"]
    return Arrival(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"],
        body=b"" if scope["method"] == "GET" else await _body(request),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        peer="" if client is None else client[0],
    )


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


async def _healthy(request: AnyRequest) -> Response[bytes]:
    """The process is alive."""
    request.scope["state"]["operation"] = "healthz"
    return Response(b'{"status":"ok"}', media_type=JSON)


async def _ready(request: AnyRequest) -> Response[bytes]:
    """The database answers and its schema is this program's."""
    request.scope["state"]["operation"] = "readyz"
    deployment: Deployment = request.app.state.deployment
    await bootstrap.check_schema(deployment.pool)
    return Response(b'{"status":"ready"}', media_type=JSON)


async def _metrics(request: AnyRequest) -> Response[bytes]:
    """Prometheus metrics of this process."""
    request.scope["state"]["operation"] = "metrics"
    page, media_type = metrics()
    return Response(page, media_type=media_type)


def _refused(request: AnyRequest, error: HashrailError) -> Response[bytes]:
    """The one error shape."""
    state = request.scope["state"]
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
        return _refused(request, MethodNotAllowedError("the path has another method", method=request.scope["method"]))
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
