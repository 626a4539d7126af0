"""What rings: a condition becomes an alarm, is told once, repeated in a rhythm, and told once more when it has ended.

    (nothing) -> waits       a condition is so, and not yet for as long as its rule asks
    waits -> (nothing)       it is so no more: nobody is told
    waits -> rings           it has held: its beginning is told
    rings -> rings           told again in the rhythm of its severity, and at once when it has become graver
    rings -> ended           it was not so for a while: its end is told, once

How long the while is doubles with every time that the same alarm has ended within a day, so that one which comes and
goes is told less and less often. All workers evaluate, one after the other under a lock, and whoever comes later finds
what is told already. What is told is written beside the state in one commit (`messages`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import business_clock, clock, db
from hashrail.alarms import messages, readings, silences
from hashrail.alarms.messages import SEVERITIES, What
from hashrail.alarms.readings import Readings
from hashrail.alarms.rules import BY_CODE, RULES, Condition, Rule
from hashrail.alarms.silences import Silence
from hashrail.db import Reader, Tx, record
from hashrail.deployment.opened import Deployment
from hashrail.events import drafts
from hashrail.events.types.alarms import AlarmBegan, AlarmEnded, AlarmEvent
from hashrail.settings import Settings, Severity

# Told again after so long.
RHYTHM: Mapping[Severity, timedelta] = {
    "info": timedelta(days=7),
    "warning": timedelta(days=1),
    "critical": timedelta(hours=1),
}
QUIET, DOUBLINGS = timedelta(minutes=5), 6
A_DAY = timedelta(days=1)
KEPT = timedelta(days=400)
# Advisory locks have one number space, in which migrations are 1.
EVALUATING = 2
PAGE = "docs/runbook.md#an-alarm-rings"
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class State:
    """An alarm that is open: it waits while `rings_at` is None, and rings from then on."""

    id: int
    code: str
    subject: str
    severity: Severity
    message: str
    since: datetime
    rings_at: datetime | None
    quiet_at: datetime | None
    told_at: datetime | None
    told_severity: Severity | None


@dataclass(frozen=True, slots=True)
class Ringing:
    """An alarm that rings now, as people are shown it. `quiet_at`: it is so no more since then, and soon ends.

    `told_at` is None where nobody was told: it is silenced, or no worker lives that would tell.
    """

    code: str
    subject: str
    severity: Severity
    message: str
    since: datetime
    rings_at: datetime
    quiet_at: datetime | None
    told_at: datetime | None
    silenced_until: datetime | None
    todo: str
    page: str = PAGE


async def evaluate(deployment: Deployment) -> int:
    """Compare the conditions with what rings, and write what is to be told; answers how many messages."""
    taken = await readings.take(deployment)
    async with db.transaction(deployment.pool) as tx:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", EVALUATING)
        now = (await business_clock.read(tx)).database_now
        return await _evaluate(tx, taken, deployment.settings, now)


async def ringing(deployment: Deployment) -> list[Ringing]:
    """What rings now, the gravest first; also what no worker has noticed, because none lives."""
    async with db.snapshot(deployment.pool) as tx:
        now = await readings.read(tx, deployment.settings, is_sandbox=deployment.is_sandbox)
        return await ringing_by(tx, now, deployment.settings)


async def ringing_by(tx: Reader, now: Readings, settings: Settings) -> list[Ringing]:
    """The same by readings of the caller's snapshot."""
    at = now.moment.database_now
    known, quiet = await _open(tx), await silences.in_force(tx, at=at)
    found = [_shown(state, state.rings_at, quiet) for state in known.values() if state.rings_at is not None]
    for rule, condition in _conditions(now, settings, known):
        state = known.get((rule.code, condition.subject))
        since = _since(condition, state, at)
        if (state is None or state.rings_at is None) and at - since >= rule.holds:
            fresh = State(
                0,
                rule.code,
                condition.subject,
                _severity(rule, condition),
                condition.message,
                since,
                at,
                None,
                None,
                None,
            )
            found.append(_shown(fresh, at, quiet))
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.since, one.code, one.subject))


async def of_partner(tx: Reader, name: str) -> list[State]:
    """What rings and is told to the partner of that name, since when."""
    found = (await _open(tx)).values()
    mine = {rule.code for rule in RULES if rule.is_of_partner}
    return [one for one in found if one.rings_at is not None and one.code in mine and one.subject == name]


async def forget_past(tx: Tx, *, at: datetime) -> None:
    """Alarms that ended more than a year ago go, with what was told of them."""
    await tx.execute("DELETE FROM alarm WHERE ended_at < $1", at - KEPT)
    await tx.execute("DELETE FROM alarm_silence WHERE until < $1", at - KEPT)


async def _evaluate(tx: Tx, taken: Readings, settings: Settings, now: datetime) -> int:
    known, quiet = await _open(tx), await silences.in_force(tx, at=now)
    told, seen = 0, set[Key]()
    for rule, condition in _conditions(taken, settings, known):
        key = (rule.code, condition.subject)
        if key in seen:
            continue
        seen.add(key)
        state = await _held(tx, rule, condition, known.get(key), now)
        what = _due(state, now)
        if what is not None and not any(each.covers(*key) for each in quiet):
            await _tell(tx, state, what, settings, now)
            told += 1
    for key in known.keys() - seen:
        told += await _released(tx, known[key], settings, now)
    await forget_past(tx, at=now)
    return told


def _conditions(now: Readings, settings: Settings, known: Mapping[Key, State]) -> list[tuple[Rule, Condition]]:
    """What is so by the rules; what is known to be younger than its rule asks is not so yet."""
    found = []
    for rule in RULES:
        rings = {state.subject for state in known.values() if state.code == rule.code and state.rings_at is not None}
        found += [
            (rule, condition)
            for condition in rule.look(now, settings, rings)
            if condition.age is None or condition.age >= rule.holds
        ]
    return found


async def _held(tx: Tx, rule: Rule, condition: Condition, state: State | None, now: datetime) -> State:
    """The alarm of a condition that is so, as it stands now."""
    since = _since(condition, state, now)
    rings_at = None if state is None else state.rings_at
    if rings_at is None and now - since >= rule.holds:
        rings_at = now
    row = await tx.fetchrow(
        """INSERT INTO alarm AS a (code, subject, severity, message, since, rings_at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (code, subject) WHERE ended_at IS NULL DO UPDATE
           SET severity = $3, message = $4, since = $5, rings_at = $6, quiet_at = NULL
           RETURNING id, code, subject, severity, message, since, rings_at, quiet_at, told_at, told_severity""",
        rule.code,
        condition.subject,
        _severity(rule, condition),
        condition.message,
        since,
        rings_at,
    )
    assert row is not None, "it is written or there"
    held = record(State, row)
    if held.rings_at is not None and (state is None or state.rings_at is None):
        told = AlarmBegan(id=held.id, code=held.code, since=clock.iso(held.since), message=held.message)
        await _tell_partner(tx, held, told)
    return held


async def _released(tx: Tx, state: State, settings: Settings, now: datetime) -> int:
    """The condition of an alarm is so no more. Answers whether that was told."""
    if state.rings_at is None:
        await tx.execute("DELETE FROM alarm WHERE id = $1", state.id)
        return 0
    if state.quiet_at is None:
        await tx.execute("UPDATE alarm SET quiet_at = $2 WHERE id = $1", state.id, now)
        return 0
    ends: int = await tx.fetchval(
        "SELECT count(*) FROM alarm WHERE code = $1 AND subject = $2 AND ended_at > $3",
        state.code,
        state.subject,
        now - A_DAY,
    )
    if now - state.quiet_at < QUIET * 2 ** min(ends, DOUBLINGS):
        return 0
    await tx.execute("UPDATE alarm SET ended_at = $2 WHERE id = $1", state.id, now)
    await _tell_partner(tx, state, AlarmEnded(id=state.id, code=state.code, since=clock.iso(state.since)))
    if state.told_at is None:
        return 0
    await _tell(tx, state, "ends", settings, now)
    return 1


async def _tell_partner(tx: Tx, state: State, event: AlarmEvent) -> None:
    """Note what concerns the partner whose name is the alarm's subject; silences are for operators."""
    rule = BY_CODE.get(state.code)
    if rule is not None and rule.is_of_partner:
        partner_id = await tx.fetchval("SELECT id FROM partner WHERE name = $1", state.subject)
        await drafts.note(tx, partner_id, event)


def _due(state: State, now: datetime) -> What | None:
    """What is to be told of an alarm that is so."""
    if state.rings_at is None:
        return None
    if state.told_at is None or state.told_severity is None:
        return "begins"
    is_graver = SEVERITIES.index(state.severity) > SEVERITIES.index(state.told_severity)
    return "goes on" if is_graver or now - state.told_at >= RHYTHM[state.severity] else None


async def _tell(tx: Tx, state: State, what: What, settings: Settings, now: datetime) -> None:
    """Write a message, for those who want the gravest that the alarm has been told with."""
    severity = max(state.severity, state.told_severity or state.severity, key=SEVERITIES.index)
    name = f"{state.code} {state.subject}".strip()
    title = f"[Hashrail {settings.issuer}] {severity}: {name} {what}"
    lines = [state.message, f"Since {clock.iso(state.since)}."]
    if what == "ends":
        lines[1] = f"It is so no more. It was since {clock.iso(state.since)}."
    elif state.code in BY_CODE:
        lines.append(f"What to do: {BY_CODE[state.code].todo} ({PAGE}).")
    targets = messages.wanting(settings, severity)
    repeats = what == "goes on" and severity == state.told_severity
    await messages.write(tx, state.id, what, severity, title, "\n".join(lines), targets, repeats=repeats, at=now)
    await tx.execute("UPDATE alarm SET told_at = $2, told_severity = $3 WHERE id = $1", state.id, now, severity)


def _since(condition: Condition, state: State | None, now: datetime) -> datetime:
    """Since when it is so: as long as the readings know, or since somebody has noticed."""
    if condition.age is not None:
        return now - condition.age
    return now if state is None else state.since


def _severity(rule: Rule, condition: Condition) -> Severity:
    return condition.severity or rule.severity


def _shown(state: State, rings_at: datetime, quiet: Sequence[Silence]) -> Ringing:
    until = [each.until for each in quiet if each.covers(state.code, state.subject)]
    rule = BY_CODE.get(state.code)
    return Ringing(
        state.code,
        state.subject,
        state.severity,
        state.message,
        state.since,
        rings_at,
        state.quiet_at,
        state.told_at,
        max(until, default=None),
        "" if rule is None else rule.todo,
    )


async def _open(tx: Reader) -> dict[Key, State]:
    rows = await tx.fetch(
        """SELECT id, code, subject, severity, message, since, rings_at, quiet_at, told_at, told_severity
           FROM alarm WHERE ended_at IS NULL"""
    )
    states = [record(State, row) for row in rows]
    return {(state.code, state.subject): state for state in states}
