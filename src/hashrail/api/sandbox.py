"""Sandbox operations: moving the business clock. They exist only in a sandbox deployment."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from msgspec import UNSET

from hashrail import business_clock, clock, daily, db, once
from hashrail.api.call import Auth, Call, Route, repetition_keys
from hashrail.api.models import AdvanceBody, AdvanceOut, Data
from hashrail.db import Tx
from hashrail.errors import BadRequestError

# The clock's offset is held within a hundred years.
FARTHEST = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST_STEP = timedelta(days=3660)


class AdvanceOneWayError(BadRequestError):
    """The step is given in exactly one way."""

    code = "ADVANCE_ONE_WAY"
    advice = "Send exactly one of days, seconds, date."


class ClockTooFarError(BadRequestError):
    """One step is at most 3660 days, and the sandbox's calendar ends in 2100."""

    code = "CLOCK_TOO_FAR"
    advice = "Advance at most 3660 days at a time, to a date before 2100."


async def advance(call: Call, body: AdvanceBody) -> Data[AdvanceOut]:
    """Move the business clock once, then publish and close every day that is over."""
    if sum(given is not UNSET for given in (body.days, body.seconds, body.date)) != 1:
        raise AdvanceOneWayError("send exactly one of days, seconds, date", field="days")
    # Where the same request has moved the clock meanwhile, what follows is the same for both.
    with suppress(once.AnsweredMeanwhileError):
        await _move_once(call, body)
    await daily.enter_generated(call.pool, call.deployment.settings, body.scenario)
    progress = await daily.close_due(call.pool)
    await daily.housekeeping(call.pool)
    now = await business_clock.now(call.pool)
    closed = await call.pool.fetchval("SELECT closed_through FROM partner_day WHERE partner_id = $1", call.partner_id)
    return Data(
        AdvanceOut(
            business_time=clock.iso(now),
            published_through=_day(progress.published_through),
            closed_through=_day(closed),
            days_closed=progress.closed,
        )
    )


async def _move_once(call: Call, body: AdvanceBody) -> None:
    """Move the clock unless this very request did before."""
    keys = repetition_keys(call)
    vault = call.deployment.vault
    retention = timedelta(seconds=call.deployment.settings.answer_retention_seconds)
    async with db.transaction(call.pool) as tx:
        if await once.recall(tx, vault, call.partner_id, keys) is not None:
            return
        now = await _move(tx, body)
        await once.keep(tx, vault, call.partner_id, keys, clock.iso(now).encode(), retention=retention)


async def _move(tx: Tx, body: AdvanceBody) -> datetime:
    present = await business_clock.now(tx)
    if body.date is not UNSET:
        target = _moment(body.date)
        _check_reach(present, target)
        return await business_clock.advance_to(tx, target)
    seconds = 0 if body.seconds is UNSET else body.seconds
    days = 0 if body.days is UNSET else body.days
    step = timedelta(days=days, seconds=seconds)
    _check_reach(present, present + step)
    return await business_clock.advance_by(tx, step)


def _check_reach(present: datetime, target: datetime) -> None:
    if target - present > LONGEST_STEP or target >= FARTHEST:
        raise ClockTooFarError("at most 3660 days at a time, and before 2100", field="date")


def _moment(text: str) -> datetime:
    """A date means its credit time, 00:05 UTC, when the day before can be closed; a date-time means itself."""
    try:
        return clock.start_of(date.fromisoformat(text)) + clock.CREDIT_DELAY
    except ValueError:
        return clock.parse_iso(text, "date")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


ROUTES = (
    Route(
        None,
        "sandbox_advance",
        "POST",
        "/api/sandbox/advance",
        Auth.SIGNED,
        AdvanceBody,
        advance,
        scope="order",
        refuses=(
            AdvanceOneWayError,
            ClockTooFarError,
            business_clock.ClockBackwardsError,
            clock.BadDateTimeError,
            clock.DateTimeWithoutZoneError,
            once.ReplayError,
            once.IdempotencyKeyReusedError,
        ),
    ),
)
