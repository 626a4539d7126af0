"""Foreign spends: whoever may have been paid by one is neither paid again nor given back before somebody has looked."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from hashrail import approvals, day_fence, db, foreign_spends, operators, payout_batches, payout_exports, payouts
from hashrail.gateways import sandbox_blocks
from hashrail.gateways.sandbox import SandboxChain
from hashrail.operators import Operator
from hashrail.payouts import Desk, Turn
from hashrail.withdrawals import Withdrawal, WithdrawalMayBePaidError
from tests.api import check_books
from tests.books import advance
from tests.desks import DEPTH, FAST, FEES, settings, turn_later, txids
from tests.payouts import ADDRESSES, EARNED, asked, cancelled, funded, held, policy, spendable
from tests.world import World

FEE = Decimal("0.00001")
COMMISSION = Decimal("0.00006")
TO, OTHER = ADDRESSES[:2]


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    """A desk on the simulated chain."""
    yield Desk(world.pool, SandboxChain(world.pool, fees=FEES, network="regtest"), settings(mode="sandbox"))
    await check_books(world)


@pytest.fixture
async def alice(world: World) -> int:
    user = await world.user("alice")
    await funded(world, user.id)
    await policy(world, 0)
    return user.id


async def operator(world: World, name: str) -> Operator:
    async with db.transaction(world.pool) as tx:
        return await operators.add(tx, name=name, role="admin", password="a long enough one")


def sandbox(desk: Desk) -> SandboxChain:
    assert isinstance(desk.chain, SandboxChain)
    return desk.chain


async def spent(desk: Desk, *addresses: str) -> str:
    """Somebody with our keys pays 0.01 BTC to each address, and a turn sees it."""
    (coin, *_) = await desk.chain.coins()
    rest = coin.amount_btc - FEE - Decimal("0.01") * len(addresses)
    paid = [*((address, Decimal("0.01")) for address in addresses), (await sandbox(desk).new_address(), rest)]
    raw = sandbox_blocks.made([f"{coin.txid}:{coin.vout}"], paid, FEE, 200)
    await desk.chain.broadcast(raw)
    await payouts.watch(desk)
    return sandbox_blocks.txid_of(raw)


async def ask(world: World, user_id: int, address: str = TO, amount_btc: str = "0.01") -> Withdrawal:
    return await asked(world, user_id, amount_btc, address, "fast")


async def acknowledged(desk: Desk, olga: Operator, txid: str, *unpaid: tuple[int, int]) -> None:
    await payout_exports.acknowledge(desk.pool, olga, txid, "looked", unpaid=unpaid)


async def refused(world: World, olga: Operator, number: int) -> Withdrawal:
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        return await approvals.refuse(tx, day, olga, number, "a doubt")


async def standing(world: World, *numbers: int) -> list[str]:
    rows = await world.pool.fetch("SELECT state FROM withdrawal WHERE id = ANY($1) ORDER BY id", numbers)
    return [row["state"] for row in rows]


def told(done: Turn) -> list[tuple[str, str]]:
    """Codes, and the txid with which a finding begins."""
    return [(each.code, each.message.split()[0]) for each in done.findings]


# Whoever waits at an address that one pays


@pytest.mark.parametrize("threshold", [None, "0.005"], ids=["queued", "awaiting approval"])
async def test_nothing_is_given_back(
    world: World, desk: Desk, alice: int, olga: Operator, threshold: str | None
) -> None:
    """Neither the user nor an operator ends it while the spend counts; others may end theirs."""
    await world.pool.execute("UPDATE payout_policy SET approval_threshold_btc = $1", threshold and Decimal(threshold))
    made, other = await ask(world, alice), await ask(world, alice, OTHER)
    txid = await spent(desk, TO)
    for _ in range(2):
        with pytest.raises(WithdrawalMayBePaidError):
            await cancelled(world, made.id)
        with pytest.raises(WithdrawalMayBePaidError):
            await refused(world, olga, made.id)
    assert await standing(world, made.id) == [made.state]
    assert await held(world, alice) == 2 * (Decimal("0.01") + COMMISSION)
    assert (await cancelled(world, other.id)).state == "cancelled"
    await acknowledged(desk, olga, txid, (world.partner.id, made.id))
    assert (await refused(world, olga, made.id)).state == "refused"
    assert await spendable(world, alice) == EARNED


async def test_nothing_is_exported(world: World, desk: Desk, alice: int, olga: Operator) -> None:
    """Another program would pay again what the books may have forgotten; a pause holds for it too."""
    made = await ask(world, alice)
    txid = await spent(desk, OTHER)
    with pytest.raises(foreign_spends.ForeignSpendError) as caught:
        await exported(world, olga)
    assert caught.value.details["txids"] == [txid]
    await acknowledged(desk, olga, txid)
    await world.pool.execute("UPDATE payout_policy SET paused_reason = 'drill'")
    with pytest.raises(payout_batches.PayoutsPausedError):
        await exported(world, olga)
    assert await standing(world, made.id) == ["queued"]
    await world.pool.execute("UPDATE payout_policy SET paused_reason = NULL")
    assert await exported(world, olga) is not None


async def exported(world: World, olga: Operator) -> int | None:
    async with db.transaction(world.pool) as tx:
        return await payout_exports.export(tx, olga)


async def test_a_plan_that_a_foreign_spend_overtook(world: World, desk: Desk, alice: int) -> None:
    """It was signed before somebody wrote the spend down: it is not stored, and so never sent."""
    made = await ask(world, alice)
    await advance(world, FAST)
    plan = await payouts._planned(desk, "fast", Turn())
    assert plan is not None
    signed = await payouts._signed(desk, plan.inputs, plan.outputs_btc, plan.sat_per_vb, plan.most_fee_btc)
    await spent(desk, TO)
    with pytest.raises(foreign_spends.ForeignSpendError):
        async with db.transaction(world.pool) as tx:
            await payout_batches.store(tx, plan, signed, now=dt.datetime.now(dt.UTC))
    assert await standing(world, made.id) == ["queued"]
    assert await payout_batches.newest(world.pool, 1) == []
    assert await payout_batches.pinned(world.pool) == set()


async def test_each_waiting_one_is_named(world: World, desk: Desk, alice: int, olga: Operator) -> None:
    """All that wait at the address, whatever their amounts; no other needs to be named."""
    made = [await ask(world, alice, amount_btc=amount) for amount in ("0.01", "0.02")]
    other = await ask(world, alice, OTHER)
    txid = await spent(desk, TO)
    numbers = [(world.partner.id, one.id) for one in made]
    wrong: list[Sequence[tuple[int, int]]] = [(), numbers[:1], numbers[1:], [(world.partner.id, other.id)]]
    for unpaid in wrong:
        with pytest.raises(payout_exports.ForeignSpendPaysError) as caught:
            await acknowledged(desk, olga, txid, *unpaid)
        left_out = [one.id for one in made if (world.partner.id, one.id) not in unpaid]
        assert caught.value.details == {"partnerId": world.partner.id, "withdrawalId": left_out[0]}
    assert await foreign_spends.stopping(world.pool) == [txid]
    await acknowledged(desk, olga, txid, *numbers)
    assert await foreign_spends.stopping(world.pool) == []
    done = await turn_later(world, desk)
    assert (told(done), len(done.batches)) == ([], 1)
    assert await standing(world, *(one.id for one in (*made, other))) == ["signed"] * 3


@pytest.mark.parametrize("state", ["signed", "exported", "final", "cancelled"])
async def test_who_may_have_been_paid(world: World, desk: Desk, alice: int, olga: Operator, state: str) -> None:
    """What is on its way may be paid by it in place of us; what has ended needs no name."""
    made = await ask(world, alice)
    if state == "exported":
        await exported(world, olga)
    elif state == "cancelled":
        await cancelled(world, made.id)
    else:
        await turn_later(world, desk)
    if state == "final":
        await sandbox(desk).mine(DEPTH)
        await payouts.turn(desk)
    assert await standing(world, made.id) == [state]
    txid = await spent(desk, TO)
    if state in ("signed", "exported"):
        with pytest.raises(payout_exports.ForeignSpendPaysError):
            await acknowledged(desk, olga, txid)
        return
    await acknowledged(desk, olga, txid)
    assert await foreign_spends.stopping(world.pool) == []


# Whoever asks later


async def test_a_later_request_needs_two_operators(world: World, desk: Desk, alice: int, olga: Operator) -> None:
    """It may be one that the books have lost and that is asked for again, also once the spend was looked at."""
    txid = await spent(desk, TO)
    first = await ask(world, alice)
    assert first.state == "awaiting_approval"
    await acknowledged(desk, olga, txid, (world.partner.id, first.id))
    second, other = await ask(world, alice, amount_btc="0.02"), await ask(world, alice, OTHER)
    assert (second.state, other.state) == ("awaiting_approval", "queued")
    assert len((await turn_later(world, desk)).batches) == 1
    assert await standing(world, first.id, second.id, other.id) == ["awaiting_approval", "awaiting_approval", "signed"]
    for each, expected in ((olga, "awaiting_approval"), (await operator(world, "paul"), "queued")):
        async with db.transaction(world.pool) as tx:
            day = await day_fence.share(tx, world.partner.id)
            assert (await approvals.approve(tx, day, each, second.id)).state == expected
    assert len((await turn_later(world, desk)).batches) == 1
    assert await standing(world, first.id, second.id) == ["awaiting_approval", "signed"]


async def test_a_dead_one_may_come_back(world: World, desk: Desk, alice: int, olga: Operator) -> None:
    """It does not count while the chain has something else in its place, and counts again when that is taken back."""
    txid = await spent(desk, TO)
    raw = await desk.chain.raw_transaction(txid)
    assert raw is not None
    rival = await sandbox(desk).double_spend(txid)
    await sandbox(desk).mine(DEPTH - 2)
    await payouts.watch(desk)
    assert sorted(await foreign_spends.stopping(world.pool)) == sorted([txid, rival])
    await sandbox(desk).mine(1)
    await payouts.watch(desk)
    assert await foreign_spends.stopping(world.pool) == [rival]
    await acknowledged(desk, olga, rival)
    made = await ask(world, alice)
    assert (made.state, (await cancelled(world, made.id)).state) == ("queued", "cancelled")
    again = await ask(world, alice)
    await sandbox(desk).reorg(DEPTH, drop=True)
    await desk.chain.broadcast(raw)
    await sandbox(desk).mine(1)
    for _ in range(2):
        done = await turn_later(world, desk)
        assert (told(done), done.batches) == ([("FOREIGN_SPEND", txid)], [])
    with pytest.raises(WithdrawalMayBePaidError):
        await cancelled(world, again.id)
    assert (await ask(world, alice)).state == "awaiting_approval"


# A batch that was given up


async def test_what_was_given_up_is_mined_after_all(world: World, desk: Desk, alice: int, olga: Operator) -> None:
    """Due again, it would be paid twice: it stands in the way, and is recorded for the withdrawal that it pays."""
    made = await ask(world, alice)
    (given_up,) = (await turn_later(world, desk)).batches
    (txid,) = await txids(desk, given_up)
    raw = await desk.chain.raw_transaction(txid)
    assert raw is not None
    rival = await sandbox(desk).double_spend(txid)
    await sandbox(desk).mine(DEPTH)
    assert told(await payouts.turn(desk)) == [("PAYMENT_GIVEN_UP", "batch"), ("FOREIGN_SPEND", rival)]
    assert (await payout_batches.get(world.pool, given_up)).state == "conflicted"
    assert await standing(world, made.id) == ["queued"]
    await acknowledged(desk, olga, rival)
    await sandbox(desk).reorg(4 * DEPTH, drop=True)
    await desk.chain.broadcast(raw)
    await sandbox(desk).mine(1)
    for _ in range(2):
        done = await payouts.turn(desk)
        assert (told(done), done.batches) == ([("FOREIGN_SPEND", txid)], [])
    with pytest.raises(WithdrawalMayBePaidError):
        await cancelled(world, made.id)
    paid = [(world.partner.id, made.id)]
    for _ in range(2):
        batch = await payout_exports.record(world.pool, desk.chain, olga, txid, paid, final_depth=DEPTH)
    assert (batch.id != given_up, batch.kind) == (True, "external")
    assert await txids(desk, given_up) == []
    assert await txids(desk, batch.id) == [txid]
    await sandbox(desk).mine(DEPTH)
    done = await turn_later(world, desk)
    assert (told(done), done.batches, done.settled) == ([], [], 1)
    assert await standing(world, made.id) == ["final"]
    assert await spendable(world, alice) == EARNED - Decimal("0.01") - COMMISSION
    rows = await world.pool.fetch(
        """SELECT o.amount_btc FROM sandbox_output o JOIN sandbox_transaction t USING (txid)
           WHERE o.address = $1 AND t.state = 'mined'""",
        TO,
    )
    assert [row["amount_btc"] for row in rows] == [made.amount_btc]
