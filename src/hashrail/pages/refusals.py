"""What is refused to a browser outside the pages' own doors: a path that there is not, a method, an error of ours.

Programs get the API's one error shape, as ever. Whoever asks for HTML, at a path that is none of the API's, gets a page
with the same words, the advice, and the request id to tell.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response

from hashrail.errors import HashrailError
from hashrail.pages.rendering import HEADERS, HTML, Templates

# Below these a program asks, whatever it accepts; `/api/docs` alone is for people.
PROGRAMS, PEOPLE = ("/api", "/assets", "/healthz", "/readyz"), ("/api/docs",)
# The first page of each part of this server, by what its paths begin with.
HOMES = {"/console": "the console", "/portal": "the portal", "/api/docs": "the API reference", "/": "the front page"}


class Refusals:
    """Shows refusals as pages."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def __call__(
        self, request: Request[Any, Any, Any], error: HashrailError, shape: Mapping[str, object]
    ) -> Response[bytes] | None:
        """The page of a refusal, None where it is not for people; `shape` is what a program would be told."""
        if not is_for_people(request.scope["path"], request.headers.get("accept", "")):
            return None
        home = next(each for each in HOMES if is_below(request.scope["path"], each))
        facts = {"error": error, "told": shape["message"], "request_id": shape["requestId"], "home": home}
        body = self._templates.render("refused.html", facts | {"home_words": HOMES[home]})
        headers = HEADERS | {"cache-control": "no-store", "x-frame-options": "DENY"}
        return Response(body, status_code=error.status, media_type=HTML, headers=headers)


def is_for_people(path: str, accept: str) -> bool:
    """Whether a browser asks, and for a page."""
    is_programs = any(is_below(path, each) for each in PROGRAMS) and not any(is_below(path, each) for each in PEOPLE)
    return "text/html" in accept and not is_programs


def is_below(path: str, base: str) -> bool:
    """Whether a path is that one or one below it."""
    return path == base or path.startswith(base if base.endswith("/") else f"{base}/")
