"""Payouts at once: many workers, operators, users and exports on the same books and wallet, and one effect of each.

`HASHRAIL_EXAMPLES=50 pytest tests/simulation/test_payout_races.py` makes more rounds of the races that chance
decides; the others are held at the one moment that matters.
"""

import asyncio
import datetime as dt
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from hashrail import db
from hashrail.bitcoin.findings import Finding
from hashrail.books import fence
from hashrail.books.chart import Account
from hashrail.books.ledger import InsufficientFundsError
from hashrail.custody import approvals, deposit_addresses, deposits, payout_policy, withdrawals
from hashrail.custody.withdrawals import Withdrawal, WithdrawalUnderWayError
from hashrail.db import Pool, Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import users
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, exports, fee_bumps, processor, recorded_payments
from hashrail.payouts.batches import Due, PayoutsPausedError, PlanOutdatedError
from hashrail.payouts.fee_bumps import FeeNotRaisedError
from hashrail.payouts.run_report import Run
from hashrail.payouts.sending import PaymentNotAcceptedError
from tests.support import paying
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Fault, Node, proxy
from tests.support.books import advance, booked
from tests.support.deployments import deployed, on
from tests.support.locks import until_blocked
from tests.support.operators import hired, strangers
from tests.support.paying import (
    DEPTH,
    FAST,
    Asker,
    deployed_on,
    interrupted,
    node_chain,
    paid_once,
    run_later,
    txids,
    wallet_of,
)
from tests.support.payouts import EARNED, asked, cancelled, held, spendable
from tests.support.world import World

ROUNDS = int(os.environ.get("HASHRAIL_EXAMPLES") or 2)
STUCK = dt.timedelta(minutes=61)
COMMISSION = Decimal("0.00006")
# Two bumps of the same payment: the second is told by the books, by the node, or that it is not needed any more.
OVERTAKEN = (FeeNotRaisedError, PaymentNotAcceptedError, PlanOutdatedError)


@pytest.fixture
def node(bitcoin_node: Node) -> Node:
    return bitcoin_node


@pytest.fixture
async def deployment(world: World, node: Node) -> AsyncIterator[Deployment]:
    async with deployed_on(world.pool, node, coins=4) as made:
        yield made
    await check_books(world)


@pytest.fixture
async def alice(world: World, node: Node) -> Asker:
    return await Asker.create(world, node)


async def operator(world: World, name: str) -> Operator:
    """Somebody who has been there for a while."""
    made = await hired(world.pool, name)
    await strangers(world.pool)
    return made


@asynccontextmanager
async def workers(dsn: str, deployment: Deployment, node: Node, count: int) -> AsyncIterator[list[Deployment]]:
    """Workers of other processes: connections of their own, the same books and wallet."""
    async with AsyncExitStack() as ends:
        made = []
        for _ in range(count):
            pool: Pool = await db.open_pool(dsn, 4)
            ends.push_async_callback(pool.close)
            chain = node_chain(node, wallet_of(deployment))
            ends.push_async_callback(chain.close)
            made.append(deployed(pool, deployment.settings, chain))
        yield made


async def at_once(*calls: Awaitable[object]) -> list[object]:
    """What each of the calls answers or raises, begun in an order that chance decides."""
    waiting = list(enumerate(calls))
    random.shuffle(waiting)
    answers = await asyncio.gather(*(call for _, call in waiting), return_exceptions=True)
    placed = dict(zip([place for place, _ in waiting], answers, strict=True))
    return [placed[place] for place in range(len(calls))]


async def runs_at_once(deployments: list[Deployment]) -> list[Run]:
    """A run of each worker; what one did for nothing because another was first is all that they may complain of."""
    done = await asyncio.gather(*(processor.run(each) for each in deployments))
    assert {finding.code for each in done for finding in each.findings} <= {"PAYMENT_NOT_ACCEPTED", "FEE_NOT_RAISED"}
    return done


async def check_paid(world: World, deployment: Deployment, node: Node, made: Iterable[Withdrawal]) -> None:
    """Blocks until all is final: each of these is paid once, no coin was promised twice, the books hold."""
    node.mine(DEPTH)
    await processor.run(deployment)
    kept = list(made)
    shown = [await withdrawals.get(world.pool, world.partner.id, one.id) for one in kept]
    assert [one.state for one in shown] == ["final"] * len(kept)
    paid_once(node, {one.address: one.amount_btc for one in kept})
    spent = await world.pool.fetch("SELECT txid, vout FROM payout_input WHERE NOT released")
    assert len({tuple(row.values()) for row in spent}) == len(spent)
    await check_books(world)


# Several workers


@pytest.mark.parametrize("max_outputs", [9, 3])
async def test_runs_at_once(world: World, dsn: str, node: Node, alice: Asker, max_outputs: int) -> None:
    """Every withdrawal is in one batch of one worker, every coin too, and everything is posted once."""
    async with (
        deployed_on(world.pool, node, coins=8, payout_most_outputs=max_outputs) as deployment,
        workers(dsn, deployment, node, 3) as deployments,
    ):
        made: list[Withdrawal] = []
        for _ in range(ROUNDS):
            made += [await alice.asks("0.001") for _ in range(10)]
            await advance(world, FAST)
            before = await batches.latest(world.pool)
            await runs_at_once(deployments)
            await processor.run(deployment)
            rows = await world.pool.fetch("SELECT id FROM payout_batch WHERE id > $1", before.batch_id)
            sizes = [len(await batches.members(world.pool, row["id"])) for row in rows]
            assert sorted(sizes) == sorted([max_outputs] * (10 // max_outputs) + [10 % max_outputs])
            node.mine(DEPTH)
            settled = await runs_at_once(deployments)
            assert sum(each.settled for each in settled) >= len(rows)
        fees = await world.pool.fetchval("SELECT sum(fee_btc) FROM payout_transaction")
        assert await booked(world, Account.NETWORK_FEES) == -fees
        await check_paid(world, deployment, node, made)


async def test_a_run_that_ends_early(world: World, node: Node, alice: Asker) -> None:
    """The first batch took the last coin: the run has the batch that it made, and why there is no second."""
    async with deployed_on(world.pool, node, coins=1, payout_most_outputs=1) as deployment:
        made = [await alice.asks("0.001") for _ in range(2)]
        done = await run_later(world, deployment)
        assert [each.code for each in done.findings] == ["BITCOIN_WALLET_SHORT"]
        assert done.batches == [one.id for one in await batches.newest(world.pool, 5)]
        node.mine(1)
        assert len((await processor.run(deployment)).batches) == 1
        await check_paid(world, deployment, node, made)


async def test_a_balance_for_three(world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker) -> None:
    """Fifty requests at once: three are taken, the others are told, and two workers pay exactly the three."""
    answers = await at_once(*(alice.asks("0.05") for _ in range(50)))
    made = [one for one in answers if isinstance(one, Withdrawal)]
    assert (len(made), sum(isinstance(one, InsufficientFundsError) for one in answers)) == (3, 47)
    await advance(world, FAST)
    async with workers(dsn, deployment, node, 2) as deployments:
        done = await runs_at_once(deployments)
    assert sum(len(each.batches) for each in done) == 1
    await check_paid(world, deployment, node, made)
    assert await spendable(world, alice.user_id) == EARNED - 3 * (Decimal("0.05") + COMMISSION)


async def test_a_worker_whose_view_is_older(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker
) -> None:
    """It asked the node before the sixth block and writes after another has posted: what is final stays so."""
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    node.mine(DEPTH - 2)
    await processor.run(deployment)
    node.mine(1)
    async with workers(dsn, deployment, node, 1) as (other,):

        async def is_overtaken() -> None:
            node.mine(1)
            assert (await processor.run(other)).settled == 1

        slow, chain = interrupted(deployment, "transaction", "after", is_overtaken)
        await processor.run(slow)
    assert chain.happened
    batch = await batches.get(world.pool, batch_id)
    assert (batch.state, batch.settled_at is not None) == ("final", True)
    await check_paid(world, deployment, node, [made])


async def test_an_older_view_of_a_deposit(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker
) -> None:
    """It asked while the deposit waited and writes after another has credited it: that is no reorg, nothing is lost."""
    to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.user_id)
    node.rpc("sendtoaddress", to, Decimal("0.25"), wallet="miner")
    await processor.run(deployment)
    async with workers(dsn, deployment, node, 1) as (other,):

        async def is_overtaken() -> None:
            node.mine(2)
            await processor.run(other)
            assert await spendable(world, alice.user_id) == EARNED + Decimal("0.25")

        slow, chain = interrupted(deployment, "transaction", "after", is_overtaken)
        await processor.run(slow)
    assert chain.happened
    (one,) = await deposits.of_partner(world.pool, world.partner.id, limit=10)
    assert one.state == "credited"
    assert await booked(world, Account.REORG_LOSSES) == 0


# Approvals while batches are made


async def approve(world: World, who: Operator, number: int) -> str:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return (await approvals.approve(tx, books, who, number)).state


async def refuse(world: World, who: Operator, number: int) -> str:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return (await approvals.refuse(tx, books, who, number, "strange")).state


async def large(world: World, alice: Asker, count: int) -> list[Withdrawal]:
    """Withdrawals that wait for two operators, and would be due."""
    await world.pool.execute("UPDATE payout_policy SET approval_threshold_btc = 0.01")
    made = [await alice.asks("0.01") for _ in range(count)]
    assert {one.state for one in made} == {"awaiting_approval"}
    await advance(world, FAST)
    return made


async def test_approvals_during_runs(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker, olga: Operator
) -> None:
    """Whatever is approved in time comes along, the rest with the next run; nothing waits, nothing is paid twice."""
    otto = await operator(world, "otto")
    made = [await alice.asks("0.001") for _ in range(3)] + await large(world, alice, 6)
    async with workers(dsn, deployment, node, 2) as deployments:
        votes = [approve(world, who, one.id) for one in made for who in (olga, otto)]
        answers = await at_once(*votes, runs_at_once(deployments))
        assert [one for one in answers if isinstance(one, Exception)] == []
        await runs_at_once(deployments)
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal_approval") == 12
    await check_paid(world, deployment, node, made)


async def test_two_approve_and_one_refuses(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker, olga: Operator
) -> None:
    """At once, and with runs: each is refused and the user's again, or paid and the refusal told so."""
    otto, ada = await operator(world, "otto"), await operator(world, "ada")
    made = await large(world, alice, 8)
    async with workers(dsn, deployment, node, 2) as deployments:
        votes = [approve(world, who, one.id) for one in made for who in (olga, otto)]
        refusals = [refuse(world, ada, one.id) for one in made]
        answers = await at_once(*refusals, *votes, runs_at_once(deployments), runs_at_once(deployments))
        assert {type(one) for one in answers if isinstance(one, Exception)} <= {WithdrawalUnderWayError}
        await runs_at_once(deployments)
    paid = [one for one, answer in zip(made, answers, strict=False) if isinstance(answer, WithdrawalUnderWayError)]
    await check_paid(world, deployment, node, paid)
    for one in made:
        if one not in paid:
            assert (await alice.got(one.id)).state == "refused"
    assert await spendable(world, alice.user_id) == EARNED - len(paid) * (Decimal("0.01") + COMMISSION)


# Between signing and storing

Event = Callable[[World, Operator, Withdrawal], Awaitable[object]]


async def cancel(world: World, olga: Operator, one: Withdrawal) -> None:
    """By its user."""
    assert (await cancelled(world, one.id)).state == "cancelled"


async def refuse_it(world: World, olga: Operator, one: Withdrawal) -> None:
    """By an operator."""
    assert await refuse(world, olga, one.id) == "refused"


async def block(world: World, olga: Operator, one: Withdrawal) -> None:
    """The user who asked for it."""
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, one.partner_user_id)


async def export(world: World, olga: Operator, one: Withdrawal) -> None:
    """Everything that is queued."""
    async with db.transaction(world.pool) as tx:
        assert await exports.export(tx, olga) is not None


async def pause(world: World, olga: Operator, one: Withdrawal) -> None:
    """The kill switch."""
    async with db.transaction(world.pool) as tx:
        await payout_policy.pause(tx, None, "a drill")


async def resume(world: World, olga: Operator) -> None:
    async with db.transaction(world.pool) as tx:
        await payout_policy.resume(tx, olga)


@pytest.mark.parametrize(
    ("step", "event", "made", "findings", "states"),
    [
        ("sign", cancel, 1, [], ["cancelled", "broadcast"]),
        ("acceptance", cancel, 1, [], ["cancelled", "broadcast"]),
        ("acceptance", refuse_it, 1, [], ["refused", "broadcast"]),
        ("acceptance", block, 1, [], ["queued", "broadcast"]),
        ("acceptance", export, 0, [], ["exported", "exported"]),
        ("acceptance", pause, 0, ["PAYOUTS_PAUSED"], ["queued", "queued"]),
    ],
    ids=["cancel after sign", "cancel", "refuse", "block", "export", "pause"],
)
async def test_between_signing_and_storing(
    world: World,
    deployment: Deployment,
    node: Node,
    alice: Asker,
    olga: Operator,
    step: str,
    event: Event,
    made: int,
    findings: list[str],
    states: list[str],
) -> None:
    """What was signed is dropped; whatever may be paid all the same is paid in the same run."""
    bob = await Asker.create(world, node, "bob")
    gone, kept = await bob.asks(), await alice.asks()
    await advance(world, FAST)
    signing, chain = interrupted(deployment, step, "after", lambda: event(world, olga, gone))
    done = await processor.run(signing)
    assert chain.happened
    assert (len(done.batches), [each.code for each in done.findings]) == (made, findings)
    assert [(await alice.got(one.id)).state for one in (gone, kept)] == states
    assert len(await world.pool.fetch("SELECT FROM payout_transaction")) == made
    paid = [one for one, state in zip((gone, kept), states, strict=True) if state == "broadcast"]
    waits = [one for one, state in zip((gone, kept), states, strict=True) if state == "queued"]
    await resume(world, olga)
    async with db.transaction(world.pool) as tx:
        await users.unblock(tx, world.partner.id, "bob")
    assert len((await processor.run(deployment)).batches) == (1 if waits else 0)
    await check_paid(world, deployment, node, [*paid, *waits])
    held_btc = Decimal("0.02") + 2 * COMMISSION if event is export else 0
    assert await held(world, alice.user_id) + await held(world, bob.user_id) == held_btc


@pytest.mark.parametrize("whose", ["deployment", "partner"])
async def test_a_limit_that_changes_while_it_is_signed(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator, whose: str
) -> None:
    """What was signed under the old one is dropped, and the same run pays what the new one allows."""
    made = [await alice.asks("0.01") for _ in range(2)]
    await advance(world, FAST)

    async def lower() -> None:
        async with db.transaction(world.pool) as tx:
            if whose == "partner":
                await payout_policy.set_partner_limit(tx, olga, world.partner.id, Decimal("0.015"))
            else:
                policy = await payout_policy.hold(tx)
                await payout_policy.put(tx, olga, replace(policy, deployment_daily_btc=Decimal("0.015")))

    signing, chain = interrupted(deployment, "acceptance", "after", lower)
    done = await processor.run(signing)
    assert chain.happened
    assert (len(done.batches), done.findings) == (1, [])
    assert [(await alice.got(one.id)).state for one in made] == ["broadcast", "queued"]
    node.mine(1)
    assert len((await run_later(world, deployment, dt.timedelta(days=1))).batches) == 1
    await check_paid(world, deployment, node, made)


async def test_a_node_in_doubt_once_it_is_signed(
    world: World, deployment: Deployment, node: Node, alice: Asker
) -> None:
    """The wallet looks through old blocks by then: what was signed is dropped, and paid when it has come to its end."""
    made = await alice.asks()
    await advance(world, FAST)

    async def scans() -> None:
        async def scanning() -> list[Finding]:
            return [Finding("WALLET_SCANNING", "the wallet is looking through old blocks")]

        deployment.chain.findings = scanning  # type: ignore[method-assign]

    signing, chain = interrupted(deployment, "acceptance", "after", scans)
    done = await processor.run(signing)
    assert chain.happened
    assert (done.batches, [each.code for each in done.findings]) == ([], ["WALLET_SCANNING"])
    assert await batches.newest(world.pool, 1) == []
    del deployment.chain.findings
    assert len((await processor.run(deployment)).batches) == 1
    await check_paid(world, deployment, node, [made])


async def test_a_cancel_that_comes_first(world: World, deployment: Deployment, alice: Asker) -> None:
    """It is not committed when a payment is stored: that waits for it, and then pays nothing."""
    made = await alice.asks()
    await advance(world, FAST)
    async with db.transaction(world.pool) as tx:
        await withdrawals.cancel(tx, await fence.share(tx, world.partner.id), made.id)
        paying = asyncio.create_task(processor.run(deployment))
        await until_blocked(world.pool, statement="SELECT w.state")
    assert (await paying).batches == []
    assert (await alice.got(made.id)).state == "cancelled"
    assert await spendable(world, alice.user_id) == EARNED


@pytest.mark.parametrize("when", ["before", "after"])
async def test_once_it_is_stored(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator, when: Literal["before", "after"]
) -> None:
    """Before it is sent as well as after: neither user nor operator takes it back, nor an export; a block is late."""
    made = await alice.asks()
    await advance(world, FAST)

    async def all_try() -> None:
        for taken_back in (cancelled(world, made.id), refuse(world, olga, made.id)):
            with pytest.raises(WithdrawalUnderWayError):
                await taken_back
        async with db.transaction(world.pool) as tx:
            assert await exports.export(tx, olga) is None
        await block(world, olga, made)

    sending, chain = interrupted(deployment, "broadcast", when, all_try)
    assert len((await processor.run(sending)).batches) == 1
    assert chain.happened
    await check_paid(world, deployment, node, [made])


async def test_a_pause_before_it_is_sent(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator
) -> None:
    """Stored, not sent, then paused: the bytes wait, and go out after the pause."""
    made = await alice.asks()
    await advance(world, FAST)
    async with proxy(node) as between:
        between.faults["sendrawtransaction"] = Fault.LOSE_REQUEST
        chain = node_chain(node, wallet_of(deployment), url=between.url)
        (batch_id,) = (await processor.run(deployed(world.pool, deployment.settings, chain))).batches
        await chain.close()
    await pause(world, olga, made)
    (txid,) = await txids(deployment, batch_id)
    assert [each.code for each in (await processor.run(deployment)).findings] == ["PAYOUTS_PAUSED"]
    assert txid not in node.rpc("getrawmempool")
    await resume(world, olga)
    assert (await processor.run(deployment)).batches == []
    assert txid in node.rpc("getrawmempool")
    await check_paid(world, deployment, node, [made])


# The lock of payouts


async def waits(world: World, call: Awaitable[object]) -> bool:
    """Whether a call waits, having stored nothing, while somebody else has the lock; it ends when that one lets go."""
    async with db.transaction(world.pool) as tx:
        await batches.lock(tx)
        before = await batches.latest(tx)
        begun = asyncio.ensure_future(call)
        waiting = False
        while not (waiting or begun.done()):
            await asyncio.sleep(0.01)
            waiting = await tx.fetchval(
                """SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE d.datname = current_database() AND NOT l.granted AND l.classid::bigint = $1)""",
                batches.PAYOUTS >> 32,
            )
        stored = await batches.latest(tx) != before
    await asyncio.gather(begun, return_exceptions=True)
    return waiting and not stored


@pytest.mark.parametrize("verb", ["pay", "bump", "export", "record", "acknowledge"])
async def test_one_at_a_time(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator, verb: str
) -> None:
    """Whatever takes out of the queue or promises coins waits for whoever does, and only then reads what holds."""
    await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    made = await alice.asks()
    await advance(world, FAST)
    paid = [(world.partner.id, made.id)]
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "pay": lambda: processor.pay(deployment, "fast"),
        "bump": lambda: fee_bumps.bump(deployment, batch_id),
        "export": lambda: export(world, olga, made),
        "record": lambda: paying.recorded(on(deployment, None), olga, "ab" * 32, paid),
        "acknowledge": lambda: paying.acknowledged(world.pool, olga, "ab" * 32, "a sweep"),
    }
    assert await waits(world, calls[verb]())


async def test_commits_that_a_payment_rests_on(pool: Pool) -> None:
    """They wait for a synchronous standby, whatever the server is set to, and no limit of time ends the waiting."""
    async with db.transaction(pool) as tx:
        await tx.execute("SET LOCAL synchronous_commit = 'off'")
        await tx.execute("SET LOCAL statement_timeout = '30s'")
        await batches.lock(tx)
        assert await tx.fetchval("SHOW synchronous_commit") == "on"
        assert await tx.fetchval("SHOW statement_timeout") == "0"


# Fees


@asynccontextmanager
async def scarce(world: World, node: Node) -> AsyncIterator[Deployment]:
    """A wallet of two coins: a batch of 0.02 BTC needs the second one too once its fee is raised to 80 sat/vB."""
    async with deployed_on(world.pool, node, coins=0) as deployment:
        for _ in range(2):
            node.pay(node.rpc("getnewaddress", wallet=wallet_of(deployment)), each_btc=Decimal("0.0201"))
        yield deployment


async def test_a_raised_fee_takes_the_coin_of_a_plan(world: World, node: Node, alice: Asker) -> None:
    """While a run signs with the last coin, a raised fee takes it: the run plans anew and finds the wallet short."""
    async with scarce(world, node) as deployment:
        first = await alice.asks("0.02")
        (batch_id,) = (await run_later(world, deployment)).batches
        second = await alice.asks("0.00005")
        await advance(world, FAST)
        signing, chain = interrupted(
            deployment, "acceptance", "after", lambda: fee_bumps.bump(deployment, batch_id, Decimal(80))
        )
        done = await processor.run(signing)
        assert chain.happened
        assert (done.batches, [each.code for each in done.findings]) == ([], ["BITCOIN_WALLET_SHORT"])
        assert len(await batches.inputs(world.pool, batch_id, common=False)) == 2
        assert len(await txids(deployment, batch_id)) == 2
        node.mine(1)
        assert len((await processor.run(deployment)).batches) == 1
        await check_paid(world, deployment, node, [first, second])


async def test_a_plan_takes_the_coin_of_a_raised_fee(world: World, node: Node, alice: Asker) -> None:
    """The other way round: the fee is not raised, the first version stays, and both are paid."""
    async with scarce(world, node) as deployment:
        first = await alice.asks("0.02")
        (batch_id,) = (await run_later(world, deployment)).batches
        second = await alice.asks("0.00005")
        await advance(world, FAST)
        raising, chain = interrupted(deployment, "acceptance", "after", lambda: processor.run(deployment))
        with pytest.raises(PlanOutdatedError):
            await fee_bumps.bump(raising, batch_id, Decimal(80))
        assert chain.happened
        assert len(await txids(deployment, batch_id)) == 1
        assert len(await batches.newest(world.pool, 10)) == 2
        await check_paid(world, deployment, node, [first, second])


async def test_a_pause_while_a_fee_is_raised(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator
) -> None:
    """Signed, not stored, then paused: there is no further version, and the first is the one that arrives."""
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    first = await txids(deployment, batch_id)
    raising, chain = interrupted(deployment, "acceptance", "after", lambda: pause(world, olga, made))
    with pytest.raises(PayoutsPausedError):
        await fee_bumps.bump(raising, batch_id)
    assert chain.happened
    assert await txids(deployment, batch_id) == first
    await resume(world, olga)
    await check_paid(world, deployment, node, [made])


async def test_two_raise_a_fee_at_once(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker
) -> None:
    """Both have signed when the first one stores: one further version, and the second is told."""
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    both_signed = asyncio.Barrier(2)
    async with workers(dsn, deployment, node, 2) as deployments:
        raising = [interrupted(each, "acceptance", "after", both_signed.wait)[0] for each in deployments]
        answers = await at_once(*(fee_bumps.bump(each, batch_id) for each in raising))
    assert sum(isinstance(one, PlanOutdatedError) for one in answers) == 1
    assert sum(isinstance(one, Exception) for one in answers) == 1
    assert len(await txids(deployment, batch_id)) == 2
    await check_paid(world, deployment, node, [made])


@pytest.mark.parametrize("name", ["coins", "acceptance", "broadcast"])
async def test_a_block_comes_while_a_fee_is_raised(
    world: World, deployment: Deployment, node: Node, alice: Asker, name: str
) -> None:
    """It has the first version: the second comes too late, and whatever the run says, the books follow the block."""
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    (first,) = await txids(deployment, batch_id)
    await advance(world, STUCK)

    async def block_comes() -> None:
        node.mine(1)

    raising, chain = interrupted(deployment, name, "before", block_comes)
    await processor.run(raising)
    assert chain.happened
    assert (await processor.run(deployment)).findings == []
    assert len(await txids(deployment, batch_id)) == (2 if name == "broadcast" else 1)
    await check_paid(world, deployment, node, [made])
    assert (await alice.got(made.id)).txid == first
    assert await booked(world, Account.NETWORK_FEES) == -(await batches.versions(world.pool, batch_id))[0].fee_btc


async def test_runs_that_pay_and_raise_at_once(world: World, dsn: str, node: Node, alice: Asker) -> None:
    """Stuck batches, new withdrawals, three workers and an operator who raises fees by hand: whatever comes first."""
    async with deployed_on(world.pool, node, coins=6) as deployment, workers(dsn, deployment, node, 3) as deployments:
        made: list[Withdrawal] = []
        for _ in range(ROUNDS):
            made += [await alice.asks("0.001") for _ in range(3)]
            (stuck,) = (await run_later(world, deployment)).batches
            made += [await alice.asks("0.001") for _ in range(3)]
            await advance(world, STUCK)
            by_hand = [fee_bumps.bump(each, stuck) for each in deployments[:2]]
            answers = await at_once(*by_hand, runs_at_once(deployments))
            assert [one for one in answers if isinstance(one, Exception) and not isinstance(one, OVERTAKEN)] == []
            newest = (await txids(deployment, stuck))[-1]
            assert newest in node.rpc("getrawmempool")
            node.mine(1)
            await runs_at_once(deployments)
            assert (await batches.get(world.pool, stuck)).txid == newest
        await check_paid(world, deployment, node, made)


# Recording during a run


async def paid_elsewhere(world: World, deployment: Deployment, olga: Operator, txid: str, one: Withdrawal) -> int:
    paid = [(world.partner.id, one.id)]
    return (await paying.recorded(deployment, olga, txid, paid)).id


async def test_recorded_between_signing_and_storing(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator
) -> None:
    """A queued one that another wallet has paid is not paid again, and the others of the plan are."""
    elsewhere, kept = await alice.asks(), await alice.asks()
    txid = node.rpc("sendtoaddress", elsewhere.address, elsewhere.amount_btc, wallet="miner")
    await advance(world, FAST)
    signing, chain = interrupted(
        deployment, "sign", "after", lambda: paid_elsewhere(world, deployment, olga, txid, elsewhere)
    )
    done = await processor.run(signing)
    assert chain.happened
    assert (len(done.batches), done.findings) == (1, [])
    assert (await alice.got(elsewhere.id)).txid == txid
    await check_paid(world, deployment, node, [elsewhere, kept])


async def test_recorded_while_it_becomes_final(
    world: World, deployment: Deployment, node: Node, alice: Asker, olga: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further withdrawal is recorded for a confirmed payment; the run that makes it final waits, and the fee is
    shared once, by both partners."""
    bob = await Asker.create(await world.another_partner("other"), node, "bob")
    first, second = await alice.asks("0.01"), await bob.asks("0.02")
    await export(world, olga, first)
    txid = node.rpc("sendmany", "", {one.address: one.amount_btc for one in (first, second)}, wallet="miner")
    await paid_elsewhere(world, deployment, olga, txid, first)
    node.mine(DEPTH - 1)
    await processor.run(deployment)
    node.mine(1)
    runs: list[asyncio.Task[Run]] = []
    waiting = recorded_payments._waiting

    async def slow(tx: Tx, *arguments: Any) -> list[Due]:
        """The run goes as far as it can."""
        due = await waiting(tx, *arguments)
        runs.append(asyncio.create_task(processor.run(deployment)))
        await until_blocked(world.pool, statement="SELECT state, txid FROM payout_batch")
        return due

    monkeypatch.setattr(recorded_payments, "_waiting", slow)
    await paid_elsewhere(bob.world, deployment, olga, txid, second)
    await asyncio.gather(*runs)
    await processor.run(deployment)
    assert [(await each.got(one.id)).state for each, one in ((alice, first), (bob, second))] == ["final"] * 2
    fee_btc = -node.rpc("gettransaction", txid, wallet="miner")["fee"]
    shares = [row["amount"] for row in await world.pool.fetch("SELECT amount FROM transfer WHERE kind = 'network_fee'")]
    assert (len(shares), sum(shares)) == (2, fee_btc)


@pytest.mark.parametrize("exported", [True, False])
async def test_recorded_while_workers_run(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker, olga: Operator, exported: bool
) -> None:
    """Several say so while workers run: it is in one batch. One that was queued may have been paid first: then all
    who record are told."""
    for _ in range(ROUNDS):
        made = await alice.asks()
        await advance(world, FAST)
        if exported:
            await export(world, olga, made)
        txid = node.rpc("sendtoaddress", made.address, made.amount_btc, wallet="miner")
        async with workers(dsn, deployment, node, 2) as deployments:
            records = [paid_elsewhere(world, each, olga, txid, made) for each in (*deployments, *deployments)]
            *answers, ran = await at_once(*records, runs_at_once(deployments))
        assert not isinstance(ran, Exception)
        told = [isinstance(one, recorded_payments.AlreadyRecordedError) for one in answers]
        assert len({str(one) if isinstance(one, Exception) else one for one in answers}) == 1
        assert not (exported and any(told))
        shown = await alice.got(made.id)
        assert (shown.txid == txid) == (not any(told))
        node.mine(DEPTH)
        await processor.run(deployment)
        assert (await alice.got(made.id)).state == "final"
        if not any(told):
            paid_once(node, {made.address: made.amount_btc})


async def test_the_same_asked_twice_and_paid_at_once(
    world: World, dsn: str, deployment: Deployment, node: Node, alice: Asker
) -> None:
    """Requests come in while workers run: each is paid by this run or by the next, to the address with both."""
    first = await alice.asks("0.001")
    await advance(world, FAST)
    async with workers(dsn, deployment, node, 2) as deployments:
        more = [asked(world, alice.user_id, "0.001", first.address, "fast") for _ in range(5)]
        answers = await at_once(*more, runs_at_once(deployments))
        assert [one for one in answers if isinstance(one, Exception)] == []
        await advance(world, FAST)
        await runs_at_once(deployments)
        node.mine(DEPTH)
        await runs_at_once(deployments)
    rows = await world.pool.fetch("SELECT state FROM withdrawal")
    assert [row["state"] for row in rows] == ["final"] * 6
    assert node.rpc("getreceivedbyaddress", first.address, 1, wallet="customers") == Decimal("0.006")
