"""The application of this process under a client that blocks: commands call it as they would call a server."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from hashrail.cli import calling
from hashrail.cli.main import app
from tests.support.api_client import Api, Caller

Change = Callable[[httpx.Request, httpx.Response], httpx.Response]


@dataclass
class Bridge(httpx.BaseTransport):
    """Takes requests from threads to the loop on which the application runs; `change` may change answers on the way."""

    http: httpx.AsyncClient
    loop: asyncio.AbstractEventLoop
    change: Change | None = None
    seen: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        response = asyncio.run_coroutine_threadsafe(self._answer(request), self.loop).result()
        return response if self.change is None else self.change(request, response)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        made = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        response = await self.http.send(made)
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)


@dataclass
class Terminal:
    """An integrator's: a folder for profiles, and a network in which the application is the server."""

    api: Api
    folder: Path
    bridge: Bridge

    @classmethod
    def of(cls, api: Api, folder: Path, patch: pytest.MonkeyPatch) -> "Terminal":
        """One on the application that is called as `api`."""
        bridge = Bridge(api.http, asyncio.get_running_loop())
        patch.setattr(calling, "TRANSPORT", bridge)
        return cls(api, folder, bridge)

    async def run(self, *words: str, stdin: str | None = None, **environment: str) -> Result:
        """Run a command, in a thread as it would block; whatever it raises must have been turned into an exit."""
        named = {"XDG_CONFIG_HOME": str(self.folder), "COLUMNS": "240"} | environment
        made = await asyncio.to_thread(CliRunner().invoke, app, list(words), input=stdin, env=named)
        assert made.exception is None or isinstance(made.exception, SystemExit), made.exc_info
        return made

    async def ok(self, *words: str) -> str:
        """What a command prints that ends well."""
        made = await self.run(*words)
        assert made.exit_code == 0, made.output
        return made.stdout

    async def json(self, *words: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(await self.ok(*words))

    async def log_in(self, caller: Caller | None = None, *words: str) -> Result:
        """Store a profile for a caller, the partner's server without one."""
        known = caller or self.api.server
        return await self.run(
            *("login", "--base-url", "http://hashrail.test", "--api-key", known.key or "", *words),
            stdin=f"{known.secret}\n",
        )
