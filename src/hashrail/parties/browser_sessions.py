"""Sessions of people in browsers: half an hour without a click, half a day at most; the same for operators and members.

The browser has a random token, the books its SHA-256. A session is `password` while the code of the second factor is
still to come, for five minutes, and then another one, `whole`, under a token of its own: a token that somebody knew
before the sign-in is worth nothing after it.

Times are wall times.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Literal

Stage = Literal["password", "whole"]
TOKEN_BYTES = 32
IDLE, LIFE, FOR_THE_CODE = timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=5)
# A session that is used is written down once a minute.
TOUCH = timedelta(minutes=1)
MAX_AGENT = 200


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """What the books keep of a token."""
    return hashlib.sha256(token.encode()).digest()


def agent_of(text: str) -> str:
    """What a browser calls itself, as it is kept."""
    return text.replace("\0", "")[:MAX_AGENT]


def ends_at(stage: Stage, opened_at: datetime, seen_at: datetime) -> datetime:
    """When a session ends if nothing is clicked any more."""
    return opened_at + FOR_THE_CODE if stage == "password" else min(seen_at + IDLE, opened_at + LIFE)


def word_of(token: str) -> str:
    """What a form of a session's pages sends along, so that another site's form is told apart from ours."""
    return hmac.digest(token.encode(), b"form", hashlib.sha256).hex()
