"""A randomised life of payouts on the simulated chain, against a model: thousands of steps, the same each time.

Users ask and cancel; blocks come, reorgs take them back, payments are evicted, stuck, replaced and double-spent; turns
are cut off at a random call. The model knows who asked for what. All along the money is where the model says, and in
the end everybody who did not cancel was paid exactly once.
"""

import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from hashrail import checks, day_fence, db, payouts, reconciliation, withdrawals
from hashrail.addresses import from_script
from hashrail.gateways.bitcoin_records import Unknown
from hashrail.gateways.bitcoin_rpc import NodeUnknownError
from hashrail.gateways.sandbox import SCENARIOS, SandboxChain
from hashrail.payouts import Desk
from tests.books import advance
from tests.desks import FAST, FEES, settings
from tests.payouts import TERMS, funded, held, policy
from tests.world import World

STEPS = 700
ODDS = {"ask": 20, "cancel": 4, "turn": 30, "time": 20, "play": 5, "evict": 5, "reorg": 4, "steal": 2}


class CutOffError(Exception):
    """The process is gone."""


class FragileChain:
    """A chain whose calls now and then end the process, or lose the answer, as the dice say."""

    simulated = True

    def __init__(self, chain: SandboxChain, dice: random.Random) -> None:
        self.chain = chain
        self.dice = dice
        self.fragile = False

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Awaitable[Any]] = getattr(self.chain, name)

        async def perhaps(*args: object, **kwargs: object) -> object:
            fate = self.dice.random() if self.fragile else 1
            if fate < 0.01:
                raise CutOffError
            if name == "broadcast" and fate < 0.1:
                if fate < 0.05:
                    await call(*args, **kwargs)
                return Unknown("the dice")
            if fate < 0.02:
                raise NodeUnknownError("the dice")
            answer = await call(*args, **kwargs)
            if fate < 0.03:
                raise CutOffError
            return answer

        return perhaps


class Model:
    """Who asked for what, and what is taken back."""

    def __init__(self) -> None:
        self.asked: dict[int, tuple[int, str, Decimal]] = {}
        self.cancelled: set[int] = set()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_life_of_payouts(world: World, seed: int) -> None:
    dice = random.Random(seed)
    users = [(await world.user(f"user {number}")).id for number in range(4)]
    await funded(world, *users)
    await policy(world, 0)
    chain = SandboxChain(world.pool, fees=FEES, network="regtest")
    fragile = FragileChain(chain, dice)
    desk = Desk(world.pool, fragile, settings(payout_bump_minutes=20))  # type: ignore[arg-type]
    model = Model()
    await chain.tip()
    for step in range(STEPS):
        await one_step(world, desk, chain, fragile, model, users, dice)
        if step % 20 == 0:
            await check(world, model, users)
    await settle_down(world, desk, chain, fragile)
    await check(world, model, users)
    await paid_once(world, model)
    # A life in which nothing happened would show nothing.
    seen = await world.pool.fetchrow(
        """SELECT (SELECT count(*) FROM payout_batch WHERE state = 'conflicted') AS given_up,
                  (SELECT count(*) FROM payout_transaction WHERE version > 1) AS bumped,
                  (SELECT count(*) FROM sandbox_reorg) AS reorgs, (SELECT count(*) FROM payout_batch) AS batches"""
    )
    assert seen is not None
    assert all(count > 2 for count in seen.values()), seen
    report = await reconciliation.reconcile(world.pool, chain)
    assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 0)


async def one_step(
    world: World,
    desk: Desk,
    chain: SandboxChain,
    fragile: FragileChain,
    model: Model,
    users: list[int],
    dice: random.Random,
) -> None:
    """Something happens."""
    match dice.choices(list(ODDS), list(ODDS.values()))[0]:
        case "ask":
            await ask(world, model, dice.choice(users), dice)
        case "cancel" if model.asked:
            await cancel(world, model, dice.choice(sorted(model.asked)))
        case "turn":
            fragile.fragile = True
            with suppress(CutOffError):
                await payouts.turn(desk)
            fragile.fragile = False
        case "time":
            await advance(world, dice.choice([FAST, FAST * 3]))
        case "play":
            await chain.play(dice.choice([each for each in SCENARIOS if each != "double_spend"]))
        case "evict" if waiting := await chain.mempool():
            await chain.evict(dice.choice(waiting)[0])
        case "reorg":
            # Never deeper than what counts as final.
            await chain.reorg(dice.randint(1, 5))
        case "steal" if waiting := await chain.mempool():
            await chain.double_spend(dice.choice(waiting)[0])
    await world.pool.execute(
        """UPDATE payout_foreign_spend SET acknowledged_at = now(), acknowledged_by = 'me', reason = 'seen'
           WHERE acknowledged_at IS NULL"""
    )


async def ask(world: World, model: Model, user_id: int, dice: random.Random) -> None:
    address = from_script(b"\x00\x14\xee\xee\xee\xee" + uuid.UUID(int=dice.getrandbits(128)).bytes, "regtest")
    amount = Decimal(dice.randint(5_000, 100_000)).scaleb(-8)
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        facts: dict[str, Any] = {"speed": "fast", "address": address, "amount_btc": amount}
        made = await withdrawals.request(tx, day, TERMS, user_id=user_id, **facts)
    model.asked[made.id] = (user_id, address, amount)


async def cancel(world: World, model: Model, number: int) -> None:
    try:
        async with db.transaction(world.pool) as tx:
            gone = await withdrawals.cancel(tx, await day_fence.share(tx, world.partner.id), number)
    except withdrawals.WithdrawalUnderWayError:
        return
    assert gone.state == "cancelled"
    model.cancelled.add(number)


async def settle_down(world: World, desk: Desk, chain: SandboxChain, fragile: FragileChain) -> None:
    """Nothing bad happens any more, and time goes on."""
    fragile.fragile = False
    await chain.play("confirm")
    for _ in range(40):
        await payouts.turn(desk)
        await world.pool.execute(
            """UPDATE payout_foreign_spend SET acknowledged_at = now(), acknowledged_by = 'me', reason = 'seen'
               WHERE acknowledged_at IS NULL"""
        )
        await advance(world, FAST)
        await chain.mine(1)


async def check(world: World, model: Model, users: list[int]) -> None:
    """What is held is what was asked for and neither posted nor taken back; every invariant of the audit holds."""
    async with db.snapshot(world.pool) as tx:
        assert [finding.name async for finding in checks.audit(tx) if finding.rows] == []
        rows = await tx.fetch("SELECT id, state FROM withdrawal")
    ended = {row["id"] for row in rows if row["state"] in ("final", "cancelled")}
    assert {row["id"] for row in rows if row["state"] == "cancelled"} == model.cancelled
    for user_id in users:
        open_btc = sum(
            (amount for number, (owner, _, amount) in model.asked.items() if owner == user_id and number not in ended),
            Decimal(0),
        )
        fees = TERMS.fast_commission_btc * sum(
            1 for number, (owner, _, _) in model.asked.items() if owner == user_id and number not in ended
        )
        assert await held(world, user_id) == open_btc + fees


async def paid_once(world: World, model: Model) -> None:
    for number, (_, address, amount) in model.asked.items():
        paid = await world.pool.fetch(
            """SELECT o.amount_btc FROM sandbox_output o JOIN sandbox_transaction t USING (txid)
               WHERE o.address = $1 AND t.state = 'mined'""",
            address,
        )
        expected = [] if number in model.cancelled else [amount]
        assert [row["amount_btc"] for row in paid] == expected, number
