"""What a process tells about itself: request ids, server time, logs and counts, around every answer."""

import functools
import re
import secrets
from collections import Counter as Counted
from http import HTTPStatus

import structlog
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from hashrail import clock, logs, texts
from hashrail.access.call_log import Answered
from hashrail.alarms.counts import COUNTS
from hashrail.api.serving import heads
from hashrail.api.serving.kept_calls import MAX_MESSAGE, explained
from hashrail.api.serving.notes import NOTES, REFUSED, Notes, Refused
from hashrail.processes import leaving
from hashrail.processes.meters import REGISTRY

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
REQUESTS = Counter(
    "hashrail_requests", "Requests answered, by operation and status.", ["operation", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "hashrail_request_seconds",
    "Seconds from request to answer, by operation, without those that the caller asked to wait.",
    ["operation"],
    registry=REGISTRY,
)
FAILED_ASSERTIONS = Counter(
    "hashrail_internal_errors", "Answers with status 500: each is a bug to look at.", registry=REGISTRY
)
# With the answers of a process that leaves: the next request goes to another one.
LAST_ANSWER = ((b"connection", b"close"),)
READS = (HttpMethod.GET, HttpMethod.HEAD)
# What asks for them does so all day, and no partner does.
PROBES = ("healthz", "readyz")
# Letters of a path and a method that a log line or an answer shows.
MAX_SHOWN = 200
MAX_METHOD = 32
# No path of ours is nearly as long; a longer one is not looked for.
MAX_PATH = 1024
# Lines about refusals that one address has in the log in a minute.
MAX_REFUSALS = 100
MAX_ADDRESSES = 10_000
log = structlog.get_logger()


class Telemetry:
    """ASGI around the application: every answer has `X-Request-Id` and `X-Server-Time`, a log line and metrics.

    A caller's own `X-Request-Id` is kept when it is plain; otherwise a new one is made. The scope's state carries it as
    `request_id`, and so does every line that is logged meanwhile, with partner and user once they are known.
    `operation` there names the operation for metrics once it is known, and `headers`, if somebody puts it there, names
    further headers of the answer, whether it is a refusal or not; `notes` takes what becomes known of the request.
    Without `reads` those that were answered have no line.
    """

    def __init__(self, app: ASGIApp, *, reads: bool = True) -> None:
        self.app = app
        self._reads = reads
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection; anything but HTTP passes through."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = clock.monotonic()
        state = scope.setdefault("state", {})
        request_id = _request_id(scope)
        state["request_id"] = request_id
        notes = state[NOTES] = Notes()
        if len(scope["raw_path"]) > MAX_PATH:
            # It ends like no path of ours.
            scope["path"] = scope["path"][:MAX_SHOWN] + "..."
            scope["raw_path"] = scope["raw_path"][:MAX_SHOWN] + b"..."
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
                    *(LAST_ANSWER if leaving.has_begun() else ()),
                ]
            await send(message)

        asked, answer = heads.as_get(scope, send_with_headers)
        with logs.about(lambda: {"request_id": request_id, **notes.known()}):
            await self.app(asked, receive, answer)
        operation = state.get("operation", "unknown")
        taken = clock.monotonic() - started
        count, seconds = _meters(operation, status)
        count.inc()
        seconds.observe(taken - notes.waited_seconds)
        COUNTS.answered(status)
        _keep(scope, status, operation, taken)
        if self._is_told(scope, status, operation):
            log.info(
                "request",
                request_id=request_id,
                operation=operation,
                method=scope["method"][:MAX_METHOD],
                path=scope["path"][:MAX_SHOWN],
                status=status,
                error=state.get("error"),
                address=_address(scope),
                **notes.shown(),
                milliseconds=round(taken * 1000, 1),
            )

    def _is_told(self, scope: HTTPScope, status: int, operation: str) -> bool:
        """Whether a request has a line in the log: each that was answered or fails, and some of what strangers try."""
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._refusals.is_told(_address(scope))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or scope["method"] not in READS:
            return True
        return self._reads and operation not in PROBES


class Refusals:
    """Which refusals have a line of their own: so many a minute of each address, and one line for the others."""

    def __init__(self) -> None:
        self._minute = 0
        self._lines: Counted[str] = Counted()
        self._left_out: Counted[str] = Counted()

    def is_told(self, address: str) -> bool:
        """Count one refusal; True if it is to be told by itself."""
        minute = int(clock.monotonic() // 60)
        if minute != self._minute or len(self._lines) >= MAX_ADDRESSES:
            if self._left_out:
                most = dict(self._left_out.most_common(5))
                log.warning("refusals left out", requests=self._left_out.total(), addresses=most)
            self._minute, self._lines, self._left_out = minute, Counted(), Counted()
        self._lines[address] += 1
        if self._lines[address] <= MAX_REFUSALS:
            return True
        self._left_out[address] += 1
        return False


def _keep(scope: HTTPScope, status: int, operation: str, taken_seconds: float) -> None:
    """Keep a request for the partner that it turned out to be of."""
    state, notes = scope["state"], scope["state"][NOTES]
    if notes.calls is None or notes.partner_id is None or not notes.calls.keeps(scope["method"], status):
        return
    # What was told of it: the message of an error may be the operator's alone.
    refused: Refused | None = state.get(REFUSED)
    answered = Answered(
        partner_id=notes.partner_id,
        request_id=state["request_id"],
        answered_at=clock.wall_now(),
        operation=operation,
        method=scope["method"][:MAX_METHOD],
        path=texts.shown(scope["path"], MAX_SHOWN),
        status=status,
        error=None if refused is None else refused.code,
        message=None if refused is None else texts.shown(refused.message, MAX_MESSAGE),
        details={} if refused is None else explained(refused.details),
        key_id=notes.key,
        user_id=notes.user if notes.user is None or 0 <= notes.user < 2**63 else None,
        partner_user=notes.partner_user,
        address=_address(scope),
        milliseconds=round(taken_seconds * 1000),
    )
    notes.calls.add(answered)


@functools.cache
def _meters(operation: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of an operation and status; there are as many as operations have statuses."""
    return REQUESTS.labels(operation, status), SECONDS.labels(operation)


def _address(scope: HTTPScope) -> str:
    """Whose request it is by address, as the door found it; where it came from where it never reached the door."""
    client = scope["client"]
    found: str = scope["state"].get("address", "" if client is None else client[0])
    return found


def _request_id(scope: HTTPScope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if REQUEST_ID.fullmatch(text):
                return text
    return secrets.token_hex(16)
