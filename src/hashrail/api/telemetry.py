"""What a process tells about itself: request ids, server time, logs and metrics, around every answer."""

import functools
import re
import secrets

import structlog
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

from hashrail import clock

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "hashrail_requests", "Requests answered, by operation and status.", ["operation", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "hashrail_request_seconds", "Seconds from request to answer, by operation.", ["operation"], registry=REGISTRY
)
FAILED_ASSERTIONS = Counter(
    "hashrail_internal_errors", "Answers with status 500: each is a bug to look at.", registry=REGISTRY
)
log = structlog.get_logger()


def metrics() -> tuple[bytes, str]:
    """The metrics page of this process and its media type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


class Telemetry:
    """ASGI around the application: every answer has `X-Request-Id` and `X-Server-Time`, a log line and metrics.

    A caller's own `X-Request-Id` is kept when it is plain; otherwise a new one is made. The scope's state carries
    it as `request_id`; `operation` there names the operation for metrics once it is known, and `headers`, if somebody
    puts it there, names further headers of the answer, whether it is a refusal or not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection; anything but HTTP passes through."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = clock.monotonic()
        state = scope.setdefault("state", {})
        request_id = _request_id(scope)
        state["request_id"] = request_id
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-server-time", str(clock.wall_millis()).encode()),
                    *((name.encode(), value.encode()) for name, value in state.get("headers", {}).items()),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)
        operation = state.get("operation", "unknown")
        taken = clock.monotonic() - started
        count, seconds = _meters(operation, status)
        count.inc()
        seconds.observe(taken)
        if status >= 400 or scope["method"] != HttpMethod.GET:
            log.info(
                "request",
                request_id=request_id,
                operation=operation,
                method=scope["method"],
                path=scope["path"],
                status=status,
                error=state.get("error"),
                milliseconds=round(taken * 1000, 1),
            )


@functools.cache
def _meters(operation: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of an operation and status; there are as many as operations have statuses."""
    return REQUESTS.labels(operation, status), SECONDS.labels(operation)


def _request_id(scope: HTTPScope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if REQUEST_ID.fullmatch(text):
                return text
    return secrets.token_hex(16)
