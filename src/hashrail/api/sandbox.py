"""Sandbox operations: moving the business clock, and what the simulated chain does. A sandbox only has them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import asyncpg
import msgspec
from msgspec import UNSET, Meta, UnsetType

from hashrail import business_clock, clock, daily, db, once, payouts
from hashrail.addresses import AddressInvalidError, parse
from hashrail.api.call import Auth, Call, Route, repetition_keys
from hashrail.api.errors import InternalError
from hashrail.api.fields import FieldBoundsError, number
from hashrail.api.models import AdvanceBody, AdvanceOut, Answer, Body, Btc, Data, NonEmpty, SignedBody
from hashrail.api.paying import Satoshis
from hashrail.db import Tx
from hashrail.errors import BadRequestError, ConflictError, HashrailError
from hashrail.gateways.sandbox import MOST_BTC, SandboxChain, Scenario
from hashrail.money import BTC_DECIMALS, decimals, plain
from hashrail.payouts import Desk
from hashrail.settings import Network
from hashrail.withdrawals import AmountPrecisionError, AmountTooSmallError

# The clock's offset is held within a hundred years.
FARTHEST = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST_STEP = timedelta(days=3660)
HOP = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
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
    async with _telling_the_time(call):
        await _move(call, body)
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


async def chain(call: Call, tx: Tx, body: ChainBody) -> Data[ChainOut]:
    """Let the simulated chain play a scenario, mine blocks, or bring a deposit; without a wish it is only shown."""
    simulated = call.deployment.chain
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
    if body.amount > MOST_BTC:
        raise FieldBoundsError(f"deposit.amount must be at most {MOST_BTC} BTC", field="deposit.amount")
    if decimals(body.amount) > BTC_DECIMALS:
        message = f"{plain(body.amount)} has more than {BTC_DECIMALS} decimals"
        raise AmountPrecisionError(message, field="deposit.amount")
    if body.amount < to.dust_btc:
        message = f"nobody relays less than {plain(to.dust_btc)} BTC to such an address"
        raise AmountTooSmallError(message, field="deposit.amount", minimum=to.dust_btc)
    await simulated.receive(to.text, body.amount, tx=tx)


async def _move(call: Call, body: AdvanceBody) -> None:
    """Move the clock, hour by hour while payouts are under way, so that each happens in its time.

    What two days do not bring to an end waits for something else. Each move is kept like an answer, so that a
    repetition goes on where the first was cut off. With a node it is the worker that pays.
    """
    simulated = call.deployment.chain if isinstance(call.deployment.chain, SandboxChain) else None

    async def begin(tx: Tx) -> bytes:
        step = _step(await business_clock.now(tx), body)
        hops = 0 if simulated is None or not await payouts.wait_for_time(tx) else min(step // HOP, MOST_HOPS)
        await business_clock.advance_by(tx, HOP if hops else step)
        return msgspec.json.encode([hops, (step - hops * HOP) // MICROSECOND])

    async def hop(tx: Tx) -> bytes:
        await business_clock.advance_by(tx, HOP)
        return b""

    async def arrive(tx: Tx) -> bytes:
        await business_clock.advance_by(tx, rest * MICROSECOND)
        return b""

    keys = repetition_keys(call)
    hops, rest = msgspec.json.decode(await _once(call, keys, begin), type=tuple[int, int])
    moves = [begin, *[hop] * (hops - 1), arrive] if hops else [begin]
    for place, move in enumerate(moves):
        if place:
            await _once(call, [replace(key, scope=f"{key.scope}#{place}") for key in keys], move)
        if simulated is not None:
            await payouts.turn(Desk(call.pool, simulated, call.deployment.settings))


async def _once(call: Call, keys: list[once.Key], work: Callable[[Tx], Awaitable[bytes]]) -> bytes:
    """The answer of some work that is done once, whoever asks again."""
    vault = call.deployment.vault
    retention = timedelta(seconds=call.deployment.settings.answer_retention_seconds)
    # Where it was answered meanwhile, the answer is there the second time.
    for _ in range(2):
        with suppress(once.AnsweredMeanwhileError):
            async with db.transaction(call.pool) as tx:
                kept = await once.recall(tx, vault, call.partner_id, keys)
                if kept is None:
                    kept = await work(tx)
                    await once.keep(tx, vault, call.partner_id, keys, kept, retention=retention)
                return kept
    raise AssertionError("what was answered meanwhile can be recalled")


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
        refuses=(ChainIsRealError, AddressInvalidError, FieldBoundsError, AmountPrecisionError, AmountTooSmallError),
    ),
)
