"""What a withdrawal waits for: each cause is made to happen, and the queue agrees; once it is over, nobody names it."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from hashrail import clock, db
from hashrail.bitcoin import simulated_blocks
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.books import fence
from hashrail.custody import approvals, bound_wallets, payout_policy, withdrawals
from hashrail.custody.withdrawals import Speed
from hashrail.deployment.opened import Deployment
from hashrail.parties import users
from hashrail.parties.operators import Operator
from hashrail.payouts import exports, processor, run_report
from hashrail.support import waiting, waits
from hashrail.support.waits import Wait
from tests.support.books import advance
from tests.support.deployments import deployed
from tests.support.folders import ROOT
from tests.support.operators import hired, strangers
from tests.support.paying import FAST, FEES, planned, run_later, settings
from tests.support.payouts import ADDRESSES, BINDING, asked, policy
from tests.support.world import World

TO, OTHER = ADDRESSES[:2]
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


class Beside:
    """The simulated chain, where one call answers something else."""

    def __init__(self, chain: Any, **answers: object) -> None:
        self._chain, self._answers = chain, dict[str, Any](answers)

    def __getattr__(self, name: str) -> Any:
        if name not in self._answers:
            return getattr(self._chain, name)

        async def answer(*asked_for: Any) -> object:
            given = self._answers[name]
            # Of addresses, those that were asked about.
            return given & asked_for[0] if name == "refused" else given

        return answer


def beside(deployment: Deployment, **answers: object) -> Deployment:
    """A deployment whose chain answers something else."""
    chain: Any = Beside(deployment.chain, **answers)
    return replace(deployment, node=chain)


@pytest.fixture
async def deployment(world: World) -> Deployment:
    """A deployment on the simulated chain; its last run has just ended."""
    made = deployed(world.pool, settings(mode="sandbox"), SandboxChain(world.pool, fees=FEES, network="regtest"))
    await processor.run(made)
    return made


@pytest.fixture
async def operator(world: World) -> Operator:
    made = await hired(world.pool, "olga")
    await strangers(world.pool)
    return made


def sandbox(deployment: Deployment) -> SandboxChain:
    assert isinstance(deployment.chain, SandboxChain)
    return deployment.chain


async def limits(world: World, **changes: object) -> None:
    for name, value in changes.items():
        await world.pool.execute(f"UPDATE payout_policy SET {name} = $1", value)


async def shown(deployment: Deployment, world: World, number: int) -> list[Wait]:
    """What the withdrawal waits for."""
    async with db.snapshot(world.pool) as tx:
        one = await withdrawals.get(tx, world.partner.id, number)
        found = (await waiting.of(tx, deployment, world.partner.id, [one]))[number]
    assert all(each.words for each in found)
    return found


async def causes(deployment: Deployment, world: World, number: int) -> list[tuple[str, dt.datetime | None]]:
    return [(each.cause, each.until) for each in await shown(deployment, world, number)]


async def stays_queued(deployment: Deployment, world: World, number: int, later: dt.timedelta = FAST) -> None:
    """A run pays nothing of it: the queue agrees."""
    await run_later(world, deployment, later)
    assert (await withdrawals.get(world.pool, world.partner.id, number)).state == "queued"


async def is_paid(deployment: Deployment, world: World, number: int, later: dt.timedelta = FAST) -> None:
    """A run pays it: the queue agrees."""
    await run_later(world, deployment, later)
    assert (await withdrawals.get(world.pool, world.partner.id, number)).state == "broadcast"


# The rhythm


@pytest.mark.parametrize("speed", ["fast", "daily"])
async def test_it_waits_for_its_batch(deployment: Deployment, world: World, alice: int, speed: Speed) -> None:
    one = await asked(world, alice, "0.01", TO, speed)
    due = one.created_at + 10 * MINUTE
    if speed == "daily":
        due = clock.start_of(clock.day_of(one.created_at)) + 30 * HOUR
    assert await causes(deployment, world, one.id) == [("RHYTHM", due)]
    await stays_queued(deployment, world, one.id, due - one.created_at - MINUTE)
    assert await causes(deployment, world, one.id) == [("RHYTHM", due)]
    await advance(world, 2 * MINUTE)
    assert await causes(deployment, world, one.id) == [("NEXT_RUN", None)]
    await is_paid(deployment, world, one.id, 0 * MINUTE)


async def test_on_its_way_it_waits_for_the_chain(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    await advance(world, FAST)
    plan = await planned(deployment)
    assert plan is not None
    batch = await processor.pay(deployment, "fast")
    assert [(each.cause, each.detail) for each in await shown(deployment, world, one.id)] == [
        ("MEMPOOL", f"batch {batch}")
    ]
    await world.pool.execute("UPDATE payout_batch SET state = 'signed'")
    assert await causes(deployment, world, one.id) == [("TO_BE_SENT", None)]
    await world.pool.execute("UPDATE payout_batch SET state = 'broadcast'")
    await sandbox(deployment).mine(1)
    await processor.run(deployment)
    (found,) = await shown(deployment, world, one.id)
    assert (found.cause, found.detail) == ("DEPTH", f"1 of 6 confirmations, batch {batch}")
    await sandbox(deployment).mine(6)
    await processor.run(deployment)
    assert await shown(deployment, world, one.id) == []


# Who is asked first


async def test_a_blocked_user_waits_without_an_end(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    found = await shown(deployment, world, one.id)
    assert [each.cause for each in found] == ["USER_BLOCKED", "RHYTHM"]
    assert waits.until(found) is None
    await stays_queued(deployment, world, one.id)
    async with db.transaction(world.pool) as tx:
        await users.unblock(tx, world.partner.id, "alice")
    await is_paid(deployment, world, one.id, 0 * MINUTE)


async def test_approvals_are_counted_by_people(
    deployment: Deployment, world: World, alice: int, operator: Operator
) -> None:
    await limits(world, approval_threshold_btc=Decimal("0.01"))
    one = await asked(world, alice, "0.01", TO, "fast")
    other = await hired(world.pool, "oleg")
    await strangers(world.pool)
    for who, said in ((None, "0 of 2"), (operator, "1 of 2"), (operator, "1 of 2")):
        if who is not None:
            async with db.transaction(world.pool) as tx:
                await approvals.approve(tx, await fence.share(tx, world.partner.id), who, one.id)
        (found,) = await shown(deployment, world, one.id)
        assert (found.cause, found.until, found.detail) == ("APPROVAL", None, f"{said} have approved")
    async with db.transaction(world.pool) as tx:
        await approvals.approve(tx, await fence.share(tx, world.partner.id), other, one.id)
    assert [cause for cause, _ in await causes(deployment, world, one.id)] == ["RHYTHM"]


# New addresses


async def test_a_new_address_waits(deployment: Deployment, world: World, alice: int) -> None:
    await limits(world, cooldown_seconds=7200)
    one = await asked(world, alice, "0.01", TO, "fast")
    until = one.created_at + 2 * HOUR
    assert ("COOL_DOWN", until) in await causes(deployment, world, one.id)
    assert waits.until(await shown(deployment, world, one.id)) == until
    await stays_queued(deployment, world, one.id, 2 * HOUR - MINUTE)
    await is_paid(deployment, world, one.id, MINUTE)
    # Known from then on.
    again = await asked(world, alice, "0.01", TO, "fast")
    assert [cause for cause, _ in await causes(deployment, world, again.id)] == ["RHYTHM"]


async def test_an_address_that_was_bound_beside_another_waits(deployment: Deployment, world: World, alice: int) -> None:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for address in (TO, OTHER):
            await bound_wallets.bind(tx, books, BINDING, user_id=alice, address=address)
    await policy(world, 0, bound_only=True)
    first, second = await asked(world, alice, "0.01", TO, "fast"), await asked(world, alice, "0.01", OTHER, "fast")
    assert [cause for cause, _ in await causes(deployment, world, first.id)] == ["RHYTHM"]
    assert ("BINDING_COOL_DOWN", books.now + 24 * HOUR) in await causes(deployment, world, second.id)
    await run_later(world, deployment)
    assert (await withdrawals.get(world.pool, world.partner.id, first.id)).state == "broadcast"
    await stays_queued(deployment, world, second.id, 0 * MINUTE)
    await is_paid(deployment, world, second.id, 24 * HOUR)


# Limits of a day


@pytest.mark.parametrize("limit", ["user_daily_btc", "partner_daily_btc", "deployment_daily_btc"])
async def test_a_full_day_lasts_until_midnight(deployment: Deployment, world: World, alice: int, limit: str) -> None:
    await limits(world, **{limit: Decimal("0.015")})
    first = await asked(world, alice, "0.01", TO, "fast")
    second = await asked(world, alice, "0.01", OTHER, "fast")
    await is_paid(deployment, world, first.id)
    midnight = clock.start_of(clock.day_of(first.created_at) + clock.ONE_DAY)
    assert await causes(deployment, world, second.id) == [("DAY_FULL", midnight)]
    (found,) = await shown(deployment, world, second.id)
    assert found.detail.startswith("0.01 of 0.015 BTC left today")
    await is_paid(deployment, world, second.id, midnight - first.created_at)


async def test_what_no_day_has_room_for_has_no_end(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.02", TO, "fast")
    await limits(world, user_daily_btc=Decimal("0.015"))
    assert ("LIMIT_BELOW_AMOUNT", None) in await causes(deployment, world, one.id)
    await stays_queued(deployment, world, one.id)


# What stops everybody


async def test_paused_payouts(deployment: Deployment, world: World, alice: int, operator: Operator) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    async with db.transaction(world.pool) as tx:
        await payout_policy.pause(tx, operator, "we look at a coin")
    found = await shown(deployment, world, one.id)
    assert (found[0].cause, found[0].detail) == ("PAYOUTS_PAUSED", "we look at a coin")
    assert "coin" not in found[0].words, "a partner is not told the operator's reason"
    await stays_queued(deployment, world, one.id)
    assert [each.cause for each in await shown(deployment, world, one.id)] == ["PAYOUTS_PAUSED"]


async def test_a_deployment_without_a_node(world: World, alice: int, operator: Operator) -> None:
    nowhere = deployed(world.pool, settings())
    one = await asked(world, alice, "0.01", TO, "fast")
    assert [cause for cause, _ in await causes(nowhere, world, one.id)] == ["NO_NODE", "RHYTHM"]
    await advance(world, FAST)
    async with db.transaction(world.pool) as tx:
        await exports.export(tx, operator)
    assert await causes(nowhere, world, one.id) == [("EXPORTED", None)]


async def test_a_spend_that_nobody_knows(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    (coin, *_) = await deployment.chain.coins()
    paid = [(OTHER, Decimal("0.01")), (await sandbox(deployment).new_address(), coin.amount_btc - Decimal("0.02"))]
    await deployment.chain.broadcast(simulated_blocks.made([f"{coin.txid}:{coin.vout}"], paid, Decimal("0.01"), 200))
    await stays_queued(deployment, world, one.id)
    assert [cause for cause, _ in await causes(deployment, world, one.id)] == ["FOREIGN_SPEND"]


async def test_a_node_in_doubt(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    behind = beside(deployment, findings=[Finding("NODE_BEHIND", "3 blocks"), Finding("NODE_PRUNED", "", stops=False)])
    await stays_queued(behind, world, one.id)
    found = await shown(deployment, world, one.id)
    assert [(each.cause, each.detail) for each in found] == [("NODE_IN_DOUBT", "NODE_BEHIND: 3 blocks")]
    await is_paid(deployment, world, one.id, 0 * MINUTE)


async def test_nobody_makes_runs(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    await advance(world, FAST)
    await processor.run(beside(deployment, coins=[]))
    await advance(world, 6 * MINUTE)
    assert await causes(deployment, world, one.id) == [("NO_RUN", None)]
    await run_report.begin(world.pool)
    await advance(world, 6 * MINUTE)
    assert await causes(deployment, world, one.id) == [("NO_RUN", None)]


# What a run found


async def test_a_wallet_that_is_short(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    await stays_queued(beside(deployment, coins=[]), world, one.id)
    found = await shown(deployment, world, one.id)
    assert [each.cause for each in found] == ["WALLET_SHORT"]
    assert "0.01" in found[0].detail
    later = await asked(world, alice, "0.02", OTHER, "fast")
    assert [cause for cause, _ in await causes(deployment, world, later.id)] == ["RHYTHM"], "nobody has looked for it"


async def test_a_fee_above_the_budget(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    poor = replace(deployment, settings=settings(mode="sandbox", payout_fee_budget_btc="0.00000001"))
    await stays_queued(poor, world, one.id)
    found = await shown(deployment, world, one.id)
    assert [each.cause for each in found] == ["FEE_ABOVE_BUDGET"]
    assert "its budget is 0.00000001" in found[0].detail


async def test_an_address_that_the_node_cannot_pay(deployment: Deployment, world: World, alice: int) -> None:
    one, other = await asked(world, alice, "0.01", TO, "fast"), await asked(world, alice, "0.01", OTHER, "fast")
    await run_later(world, beside(deployment, refused={TO}))
    assert await causes(deployment, world, one.id) == [("ADDRESS_REFUSED", None)]
    assert await causes(deployment, world, other.id) == [("MEMPOOL", None)]


async def test_a_fee_that_cannot_be_raised(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    await is_paid(deployment, world, one.id)
    await world.pool.execute("UPDATE payout_batch SET most_fee_btc = 0.00000001")
    await sandbox(deployment).play("stuck")
    await run_later(world, deployment, 61 * MINUTE)
    assert [cause for cause, _ in await causes(deployment, world, one.id)] == ["FEE_NOT_RAISED"]


# The whole


async def test_what_has_ended_waits_for_nothing(deployment: Deployment, world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", TO, "fast")
    async with db.transaction(world.pool) as tx:
        await withdrawals.cancel(tx, await fence.share(tx, world.partner.id), one.id)
    assert await shown(deployment, world, one.id) == []


def test_until_is_when_the_last_cause_has_ended() -> None:
    early, late = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    cases: list[tuple[Sequence[Wait], dt.datetime | None]] = [
        ([], None),
        ([Wait("RHYTHM", early), Wait("COOL_DOWN", late)], late),
        ([Wait("RHYTHM", early), Wait("USER_BLOCKED")], None),
    ]
    for found, until in cases:
        assert waits.until(found) == until


def test_every_cause_was_made_to_happen() -> None:
    """In this file: whoever adds a cause makes it happen as well."""
    told = set(re.findall(r'"([A-Z_]+)"', Path(__file__).read_text()))
    assert set(get_args(waits.Cause)) == set(waits.WORDS) <= told


def test_every_cause_stands_in_the_page_for_support() -> None:
    page = (ROOT / "docs/how-to/answer-a-customer.md").read_text()
    assert re.findall(r"^\| `([A-Z_]+)` \| .+ \| .+ \| .+ \|$", page, re.M) == list(waits.WORDS)
