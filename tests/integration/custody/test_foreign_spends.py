"""Foreign spends: whoever may have been paid by one is neither paid again nor given back before somebody has looked."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.bitcoin import simulated_blocks
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.books import fence
from hashrail.custody import approvals, foreign_spends
from hashrail.custody.withdrawals import Withdrawal, WithdrawalMayBePaidError
from hashrail.deployment.opened import Deployment
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, exports, processor, recorded_payments, sending, watch
from hashrail.payouts.run_report import Run
from tests.support import paying
from tests.support.api_client import check_books
from tests.support.books import advance
from tests.support.deployments import deployed
from tests.support.operators import hired, strangers
from tests.support.paying import (
    DEPTH,
    FAST,
    FEES,
    planned,
    run_later,
    settings,
    txids,
)
from tests.support.payouts import ADDRESSES, EARNED, asked, cancelled, held, spendable
from tests.support.world import World

pytestmark = pytest.mark.slow

FEE = Decimal("0.00001")
COMMISSION = Decimal("0.00006")
TO, OTHER = ADDRESSES[:2]


@pytest.fixture
async def deployment(world: World) -> AsyncIterator[Deployment]:
    """A deployment on the simulated chain."""
    yield deployed(world.pool, settings(mode="sandbox"), SandboxChain(world.pool, fees=FEES, network="regtest"))
    await check_books(world)


async def operator(world: World, name: str) -> Operator:
    """Somebody who has been there for a while."""
    made = await hired(world.pool, name)
    await strangers(world.pool)
    return made


def sandbox(deployment: Deployment) -> SandboxChain:
    assert isinstance(deployment.chain, SandboxChain)
    return deployment.chain


async def spent(deployment: Deployment, *addresses: str) -> str:
    """Somebody with our keys pays 0.01 BTC to each address, and a run sees it."""
    (coin, *_) = await deployment.chain.coins()
    rest = coin.amount_btc - FEE - Decimal("0.01") * len(addresses)
    paid = [*((address, Decimal("0.01")) for address in addresses), (await sandbox(deployment).new_address(), rest)]
    raw = simulated_blocks.made([f"{coin.txid}:{coin.vout}"], paid, FEE, 200)
    await deployment.chain.broadcast(raw)
    await watch.everything(deployment)
    return simulated_blocks.txid_of(raw)


async def ask(world: World, user_id: int, address: str = TO, amount_btc: str = "0.01") -> Withdrawal:
    return await asked(world, user_id, amount_btc, address, "fast")


async def acknowledged(deployment: Deployment, olga: Operator, txid: str, *unpaid: tuple[int, int]) -> None:
    await paying.acknowledged(deployment.pool, olga, txid, "looked", unpaid=unpaid)


async def refused(world: World, olga: Operator, number: int) -> Withdrawal:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await approvals.refuse(tx, books, olga, number, "a doubt")


async def standing(world: World, *numbers: int) -> list[str]:
    rows = await world.pool.fetch("SELECT state FROM withdrawal WHERE id = ANY($1) ORDER BY id", numbers)
    return [row["state"] for row in rows]


def found(done: Run) -> list[tuple[str, str]]:
    """Codes, and the txid with which a finding begins."""
    return [(each.code, each.message.split()[0]) for each in done.findings]


# Whoever waits at an address that one pays


@pytest.mark.parametrize("threshold", [None, "0.005"], ids=["queued", "awaiting approval"])
async def test_nothing_is_given_back(
    world: World, deployment: Deployment, alice: int, olga: Operator, threshold: str | None
) -> None:
    """Neither the user nor an operator ends it while the spend counts; others may end theirs."""
    await world.pool.execute("UPDATE payout_policy SET approval_threshold_btc = $1", threshold and Decimal(threshold))
    made, other = await ask(world, alice), await ask(world, alice, OTHER)
    txid = await spent(deployment, TO)
    for _ in range(2):
        with pytest.raises(WithdrawalMayBePaidError):
            await cancelled(world, made.id)
        with pytest.raises(WithdrawalMayBePaidError):
            await refused(world, olga, made.id)
    assert await standing(world, made.id) == [made.state]
    assert await held(world, alice) == 2 * (Decimal("0.01") + COMMISSION)
    assert (await cancelled(world, other.id)).state == "cancelled"
    await acknowledged(deployment, olga, txid, (world.partner.id, made.id))
    assert (await refused(world, olga, made.id)).state == "refused"
    assert await spendable(world, alice) == EARNED


async def test_nothing_is_exported(world: World, deployment: Deployment, alice: int, olga: Operator) -> None:
    """Another program would pay again what the books may have forgotten; a pause holds for it too."""
    made = await ask(world, alice)
    txid = await spent(deployment, OTHER)
    with pytest.raises(foreign_spends.ForeignSpendError) as caught:
        await exported(world, olga)
    assert caught.value.details["txids"] == [txid]
    await acknowledged(deployment, olga, txid)
    await world.pool.execute("UPDATE payout_policy SET paused_reason = 'drill'")
    with pytest.raises(batches.PayoutsPausedError):
        await exported(world, olga)
    assert await standing(world, made.id) == ["queued"]
    await world.pool.execute("UPDATE payout_policy SET paused_reason = NULL")
    assert await exported(world, olga) is not None


async def exported(world: World, olga: Operator) -> int | None:
    async with db.transaction(world.pool) as tx:
        return await exports.export(tx, olga)


async def test_a_plan_that_a_foreign_spend_overtook(world: World, deployment: Deployment, alice: int) -> None:
    """It was signed before somebody wrote the spend down: it is not stored, and so never sent."""
    made = await ask(world, alice)
    await advance(world, FAST)
    plan = await planned(deployment)
    assert plan is not None
    signed = await sending.signed(deployment.chain, plan.payment)
    await spent(deployment, TO)
    with pytest.raises(foreign_spends.ForeignSpendError):
        async with db.transaction(world.pool) as tx:
            await batches.store(tx, plan, signed, now=dt.datetime.now(dt.UTC))
    assert await standing(world, made.id) == ["queued"]
    assert await batches.newest(world.pool, 1) == []
    assert await batches.pinned(world.pool) == set()


async def test_each_waiting_one_is_named(world: World, deployment: Deployment, alice: int, olga: Operator) -> None:
    """All that wait at the address, whatever their amounts; no other needs to be named."""
    made = [await ask(world, alice, amount_btc=amount) for amount in ("0.01", "0.02")]
    other = await ask(world, alice, OTHER)
    txid = await spent(deployment, TO)
    numbers = [(world.partner.id, one.id) for one in made]
    wrong: list[Sequence[tuple[int, int]]] = [(), numbers[:1], numbers[1:], [(world.partner.id, other.id)]]
    for unpaid in wrong:
        with pytest.raises(recorded_payments.ForeignSpendPaysError) as caught:
            await acknowledged(deployment, olga, txid, *unpaid)
        left_out = [one.id for one in made if (world.partner.id, one.id) not in unpaid]
        assert caught.value.details == {"partnerId": world.partner.id, "withdrawalId": left_out[0]}
    assert await foreign_spends.stopping(world.pool) == [txid]
    await acknowledged(deployment, olga, txid, *numbers)
    assert await foreign_spends.stopping(world.pool) == []
    done = await run_later(world, deployment)
    assert (found(done), len(done.batches)) == ([], 1)
    assert await standing(world, *(one.id for one in (*made, other))) == ["signed"] * 3


@pytest.mark.parametrize("state", ["signed", "exported", "final", "cancelled"])
async def test_who_may_have_been_paid(
    world: World, deployment: Deployment, alice: int, olga: Operator, state: str
) -> None:
    """What is on its way may be paid by it in place of us; what has ended needs no name."""
    made = await ask(world, alice)
    if state == "exported":
        await exported(world, olga)
    elif state == "cancelled":
        await cancelled(world, made.id)
    else:
        await run_later(world, deployment)
    if state == "final":
        await sandbox(deployment).mine(DEPTH)
        await processor.run(deployment)
    assert await standing(world, made.id) == [state]
    txid = await spent(deployment, TO)
    if state in ("signed", "exported"):
        with pytest.raises(recorded_payments.ForeignSpendPaysError):
            await acknowledged(deployment, olga, txid)
        return
    await acknowledged(deployment, olga, txid)
    assert await foreign_spends.stopping(world.pool) == []


# Whoever asks later


async def test_a_later_request_needs_two_operators(
    world: World, deployment: Deployment, alice: int, olga: Operator
) -> None:
    """It may be one that the books have lost and that is asked for again, also once the spend was looked at."""
    txid = await spent(deployment, TO)
    first = await ask(world, alice)
    assert first.state == "awaiting_approval"
    await acknowledged(deployment, olga, txid, (world.partner.id, first.id))
    second, other = await ask(world, alice, amount_btc="0.02"), await ask(world, alice, OTHER)
    assert (second.state, other.state) == ("awaiting_approval", "queued")
    assert len((await run_later(world, deployment)).batches) == 1
    assert await standing(world, first.id, second.id, other.id) == ["awaiting_approval", "awaiting_approval", "signed"]
    for each, expected in ((olga, "awaiting_approval"), (await operator(world, "paul"), "queued")):
        async with db.transaction(world.pool) as tx:
            books = await fence.share(tx, world.partner.id)
            assert (await approvals.approve(tx, books, each, second.id)).state == expected
    assert len((await run_later(world, deployment)).batches) == 1
    assert await standing(world, first.id, second.id) == ["awaiting_approval", "signed"]


async def test_a_replaced_one_may_come_back(world: World, deployment: Deployment, alice: int, olga: Operator) -> None:
    """It does not count while the chain has something else in its place, and counts again when that is taken back."""
    txid = await spent(deployment, TO)
    raw = await deployment.chain.raw_transaction(txid)
    assert raw is not None
    rival = await sandbox(deployment).double_spend(txid)
    await sandbox(deployment).mine(DEPTH - 2)
    await watch.everything(deployment)
    assert sorted(await foreign_spends.stopping(world.pool)) == sorted([txid, rival])
    await sandbox(deployment).mine(1)
    await watch.everything(deployment)
    assert await foreign_spends.stopping(world.pool) == [rival]
    await acknowledged(deployment, olga, rival)
    made = await ask(world, alice)
    assert (made.state, (await cancelled(world, made.id)).state) == ("queued", "cancelled")
    again = await ask(world, alice)
    await sandbox(deployment).reorg(DEPTH, drop=True)
    await deployment.chain.broadcast(raw)
    await sandbox(deployment).mine(1)
    for _ in range(2):
        done = await run_later(world, deployment)
        assert (found(done), done.batches) == ([("FOREIGN_SPEND", txid)], [])
    with pytest.raises(WithdrawalMayBePaidError):
        await cancelled(world, again.id)
    assert (await ask(world, alice)).state == "awaiting_approval"


# A batch that was given up


async def test_what_was_given_up_is_mined_after_all(
    world: World, deployment: Deployment, alice: int, olga: Operator
) -> None:
    """Due again, it would be paid twice: it stands in the way, and is recorded for the withdrawal that it pays."""
    made = await ask(world, alice)
    (given_up,) = (await run_later(world, deployment)).batches
    (txid,) = await txids(deployment, given_up)
    raw = await deployment.chain.raw_transaction(txid)
    assert raw is not None
    rival = await sandbox(deployment).double_spend(txid)
    await sandbox(deployment).mine(DEPTH)
    assert found(await processor.run(deployment)) == [("PAYMENT_GIVEN_UP", "batch"), ("FOREIGN_SPEND", rival)]
    assert (await batches.get(world.pool, given_up)).state == "conflicted"
    assert await standing(world, made.id) == ["queued"]
    await acknowledged(deployment, olga, rival)
    await sandbox(deployment).reorg(4 * DEPTH, drop=True)
    await deployment.chain.broadcast(raw)
    await sandbox(deployment).mine(1)
    for _ in range(2):
        done = await processor.run(deployment)
        assert (found(done), done.batches) == ([("FOREIGN_SPEND", txid)], [])
    with pytest.raises(WithdrawalMayBePaidError):
        await cancelled(world, made.id)
    paid = [(world.partner.id, made.id)]
    for _ in range(2):
        batch = await paying.recorded(deployment, olga, txid, paid)
    assert (batch.id != given_up, batch.kind) == (True, "external")
    assert await txids(deployment, given_up) == []
    assert await txids(deployment, batch.id) == [txid]
    await sandbox(deployment).mine(DEPTH)
    done = await run_later(world, deployment)
    assert (found(done), done.batches, done.settled) == ([], [], 1)
    assert await standing(world, made.id) == ["final"]
    assert await spendable(world, alice) == EARNED - Decimal("0.01") - COMMISSION
    rows = await world.pool.fetch(
        """SELECT o.amount_btc FROM sandbox_output o JOIN sandbox_transaction t USING (txid)
           WHERE o.address = $1 AND t.state = 'mined'""",
        TO,
    )
    assert [row["amount_btc"] for row in rows] == [made.amount_btc]
