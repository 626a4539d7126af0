"""One attempt: an event as a webhook by the Standard Webhooks specification, and what came of it.

The body is the same each time, byte for byte, as is its `webhook-id`; time and signatures are those of the attempt.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import httpcore
import httpx
import msgspec
from standardwebhooks.webhooks import Webhook

from hashrail import clock, texts
from hashrail.events.feed import Told
from hashrail.events.targets import CheckedNetwork, Lookup, Rules, TargetRefusedError
from hashrail.version import VERSION

ATTEMPT_SECONDS = 15
# Of an answer so much is read, and so much is kept.
READ_BYTES, KEPT_CHARACTERS = 4096, 500
CONNECTIONS, IDLE_CONNECTIONS, IDLE_SECONDS = 512, 64, 20
MOST_WAIT = timedelta(hours=1)
SECONDS = re.compile("[0-9]{1,9}")
# They may ask to be left alone for a while.
ASK_TO_WAIT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt brought: a status, or an error where nobody answered. `wait` is what the answer asked for."""

    at: datetime
    status: int | None
    error: str | None
    took_ms: int
    answer: str
    wait: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        """Any status from 200 to 299."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_gone(self) -> bool:
        """The endpoint wants no more."""
        return self.status == HTTPStatus.GONE


class Sender:
    """Sends to whoever is named, over connections that are kept for a while."""

    def __init__(self, rules: Rules, *, lookup: Lookup | None = None, seconds: float = ATTEMPT_SECONDS) -> None:
        self._seconds = seconds
        self._connections = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=CONNECTIONS,
            max_keepalive_connections=IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=CheckedNetwork(rules, lookup),
        )

    async def send(self, url: str, secrets: Sequence[str], event: Told) -> Outcome:
        """One attempt, which ends within the limit whatever the other side does."""
        at, began = clock.wall_now(), clock.monotonic()
        content = body(event)
        status: int | None = None
        error: str | None = None
        answer, wait = "", None
        try:
            async with asyncio.timeout(self._seconds):
                status, answer, wait = await self._post(url, headers(secrets, event.name, at, content), content)
        except TimeoutError:
            error = f"no answer within {self._seconds} s"
        except TargetRefusedError as refused:
            error = str(refused)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as failed:
            error = texts.shown(f"not reached: {failed}" if str(failed) else "the connection was ended")
        took_ms = round((clock.monotonic() - began) * 1000)
        return Outcome(at, status, error and error[:KEPT_CHARACTERS], took_ms, answer, wait)

    async def close(self) -> None:
        """End every connection."""
        await self._connections.aclose()

    async def _post(self, url: str, named: list[tuple[str, str]], content: bytes) -> tuple[int, str, timedelta | None]:
        """(status, how the answer begins, how long it asks to wait)."""
        async with self._connections.stream("POST", url, headers=named, content=content) as response:
            read = b""
            async for part in response.aiter_stream():
                read += part
                if len(read) >= READ_BYTES:
                    break
            answer = read.decode("utf-8", "replace").replace("\x00", "")[:KEPT_CHARACTERS]
            return response.status, answer, _wait(response)


def body(event: Told) -> bytes:
    """The event as the feed tells it. Its data is put in as it was written, so that no digit changes."""
    told = {
        "id": event.name,
        "position": event.position,
        "type": event.type,
        "version": event.version,
        "object": {"kind": event.object_kind, "id": event.object_id, "sequence": event.sequence},
        "occurredAt": clock.iso(event.occurred_at),
        "data": msgspec.Raw(event.data.encode()),
    }
    return msgspec.json.encode({"type": event.type, "timestamp": told["occurredAt"], "data": told})


def headers(secrets: Sequence[str], name: str, at: datetime, content: bytes) -> list[tuple[str, str]]:
    """What goes beside the body: who it is for the receiver's memory, when, and a signature by each secret."""
    text = content.decode()
    return [
        ("content-type", "application/json"),
        ("user-agent", f"Hashrail/{VERSION}"),
        ("webhook-id", name),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", " ".join(Webhook(secret).sign(name, at, text) for secret in secrets)),
    ]


def _wait(response: httpcore.Response) -> timedelta | None:
    """What Retry-After asks for in seconds, within reason; dates are left alone."""
    if response.status not in ASK_TO_WAIT:
        return None
    said = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"").decode("latin-1")
    return min(timedelta(seconds=int(said)), MOST_WAIT) if SECONDS.fullmatch(said) else None
