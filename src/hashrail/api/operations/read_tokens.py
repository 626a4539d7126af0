"""Read tokens: a user makes, lists and revokes them, and so does the partner's server, but for making them.

Making one takes a session: what a read token opens, its user has logged in for.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta

from hashrail import clock
from hashrail.access import access_tokens, read_tokens
from hashrail.access.read_tokens import MAX_DAYS, ReadToken
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.models import NO_NUL, Answer, Data, Day, Listing, Moment, Query, SignedBody, Text, UserQuery
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.parties import users
from hashrail.parties.users import UserBlockedError, UserNotFoundError

READ_TOKENS = Noun("Read tokens")
Name = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema=NO_NUL)]
Days = Annotated[int, Meta(ge=1, le=MAX_DAYS, description="days that it lives")]


class CreateReadTokenBody(SignedBody, kw_only=True):
    """A name that the user knows it by, and how long it is to live."""

    name: Name
    days: Days


class RevokeReadTokenBody(SignedBody, kw_only=True):
    """The token to revoke."""

    id: Text


class RevokeReadTokenOfUserBody(RevokeReadTokenBody, kw_only=True):
    """The user whose token it is, and the token."""

    partner_user_id: Text


class ReadTokenOut(Answer, kw_only=True):
    """A read token that lives. `lastUsedOn` is the day of its last use, null until there is one."""

    id: str
    name: str
    created_at: Moment
    expires_at: Moment
    last_used_on: Day | None


class NewReadTokenOut(Answer, kw_only=True):
    """The token itself, which is not shown again: `Authorization: Bearer <token>`."""

    id: str
    name: str
    token: str
    expires_at: Moment


@READ_TOKENS.write(
    None,
    "c2s_read_token_create",
    "/c2s/read-token/create",
    Auth.BEARER,
    scope="login",
    refuses=(
        UserNotFoundError,
        UserBlockedError,
        read_tokens.ReadTokenLabelTakenError,
        read_tokens.TooManyReadTokensError,
    ),
)
async def create(call: Call, tx: Tx, _books: OpenBooks, body: CreateReadTokenBody) -> Data[NewReadTokenOut]:
    """Make a read token. The same again within ten minutes answers the same one, since an answer may be lost."""
    user = (await users.lock(tx, call.partner_id, [call.user_id])).get(call.user_id)
    if user is None:
        raise UserNotFoundError("the partner has no such user", field="userId")
    users.assert_active(user)
    session = call.known.session
    made = await read_tokens.create(
        tx,
        call.partner_id,
        call.user_id,
        label=body.name,
        days=body.days,
        key_id=None if session is None else await read_tokens.key_of_session(tx, call.partner_id, session),
    )
    return Data(NewReadTokenOut(id=made.text, name=made.label, token=_token(call, made), expires_at=_end(made)))


@READ_TOKENS.read(None, "c2s_read_tokens", "GET", "/c2s/read-token/find-by-user", Auth.BEARER, scope="login")
async def own_tokens(call: Call, _query: Query) -> Data[Listing[ReadTokenOut]]:
    """The user's read tokens that live, the newest first. A read token does not list its fellows."""
    found = await read_tokens.of_user(call.pool, call.partner_id, call.user_id)
    return Data(Listing([_shown(one) for one in found]))


@READ_TOKENS.write_outside_books(
    None,
    "c2s_read_token_revoke",
    "/c2s/read-token/revoke",
    Auth.BEARER,
    scope="login",
    refuses=(read_tokens.ReadTokenNotFoundError,),
)
async def revoke(call: Call, tx: Tx, body: RevokeReadTokenBody) -> Data[bool]:
    """Revoke a read token: it is refused from now on. Again changes nothing."""
    await read_tokens.revoke(tx, call.partner_id, call.user_id, body.id)
    return Data(data=True)


@READ_TOKENS.read(
    None,
    "s2s_read_tokens",
    "GET",
    "/s2s/read-token/find-by-user",
    Auth.SIGNED,
    scope="login",
    refuses=(UserNotFoundError,),
)
async def tokens_of_user(call: Call, query: UserQuery) -> Data[Listing[ReadTokenOut]]:
    """A user's read tokens that live, the newest first."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    found = await read_tokens.of_user(call.pool, call.partner_id, user.id)
    return Data(Listing([_shown(one) for one in found]))


@READ_TOKENS.write_outside_books(
    None,
    "s2s_read_token_revoke",
    "/s2s/read-token/revoke",
    Auth.SIGNED,
    scope="login",
    refuses=(UserNotFoundError, read_tokens.ReadTokenNotFoundError),
)
async def revoke_of_user(call: Call, tx: Tx, body: RevokeReadTokenOfUserBody) -> Data[bool]:
    """Revoke one of a user's read tokens: it is refused from now on. Again changes nothing."""
    user = await users.find(tx, call.partner_id, body.partner_user_id)
    await read_tokens.revoke(tx, call.partner_id, user.id, body.id)
    return Data(data=True)


def _token(call: Call, made: ReadToken) -> str:
    """The signed text. It follows from the row, so that it is the same when it is asked for again."""
    keys = call.serving.signing_keys
    return access_tokens.issue_read(
        keys.private,
        keys.kid,
        epoch=keys.epoch,
        issuer=call.deployment.settings.issuer,
        partner_id=call.partner_id,
        partner_public_id=call.known.partner_public_id,
        user_id=call.user_id,
        token=made.text,
        now=made.created_at,
        expires_at=made.expires_at,
    )


def _shown(one: ReadToken) -> ReadTokenOut:
    return ReadTokenOut(
        id=one.text,
        name=one.label,
        created_at=clock.iso(one.created_at),
        expires_at=_end(one),
        last_used_on=_day(one.last_used_on),
    )


def _end(one: ReadToken) -> str:
    return clock.iso(one.expires_at)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
