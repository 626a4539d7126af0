"""The SDK: `Hashrail` blocks, `AsyncHashrail` is awaited; both call `client.noun.verb(...)`.

    with Hashrail("https://hashrail.example", api_key, api_secret) as client:
        miners = client.miners.list("user-1", limit=10)["array"]

Every number of an answer is exact: whole numbers are int, all others Decimal. A POST carries an Idempotency-Key, so
that the same call, sent again with the same `idempotency_key`, happens once.
"""

import asyncio
import datetime as dt
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from hashrail_client.downloads import Download
from hashrail_client.following import PAUSE_SECONDS, Following, passes
from hashrail_client.operations import OPERATIONS, Operation, query_text, wire_fields
from hashrail_client.signing import sign_body, sign_query_text
from hashrail_client.wire import append_pair, number_exactly, read_body, stringify

PREFIX = "/api/partner"
KEY_HEADER = "X-PARTNER-API-KEY"
CONTENT = f"{PREFIX}/s2s/export/content"
PARTIAL_CONTENT = 206
CLOCK_FAULTS = ("TIMESTAMP_AHEAD", "TIMESTAMP_EXPIRED")


def wall_millis() -> int:
    """This machine's time in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class HashrailApiError(Exception):
    """The API did not do what was asked.

    `status` is the HTTP status, `code` the stable word of the error catalogue, `details` what belongs to it.
    Give `request_id` to the operator when you ask about it. An answer that is not the API's own, such as a
    proxy's page, has the code NOT_THE_API.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str | None, details: dict[str, Any]) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.details = details


class SignatureAuth(httpx.Auth):
    """Adds timestamp and signature to every request, also with an httpx client of your own.

    When the server says that this machine's clock is wrong, the difference is kept in `skew_ms` and the request
    is sent once more. That is safe: the server refused it before it did anything.
    """

    requires_request_body = True
    requires_response_body = True

    def __init__(
        self, api_key: str, api_secret: str, recv_window_ms: int | None = None, clock: Callable[[], int] = wall_millis
    ) -> None:
        self._key = api_key
        self._secret = api_secret
        self._recv_window_ms = recv_window_ms
        self._clock = clock
        self.skew_ms = 0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, send, and once again if only the clock was wrong."""
        response = yield self._signed(request)
        server_time = _server_time(response)
        if server_time is not None:
            self.skew_ms = server_time - self._clock()
            yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        added = {"timestamp": self._clock() + self.skew_ms}
        if self._recv_window_ms is not None:
            added["recvWindow"] = self._recv_window_ms
        headers = request.headers.copy()
        headers[KEY_HEADER] = self._key
        url, content = request.url, request.content
        if request.method == "GET":
            url = self._signed_url(url, added)
        else:
            content = sign_body(self._secret, {**read_body(content).members, **added})
            # A streamed body was read to be signed and now goes in one piece.
            headers.pop("Transfer-Encoding", None)
            headers["Content-Length"] = str(len(content))
        return httpx.Request(request.method, url, headers=headers, content=content, extensions=request.extensions)

    def _signed_url(self, url: httpx.URL, added: dict[str, int]) -> httpx.URL:
        query = url.query.decode()
        for name, value in added.items():
            query = append_pair(query, name, str(value))
        # The URL has the last word on its encoding, so what it will send is what is signed.
        unsigned = url.copy_with(query=query.encode())
        return url.copy_with(query=sign_query_text(self._secret, unsigned.query.decode()).encode())


def _server_time(response: httpx.Response) -> int | None:
    """The server's clock in milliseconds, if the answer says that ours is wrong."""
    if response.is_success:
        return None
    error = _error(response)
    server_time = error.details.get("serverTime")
    return server_time if error.code in CLOCK_FAULTS and type(server_time) is int else None


def _answer(response: httpx.Response, operation: Operation) -> Any:
    """What the call returns. Raises HashrailApiError for every answer but a success of the API."""
    if not response.is_success:
        raise _error(response)
    document = _document(response)
    if "data" not in document:
        raise _not_the_api(response)
    if operation.header is not None:
        return int(response.headers[operation.header])
    return document if operation.whole else document["data"]


def _part(response: httpx.Response) -> bytes:
    """The part of a file that an answer holds. Raises HashrailApiError."""
    if response.status_code != PARTIAL_CONTENT:
        raise _error(response)
    return response.content


def _error(response: httpx.Response) -> HashrailApiError:
    document = _document(response)
    if not isinstance(document.get("error"), str):
        return _not_the_api(response)
    request_id, details = document.get("requestId"), document.get("details")
    return HashrailApiError(
        response.status_code,
        document["error"],
        str(document.get("message", "")),
        request_id if isinstance(request_id, str) else response.headers.get("X-Request-Id"),
        details if isinstance(details, dict) else {},
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer with exact numbers; empty when the answer is something else."""
    try:
        document = json.loads(response.content, parse_float=Decimal)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _not_the_api(response: httpx.Response) -> HashrailApiError:
    message = f"the answer is not the API's ({response.headers.get('Content-Type', 'no content type')})"
    return HashrailApiError(response.status_code, "NOT_THE_API", message, response.headers.get("X-Request-Id"), {})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, ready for either client."""

    operation: Operation
    fields: dict[str, object]
    idempotency_key: str | None

    def request(self, http: httpx.Client | httpx.AsyncClient, key: str) -> httpx.Request:
        """The request, still without timestamp and signature."""
        headers = {KEY_HEADER: key}
        path = PREFIX + self.operation.path
        if self.operation.method == "GET":
            query = urlencode(
                [(name, query_text(value)) for name, value in self.fields.items()], quote_via=quote, safe=""
            )
            return http.build_request("GET", f"{path}?{query}" if query else path, headers=headers)
        headers |= {"Content-Type": "application/json", "Idempotency-Key": self.idempotency_key or str(uuid.uuid4())}
        sent = {
            name: query_text(value) if isinstance(value, dt.datetime) else value for name, value in self.fields.items()
        }
        body = stringify(sent, number_exactly).encode()
        return http.build_request(self.operation.method, path, headers=headers, content=body)


class Noun:
    """What one kind of thing can do; its verbs are the rows of `operations.OPERATIONS`."""

    def __init__(self, noun: str, send: Callable[[Call], Any]) -> None:
        for row in OPERATIONS:
            if row.noun == noun:
                setattr(self, row.verb, _verb(row, send))

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        raise AttributeError(f"there is no {verb} here, but {', '.join(sorted(vars(self)))}")


def _verb(operation: Operation, send: Callable[[Call], Any]) -> Callable[..., Any]:
    signature = operation.signature

    def verb(*args: object, **kwargs: object) -> Any:
        arguments = dict(signature.bind(*args, **kwargs).arguments)
        idempotency_key = arguments.pop("idempotency_key", None)
        return send(Call(operation, wire_fields(arguments), idempotency_key))

    verb.__name__ = operation.verb
    verb.__qualname__ = f"{operation.noun}.{operation.verb}"
    verb.__doc__ = operation.teaches
    verb.__signature__ = signature  # type: ignore[attr-defined]  # what `help` and editors show
    return verb


class Events(Noun):
    """The feed, for code that blocks."""

    def follow(
        self,
        after: int = 0,
        *,
        types: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        wait_seconds: int = 25,
    ) -> Iterator[dict[str, Any]]:
        """Every event after a position, one after another, and then those that happen; it never ends by itself.

        Keep the `position` of each that you are done with, and begin there the next time. A server that is away for a
        while is asked again. With `wait_seconds=0` it ends where the feed does. Raises HashrailApiError.
        """
        wanted = {"types": types, "object_kind": object_kind, "object_id": object_id}
        following = Following(after, wanted, wait_seconds)
        while not following.is_at_end:
            try:
                page = self.read(**following.ask)
            except (HashrailApiError, httpx.TransportError) as error:
                if not passes(error):
                    raise
                time.sleep(PAUSE_SECONDS)
                continue
            yield from following.take(page)


class AsyncEvents(Noun):
    """The feed, for async code."""

    async def follow(
        self,
        after: int = 0,
        *,
        types: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        wait_seconds: int = 25,
    ) -> AsyncIterator[dict[str, Any]]:
        """The same as `Events.follow`, for `async for`. Raises HashrailApiError."""
        wanted = {"types": types, "object_kind": object_kind, "object_id": object_id}
        following = Following(after, wanted, wait_seconds)
        while not following.is_at_end:
            try:
                page = await self.read(**following.ask)
            except (HashrailApiError, httpx.TransportError) as error:
                if not passes(error):
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            for each in following.take(page):
                yield each


class _Nouns:
    """The nouns, the same for both clients; `send` decides whether a verb blocks or is awaited."""

    def __init__(self, send: Callable[[Call], Any]) -> None:
        self.ton = Noun("ton", send)
        self.users = Noun("users", send)
        self.sessions = Noun("sessions", send)
        self.read_tokens = Noun("read_tokens", send)
        self.miners = Noun("miners", send)
        self.collections = Noun("collections", send)
        self.payments = Noun("payments", send)
        self.income = Noun("income", send)
        self.balances = Noun("balances", send)
        self.wallets = Noun("wallets", send)
        self.withdrawals = Noun("withdrawals", send)
        self.deposits = Noun("deposits", send)
        self.webhooks = Noun("webhooks", send)
        self.upgrades = Noun("upgrades", send)
        self.statement = Noun("statement", send)
        self.exchange = Noun("exchange", send)
        self.exports = Noun("exports", send)


class Hashrail(_Nouns):
    """The partner API for code that blocks. Use it in `with`, or call `close`.

    `base_url` is the deployment's address without a path; `recv_window_ms` is sent with every signed call if given.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        api_secret: str,
        *,
        recv_window_ms: int | None = None,
        timeout_seconds: int = 30,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], int] = wall_millis,
    ) -> None:
        super().__init__(self._send)
        self.events = Events("events", self._send)
        self._key = api_key
        self.auth = SignatureAuth(api_key, api_secret, recv_window_ms, clock)
        self._http = httpx.Client(base_url=base_url, timeout=timeout_seconds, transport=transport)

    def _send(self, call: Call) -> Any:
        auth = self.auth if call.operation.signed else None
        return _answer(self._http.send(call.request(self._http, self._key), auth=auth), call.operation)

    def download(self, export_id: int, path: str | Path) -> Path:
        """Fetch the file of an export that is done; call it again after it was cut off, and it goes on.

        Raises HashrailApiError, DownloadDiffersError.
        """
        coming = Download(self.exports.get(export_id), Path(path))
        while not coming.is_whole:
            response = self._http.get(CONTENT, params={"id": str(export_id)}, headers=coming.headers, auth=self.auth)
            coming.take(_part(response))
        return coming.finish()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncHashrail(_Nouns):
    """The partner API for async code. Use it in `async with`, or await `close`; its verbs are awaited."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        api_secret: str,
        *,
        recv_window_ms: int | None = None,
        timeout_seconds: int = 30,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], int] = wall_millis,
    ) -> None:
        super().__init__(self._send)
        self.events = AsyncEvents("events", self._send)
        self._key = api_key
        self.auth = SignatureAuth(api_key, api_secret, recv_window_ms, clock)
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout_seconds, transport=transport)

    async def _send(self, call: Call) -> Any:
        auth = self.auth if call.operation.signed else None
        return _answer(await self._http.send(call.request(self._http, self._key), auth=auth), call.operation)

    async def download(self, export_id: int, path: str | Path) -> Path:
        """Fetch the file of an export that is done; call it again after it was cut off, and it goes on.

        Raises HashrailApiError, DownloadDiffersError.
        """
        coming = Download(await self.exports.get(export_id), Path(path))
        while not coming.is_whole:
            response = await self._http.get(
                CONTENT, params={"id": str(export_id)}, headers=coming.headers, auth=self.auth
            )
            coming.take(_part(response))
        return coming.finish()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
