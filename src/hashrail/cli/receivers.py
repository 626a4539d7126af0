"""A receiver of webhooks on this machine, to which events are handed as the server would send them.

The bodies and headers are made by what sends webhooks, so whatever verifies these verifies those.
"""

from base64 import b64decode
from dataclasses import dataclass

import httpx
import msgspec

from hashrail import clock
from hashrail.cli.calling import said
from hashrail.cli.printing import usage_error
from hashrail.cli.shared import warn
from hashrail.events import sending
from hashrail.events.endpoints import SECRET_PREFIX, new_secret

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Taken:
    """What a receiver answered: a status, or None where nobody did, and the same in words."""

    status: int | None
    said: str

    @property
    def is_taken(self) -> bool:
        """Any status from 200 to 299."""
        return self.status is not None and httpx.codes.is_success(self.status)


@dataclass(slots=True)
class Receiver:
    """A program on this machine that events are handed to."""

    url: str
    secret: str
    http: httpx.Client

    def post(self, name: str, kind: str, at: str, event: msgspec.Raw) -> Taken:
        """Hand an event over, once."""
        content = msgspec.json.encode({"type": kind, "timestamp": at, "data": event})
        named = sending.headers([self.secret], name, clock.wall_now(), content)
        began = clock.monotonic()
        try:
            response = self.http.post(self.url, content=content, headers=dict(named))
        except httpx.HTTPError as error:
            return Taken(None, f"not taken: {said(error)}")
        return Taken(response.status_code, f"{response.status_code} in {round((clock.monotonic() - began) * 1000)} ms")


def receiver_at(url: str, secret: str | None) -> Receiver:
    """Whom to hand events to; a secret that is made is shown."""
    if not url.startswith(("http://", "https://")):
        raise usage_error(f"{url} is no URL: --forward-to http://127.0.0.1:3000/hooks")
    if secret is None:
        secret = new_secret()
        warn(f"Signed with the secret {secret}")
    elif not _is_secret(secret):
        raise usage_error(f"a webhook secret is {SECRET_PREFIX} and base64, as it was shown when it was made")
    return Receiver(url, secret, httpx.Client(timeout=SECONDS))


def _is_secret(text: str) -> bool:
    try:
        return text.startswith(SECRET_PREFIX) and bool(b64decode(text.removeprefix(SECRET_PREFIX), validate=True))
    except ValueError:
        return False
