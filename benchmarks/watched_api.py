"""python -m benchmarks.watched_api: the program `hashrail`, whose API processes tell how long they stood still.

A process stands still when something keeps its event loop: whoever waits for it waits as long. It looks every few
milliseconds whether it is late, and `GET /pauses` tells the longest pause since it was asked last, in milliseconds.
"""

import asyncio
from functools import partial
from unittest.mock import patch

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from hashrail import clock
from hashrail.cli.main import app
from hashrail.pages.app import create_app
from hashrail.processes import server

PATH = "/pauses"
LOOK_SECONDS = 0.005


class Watched:
    """An application, and how late its event loop was."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner
        self.longest_seconds = 0.0
        self.watching: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if self.watching is None:
            self.watching = asyncio.create_task(self._watch())
        if scope["type"] == ScopeType.HTTP and scope["path"] == PATH:
            await self._tell(send)
        else:
            await self.inner(scope, receive, send)

    async def _watch(self) -> None:
        while True:
            before = clock.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            self.longest_seconds = max(self.longest_seconds, clock.monotonic() - before - LOOK_SECONDS)

    async def _tell(self, send: Send) -> None:
        body = f"{self.longest_seconds * 1000:.3f}".encode()
        self.longest_seconds = 0.0
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def watched() -> ASGIApp:
    """What Granian calls."""
    return Watched(create_app())


if __name__ == "__main__":
    with patch.object(server, "serve", partial(server.serve, application="benchmarks.watched_api:watched")):
        app()
