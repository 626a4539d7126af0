"""Signing as an httpx auth: timestamp and signature on every request, and a wrong clock corrected once."""

from collections.abc import Callable, Generator

import httpx

from hashrail_client.clock import wall_millis
from hashrail_client.reading import error_of
from hashrail_client.signing import sign_body, sign_query_text
from hashrail_client.wire import append_pair, read_body

KEY_HEADER = "X-PARTNER-API-KEY"
CLOCK_FAULTS = ("TIMESTAMP_AHEAD", "TIMESTAMP_EXPIRED")


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

    @property
    def now_ms(self) -> int:
        """The server's time, as far as this machine knows it: milliseconds since 1970 UTC."""
        return self._clock() + self.skew_ms

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, send, and once again if only the clock was wrong."""
        response = yield self._signed(request)
        server_time = _server_time(response)
        if server_time is not None:
            self.skew_ms = server_time - self._clock()
            yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        added = {"timestamp": self.now_ms}
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
    error = error_of(response)
    server_time = error.details.get("serverTime")
    return server_time if error.code in CLOCK_FAULTS and type(server_time) is int else None
