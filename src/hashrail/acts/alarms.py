"""Silencing alarms, and letting them be told again."""

from datetime import timedelta

from hashrail import business_clock
from hashrail.acts.acting import Acting
from hashrail.alarms import silences
from hashrail.alarms.silences import Silence
from hashrail.db import Tx


async def silence(tx: Tx, act: Acting, *, code: str, subject: str | None, reason: str, hours: int) -> Silence:
    """Do not tell of an alarm for a while; `subject` None is every one of that code. Raises BadSilenceError."""
    at = (await business_clock.read(tx)).database_now
    by = None if act.operator is None else act.operator.name
    made = await silences.begin(tx, code, subject, reason, by=by, at=at, until=at + timedelta(hours=hours))
    # A silence that is only tried has a number that another one may get.
    named = code if act.tries else f"silence {made.id}"
    await act.note(tx, named, after={"code": code, "alarm_of": subject, "until": made.until}, reason=made.reason)
    return made


async def unsilence(tx: Tx, act: Acting, number: int) -> Silence:
    """End a silence now; answers what it was. Raises SilenceNotFoundError."""
    ended = await silences.end(tx, number, at=(await business_clock.read(tx)).database_now)
    before = {"code": ended.code, "alarm_of": ended.subject, "until": ended.until}
    await act.note(tx, f"silence {number}", before=before)
    return ended
