"""Health, readiness and metrics on a listener of their own, which answers whatever holds the API or the worker.

It has a thread and a loop of its own, speaks as much HTTP/1.1 as a probe needs, and ends every connection after one
answer. Nobody can hold it: a request has a deadline, and of too many connections the oldest gives way.
"""

import asyncio
import hashlib
import hmac
import os
import re
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

import msgspec
import structlog

from hashrail.errors import ConflictError, HashrailError
from hashrail.postgres.readiness import Readiness
from hashrail.processes import leaving

# Where processes that count together keep their files.
METERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
JSON = "application/json"
REQUEST_SECONDS = 5
MAX_HEAD = 8 * 1024
MAX_CONNECTIONS = 32
BACKLOG = 128
# From the port of the API to that of its probes, where none is named.
DISTANCE = 1000
LAST_PORT = 65_535
AUTHORIZATION = re.compile(rb"\r\nauthorization:[ \t]*bearer +(?P<token>[!-~]{1,1000})[ \t]*\r\n", re.I)
log = structlog.get_logger()


class ProbePortUnavailableError(ConflictError):
    """The port that is named for health and metrics cannot be listened on."""

    code = "PROBE_PORT_UNAVAILABLE"
    advice = "Name another one in HASHRAIL_PROBE_PORT (of hashrail serve) or HASHRAIL_WORKER_PROBE_PORT (of a worker)."


class Page(NamedTuple):
    """What is answered at a path."""

    body: bytes
    media_type: str = JSON
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class ForMonitoring:
    """A page that is answered to whoever has a token, of which the SHA-256 is known here; without one to nobody."""

    page: Callable[[], Awaitable[Page]]
    sha256: str | None

    def refusal(self, head: bytes) -> Page | None:
        """Why a request is not answered; None where it is."""
        if self.sha256 is None:
            return _refusal(HTTPStatus.FORBIDDEN, "ADMIN_TOKEN_NOT_SET")
        found = AUTHORIZATION.search(head)
        token = b"" if found is None else found["token"]
        if not hmac.compare_digest(hashlib.sha256(token).hexdigest(), self.sha256):
            return _refusal(HTTPStatus.UNAUTHORIZED, "ADMIN_TOKEN_WRONG")
        return None


Pages: TypeAlias = Mapping[str, Callable[[], Awaitable[Page]] | ForMonitoring]


async def healthy() -> Page:
    """The process lives."""
    return Page(b'{"status":"ok"}')


class Ready:
    """`/readyz`: the database takes a write, and its schema is this program's. A crowd waits for one proof."""

    def __init__(self, dsn: str, *, pooler: str | None = None) -> None:
        self._readiness = Readiness(dsn, pooler=pooler)
        self._proving: asyncio.Task[dict[str, int]] | None = None

    async def page(self) -> Page:
        """Ready, or by its code what is wrong."""
        try:
            leaving.assert_stays()
            if self._proving is None or self._proving.done():
                self._proving = asyncio.create_task(self._readiness.prove())
            servers = await asyncio.shield(self._proving)
        except HashrailError as error:
            shape = {"statusCode": error.status, "error": error.code, "message": error.message}
            return Page(msgspec.json.encode(shape), status=HTTPStatus(error.status))
        return Page(msgspec.json.encode({"status": "ready", **servers}))


def bound(host: str, port: int, refusal: type[ConflictError]) -> socket.socket:
    """A socket that has the port for itself alone; nothing listens on it yet. Raises the refusal."""
    try:
        kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
        claim = socket.socket(*kind[:3])
    except OSError as error:
        raise refusal(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    # Connections of a server that has ended may still fade away.
    claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claim.bind(kind[4])
    except OSError as error:
        claim.close()
        raise refusal(f"cannot listen on {host}, port {port}: {error.strerror}", port=port) from error
    return claim


def port_beside(port: int) -> int:
    """Where the probes of an API listen that names no port for them."""
    return port + DISTANCE if port + DISTANCE <= LAST_PORT else port - DISTANCE


@contextmanager
def answering(host: str, named: int | None, usual: int, pages: Pages) -> Iterator[None]:
    """Answer probes while the block runs. Raises ProbePortUnavailableError for a port that is named.

    Where none is named the usual one is tried: a second deployment on the machine has no probes until it names a port.
    """
    port = usual if named is None else named
    try:
        listener = bound(host, port, ProbePortUnavailableError)
        listener.listen(BACKLOG)
    except ProbePortUnavailableError as error:
        if named is not None:
            raise
        log.warning("no probes", cause=error.message, advice=error.advice)
        yield
        return
    server = _Server(listener, pages)
    thread = threading.Thread(target=server.run, name="probes", daemon=True)
    thread.start()
    log.info("probes answer", host=host, port=port)
    try:
        yield
    finally:
        server.stop()
        thread.join()


@contextmanager
def counted_together() -> Iterator[None]:
    """The processes that are started meanwhile count in one folder, which is theirs alone and goes with the server.

    To be entered before anything is imported that counts.
    """
    with tempfile.TemporaryDirectory(prefix="hashrail-meters-") as folder:
        os.environ[METERS_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[METERS_FOLDER]


class _Server:
    def __init__(self, listener: socket.socket, pages: Pages) -> None:
        self._listener = listener
        self._pages = pages
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._answering: dict[asyncio.Task[None], None] = {}

    def run(self) -> None:
        """Serve until `stop`, in a thread of its own."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """From another thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._listener, limit=MAX_HEAD)
        async with server:
            await self._ended.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        if len(self._answering) >= MAX_CONNECTIONS:
            next(iter(self._answering)).cancel()
        self._answering[task] = None
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                page = await self._page(await reader.readuntil(b"\r\n\r\n"))
                writer.write(_head(page) + page.body)
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asks in this way is not answered
        finally:
            self._answering.pop(task, None)
            with suppress(OSError):
                writer.close()

    async def _page(self, head: bytes) -> Page:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        page = self._pages.get(rest.partition(" ")[0].partition("?")[0])
        if page is None:
            return _refusal(HTTPStatus.NOT_FOUND, "ROUTE_NOT_FOUND")
        if method not in {"GET", "HEAD"}:
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
        if isinstance(page, ForMonitoring):
            found = page.refusal(head) or await page.page()
        else:
            found = await page()
        return found if method == "GET" else found._replace(body=b"")


def _refusal(status: HTTPStatus, code: str) -> Page:
    return Page(msgspec.json.encode({"statusCode": status.value, "error": code}), status=status)


def _head(page: Page) -> bytes:
    return (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\ncontent-type: {page.media_type}\r\n"
        f"content-length: {len(page.body)}\r\nconnection: close\r\n\r\n"
    ).encode()
