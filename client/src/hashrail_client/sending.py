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
from hashrail_client.positions import Seen
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
        self.seen = Seen()

    def send(self, call: Call, headers: Mapping[str, str], auth: httpx.Auth | None) -> Any:
        """What the call returns. Raises HashrailApiError, NetworkError, and TypeError for what cannot be sent."""
        manner = self.manner
        attempts = Attempts(call, manner.retries, manner.timeout_seconds)
        path = manner.paths.of(call.operation.name)
        while True:
            seen, losses = self.seen.sent()
            request = call.request(self.http, path, {**headers, **seen}, attempts.timeout_seconds)
            try:
                with self.seen.sending(writes=call.writes):
                    response = self.http.send(request, auth=auth)
                    answer = call.answer(response)
            except (HashrailApiError, httpx.RequestError) as failure:
                pause_seconds = attempts.pause_seconds(failure)
            else:
                self.seen.told(response, losses, is_expected=call.writes or bool(seen))
                return answer
            time.sleep(pause_seconds)


class AsyncSender:
    """Sends calls and awaits their answers."""

    def __init__(self, http: httpx.AsyncClient, manner: Manner) -> None:
        self.http = http
        self.manner = manner
        self.seen = Seen()

    async def send(self, call: Call, headers: Mapping[str, str], auth: httpx.Auth | None) -> Any:
        """As `Sender.send`."""
        manner = self.manner
        attempts = Attempts(call, manner.retries, manner.timeout_seconds)
        path = manner.paths.of(call.operation.name)
        while True:
            seen, losses = self.seen.sent()
            request = call.request(self.http, path, {**headers, **seen}, attempts.timeout_seconds)
            try:
                with self.seen.sending(writes=call.writes):
                    response = await self.http.send(request, auth=auth)
                    answer = call.answer(response)
            except (HashrailApiError, httpx.RequestError) as failure:
                pause_seconds = attempts.pause_seconds(failure)
            else:
                self.seen.told(response, losses, is_expected=call.writes or bool(seen))
                return answer
            await asyncio.sleep(pause_seconds)
