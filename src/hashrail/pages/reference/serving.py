"""The reference as it is served: its pages, and the index that they search.

Nothing of it is written before somebody asks. Writing takes a moment, which a thread spends and no request waits for.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from isal import igzip
from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from markupsafe import Markup

from hashrail.api.serving.door import ADDRESS
from hashrail.api.serving.errors import RouteNotFoundError
from hashrail.api.serving.operation import JSON
from hashrail.pages import front
from hashrail.pages.reference import guides, samples, search_index
from hashrail.pages.reference.book import PATH, Book
from hashrail.pages.rendering import HEADERS, HTML, Templates
from hashrail.settings import Settings

AnyRequest = Request[Any, Any, Any]

SEARCH_PATH = f"{PATH}/search.json"
# A name of a host as browsers send it: it stands in examples that people run.
HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]+)?|\[[0-9a-f:]+\](?::[0-9]+)?")
ELSEWHERE = "127.0.0.1:8080"
FIRST_CALL = "s2s_user_statistics"
FIRST_LOGIN = "s2s_login"


class Reference:
    """The pages of one deployment."""

    def __init__(self, settings: Settings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates

    @cached_property
    def book(self) -> Book:
        """Written when it is first read."""
        return Book.of(self._settings)

    @cached_property
    def index(self) -> bytes:
        """What the search reads."""
        return search_index.rendered(self.book)

    @cached_property
    def contents(self) -> str:
        """Links to all pages."""
        facts = {"book": self.book, "shelves": guides.shelves()}
        return self._templates.render("reference/contents.html", facts).decode()

    def page(self, path: str, base: str, box: Mapping[str, Any] | None) -> bytes:
        """The page at a path below `/api/docs`, with examples for `base`. Raises RouteNotFoundError."""
        common = {"book": self.book, "url": PATH + path, "box": box}
        name = path.removeprefix("/")
        if path == "":
            return self._rendered("start", common | {"calls": self._calls(base)})
        if path in ("/signature", "/errors"):
            return self._rendered(name, common)
        if name in self.book.sections:
            section = self.book.sections[name]
            shown = samples.samples(section.request, base)
            return self._rendered("section", common | {"section": section, "samples": shown}, section.tag)
        guide = guides.by_name().get(name.removeprefix("guides/")) if path.startswith("/guides/") else None
        if guide is None:
            raise RouteNotFoundError("there is no such page", path=PATH + path)
        return self._rendered("guide", common | {"guide": guide, "text": guides.shown(guide.name)}, guide.shelf)

    def _rendered(self, template: str, facts: dict[str, Any], chapter: str = "") -> bytes:
        url = facts["url"]
        marked = self.contents.replace(f' href="{url}"', f' href="{url}" aria-current="page"')
        contents = marked.replace(f'data-chapter="{chapter}"', f'data-chapter="{chapter}" open')
        around = {"contents": Markup(contents)} | self.book.beside(url)  # noqa: S704  our own template wrote it
        return self._templates.render(f"reference/{template}.html", facts | around)

    def _calls(self, base: str) -> dict[str, list[samples.Sample]]:
        """The examples that a newcomer begins with."""
        return {
            name: samples.samples(self.book.sections[name].request, base)
            for name in (FIRST_CALL, FIRST_LOGIN)
            if name in self.book.sections
        }


def handlers(settings: Settings, templates: Templates) -> Iterator[HTTPRouteHandler]:
    """What serves the reference."""
    reference = Reference(settings, templates)

    async def send(request: AnyRequest) -> Response[bytes]:
        request.scope["state"]["operation"] = "reference"
        path = request.scope["path"].removeprefix(PATH).rstrip("/")
        host = request.headers.get("host", "")
        # A sandbox's key is given to a browser of the same machine only; such a page is kept by nobody.
        box = front.facts(settings, host=host, address=request.scope["state"][ADDRESS])["box"]
        content = await asyncio.to_thread(reference.page, path, base_of(request), box)
        return _pressed(request, content, HTML, {"cache-control": "no-cache" if box is None else "no-store"})

    async def send_index(request: AnyRequest) -> Response[bytes]:
        request.scope["state"]["operation"] = "reference"
        content = await asyncio.to_thread(lambda: reference.index)
        return _pressed(request, content, JSON, {"cache-control": "no-cache"})

    for path in (PATH, f"{PATH}/{{name:str}}", f"{PATH}/guides/{{name:path}}"):
        yield _get(path, send)
    yield _get(SEARCH_PATH, send_index)


def base_of(request: AnyRequest) -> str:
    """The address that the browser asked, for examples. A proxy in front tells whether it was by https."""
    host = request.headers.get("host", "")
    if HOST.fullmatch(host) is None:
        return f"http://{ELSEWHERE}"
    is_secure = request.headers.get("x-forwarded-proto") == "https" or request.scope["scheme"] == "https"
    return f"{'https' if is_secure else 'http'}://{host}"


def _pressed(request: AnyRequest, content: bytes, media_type: str, headers: dict[str, str]) -> Response[bytes]:
    """The answer, pressed for whoever reads gzip: a third of a page and less goes over the wire."""
    headers = HEADERS | headers | {"vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(igzip.compress(content), media_type=media_type, headers=headers | {"content-encoding": "gzip"})
    return Response(content, media_type=media_type, headers=headers)


def _get(path: str, send: Any) -> HTTPRouteHandler:
    return HTTPRouteHandler(path, http_method=HttpMethod.GET, name=path)(send)
