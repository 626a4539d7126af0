"""Events of the partner's API keys; neither a secret nor a key itself is ever told."""

from typing import ClassVar, Literal

from hashrail.events.event import Event

KeyKind = Literal["full", "secret", "publishable"]


class ApiKeyEvent(Event, frozen=True):
    """A key by its number and its label."""

    KIND: ClassVar[str] = "api_key"
    ID: ClassVar[str] = "id"

    id: int
    label: str
    kind: KeyKind


class ApiKeyCreated(ApiKeyEvent, frozen=True):
    """A key was made; `scopes` are what it may do."""

    TYPE: ClassVar[str] = "api_key.created"

    scopes: list[str]


class ApiKeyRotated(ApiKeyEvent, frozen=True):
    """The key has a new secret; the one before it goes on signing until it is revoked."""

    TYPE: ClassVar[str] = "api_key.rotated"


class ApiKeySecretsRevoked(ApiKeyEvent, frozen=True):
    """Older secrets of the key sign no more, `count` of them."""

    TYPE: ClassVar[str] = "api_key.secrets_revoked"

    count: int


class ApiKeyScopesChanged(ApiKeyEvent, frozen=True):
    """The key may do other things now: `scopes` are all of them."""

    TYPE: ClassVar[str] = "api_key.scopes_changed"

    scopes: list[str]


class ApiKeyRevoked(ApiKeyEvent, frozen=True):
    """The key has ended for good, and so have the sessions that it opened."""

    TYPE: ClassVar[str] = "api_key.revoked"
