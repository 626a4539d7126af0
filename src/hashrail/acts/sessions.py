"""Ending the sessions of a partner's users, and their read tokens."""

from hashrail.access import api_keys, read_tokens, session_grants
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.parties import users


async def end(
    tx: Tx,
    act: Acting,
    partner_id: int,
    *,
    user: str | None = None,
    key: int | None = None,
    session: str | None = None,
) -> int:
    """End sessions: of a user, of a key, the one of that name, or without any all; answers how many were open.

    Raises UserNotFoundError, KeyNotFoundError, SessionNotFoundError, ReadTokenNotFoundError.
    """
    if key is not None:
        await api_keys.assert_exists(tx, partner_id=partner_id, key_id=key)
    user_id = None if user is None else (await users.find(tx, partner_id, user)).id
    ended = await _end(tx, partner_id, user_id, key, session)
    whose = {"user": user, "key": key, "id": session}
    of = ", ".join(f"{what} {name}" for what, name in whose.items() if name is not None) or "all"
    await act.note(tx, f"sessions of partner {partner_id}: {of}", after={"ended": ended})
    return ended


async def _end(tx: Tx, partner_id: int, user_id: int | None, key: int | None, name: str | None) -> int:
    """End what is named, be it a session or a read token; answers how many were open."""
    if name is None or user_id is None:
        return await session_grants.end(tx, partner_id, user_id=user_id, key_id=key)
    if read_tokens.NAMED.fullmatch(name):
        was_open = name in [one.text for one in await read_tokens.of_user(tx, partner_id, user_id)]
        await read_tokens.revoke(tx, partner_id, user_id, name)
        return int(was_open)
    one = await session_grants.find(tx, partner_id, user_id, name)
    return await session_grants.end(tx, partner_id, user_id=user_id, key_id=key, family=one)
