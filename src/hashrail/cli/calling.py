"""Calling a deployment over HTTP, as a profile says: signed, with a key alone, or with a user's token.

No database is opened. What a server refuses is raised as `RefusedError`, with its own code; what is no answer of the
API as `NotTheServerError`, and what never arrived as `NotReachedError`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec

from hashrail.cli.profiles import Profile
from hashrail.errors import HashrailError, UnavailableError
from hashrail.version import VERSION
from hashrail_client.auth import KEY_HEADER, SignatureAuth
from hashrail_client.wire import number_exactly, stringify

SECONDS = 30
SERVER_TIME = "X-Server-Time"
# The server is there again later.
PASSING = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
# What tests put in place of the network.
TRANSPORT: httpx.BaseTransport | None = None


class NotReachedError(UnavailableError):
    """No server answered at the base URL."""

    code = "NOT_REACHED"
    advice = "Check the base URL and the network; hashrail doctor looks at each step."


class NotTheServerError(UnavailableError):
    """Something answered at the base URL that is no Hashrail."""

    code = "NOT_THE_SERVER"
    advice = "Check the base URL: it is the deployment's address without a path, and not a proxy's page."


class Refusal(msgspec.Struct, rename="camel", kw_only=True):
    """The one shape of refusals."""

    status_code: int
    error: str
    message: str
    request_id: str
    details: dict[str, Any]


class RefusedError(Exception):
    """The server did not do what was asked."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.error}: {refusal.message}")
        self.refusal = refusal

    @property
    def code(self) -> str:
        """The server's code."""
        return self.refusal.error


@dataclass(frozen=True, slots=True)
class Asked:
    """A call before it is signed: `query` of a GET as pairs, `members` of a POST as its JSON has them."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_signed: bool = True


@dataclass(slots=True)
class Caller:
    """Somebody who calls a deployment."""

    profile: Profile
    http: httpx.Client
    auth: SignatureAuth

    def send(self, asked: Asked, *, seconds: float = SECONDS) -> httpx.Response:
        """Send a call, and answer with what came, refusals too. Raises NotReachedError."""
        headers = {KEY_HEADER: self.profile.api_key} if asked.is_signed else {}
        headers |= asked.headers
        if asked.method == "GET":
            query = urlencode(asked.query, quote_via=quote, safe="")
            request = self.http.build_request("GET", f"{asked.path}?{query}" if query else asked.path, headers=headers)
        else:
            headers["Content-Type"] = "application/json"
            content = stringify(asked.members, number_exactly).encode()
            request = self.http.build_request(asked.method, asked.path, headers=headers, content=content)
        request.extensions = request.extensions | {"timeout": httpx.Timeout(seconds).as_dict()}
        try:
            return self.http.send(request, auth=self.auth if asked.is_signed else None)
        except httpx.HTTPError as error:
            raise NotReachedError(f"{self.profile.base_url}: {said(error)}") from error

    def data(self, asked: Asked, *, seconds: float = SECONDS) -> Any:
        """What stands in the envelope of a good answer. Raises NotReachedError, NotTheServerError, RefusedError."""
        return data_of(self.send(asked, seconds=seconds))


@contextmanager
def calling(profile: Profile) -> Iterator[Caller]:
    """A caller, whose connections are given back at the end."""
    auth = SignatureAuth(profile.api_key, profile.api_secret)
    with http(profile.base_url) as client:
        yield Caller(profile, client, auth)


def http(base_url: str) -> httpx.Client:
    """A client that says who it is."""
    return httpx.Client(
        base_url=base_url, timeout=SECONDS, transport=TRANSPORT, headers={"User-Agent": f"hashrail-cli/{VERSION}"}
    )


def check(response: httpx.Response) -> None:
    """Raises RefusedError for a refusal of the API, NotTheServerError for what is no answer of it."""
    if response.is_success and SERVER_TIME in response.headers:
        return
    try:
        refusal = msgspec.json.decode(response.content, type=Refusal)
    except msgspec.DecodeError:
        told = f"{response.request.url.copy_with(query=None)}: {_what(response)}"
        # A proxy's page, while the server behind it starts.
        raise (NotReachedError if response.status_code in PASSING else NotTheServerError)(told) from None
    raise RefusedError(refusal)


def data_of(response: httpx.Response) -> Any:
    """What stands in the envelope. Raises RefusedError, NotTheServerError."""
    check(response)
    return msgspec.json.decode(response.content)["data"]


def passes(error: HashrailError | RefusedError) -> bool:
    """Whether the same may be answered a little later."""
    if isinstance(error, RefusedError):
        return error.refusal.status_code in PASSING
    return isinstance(error, NotReachedError)


def said(error: httpx.HTTPError) -> str:
    """What stood in the way."""
    return str(error) or type(error).__name__


def _what(response: httpx.Response) -> str:
    """An answer that is not the API's, in words."""
    if response.has_redirect_location:
        return f"it sends callers on to {response.headers['location']}"
    return f"status {response.status_code}, {response.headers.get('content-type', 'no content type')}"
