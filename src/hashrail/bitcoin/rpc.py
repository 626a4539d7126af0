"""JSON-RPC of a Bitcoin node, with three ways for a call to fail.

Whoever moves money has to know what a failed call has done, so a failure says what is proven:

- `NodeRefusedError`: the node read the call and answered with an error;
- `NodeUnreachableError`: nobody listened, so nothing was sent;
- `NodeUnknownError`: all else. The answer was late, cut off or unreadable, and the call may have been carried out.

Each call has a connection of its own: one that was kept may be dead, and then nobody could tell whether the request
arrived. Numbers become `Decimal` from their text.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from hashrail.errors import HashrailError

T = TypeVar("T")
ID = "hashrail"


class NodeError(HashrailError):
    """A call of the Bitcoin node failed. The message is the operator's: it names paths and addresses of their machines.

    `outside` is what anybody else is told.
    """

    outside: ClassVar[str]


class NodeRefusedError(NodeError):
    """The Bitcoin node answered a call with an error; `rpc_code` is its number in the node's own list."""

    status = 502
    code = "BITCOIN_NODE_REFUSED"
    advice = "details.rpcCode is the node's own number; its words are in the log, and in what the command shows."
    outside = "the Bitcoin node refused a call"

    def __init__(self, method: str, rpc_code: int, message: str) -> None:
        super().__init__(f"{method}: {message}", method=method, rpcCode=rpc_code)
        self.rpc_code = rpc_code
        self.reason = message


class NodeUnreachableError(NodeError):
    """Nobody listens where the Bitcoin node should be, or its cookie is not there: nothing was sent."""

    status = 503
    code = "BITCOIN_NODE_UNREACHABLE"
    advice = "Start the node, and compare HASHRAIL_BITCOIN_RPC_URL and HASHRAIL_BITCOIN_RPC_COOKIE with its settings."
    outside = "the Bitcoin node cannot be reached"


class NodeUnknownError(NodeError):
    """No answer of the Bitcoin node that can be read: whether it carried out the call is not known."""

    status = 502
    code = "BITCOIN_NODE_UNKNOWN"
    advice = "Ask the node what it has now before anything is done again; see its log for the cause."
    outside = "the Bitcoin node gave no answer that can be read"


class _RpcError(msgspec.Struct):
    code: int
    message: str


class _Reply(msgspec.Struct):
    id: Literal["hashrail"]  # an error without it answers no call of ours
    result: msgspec.Raw
    error: _RpcError | None = None


class _OneOfMany(msgspec.Struct):
    id: str
    result: msgspec.Raw
    error: _RpcError | None = None


class Told:
    """What the node said to one call of several: its result, read as it is asked for, or its refusal."""

    def __init__(self, method: str, reply: _OneOfMany) -> None:
        self._method = method
        self._reply = reply

    def read(self, kind: type[T]) -> T:
        """The result. Raises NodeRefusedError, NodeUnknownError."""
        error = self._reply.error
        if error is not None:
            raise NodeRefusedError(self._method, error.code, error.message)
        try:
            return msgspec.json.decode(self._reply.result, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as unreadable:
            raise NodeUnknownError(f"{self._method}: not the documented answer", method=self._method) from unreadable

    def read_or_none(self, absent: int, kind: type[T]) -> T | None:
        """The result, or None where the node refused with the code `absent`."""
        error = self._reply.error
        return None if error is not None and error.code == absent else self.read(kind)


class NodeRpc:
    """Calls of one node. `auth` is `(user, password)`, or the path of the node's cookie file, read for each call.

    A whole call may take `timeout_seconds`.
    """

    def __init__(self, url: str, *, auth: tuple[str, str] | Path, timeout_seconds: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._auth = auth
        self._timeout_seconds = timeout_seconds
        one_each = httpx.Limits(max_keepalive_connections=0)
        # No proxy of the environment stands between us and the node; `call` has the deadline.
        self._client = httpx.AsyncClient(timeout=None, limits=one_each, trust_env=False)  # noqa: S113

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        *params: object,
        kind: type[T],
        wallet: str | None = None,
        timeout_seconds: float | None = None,
    ) -> T:
        """The result of one call, read as `kind`; `wallet` names the wallet that is asked."""
        path = "/" if wallet is None else f"/wallet/{quote(wallet, safe='')}"
        response = await self._post(method, path, _question(ID, method, params), timeout_seconds)
        return _result(method, response, kind)

    async def call_many(
        self, calls: Sequence[tuple[str, tuple[object, ...]]], *, kind: type[T], wallet: str | None = None
    ) -> list[T]:
        """The results of several calls in one request, in their order; they are carried out one after the other."""
        if not calls:
            return []
        path = "/" if wallet is None else f"/wallet/{quote(wallet, safe='')}"
        questions = [_question(str(place), method, params) for place, (method, params) in enumerate(calls)]
        response = await self._post(calls[0][0], path, questions, None)
        return _results(calls[0][0], response, kind, len(calls))

    async def call_each(self, *calls: tuple[object, ...]) -> list[Told]:
        """What is said to several calls (method, parameters) in one request, each by itself; in their order."""
        questions = [_question(str(place), str(call[0]), call[1:]) for place, call in enumerate(calls)]
        methods = [str(call[0]) for call in calls]
        response = await self._post(methods[0], "/", questions, None)
        replies = _replies(methods[0], response, len(calls))
        return [Told(method, reply) for method, reply in zip(methods, replies, strict=True)]

    async def _post(self, method: str, path: str, body: object, timeout_seconds: float | None) -> httpx.Response:
        limit_seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        user, password = self._credentials()
        try:
            async with asyncio.timeout(limit_seconds):
                return await self._client.post(
                    self._url + path, content=msgspec.json.encode(body), auth=httpx.BasicAuth(user, password)
                )
        except httpx.ConnectError as error:
            raise NodeUnreachableError(f"{method}: nobody listens at {self._url}", method=method) from error
        except TimeoutError as error:
            raise NodeUnknownError(f"{method}: no answer within {limit_seconds} s", method=method) from error
        except httpx.RequestError as error:
            raise NodeUnknownError(f"{method}: {type(error).__name__}", method=method) from error

    def _credentials(self) -> tuple[str, str]:
        if isinstance(self._auth, tuple):
            return self._auth
        try:
            user, _, password = self._auth.read_text().strip().partition(":")
        except OSError as error:
            # A node writes its cookie when it starts and takes it away when it stops.
            message = f"the cookie of the node cannot be read: {self._auth}: {error.strerror}"
            raise NodeUnreachableError(message) from error
        return user, password


def _question(call_id: str, method: str, params: tuple[object, ...]) -> dict[str, object]:
    """Decimals go as texts."""
    return {"jsonrpc": "1.0", "id": call_id, "method": method, "params": params}


def _replies(method: str, response: httpx.Response, count: int) -> list[_OneOfMany]:
    """What was said to each call of one request."""
    try:
        replies = {reply.id: reply for reply in msgspec.json.decode(response.content, type=list[_OneOfMany])}
        return [replies[str(place)] for place in range(count)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise NodeUnknownError(f"{method}: {_unreadable(response)}", method=method) from error


def _results(method: str, response: httpx.Response, kind: type[T], count: int) -> list[T]:
    return [Told(method, reply).read(kind) for reply in _replies(method, response, count)]


def _result(method: str, response: httpx.Response, kind: type[T]) -> T:
    """What the node answered, whichever HTTP status it chose for it."""
    try:
        reply = msgspec.json.decode(response.content, type=_Reply)
        if reply.error is not None:
            raise NodeRefusedError(method, reply.error.code, reply.error.message)
        return msgspec.json.decode(reply.result, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NodeUnknownError(f"{method}: {_unreadable(response)}", method=method) from error


def _unreadable(response: httpx.Response) -> str:
    match response.status_code:
        case httpx.codes.UNAUTHORIZED:
            return "the node does not accept user and password"
        case httpx.codes.OK:
            return "not the documented answer"
        case status:
            return f"HTTP status {status}"
