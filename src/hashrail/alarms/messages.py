"""Messages about alarms, and their way to those who are told: each delivered at least once, whatever is killed.

A message is written in the transaction that changes the alarm's state, with a row for each receiver who wants its
severity. Whoever delivers takes a row for a while, sends, and notes what came of it; who is killed in between leaves it
for the next one, so a message may come twice, and has a name by which a receiver knows that. What fails is tried
again, later and later. Messages of one alarm come in order, and while one of them waits for a receiver, the alarm's
repetitions are not added behind it.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hashrail.db import Reader, Tx, record
from hashrail.settings import Settings, Severity

What = Literal["begins", "goes on", "ends"]
# From the least.
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
USUAL_LEAST: Severity = "warning"
# For how long a message is whose who took it; longer than an attempt lasts.
LEASE = timedelta(minutes=2)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell; `name` is what receivers know it by."""

    name: str
    what: What | Literal["test"]
    severity: Severity
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that is to be sent to one receiver now."""

    message_id: int
    target: str
    attempts: int
    message: Message


def wanting(settings: Settings, severity: Severity) -> list[str]:
    """Who is told of something of that severity."""
    rank = SEVERITIES.index(severity)
    return [
        name for name in settings.alarm_urls if SEVERITIES.index(settings.alarm_least.get(name, USUAL_LEAST)) <= rank
    ]


async def write(
    tx: Tx,
    alarm_id: int,
    what: What,
    severity: Severity,
    title: str,
    body: str,
    targets: Collection[str],
    *,
    repeats: bool,
    at: datetime,
) -> str:
    """Write a message for these receivers; answers its name.

    A repetition is not written for who has not heard what it repeats.
    """
    name = secrets.token_hex(16)
    message_id = await tx.fetchval(
        """INSERT INTO alarm_message (name, alarm_id, what, severity, title, body, written_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
        name,
        alarm_id,
        what,
        severity,
        title,
        body,
        at,
    )
    behind = await _behind(tx, alarm_id) if repeats else set()
    await tx.execute(
        """INSERT INTO alarm_delivery (message_id, target, alarm_id, written_at, next_at)
           SELECT $1, t.target, $2, $3, $3 FROM unnest($4::text[]) AS t (target)""",
        message_id,
        alarm_id,
        at,
        [target for target in targets if target not in behind],
    )
    return name


async def _behind(tx: Tx, alarm_id: int) -> set[str]:
    """Who waits for an earlier message of the alarm.

    Asked by itself: as a condition of the INSERT, beside one of a parameter alone, Citus wrote nothing.
    """
    waiting = "SELECT target FROM alarm_delivery WHERE alarm_id = $1 AND delivered_at IS NULL AND given_up_at IS NULL"
    rows = await tx.fetch(waiting, alarm_id)
    return {row["target"] for row in rows}


async def take(tx: Tx, target: str, *, at: datetime) -> Taken | None:
    """The next message for a receiver, which is the caller's until the lease ends; None where none is due."""
    row = await tx.fetchrow(
        """UPDATE alarm_delivery AS d SET attempts = d.attempts + 1, next_at = $3 FROM alarm_message m
           WHERE m.id = d.message_id AND (d.message_id, d.target) = (
               SELECT w.message_id, w.target FROM alarm_delivery w
               WHERE w.target = $1 AND w.delivered_at IS NULL AND w.given_up_at IS NULL AND w.next_at <= $2
                 AND NOT EXISTS (
                     SELECT 1 FROM alarm_delivery b WHERE b.target = w.target AND b.alarm_id = w.alarm_id
                     AND b.message_id < w.message_id AND b.delivered_at IS NULL AND b.given_up_at IS NULL)
               ORDER BY w.message_id LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING d.message_id, d.target, d.attempts, m.name, m.what, m.severity, m.title, m.body""",
        target,
        at,
        at + LEASE,
    )
    if row is None:
        return None
    parts = {key: row[key] for key in ("name", "what", "severity", "title", "body")}
    return Taken(row["message_id"], row["target"], row["attempts"], Message(**parts))


async def delivered(tx: Tx, taken: Taken, *, at: datetime) -> None:
    """It has arrived; again is a no-op."""
    await tx.execute(
        """UPDATE alarm_delivery SET delivered_at = $3, error = NULL
           WHERE message_id = $1 AND target = $2 AND delivered_at IS NULL AND given_up_at IS NULL""",
        taken.message_id,
        taken.target,
        at,
    )


async def failed(tx: Tx, taken: Taken, error: str, *, at: datetime) -> None:
    """It has not arrived, as far as is known: it is tried again later, and given up after a week."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(taken.attempts - 1, 10))
    await tx.execute(
        """UPDATE alarm_delivery
           SET error = $3, next_at = $4, given_up_at = CASE WHEN written_at < $5 THEN $6::timestamptz END
           WHERE message_id = $1 AND target = $2 AND delivered_at IS NULL AND given_up_at IS NULL""",
        taken.message_id,
        taken.target,
        error,
        at + pause,
        at - GIVEN_UP,
        at,
    )


async def undelivered(tx: Reader, targets: Collection[str]) -> Mapping[str, datetime]:
    """Since when the oldest message waits that was tried in vain, by receiver."""
    rows = await tx.fetch(
        """SELECT target, min(written_at) AS since FROM alarm_delivery
           WHERE target = ANY($1) AND delivered_at IS NULL AND given_up_at IS NULL AND error IS NOT NULL
           GROUP BY target""",
        list(targets),
    )
    return {row["target"]: row["since"] for row in rows}


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of an alarm, and who has heard it."""

    written_at: datetime
    code: str
    subject: str
    what: What
    severity: Severity
    body: str
    delivered: list[str]
    waiting: list[str]
    given_up: list[str]


async def history(tx: Reader, *, limit: int) -> list[Told]:
    """The newest messages first."""
    rows = await tx.fetch(
        """SELECT m.written_at, a.code, a.subject, m.what, m.severity, m.body,
                  ARRAY(SELECT d.target FROM alarm_delivery d WHERE d.message_id = m.id
                        AND d.delivered_at IS NOT NULL ORDER BY d.target) AS delivered,
                  ARRAY(SELECT d.target FROM alarm_delivery d WHERE d.message_id = m.id
                        AND d.delivered_at IS NULL AND d.given_up_at IS NULL ORDER BY d.target) AS waiting,
                  ARRAY(SELECT d.target FROM alarm_delivery d WHERE d.message_id = m.id
                        AND d.given_up_at IS NOT NULL ORDER BY d.target) AS given_up
           FROM alarm_message m JOIN alarm a ON a.id = m.alarm_id ORDER BY m.id DESC LIMIT $1""",
        limit,
    )
    return [record(Told, row) for row in rows]
