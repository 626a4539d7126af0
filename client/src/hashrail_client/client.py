"""The SDK: `Hashrail` blocks, `AsyncHashrail` is awaited; both call `client.noun.verb(...)`.

    with Hashrail("https://hashrail.example", api_key, api_secret) as client:
        miners = client.miners.list("user-1", limit=10)["array"]

Every number of an answer is exact: whole numbers are int, all others Decimal. A POST carries an Idempotency-Key, so
that the same call, sent again with the same `idempotency_key`, happens once.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from hashrail_client.auth import KEY_HEADER, SignatureAuth
from hashrail_client.calls import CONTENT, Call, Paths
from hashrail_client.clock import wall_millis
from hashrail_client.downloads import Download
from hashrail_client.errors import of_transport
from hashrail_client.following import AsyncFollowedEvents, FollowedEvents
from hashrail_client.nouns import AsyncNouns, Nouns
from hashrail_client.reading import part_of
from hashrail_client.retries import Retries
from hashrail_client.sending import AsyncSender, Manner, Sender
from hashrail_client.user_client import AsyncUserHashrail, TokenPair, Tokens, UserHashrail

RETRIES = Retries()


class Hashrail(Nouns):
    """The partner API for code that blocks. Use it in `with`, or call `close`. Threads may share one.

    `base_url` is the deployment's address, with a path where it is served below one. `paths` names operations that a
    server has elsewhere, by their ids, as paths from the root below `base_url`. `recv_window_ms` is sent with every
    signed call if given. Every verb raises HashrailApiError, NetworkError, and TypeError for what cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        api_secret: str,
        *,
        recv_window_ms: int | None = None,
        timeout_seconds: float = 30,
        retries: Retries = RETRIES,
        paths: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], int] = wall_millis,
    ) -> None:
        super().__init__(self._send)
        self.events = FollowedEvents(self._send)
        self._headers = {KEY_HEADER: api_key}
        self.auth = SignatureAuth(api_key, api_secret, recv_window_ms, clock)
        http = httpx.Client(base_url=base_url, timeout=timeout_seconds, transport=transport)
        self._sender = Sender(http, Manner(Paths(paths), timeout_seconds, retries))

    def as_user(self, tokens: TokenPair, on_change: Callable[[TokenPair], None] | None = None) -> UserHashrail:
        """The client of the user who got these tokens; `on_change` is told of every new pair. It ends with this one."""
        return UserHashrail(self._sender, Tokens(tokens, lambda: self.auth.now_ms, on_change))

    def download(self, export_id: int, path: str | Path) -> Path:
        """Fetch the file of an export that is done; call it again after it was cut off, and it goes on.

        Raises HashrailApiError, NetworkError, DownloadDiffersError.
        """
        coming = Download(self.exports.get(export_id), Path(path))
        where, http = self._sender.manner.paths.of(CONTENT), self._sender.http
        while not coming.is_whole:
            try:
                response = http.get(where, params={"id": str(export_id)}, headers=coming.headers, auth=self.auth)
            except httpx.RequestError as error:
                raise of_transport(error) from error
            coming.take(part_of(response))
        return coming.finish()

    def forget_position(self) -> None:
        """Be shown all that is committed from now on, by whomever: where another process has told of its write."""
        self._sender.seen.lost()

    def close(self) -> None:
        """Give the connections back."""
        self._sender.http.close()

    def _send(self, call: Call) -> Any:
        return self._sender.send(call, self._headers, self.auth if call.operation.signed else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncHashrail(AsyncNouns):
    """The partner API for async code. Use it in `async with`, or await `close`; its verbs are awaited.

    What it takes and raises is as for `Hashrail`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        api_secret: str,
        *,
        recv_window_ms: int | None = None,
        timeout_seconds: float = 30,
        retries: Retries = RETRIES,
        paths: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], int] = wall_millis,
    ) -> None:
        super().__init__(self._send)
        self.events = AsyncFollowedEvents(self._send)
        self._headers = {KEY_HEADER: api_key}
        self.auth = SignatureAuth(api_key, api_secret, recv_window_ms, clock)
        http = httpx.AsyncClient(base_url=base_url, timeout=timeout_seconds, transport=transport)
        self._sender = AsyncSender(http, Manner(Paths(paths), timeout_seconds, retries))

    def as_user(self, tokens: TokenPair, on_change: Callable[[TokenPair], None] | None = None) -> AsyncUserHashrail:
        """The client of the user who got these tokens; `on_change` is told of every new pair. It ends with this one."""
        return AsyncUserHashrail(self._sender, Tokens(tokens, lambda: self.auth.now_ms, on_change))

    async def download(self, export_id: int, path: str | Path) -> Path:
        """Fetch the file of an export that is done; call it again after it was cut off, and it goes on.

        Raises HashrailApiError, NetworkError, DownloadDiffersError.
        """
        coming = Download(await self.exports.get(export_id), Path(path))
        where, http = self._sender.manner.paths.of(CONTENT), self._sender.http
        while not coming.is_whole:
            try:
                response = await http.get(where, params={"id": str(export_id)}, headers=coming.headers, auth=self.auth)
            except httpx.RequestError as error:
                raise of_transport(error) from error
            coming.take(part_of(response))
        return coming.finish()

    def forget_position(self) -> None:
        """Be shown all that is committed from now on, by whomever: where another process has told of its write."""
        self._sender.seen.lost()

    async def close(self) -> None:
        """Give the connections back."""
        await self._sender.http.aclose()

    async def _send(self, call: Call) -> Any:
        return await self._sender.send(call, self._headers, self.auth if call.operation.signed else None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
