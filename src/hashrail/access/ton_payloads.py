"""Payloads of TON logins: each is issued to one partner, signed by a wallet and opens one session.

    issued -> used      by the login that it opens, together with that session
           -> expired   after a while, unless it was used

A payload lives by the wall clock, as the proof that signs it does. The look-up is global, because a proof brings
nothing else that says which partner it is for.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import clock
from hashrail.access import ton_proof
from hashrail.access.ton_proof import PayloadState
from hashrail.db import Reader, Tx
from hashrail.errors import ConflictError

BYTES = 32
# Kept for a while when nobody can use them any more: whoever comes too late is told so, and not that they are unknown.
KEPT = timedelta(hours=1)


class TooManyPayloadsError(ConflictError):
    """As many logins are under way at the partner as may be: payloads that nobody has used, and that still count."""

    code = "TOO_MANY_PAYLOADS"
    advice = (
        "Ask again in a minute; unused payloads expire. If it goes on, tell the operator: somebody asks for too many."
    )


@dataclass(frozen=True, slots=True)
class Issued:
    """A payload with the partner that it was issued to."""

    partner_id: int
    partner_public_id: str
    state: PayloadState


async def issue(tx: Tx, partner_id: int, *, lifetime: timedelta, max_under_way: int) -> str:
    """A new payload of the partner, 64 hex digits. Raises TooManyPayloadsError.

    Nobody waits for anybody here, so that strangers cannot queue up: as many as ask in one instant may pass the bound.
    """
    payload = secrets.token_hex(BYTES)
    now = clock.wall_now()
    if await _are_under_way(tx, partner_id, max_under_way, now):
        raise TooManyPayloadsError(f"at most {max_under_way} logins under way", field="partnerId", limit=max_under_way)
    await tx.execute(
        "INSERT INTO ton_payload (payload, partner_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)",
        payload,
        partner_id,
        now,
        now + lifetime,
    )
    return payload


async def _are_under_way(tx: Reader, partner_id: int, number: int, now: datetime) -> bool:
    """Whether so many payloads of the partner wait to be used."""
    found: bool | None = await tx.fetchval(
        """SELECT true FROM ton_payload WHERE partner_id = $1 AND used_at IS NULL AND expires_at > $2
           OFFSET $3 LIMIT 1""",
        partner_id,
        now,
        number - 1,
    )
    return found is not None


async def look_up(tx: Reader, payload: str) -> Issued | None:
    """What is known of a payload; None when it was not issued here, or is forgotten."""
    row = await tx.fetchrow(
        """SELECT t.partner_id, p.public_id, p.ton_domains, t.expires_at, t.used_at
           FROM ton_payload t JOIN partner p ON p.id = t.partner_id WHERE t.payload = $1""",
        payload,
    )
    if row is None:
        return None
    state = PayloadState(frozenset(row["ton_domains"]), row["expires_at"], used=row["used_at"] is not None)
    return Issued(row["partner_id"], row["public_id"], state)


async def consume(tx: Tx, payload: str, *, now: datetime) -> None:
    """Use the payload up: of many at once exactly one does. Raises what `ton_proof.check_payload` raises."""
    used = await tx.fetchval(
        """UPDATE ton_payload SET used_at = $2 WHERE payload = $1 AND used_at IS NULL AND expires_at > $2
           RETURNING true""",
        payload,
        now,
    )
    if used is None:
        found = await look_up(tx, payload)
        ton_proof.check_payload(None if found is None else found.state, now)
    assert used is not None, "a payload that may be used can be used up"


async def forget_expired(tx: Tx) -> int:
    """Delete payloads that expired some time ago, used or not; answers how many."""
    rows = await tx.fetch("DELETE FROM ton_payload WHERE expires_at <= $1 RETURNING payload", clock.wall_now() - KEPT)
    return len(rows)


async def forget_all(tx: Tx) -> int:
    """Delete every payload; answers how many. In restored books one that was used looks as if it were not."""
    return len(await tx.fetch("DELETE FROM ton_payload RETURNING payload"))
