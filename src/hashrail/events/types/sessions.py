"""Events of users' sessions."""

from typing import ClassVar, Literal

from hashrail.events.event import Event

EndCause = Literal["logged_out", "ended", "token_reused", "too_many"]


class SessionEnded(Event, frozen=True):
    """A user's session ended before its time; those of many users at once are counted in `partner.sessions_ended`.

    `cause`: the user logged out, somebody ended it, a spent token was used again, or newer sessions took its place.
    """

    TYPE: ClassVar[str] = "session.ended"
    KIND: ClassVar[str] = "session"
    ID: ClassVar[str] = "id"

    id: str
    user_id: int
    cause: EndCause
