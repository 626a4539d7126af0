"""Sandbox operations: the business clock, how its days go, and what the simulated chain does.

Only a sandbox has them. Who is not there is played by those of `sandbox_customers`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
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
from hashrail.api.wire.fields import given, number
from hashrail.api.wire.models import (
    Answer,
    Body,
    Btc,
    Data,
    Day,
    Moment,
    NonEmpty,
    Satoshis,
    SignedBody,
    SignedQuery,
    Text,
)
from hashrail.bitcoin.addresses import AddressInvalidError
from hashrail.bitcoin.simulated_chain import MAX_BTC, SandboxChain, Scenario
from hashrail.books import fence
from hashrail.custody.withdrawals import AmountPrecisionError, AmountTooSmallError
from hashrail.db import Tx
from hashrail.errors import HashrailError
from hashrail.processes import housekeeping
from hashrail.rewards import rate_classes
from hashrail.sandbox import chain as sandbox_chain
from hashrail.sandbox import journey, moves, rates, scenarios
from hashrail.sandbox.chain import ChainIsRealError
from hashrail.sandbox.moves import NOT_FAR, AdvanceOneWayError
from hashrail.settings import Network

SANDBOX = Noun("Sandbox")


class AdvanceBody(SignedBody, kw_only=True):
    """Sandbox: how far the business clock moves (exactly one of the three), and how the days on the way go.

    Without a `scenario` they go by that of the days to come.
    """

    days: Annotated[int, Meta(ge=1, le=3660)] | UnsetType = UNSET
    seconds: Annotated[int, Meta(ge=1, le=316_224_000)] | UnsetType = UNSET
    date: Text | UnsetType = UNSET
    scenario: scenarios.Scenario | UnsetType = UNSET


class ScenarioBody(SignedBody, kw_only=True):
    """Sandbox: how the days to come go, from now on."""

    scenario: scenarios.Scenario


class ClockQuery(SignedQuery, kw_only=True):
    """The signature alone."""


class DepositBody(Body, kw_only=True):
    """Somebody pays an address: `amount` in BTC."""

    address: NonEmpty
    amount: Satoshis


class ChainBody(SignedBody, kw_only=True):
    """What the simulated chain is to do from now on, and what happens at once."""

    scenario: Scenario | UnsetType = UNSET
    blocks: Annotated[int, Meta(ge=0, le=1000)] | UnsetType = UNSET
    deposit: DepositBody | UnsetType = UNSET


class ClockOut(Answer, kw_only=True):
    """What the clocks read, how far the days are, and how they go on.

    `offsetSeconds` is how far business time is ahead of wall time. `scenario` is that of the days to come;
    `chainScenario` is null where a node is the chain.
    """

    business_time: Moment
    wall_time: Moment
    offset_seconds: int
    published_through: Day | None
    closed_through: Day | None
    scenario: scenarios.Scenario
    chain_scenario: Scenario | None


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


@SANDBOX.read(None, "sandbox_clock", "GET", "/api/sandbox/clock", Auth.SIGNED)
async def show_clock(call: Call, query: ClockQuery) -> Data[ClockOut]:
    """Both clocks, how far the days are, and how they go on."""
    async with db.transaction(call.pool) as tx:
        return Data(await _clock(call, tx))


@SANDBOX.write_outside_books(None, "sandbox_scenario", "/api/sandbox/scenario", Auth.SIGNED, scope="order")
async def choose_scenario(call: Call, tx: Tx, body: ScenarioBody) -> Data[ClockOut]:
    """Let the days to come go by a scenario, until another one is chosen; days that are over stay as they were."""
    await rates.let_come(tx, body.scenario)
    return Data(await _clock(call, tx))


async def _clock(call: Call, tx: Tx) -> ClockOut:
    simulated = call.deployment.node
    return ClockOut(
        business_time=clock.iso(await business_clock.now(tx)),
        wall_time=clock.iso(clock.wall_now()),
        offset_seconds=round((await business_clock.lead(tx)).total_seconds()),
        published_through=_day(await rate_classes.published_through(tx)),
        closed_through=_day(await fence.closed_through(tx, call.partner_id)),
        scenario=await rates.scenario_to_come(tx),
        chain_scenario=await simulated.scenario(tx=tx) if isinstance(simulated, SandboxChain) else None,
    )


@SANDBOX.write_in_steps(
    None,
    "sandbox_advance",
    "/api/sandbox/advance",
    Auth.SIGNED,
    scope="order",
    refuses=(AdvanceOneWayError, *NOT_FAR, clock.BadDateTimeError, clock.DateTimeWithoutZoneError),
)
async def advance(call: Call, steps: Steps, body: AdvanceBody) -> Data[AdvanceOut]:
    """Move the business clock once; what is due on the way happens in its time, as it would in production."""
    days, seconds = (None if each is UNSET else each for each in (body.days, body.seconds))
    until = given(body.date)
    moves.assert_one_way(days, seconds, until)

    async def begin(tx: Tx) -> bytes:
        return msgspec.json.encode(await fence.closed_through(tx, call.partner_id))

    async def reach(_: Tx, present: datetime) -> timedelta:
        return moves.step(present, days=days, seconds=seconds, until=until)

    scenario = None if body.scenario is UNSET else body.scenario
    async with telling_the_time(call):
        before = msgspec.json.decode(await steps.once(begin), type=date | None)
        progress = await journey.go(call.deployment, steps.once, reach, scenario)
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
async def telling_the_time(call: Call) -> AsyncIterator[None]:
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
    simulated = sandbox_chain.simulated(call.deployment)
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
    if body.amount > MAX_BTC:
        raise FieldBoundsError(f"deposit.amount must be at most {MAX_BTC} BTC", field="deposit.amount")
    await sandbox_chain.receive(
        simulated, network, address=body.address, amount_btc=body.amount, tx=tx, within="deposit."
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
