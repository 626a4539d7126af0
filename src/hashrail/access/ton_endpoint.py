"""The TON chain, asked through an HTTP API of the toncenter v2 kind.

One question only: which key does an account have now? A wallet that can replace its key, and a wallet of unknown code,
can log in only with the answer. The answer is always a value, never an exception, and whatever is not a clear yes is
none: a wrong status, a late node, a shape that is not the documented one.

The endpoint is trusted like the operator's own node: who controls it can name any key for such wallets.
"""

import asyncio
import re
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
import msgspec

from hashrail import clock
from hashrail.access.ton_wallet import ChainKey, NoAnswer, NoKey, NotDeployed, OnChain

GETTER = "get_public_key"
KEY_NUMBER = re.compile(r"0x(?P<digits>[0-9a-fA-F]{1,64})")
# Blocks come every few seconds. A node that lies further back may not know yet that a key was replaced.
MAX_LAG_SECONDS = 120

T = TypeVar("T")


class _Reply(msgspec.Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")


class _AccountState(msgspec.Struct):
    state: Literal["active", "uninitialized", "frozen"]
    sync_utime: int | None = None


class _GetterRun(msgspec.Struct):
    exit_code: int
    stack: list[tuple[str, Any]]


class _NoAnswerError(Exception):
    """The chain was not asked, or not answered as documented; `cause` says how."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class TonGateway:
    """A TON HTTP API. `url` is its JSON-RPC endpoint (`.../api/v2/jsonRPC`), `api_key` goes into X-API-Key.

    One answer may take `timeout_seconds` altogether. Use it as an asynchronous context, or call `close`.
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout_seconds: float = 5.0) -> None:
        self._url = httpx.URL(url)
        self._timeout_seconds = timeout_seconds
        headers = {} if api_key is None else {"X-API-Key": api_key}
        self._client = httpx.AsyncClient(headers=headers, timeout=None)  # noqa: S113  get_public_key has the deadline

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get_public_key(self, address: str) -> OnChain:
        """The present key of the account at a raw address.

        NotDeployed: no contract is there yet. NoKey: the contract tells none, or is frozen. NoAnswer: everything else,
        and asking again may help.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._key(address)
        except TimeoutError:
            return NoAnswer(f"no answer within {self._timeout_seconds} s")
        except _NoAnswerError as error:
            return NoAnswer(error.cause)

    async def _key(self, address: str) -> OnChain:
        account = await self._call("getAddressInformation", {"address": address}, _AccountState)
        if account.sync_utime is not None:
            lag = clock.wall_millis() // 1000 - account.sync_utime
            if lag > MAX_LAG_SECONDS:
                raise _NoAnswerError(f"the node is {lag} s behind")
        if account.state == "uninitialized":
            return NotDeployed()
        if account.state == "frozen":
            return NoKey("the account is frozen")
        run = await self._call("runGetMethod", {"address": address, "method": GETTER, "stack": []}, _GetterRun)
        if run.exit_code != 0:
            return NoKey(f"{GETTER} ended with exit code {run.exit_code}")
        return ChainKey(_only_number(run.stack))

    async def _call(self, method: str, params: dict[str, object], kind: type[T]) -> T:
        """The result of one JSON-RPC call. Raises _NoAnswerError."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            response = await self._client.post(self._url, json=question)
        except httpx.RequestError as error:
            raise _NoAnswerError(f"{method}: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise _NoAnswerError(f"{method}: HTTP status {response.status_code}")
        try:
            reply = msgspec.json.decode(response.content, type=_Reply)
            if not reply.ok:
                raise _NoAnswerError(f"{method}: refused")
            return msgspec.json.decode(reply.result, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _NoAnswerError(f"{method}: not the documented answer") from error


def _only_number(stack: list[tuple[str, Any]]) -> bytes:
    """The key, which is all that the getter leaves on the stack: an unsigned number of 256 bits."""
    match stack:
        case [("num", str(text))] if found := KEY_NUMBER.fullmatch(text):
            return int(found["digits"], 16).to_bytes(32, "big")
    raise _NoAnswerError(f"{GETTER}: the stack is not one unsigned number")
