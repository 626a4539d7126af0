"""A user's sessions: which are open, and ending them. A user ends their own by logging out (`logins`)."""

from datetime import timedelta

from msgspec import UNSET, UnsetType

from hashrail import clock
from hashrail.access import open_sessions, session_grants
from hashrail.access.open_sessions import OpenSession
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.models import Answer, Data, Listing, Moment, SignedBody, Text, UserQuery
from hashrail.db import Tx
from hashrail.parties import users
from hashrail.parties.users import UserNotFoundError

SESSIONS = Noun("Sessions")


class SessionOut(Answer, kw_only=True):
    """An open session. `apiKey` opened it; null where a TON wallet did. It ends at `endsAt` unless it is renewed."""

    id: str
    api_key: str | None
    created_at: Moment
    renewed_at: Moment
    ends_at: Moment


class EndSessionsBody(SignedBody, kw_only=True):
    """The user whose sessions end; with `id` only that one."""

    partner_user_id: Text
    id: Text | UnsetType = UNSET


class EndedOut(Answer, kw_only=True):
    """How many sessions were open and are not any more."""

    ended: int


@SESSIONS.read(
    None,
    "s2s_sessions",
    "GET",
    "/s2s/session/find-by-user",
    Auth.SIGNED,
    scope="login",
    refuses=(UserNotFoundError,),
)
async def sessions_of_user(call: Call, query: UserQuery) -> Data[Listing[SessionOut]]:
    """The user's open sessions, the last renewed first."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    life = timedelta(days=call.deployment.settings.session_days)
    found = await open_sessions.of_user(call.pool, call.partner_id, user.id, life=life)
    return Data(Listing([_session(one) for one in found]))


@SESSIONS.write_outside_books(
    None,
    "s2s_session_end",
    "/s2s/session/end",
    Auth.SIGNED,
    scope="login",
    refuses=(UserNotFoundError, session_grants.SessionNotFoundError),
)
async def end_sessions(call: Call, tx: Tx, body: EndSessionsBody) -> Data[EndedOut]:
    """End all sessions of the user, or one of them: its tokens are refused from now on. Again ends none."""
    user = await users.find(tx, call.partner_id, body.partner_user_id)
    one = None if body.id is UNSET else await session_grants.find(tx, call.partner_id, user.id, body.id)
    ended = await session_grants.end(tx, call.partner_id, user_id=user.id, family=one)
    return Data(EndedOut(ended=ended))


def _session(one: OpenSession) -> SessionOut:
    return SessionOut(
        id=str(one.family),
        api_key=one.key,
        created_at=clock.iso(one.opened_at),
        renewed_at=clock.iso(one.renewed_at),
        ends_at=clock.iso(one.ends_at),
    )
