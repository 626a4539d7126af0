"""Silences: what an operator does not want to be told for a while, with a reason and an end.

A silenced alarm rings on and is shown; it is only not told. Whatever still rings when the silence ends is told then,
and the end of what was told before is told in any case.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail.alarms.rules import BY_CODE
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError, NotFoundError

LONGEST = timedelta(days=30)


class BadSilenceError(BadRequestError):
    """A silence is of a rule that there is, for a minute to 30 days, and has a reason."""

    code = "BAD_SILENCE"
    advice = "Name the code as hashrail alarms shows it, an end within 30 days, and why."


class SilenceNotFoundError(NotFoundError):
    """No silence with that number is in force."""

    code = "SILENCE_NOT_FOUND"
    advice = "hashrail alarms silences lists those that are."


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is told of alarms of the code, or of one `subject` of it, until then."""

    id: int
    code: str
    subject: str | None
    reason: str
    silenced_by: str | None
    silenced_at: datetime
    until: datetime

    def covers(self, code: str, subject: str) -> bool:
        """Whether an alarm is silenced by it."""
        return self.code == code and self.subject in {None, subject}


async def begin(
    tx: Tx, code: str, subject: str | None, reason: str, *, by: str | None, at: datetime, until: datetime
) -> Silence:
    """Silence a code, or one subject of it. Raises BadSilenceError."""
    if code not in BY_CODE:
        raise BadSilenceError(f"no alarm is called {code}", field="code")
    if not reason.strip():
        raise BadSilenceError("a silence has a reason", field="reason")
    if not timedelta(minutes=1) <= until - at <= LONGEST:
        raise BadSilenceError("a silence lasts from a minute to 30 days", field="until")
    row = await tx.fetchrow(
        """INSERT INTO alarm_silence (code, subject, reason, silenced_by, silenced_at, until)
           VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING id, code, subject, reason, silenced_by, silenced_at, until""",
        code,
        subject,
        reason.strip(),
        by,
        at,
        until,
    )
    assert row is not None, "it was written"
    return record(Silence, row)


async def end(tx: Tx, number: int, *, at: datetime) -> Silence:
    """End a silence now; answers what it was. Raises SilenceNotFoundError."""
    for each in await in_force(tx, at=at):
        if each.id == number:
            await tx.execute("UPDATE alarm_silence SET until = $2 WHERE id = $1 AND silenced_at < $2", number, at)
            return each
    raise SilenceNotFoundError(f"no silence {number} is in force", field="silence")


async def in_force(tx: Reader, *, at: datetime) -> list[Silence]:
    """The silences at a time, oldest first."""
    rows = await tx.fetch(
        """SELECT id, code, subject, reason, silenced_by, silenced_at, until FROM alarm_silence
           WHERE until > $1 ORDER BY id""",
        at,
    )
    return [record(Silence, row) for row in rows]
