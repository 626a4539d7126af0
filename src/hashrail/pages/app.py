"""The application with its pages; without them, where a deployment does not want them, it is the API alone."""

import gc
import os
from collections.abc import Iterator
from typing import Any

import structlog
from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from hashrail.api import app as api
from hashrail.api.serving.door import ADDRESS
from hashrail.pages import front
from hashrail.pages.assets import CACHE, PATH, Asset, Assets, PagesNotBuiltError
from hashrail.pages.console import words
from hashrail.pages.console.door import ConsoleDoor
from hashrail.pages.portal.door import PortalDoor
from hashrail.pages.reference import serving as reference
from hashrail.pages.refusals import Refusals
from hashrail.pages.rendering import HEADERS, HTML, Templates
from hashrail.settings import Settings, assert_names_known

log = structlog.get_logger()
AnyRequest = Request[Any, Any, Any]


def create_app() -> ASGIApp:
    """The application of one process, settings from the environment; Granian calls this."""
    assert_names_known(os.environ)
    app = build(Settings())
    # What is here now lives as long as the process: a full collection that walked it kept every request waiting.
    gc.collect()
    gc.freeze()
    return app


def build(settings: Settings) -> ASGIApp:
    """The API, and the pages where they are wanted and built."""
    if not settings.pages:
        return api.build(settings)
    try:
        assets = Assets.built()
    except PagesNotBuiltError as error:
        # Nobody's payout waits for a page.
        log.error("serving without pages", code=error.code, advice=error.advice)  # noqa: TRY400
        return api.build(settings)
    templates = Templates(settings, assets)
    of_people = Templates(settings, assets, written=words.written, filters=words.FILTERS)
    console, portal = ConsoleDoor(settings, of_people), PortalDoor(settings, of_people)
    return api.build(
        settings,
        [
            *_served(assets),
            _front(settings, templates),
            *reference.handlers(settings, templates),
            *console.handlers(),
            *portal.handlers(),
        ],
        Refusals(templates),
    )


def _served(assets: Assets) -> Iterator[HTTPRouteHandler]:
    """The scripts and styles."""
    for asset in assets.by_name.values():
        yield _asset(asset)


def _asset(asset: Asset) -> HTTPRouteHandler:
    headers = HEADERS | {"cache-control": CACHE}

    async def send(request: AnyRequest) -> Response[bytes]:
        request.scope["state"]["operation"] = "asset"
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return _get(f"{PATH}/{asset.name}", send)


def _front(settings: Settings, templates: Templates) -> HTTPRouteHandler:
    # The page may hold a key, and is another one for whoever asks from elsewhere.
    headers = HEADERS | {"cache-control": "no-store"}

    async def send(request: AnyRequest) -> Response[bytes]:
        request.scope["state"]["operation"] = "front"
        facts = front.facts(settings, host=request.headers.get("host", ""), address=request.scope["state"][ADDRESS])
        return Response(templates.render("front.html", facts), media_type=HTML, headers=headers)

    return _get("/", send)


def _get(path: str, send: Any) -> HTTPRouteHandler:
    return HTTPRouteHandler(path, http_method=HttpMethod.GET, name=path)(send)
