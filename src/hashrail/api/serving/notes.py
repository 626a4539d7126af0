"""What becomes known of a request while it is answered, for its line in the log.

Nothing that is only claimed stands there: a key and its partner once the key is found, a user once the token holds,
whom it is about once the caller was let in. Of secrets, tokens and signatures nothing is noted at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from hashrail import texts
from hashrail.access.access_tokens import Claims
from hashrail.access.api_keys import ApiKey
from hashrail.api.serving.kept_calls import Calls

# What the scope's state carries: notes, and the refusal that was answered.
NOTES, REFUSED = "notes", "refused"
# Letters of a partner's own id of a user.
MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """What a refusal has told: its code, its message and its details.

    It is not the error itself: that knows the frames that raised it, and so the scope that would hold it. What goes
    round like this is let go by the collector alone, and the server hangs up when a connection is let go.
    """

    code: str
    message: str
    details: Mapping[str, object]


@dataclass(slots=True)
class Notes:
    """A partner by its public id, its key by number, and the user who calls or is asked about, in two ways.

    `cost` is for how many requests it counts (docs/why/rate-limits.md); 0 where it was refused before it counted.
    `waited_seconds` is how long it waited because it asked to, `calls` keeps the request for its partner.
    """

    partner: str | None = None
    partner_id: int | None = None
    key: int | None = None
    user: int | None = None
    partner_user: str | None = None
    cost: int = 0
    waited_seconds: float = 0
    calls: Calls | None = None

    def keyed(self, key: ApiKey, calls: Calls) -> None:
        """The request came with this key, which may be revoked; its token, if it has one, said first whose it is."""
        self.key, self.calls = key.id, calls
        self.partner = self.partner or key.partner_public_id
        self.partner_id = self.partner_id or key.partner_id

    def claimed(self, claims: Claims, calls: Calls) -> None:
        """The request came with a token that holds."""
        self.partner, self.user = claims.partner_public_id, claims.user_id
        self.partner_id, self.calls = claims.partner_id, calls

    def asked(self, fields: Struct) -> None:
        """Somebody who was let in asks about a user."""
        user, partner_user = getattr(fields, "user_id", None), getattr(fields, "partner_user_id", None)
        if self.user is None and isinstance(user, int):
            self.user = user
        if isinstance(partner_user, str):
            self.partner_user = texts.shown(partner_user, MAX_SHOWN)

    def logged_in(self, partner: str, user: int) -> None:
        """The user whom a login, or a refresh token, turned out to be of."""
        self.partner, self.user = partner, user

    def known(self) -> dict[str, str | int]:
        """Who calls and who is asked about, as far as it is known, by the names that the log has."""
        named = {"partner": self.partner, "key_id": self.key, "user": self.user, "partner_user": self.partner_user}
        return {name: value for name, value in named.items() if value is not None}

    def shown(self) -> dict[str, str | int]:
        """The same with what it cost."""
        return self.known() | {"cost": self.cost}
