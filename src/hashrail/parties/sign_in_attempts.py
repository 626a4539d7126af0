"""Attempts to sign in: counted before anything is looked at, by name and by address, whether the name exists or not.

Five are free; from then on each has to wait twice as long after the one before, for a name up to a minute, for an
address up to a quarter of an hour. So nobody who guesses gets far, and nobody who knows a name keeps its owner out for
long. What came too early is not counted, and costs nobody the computing of a digest. A sign-in that succeeds forgets
both, and so does a day without an attempt.

The doors of console and portal count apart: who may sign in at one takes back nothing that failed at the other.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.errors import HashrailError

FREE = 5
Door: TypeAlias = Literal["console", "portal"]
# What each door counts by: the name, and the address on the network.
KINDS: dict[Door, tuple[str, str]] = {"console": ("name", "address"), "portal": ("member", "member_address")}
_OF_NAMES, _OF_ADDRESSES = timedelta(minutes=1), timedelta(minutes=15)
MOST = {
    "name": _OF_NAMES,
    "address": _OF_ADDRESSES,
    "member": _OF_NAMES,
    "member_address": _OF_ADDRESSES,
}
REMEMBERED = timedelta(days=1)


class TooManySignInsError(HashrailError):
    """There were many attempts with this name or from this address; `details.seconds` is how long to wait."""

    status = 429
    code = "TOO_MANY_SIGN_INS"
    advice = "Wait for as long as it says, and try again."


@dataclass(frozen=True, slots=True)
class Tried:
    """Attempts from a place on the network since the last that succeeded there; `newest_at` is wall time."""

    door: Door
    place: str
    attempts: int
    newest_at: datetime


async def count(tx: Tx, *, name: str, place: str, door: Door = "console") -> None:
    """Count an attempt with a name from a place on the network; one that is too early raises TooManySignInsError."""
    of_name, of_address = KINDS[door]
    for kind, what in ((of_address, place), (of_name, _hidden(name))):
        await _count(tx, kind, what)


async def succeeded(tx: Tx, *, name: str, place: str, door: Door = "console") -> None:
    """The name's owner is in."""
    of_name, of_address = KINDS[door]
    await tx.execute(
        "DELETE FROM sign_in_attempt WHERE (kind = $1 AND place = $2) OR (kind = $3 AND place = $4)",
        *(of_address, place, of_name, _hidden(name)),
    )


async def of_addresses(tx: Reader, *, limit: int) -> list[Tried]:
    """From where was tried lately without success, and at which door, the newest first."""
    rows = await tx.fetch(
        """SELECT CASE kind WHEN 'address' THEN 'console' ELSE 'portal' END AS door, place, attempts, newest_at
           FROM sign_in_attempt WHERE kind IN ('address', 'member_address')
           ORDER BY newest_at DESC, place, kind LIMIT $1""",
        limit,
    )
    return [record(Tried, row) for row in rows]


async def forget_past(tx: Tx) -> int:
    """Let attempts go that no longer count; answers how many rows."""
    past = "DELETE FROM sign_in_attempt WHERE newest_at < $1 RETURNING kind"
    return len(await tx.fetch(past, clock.wall_now() - REMEMBERED))


def wait_after(attempts: int, kind: str) -> timedelta:
    """How long the next attempt waits after so many."""
    if attempts < FREE:
        return timedelta(0)
    # Beyond the sixteenth every wait is the longest.
    return min(timedelta(seconds=2 ** min(attempts - FREE, 16)), MOST[kind])


async def _count(tx: Tx, kind: str, what: str) -> None:
    now = clock.wall_now()
    await tx.execute(
        """INSERT INTO sign_in_attempt (kind, place, attempts, newest_at) VALUES ($1, $2, 0, $3)
           ON CONFLICT DO NOTHING""",
        *(kind, what, now),
    )
    row = await tx.fetchrow(
        "SELECT attempts, newest_at FROM sign_in_attempt WHERE kind = $1 AND place = $2 FOR UPDATE", kind, what
    )
    # Housekeeping may have taken it in between: then there is nothing to hold against anybody.
    attempts = 0 if row is None or row["newest_at"] < now - REMEMBERED else row["attempts"]
    wait = wait_after(attempts, kind)
    # One that is free never waits, even if another that began later was counted before it.
    if row is not None and wait and row["newest_at"] + wait > now:
        seconds = -((now - row["newest_at"] - wait) // timedelta(seconds=1))
        raise TooManySignInsError(f"too many attempts: wait {seconds} seconds", seconds=seconds)
    await tx.execute(
        "UPDATE sign_in_attempt SET attempts = $3, newest_at = greatest(newest_at, $4) WHERE kind = $1 AND place = $2",
        *(kind, what, attempts + 1, now),
    )


def _hidden(name: str) -> str:
    """People type passwords where their name belongs; no table keeps those."""
    return hashlib.sha256(name.encode()).hexdigest()
