"""Alarms: what rings and what to do about it, silences, what was told lately; silencing one and ending a silence."""

from hashrail import business_clock
from hashrail.acts import alarms as acts
from hashrail.acts.acting import Acting
from hashrail.alarms import messages, readings, silences, states
from hashrail.alarms.rules import BY_CODE
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values

TOLD = 100
HOURS = ((1, "1 hour"), (8, "8 hours"), (24, "a day"), (72, "3 days"), (168, "a week"), (720, "30 days"))


async def listed(tx: Tx, visit: Visit) -> Shown:
    """What rings now, the gravest first; silences; and the newest messages with whom they have reached."""
    settings = visit.deployment.settings
    now = await readings.read(tx, settings, is_sandbox=visit.deployment.is_sandbox)
    return Shown(
        {
            "ringing": await states.ringing_by(tx, now, settings),
            "silenced": await silences.in_force(tx, at=now.moment.database_now),
            "told": await messages.history(tx, limit=TOLD),
            "is_told": bool(settings.alarm_urls),
        }
    )


async def ask_to_silence(_: Tx, visit: Visit) -> Asked:
    """Do not tell of an alarm for a while."""
    words = ["It rings on and is shown; nobody is told until the silence ends, and then only if it still rings."]
    fields = (
        Field("code", "Alarm", "choice", visit.query.get("code"), choices=[(each, each) for each in sorted(BY_CODE)]),
        Field("subject", "Of this only, as the alarm names it", value=visit.query.get("subject"), needed=False),
        Field("hours", "For", "choice", "8", choices=[(str(hours), words) for hours, words in HOURS]),
        Field("reason", "Why nobody needs to be told", most=500),
    )
    return Asked("Silence an alarm", "Silence it", link("/alarms"), fields, words)


async def silence(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Silence it."""
    named = {name: values[name] for name in ("code", "subject", "reason")}
    await acts.silence(tx, act, **named, hours=int(values["hours"]))
    return Done(link("/alarms", done="changed"))


async def ask_to_unsilence(tx: Tx, visit: Visit) -> Asked:
    """Let an alarm be told again."""
    number = visit.numbers["silence"]
    at = (await business_clock.read(tx)).database_now
    found = next((each for each in await silences.in_force(tx, at=at) if each.id == number), None)
    if found is None:
        raise silences.SilenceNotFoundError(f"no silence {number} is in force", field="silence")
    words = [f"What rings of {found.code} is told within a minute."]
    return Asked(f"End the silence of {found.code}", "Tell it again", link("/alarms"), (), words)


async def unsilence(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """End it."""
    await acts.unsilence(tx, act, visit.numbers["silence"])
    return Done(link("/alarms", done="changed"))
