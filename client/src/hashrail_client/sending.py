"""How a call goes out: built, signed by whoever calls, sent, and sent again where that may help.

`Sender` blocks and `AsyncSender` is awaited; what they decide stands in `retries`, once.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from hashrail_client.calls import Call, Paths
from hashrail_client.errors import HashrailApiError
from hashrail_client.retries import Attempts, Retries


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client sends: where operations are, how long to wait for an answer, and how often to try."""

    paths: Paths
    timeout_seconds: float
    retries: Retries


class Sender:
    """Sends calls and waits for their answers."""

    def __init__(self, http: httpx.Client, manner: Manner) -> None:
        self.http = http
        self.manner = manner

    def send(self, call: Call, headers: Mapping[str, str], auth: httpx.Auth | None) -> Any:
        """What the call returns. Raises HashrailApiError, NetworkError, and TypeError for what cannot be sent."""
        manner = self.manner
        attempts = Attempts(call, manner.retries, manner.timeout_seconds)
        path = manner.paths.of(call.operation.name)
        while True:
            request = call.request(self.http, path, headers, attempts.timeout_seconds)
            try:
                return call.answer(self.http.send(request, auth=auth))
            except (HashrailApiError, httpx.RequestError) as failure:
                pause_seconds = attempts.pause_seconds(failure)
            time.sleep(pause_seconds)


class AsyncSender:
    """Sends calls and awaits their answers."""

    def __init__(self, http: httpx.AsyncClient, manner: Manner) -> None:
        self.http = http
        self.manner = manner

    async def send(self, call: Call, headers: Mapping[str, str], auth: httpx.Auth | None) -> Any:
        """As `Sender.send`."""
        manner = self.manner
        attempts = Attempts(call, manner.retries, manner.timeout_seconds)
        path = manner.paths.of(call.operation.name)
        while True:
            request = call.request(self.http, path, headers, attempts.timeout_seconds)
            try:
                return call.answer(await self.http.send(request, auth=auth))
            except (HashrailApiError, httpx.RequestError) as failure:
                pause_seconds = attempts.pause_seconds(failure)
            await asyncio.sleep(pause_seconds)
