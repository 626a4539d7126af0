"""Requests of browsers: whether one is of this site, what its form and address say, and where it is led on."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from hashrail import texts
from hashrail.access import addresses
from hashrail.api.serving.door import ADDRESS, body_of
from hashrail.errors import ForbiddenError
from hashrail.pages.rendering import HTML, PRIVATE_HEADERS
from hashrail.parties.signing_in import From

AnyRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[Any]
Send: TypeAlias = Callable[[AnyRequest], Awaitable[Answer]]
MAX_FIELDS = 50


class FormNotOursError(ForbiddenError):
    """The form was not sent by a page of this site, or by one of an earlier session."""

    code = "FORM_NOT_OURS"
    advice = "Open the page anew, and send the form from there. Did a link of somebody else lead you here?"


def assert_of_this_site(request: AnyRequest) -> None:
    """The browser says that the form is of this site. Raises FormNotOursError."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    is_told = origin is not None or site is not None
    is_ours = site in (None, "same-origin") and (
        origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    )
    if not (is_told and is_ours):
        raise FormNotOursError("the form is of another site")


def form_of(request: AnyRequest) -> dict[str, str]:
    """The fields of a form; of two by one name the last counts."""
    return _fields(body_of(request.scope)) if request.method == HttpMethod.POST else {}


def query_of(request: AnyRequest) -> dict[str, str]:
    """The fields of the address."""
    return _fields(request.scope["query_string"])


def from_of(request: AnyRequest) -> From:
    """From where a request comes."""
    address = request.scope["state"][ADDRESS]
    return From(address, addresses.place_of(address), texts.shown(request.headers.get("user-agent", "")))


def led_to(path: str) -> Answer:
    """On to another page."""
    return Response(b"", status_code=303, headers=PRIVATE_HEADERS | {"location": path}, media_type=HTML)


def named(operation: str, send: Send) -> Send:
    """The same, with its name in metrics and in the log."""

    async def answer(request: AnyRequest) -> Answer:
        request.scope["state"]["operation"] = operation
        return await send(request)

    return answer


def route(method: HttpMethod, path: str, send: Send) -> HTTPRouteHandler:
    """A route of the application."""

    async def handler(request: AnyRequest) -> Response[Any]:
        return await send(request)

    return HTTPRouteHandler(path, http_method=method, name=f"{method} {path}")(handler)


def _fields(text: bytes) -> dict[str, str]:
    """Names and values of a query or a form; what is no such thing has none."""
    try:
        return dict(parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}
