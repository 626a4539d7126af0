"""Hearing that a caller hangs up while its answer is waited for: then nobody has to wait any longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar.types import Receive

DISCONNECT = "http.disconnect"


@asynccontextmanager
async def heard(receive: Receive, news: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Something that is set when the caller hangs up, while the block runs, and `news` with it.

    The body has to have come, or there is to be none: what else is received here is left alone.
    """
    gone = asyncio.Event()

    async def listen() -> None:
        while (await receive())["type"] != DISCONNECT:
            """The end of a body that is none."""
        gone.set()
        news.set()

    listening = asyncio.create_task(listen())
    try:
        yield gone
    finally:
        listening.cancel()
        await asyncio.wait([listening])
