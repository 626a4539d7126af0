"""Sandbox operations: moving the business clock, and what the simulated chain does. A sandbox only has them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import asyncpg
import msgspec
from msgspec import UNSET, Meta, UnsetType

from hashrail import business_clock, clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.errors import InternalError
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.serving.running import Steps
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Body, Btc, Data, Day, Moment, NonEmpty, Satoshis, SignedBody, Text
from hashrail.bitcoin.addresses import AddressInvalidError, parse
from hashrail.bitcoin.simulated_chain import MAX_BTC, SandboxChain, Scenario
from hashrail.books import fence
from hashrail.custody.withdrawals import AmountPrecisionError, AmountTooSmallError
from hashrail.db import Tx
from hashrail.errors import BadRequestError, ConflictError, HashrailError
from hashrail.money import BTC_DECIMALS, decimals, plain
from hashrail.payouts import processor
from hashrail.processes import housekeeping
from hashrail.proofs import day_documents
from hashrail.rewards import closing
from hashrail.sandbox import rates, scenarios
from hashrail.settings import Network

SANDBOX = Noun("Sandbox")
# The clock's offset is held within a hundred years.
FARTHEST = datetime(2100, 1, 1, tzinfo=UTC)
MAX_STEP = timedelta(days=3660)
HOP = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
MAX_HOPS = 48


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


class AdvanceBody(SignedBody, kw_only=True):
    """Sandbox: how far the business clock moves (exactly one of the three), and how the days go meanwhile."""

    days: Annotated[int, Meta(ge=1, le=3660)] | UnsetType = UNSET
    seconds: Annotated[int, Meta(ge=1, le=316_224_000)] | UnsetType = UNSET
    date: Text | UnsetType = UNSET
    scenario: scenarios.Scenario = scenarios.Scenario.STEADY


class DepositBody(Body, kw_only=True):
    """Somebody pays an address: `amount` in BTC."""

    address: NonEmpty
    amount: Satoshis


class ChainBody(SignedBody, kw_only=True):
    """What the simulated chain is to do from now on, and what happens at once."""

    scenario: Scenario | UnsetType = UNSET
    blocks: Annotated[int, Meta(ge=0, le=1000)] | UnsetType = UNSET
    deposit: DepositBody | UnsetType = UNSET


class AdvanceOut(Answer, kw_only=True):
    """Where the business clock stands and how far the books are closed."""

    business_time: Moment
    published_through: Day | None
    closed_through: Day | None
    days_closed: int


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


@SANDBOX.write_in_steps(
    None,
    "sandbox_advance",
    "/api/sandbox/advance",
    Auth.SIGNED,
    scope="order",
    refuses=(
        AdvanceOneWayError,
        ClockTooFarError,
        business_clock.ClockBackwardsError,
        clock.BadDateTimeError,
        clock.DateTimeWithoutZoneError,
    ),
)
async def advance(call: Call, steps: Steps, body: AdvanceBody) -> Data[AdvanceOut]:
    """Move the business clock once, paying out on the way, then publish and close every day that is over."""
    if sum(given is not UNSET for given in (body.days, body.seconds, body.date)) != 1:
        raise AdvanceOneWayError("send exactly one of days, seconds, date", field="days")
    before = await fence.closed_through(call.pool, call.partner_id)
    async with _telling_the_time(call):
        await _move(call, steps, body)
        await rates.enter_generated(call.pool, call.deployment.settings, body.scenario)
        progress = await closing.close_due(call.pool)
        await day_documents.sign_due(call.pool, call.deployment.vault)
        await housekeeping.housekeeping(call.pool)
    now = await business_clock.now(call.pool)
    closed = await fence.closed_through(call.pool, call.partner_id)
    return Data(
        AdvanceOut(
            business_time=clock.iso(now),
            published_through=_day(progress.published_through),
            closed_through=_day(closed),
            # A worker may have closed some of them meanwhile.
            days_closed=progress.closed if before is None or closed is None else (closed - before).days,
        )
    )


@asynccontextmanager
async def _telling_the_time(call: Call) -> AsyncIterator[None]:
    """What fails on the way tells where the clock stands: the steps that were made stay made."""
    try:
        yield
    except db.DatabaseDownError:
        raise  # and nobody can say what time it is
    except HashrailError as error:
        error.details["businessTime"] = clock.iso(await business_clock.now(call.pool))
        raise
    except (asyncpg.PostgresError, AssertionError) as error:
        if db.refusal(error) is not None:
            raise
        now = clock.iso(await business_clock.now(call.pool))
        message = f"something went wrong; it was logged under the request id, and the clock is at {now}"
        raise InternalError(message, businessTime=now) from error


@SANDBOX.write_outside_books(
    None,
    "sandbox_chain",
    "/api/sandbox/chain",
    Auth.SIGNED,
    scope="order",
    refuses=(ChainIsRealError, AddressInvalidError, FieldBoundsError, AmountPrecisionError, AmountTooSmallError),
)
async def chain(call: Call, tx: Tx, body: ChainBody) -> Data[ChainOut]:
    """Let the simulated chain play a scenario, mine blocks, or bring a deposit; without a wish it is only shown."""
    simulated = call.deployment.node
    if not isinstance(simulated, SandboxChain):
        raise ChainIsRealError("this sandbox pays through a node")
    if body.scenario is not UNSET:
        await simulated.play(body.scenario, tx=tx)
    if body.deposit is not UNSET:
        await _deposit(simulated, call.deployment.settings.network, body.deposit, tx)
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


async def _deposit(simulated: SandboxChain, network: Network, body: DepositBody, tx: Tx) -> None:
    """Somebody pays what nodes would relay, and there is so much bitcoin.

    Raises AddressInvalidError, FieldBoundsError, AmountPrecisionError, AmountTooSmallError.
    """
    to = parse(body.address, network, field="deposit.address")
    if body.amount > MAX_BTC:
        raise FieldBoundsError(f"deposit.amount must be at most {MAX_BTC} BTC", field="deposit.amount")
    if decimals(body.amount) > BTC_DECIMALS:
        message = f"{plain(body.amount)} has more than {BTC_DECIMALS} decimals"
        raise AmountPrecisionError(message, field="deposit.amount")
    if body.amount < to.dust_btc:
        message = f"nobody relays less than {plain(to.dust_btc)} BTC to such an address"
        raise AmountTooSmallError(message, field="deposit.amount", minimum=to.dust_btc)
    await simulated.receive(to.text, body.amount, tx=tx)


async def _move(call: Call, steps: Steps, body: AdvanceBody) -> None:
    """Move the clock, hour by hour while payouts are under way, so that each happens in its time.

    What two days do not bring to an end waits for something else. Each move is a step, so that a repetition goes on
    where the first was cut off.
    """
    simulated = isinstance(call.deployment.node, SandboxChain)

    async def begin(tx: Tx) -> bytes:
        step = _step(await business_clock.now(tx), body)
        hops = min(step // HOP, MAX_HOPS) if simulated and await processor.wait_for_time(tx) else 0
        await business_clock.advance_by(tx, HOP if hops else step)
        return msgspec.json.encode([hops, (step - hops * HOP) // MICROSECOND])

    async def hop(tx: Tx) -> bytes:
        await business_clock.advance_by(tx, HOP)
        return b""

    async def arrive(tx: Tx) -> bytes:
        await business_clock.advance_by(tx, rest * MICROSECOND)
        return b""

    hops, rest = msgspec.json.decode(await steps.once(begin), type=tuple[int, int])
    await _pay(call)
    for move in [*[hop] * (hops - 1), arrive] if hops else []:
        await steps.once(move)
        await _pay(call)


async def _pay(call: Call) -> None:
    """One run of payouts. With a node it is the worker that pays."""
    if isinstance(call.deployment.node, SandboxChain):
        await processor.run(call.deployment)


def _step(present: datetime, body: AdvanceBody) -> timedelta:
    """How far the clock is to go. Raises ClockBackwardsError, ClockTooFarError."""
    if body.date is not UNSET:
        target = _moment(body.date)
        business_clock.assert_ahead(present, target)
    else:
        seconds = 0 if body.seconds is UNSET else body.seconds
        days = 0 if body.days is UNSET else body.days
        target = present + timedelta(days=days, seconds=seconds)
    _check_reach(present, target)
    return target - present


def _check_reach(present: datetime, target: datetime) -> None:
    if target - present > MAX_STEP or target >= FARTHEST:
        raise ClockTooFarError("at most 3660 days at a time, and before 2100", field="date")


def _moment(text: str) -> datetime:
    """A date means its credit time, 00:05 UTC, when the day before can be closed; a date-time means itself."""
    try:
        return clock.start_of(date.fromisoformat(text)) + clock.CREDIT_DELAY
    except ValueError:
        return clock.parse_iso(text, "date")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
