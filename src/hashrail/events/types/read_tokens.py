"""Events of tokens that users make for programs which read on their behalf."""

from typing import ClassVar

from hashrail.events.event import Event


class ReadTokenEvent(Event, frozen=True):
    """A read token by its id and the name that the user gave it; never the token itself."""

    KIND: ClassVar[str] = "read_token"
    ID: ClassVar[str] = "id"

    id: str
    user_id: int
    name: str


class ReadTokenCreated(ReadTokenEvent, frozen=True):
    """A user made a read token; `expiresAt` is when it ends by itself."""

    TYPE: ClassVar[str] = "read_token.created"

    expires_at: str


class ReadTokenRevoked(ReadTokenEvent, frozen=True):
    """A read token opens nothing any more: somebody revoked it, or its user's sessions or its key were ended."""

    TYPE: ClassVar[str] = "read_token.revoked"
