"""Sandbox operations: moving the business clock, and what the simulated chain does. A sandbox only has them."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from hashrail import business_clock, clock, daily, db, once, payouts
from hashrail.addresses import AddressInvalidError, parse
from hashrail.api.call import Auth, Call, Route, repetition_keys
from hashrail.api.fields import FieldBoundsError, number
from hashrail.api.models import AdvanceBody, AdvanceOut, Answer, Body, Btc, Data, NonEmpty, SignedBody
from hashrail.api.paying import Satoshis
from hashrail.db import Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.gateways.sandbox import SandboxChain, Scenario
from hashrail.money import BTC_DECIMALS, decimals
from hashrail.payouts import Desk
from hashrail.withdrawals import AmountPrecisionError

# The clock's offset is held within a hundred years.
FARTHEST = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST_STEP = timedelta(days=3660)
HOP = timedelta(hours=1)
MOST_HOPS = 48


class AdvanceOneWayError(BadRequestError):
    """The step is given in exactly one way."""

    code = "ADVANCE_ONE_WAY"
    advice = "Send exactly one of days, seconds, date."


class ChainIsRealError(ConflictError):
    """The sandbox has a Bitcoin node, and nobody tells a real chain what to do."""

    code = "CHAIN_IS_REAL"
    advice = "Mine on the node itself, or start the sandbox without HASHRAIL_BITCOIN_RPC_URL."


class ClockTooFarError(BadRequestError):
    """One step is at most 3660 days, and the sandbox's calendar ends in 2100."""

    code = "CLOCK_TOO_FAR"
    advice = "Advance at most 3660 days at a time, to a date before 2100."


class DepositBody(Body, kw_only=True):
    """Somebody pays an address: `amount` in BTC."""

    address: NonEmpty
    amount: Satoshis


class ChainBody(SignedBody, kw_only=True):
    """What the simulated chain is to do from now on, and what happens at once."""

    scenario: Scenario | UnsetType = UNSET
    blocks: Annotated[int, Meta(ge=0, le=1000)] | UnsetType = UNSET
    deposit: DepositBody | UnsetType = UNSET


class WaitingOut(Answer, kw_only=True):
    """A transaction in the mempool; its fee in BTC."""

    txid: str
    fee: Btc


class ChainOut(Answer, kw_only=True):
    """The simulated chain: no bitcoin moves."""

    simulated: Literal[True]
    scenario: Scenario
    height: int
    mempool: list[WaitingOut]


async def advance(call: Call, body: AdvanceBody) -> Data[AdvanceOut]:
    """Move the business clock once, paying out on the way, then publish and close every day that is over."""
    if sum(given is not UNSET for given in (body.days, body.seconds, body.date)) != 1:
        raise AdvanceOneWayError("send exactly one of days, seconds, date", field="days")
    await _go_to(call, await _target_once(call, body))
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


async def chain(call: Call, tx: Tx, body: ChainBody) -> Data[ChainOut]:
    """Let the simulated chain play a scenario, mine blocks, or bring a deposit; without a wish it is only shown."""
    simulated = call.deployment.chain
    if not isinstance(simulated, SandboxChain):
        raise ChainIsRealError("this sandbox pays through a node")
    if body.scenario is not UNSET:
        await simulated.play(body.scenario, tx=tx)
    if body.deposit is not UNSET:
        network = call.deployment.settings.network
        to = parse(body.deposit.address, network, field="deposit.address").text
        if decimals(body.deposit.amount) > BTC_DECIMALS:
            message = f"{body.deposit.amount} has more than {BTC_DECIMALS} decimals"
            raise AmountPrecisionError(message, field="deposit.amount")
        await simulated.receive(to, body.deposit.amount, tx=tx)
    height = await simulated.mine(0 if body.blocks is UNSET else body.blocks, tx=tx)
    waiting = await simulated.mempool(tx=tx)
    return Data(
        ChainOut(
            simulated=True,
            scenario=await simulated.scenario(tx=tx),
            height=height,
            mempool=[WaitingOut(txid=txid, fee=number(fee)) for txid, fee in waiting],
        )
    )


async def _target_once(call: Call, body: AdvanceBody) -> datetime:
    """Where the clock is to go; for a repetition where it was to go the first time."""
    keys = repetition_keys(call)
    vault = call.deployment.vault
    retention = timedelta(seconds=call.deployment.settings.answer_retention_seconds)
    # Where the same request was answered meanwhile, its answer is there the second time.
    for _ in range(2):
        with suppress(once.AnsweredMeanwhileError):
            async with db.transaction(call.pool) as tx:
                kept = await once.recall(tx, vault, call.partner_id, keys)
                if kept is not None:
                    return clock.parse_iso(kept.decode(), "date")
                target = _target(await business_clock.now(tx), body)
                await once.keep(tx, vault, call.partner_id, keys, clock.iso(target).encode(), retention=retention)
                return target
    raise AssertionError("what was answered meanwhile can be recalled")


def _target(present: datetime, body: AdvanceBody) -> datetime:
    """The moment that a step leads to. Raises ClockBackwardsError, ClockTooFarError."""
    if body.date is not UNSET:
        target = _moment(body.date)
        business_clock.assert_ahead(present, target)
    else:
        seconds = 0 if body.seconds is UNSET else body.seconds
        days = 0 if body.days is UNSET else body.days
        target = present + timedelta(days=days, seconds=seconds)
    _check_reach(present, target)
    return target


async def _go_to(call: Call, target: datetime) -> None:
    """Move the clock there: hour by hour while payouts are under way, so that each happens in its time.

    What two days do not bring to an end waits for something else. With a node it is the worker that pays.
    """
    simulated = call.deployment.chain if isinstance(call.deployment.chain, SandboxChain) else None
    for hop in range(MOST_HOPS + 1):
        async with db.transaction(call.pool) as tx:
            now = await business_clock.now(tx)
            waits = simulated is not None and hop < MOST_HOPS and await payouts.wait_for_time(tx)
            # Somebody else may have moved it past the target meanwhile.
            with suppress(business_clock.ClockBackwardsError):
                now = await business_clock.advance_to(tx, min(target, now + HOP) if waits else target)
        if simulated is not None:
            await payouts.turn(Desk(call.pool, simulated, call.deployment.settings))
        if now >= target:
            return


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
    Route(
        None,
        "sandbox_chain",
        "POST",
        "/api/sandbox/chain",
        Auth.SIGNED,
        ChainBody,
        chain,
        writes=True,
        scope="order",
        refuses=(ChainIsRealError, AddressInvalidError, FieldBoundsError, AmountPrecisionError),
    ),
)
