"""Positions in the write-ahead log: how far the primary has committed, and how far a standby has replayed.

A position is that up to which the primary has flushed, since every commit that was acknowledged lies before it (no
session of ours commits asynchronously), and since a standby is sent no more than that: one further on would be waited
for until somebody else commits.

The log of two histories has the same numbers. So a position has its timeline, which every promotion begins anew, and
the books keep a mark of each timeline that was seen: a standby whose newest mark is the primary's follows it.
"""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from hashrail import clock, db
from hashrail.db import Pool, Reader

TEXT = re.compile(r"(?P<timeline>[0-9A-F]{8})-(?P<offset>[0-9A-F]{16})")
# How long primary or standby may take for an answer about positions.
ASK_SECONDS = 2.0
# What was heard is remembered in steps of this size, and no longer than this.
STEP_SECONDS = 0.05
KEPT_SECONDS = 3600
OF_PRIMARY = """
    WITH flushed AS MATERIALIZED (SELECT pg_current_wal_flush_lsn() AS lsn),
         at AS (SELECT ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::integer AS timeline,
                       (lsn - '0/0'::pg_lsn)::bigint AS offset_bytes, control.system_identifier AS system
                FROM flushed, pg_control_system() AS control)
    SELECT at.timeline, at.offset_bytes, at.system, t.mark
    FROM at LEFT JOIN wal_timeline t ON t.system = at.system AND t.timeline = at.timeline"""
# What a statement sees is settled before it asks how far replay is, so the state that it stands for is read after it.
OF_STANDBY = """
    SELECT pg_is_in_recovery() AS follows, (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS offset_bytes,
           (SELECT mark FROM wal_timeline WHERE system = (SELECT system_identifier FROM pg_control_system())
            ORDER BY timeline DESC LIMIT 1) AS mark"""


class Position(NamedTuple):
    """A place in the log of a timeline, in bytes since its beginning. Later ones are greater, as their texts are."""

    timeline: int
    offset: int

    def __str__(self) -> str:
        return f"{self.timeline:08X}-{self.offset:016X}"


class Said(NamedTuple):
    """What the primary said: how far it is, and the mark of its history."""

    position: Position
    mark: bytes


class Replayed(NamedTuple):
    """What a standby said: whether it still follows, how far it has replayed, and the newest mark that it knows."""

    follows: bool
    offset: int
    mark: bytes | None


def read(text: str | None) -> Position | None:
    """A position that a caller has sent; None for none, and for what is no position."""
    found = None if text is None else TEXT.fullmatch(text)
    return None if found is None else Position(int(found["timeline"], 16), int(found["offset"], 16))


async def replayed(standby: Reader) -> Replayed:
    """How far a standby has replayed. Raises TimeoutError and what asyncpg raises."""
    row = await standby.fetchrow(OF_STANDBY, timeout=ASK_SECONDS)
    assert row is not None, "a SELECT without FROM has one row"
    return Replayed(row["follows"], row["offset_bytes"] or 0, row["mark"])


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was said, and when it was asked on the monotonic clock: so old the state of that position is at most."""

    asked_seconds: float
    said: Said


class Primary:
    """Asks the primary where it is, one question at a time, for everybody who waits at that moment."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asking: asyncio.Task[Said] | None = None
        self._next: asyncio.Task[Said] | None = None
        self._heard: deque[_Heard] = deque()
        self._newest: Said | None = None

    async def now(self) -> Said:
        """A position that covers every commit which was acknowledged before the call.

        Raises what the database raises that is away.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._ask_after(self._asking))
            self._next.add_done_callback(_looked_at)
        # Whoever goes away must not take the answer from the others.
        return await asyncio.shield(self._next)

    def recent(self, seconds: float) -> Said | None:
        """The oldest position that was heard within so many seconds: whoever has replayed it is no older than that."""
        since_seconds = clock.monotonic() - seconds
        return next((each.said for each in self._heard if each.asked_seconds >= since_seconds), None)

    def has_reached(self, position: Position) -> bool:
        """Whether it is known that the primary, in the history that it is in, has come so far."""
        newest = self._newest
        return newest is not None and newest.position >= position and newest.position.timeline == position.timeline

    def lag_seconds(self, replayed: int) -> float:
        """For how long the primary has been known to be further than this; 0 where it is not."""
        further = next((each for each in self._heard if each.said.position.offset > replayed), None)
        return 0 if further is None else clock.monotonic() - further.asked_seconds

    async def _ask_after(self, asking: "asyncio.Task[Said] | None") -> Said:
        """Ask when the question before is answered; who comes from then on waits for the next one."""
        if asking is not None:
            await asyncio.wait([asking])
        self._asking, self._next = self._next, None
        began = clock.monotonic()
        said = await self._ask()
        self._remember(began, said)
        return said

    async def _ask(self) -> Said:
        with db.translated():
            row = await self._pool.fetchrow(OF_PRIMARY, timeout=ASK_SECONDS)
            assert row is not None, "a server has one position"
            if row["mark"] is None:
                async with db.transaction(self._pool) as tx:
                    await tx.execute(
                        "INSERT INTO wal_timeline (system, timeline) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                        row["system"],
                        row["timeline"],
                    )
                return await self._ask()
        return Said(Position(row["timeline"], row["offset_bytes"]), row["mark"])

    def _remember(self, asked_seconds: float, said: Said) -> None:
        if self._newest is not None and self._newest.mark != said.mark:
            self._heard.clear()
        self._newest = said
        if not self._heard or asked_seconds - self._heard[-1].asked_seconds >= STEP_SECONDS:
            self._heard.append(_Heard(asked_seconds, said))
        while asked_seconds - self._heard[0].asked_seconds > KEPT_SECONDS:
            self._heard.popleft()


def _looked_at(done: "asyncio.Task[Said]") -> None:
    """A refusal that nobody waits for any more is looked at here."""
    if not done.cancelled():
        done.exception()
