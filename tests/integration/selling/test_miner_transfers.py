"""Handovers: who earns from when, whose level changes, who is told what, and what stands afterwards."""

import asyncio
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest

from hashrail import db
from hashrail.errors import HashrailError
from hashrail.parties import users
from hashrail.parties.users import UserBlockedError, UserNotFoundError
from hashrail.rewards import settling
from hashrail.selling import miners
from hashrail.selling.miner_transfers import HandoverToSelfError
from hashrail.selling.miners import MinerNotFoundError
from tests.support.books import broken, buy, hand_over, newcomer, picture
from tests.support.dull_engine import DullEngine, Inputs
from tests.support.world import World, inputs

DAY = dt.timedelta(days=1)


@dataclass
class Three:
    """A partner with three users; alice has a miner of 4 TH and one of 2 TH, bob one of 2 TH, all at 15 W/TH."""

    world: World
    ids: dict[str, int]
    big: int
    small: int
    bobs: int

    async def owner(self, miner_id: int) -> str:
        found = await miners.get(self.world.pool, self.world.partner.id, miner_id)
        return next(name for name, user_id in self.ids.items() if user_id == found.user_id)

    async def level(self, name: str) -> Decimal:
        async with db.transaction(self.world.pool) as tx:
            return (await users.get(tx, self.world.partner.id, self.ids[name])).level_discount

    async def stints(self, miner_id: int) -> list[tuple[str, dt.date, dt.date | None]]:
        """(user, from, to) of a miner."""
        rows = await self.world.pool.fetch(
            """SELECT u.partner_user_id, from_day, to_day FROM stint s
               JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
               WHERE s.partner_id = $1 AND miner_id = $2 ORDER BY from_day""",
            self.world.partner.id,
            miner_id,
        )
        return [(row["partner_user_id"], row["from_day"], row["to_day"]) for row in rows]

    async def refused(self, error: type[HashrailError], miner_id: int, giver: str, taker: str) -> HashrailError:
        """The refusal of a handover that leaves everything as it was."""
        before = await picture(self.world)
        with pytest.raises(error) as caught:
            await hand_over(self.world, miner_id, giver, taker)
        assert await picture(self.world) == before
        return caught.value


async def three_of(world: World) -> Three:
    ids = {name: (await world.user(name)).id for name in ("alice", "bob", "carol")}
    bought = []
    for number, (name, power) in enumerate((("alice", "4"), ("alice", "2"), ("bob", "2"))):
        made = await buy(world, ids[name], power, f"o-{number}")
        assert made.miner_id is not None
        bought.append(made.miner_id)
    return Three(world, ids, *bought)


@pytest.fixture
async def three(shop: World) -> Three:
    """A partner of this test's own."""
    return await three_of(await newcomer(shop))


# Who earns


async def test_the_taker_earns_from_tomorrow(world: World) -> None:
    """Day by day both earn what a dull engine reckons of the same history, levels included."""
    three = await three_of(world)
    dull = DullEngine(await world.today())
    dull.partner_opens(world.partner.id)
    for user_id in three.ids.values():
        dull.user_registers(world.partner.id, user_id)
    for name, miner_id, power in (("alice", three.big, 4), ("alice", three.small, 2), ("bob", three.bobs, 2)):
        dull.user_buys(three.ids[name], miner_id, Fraction(power), Fraction(15))
    moves = [[], [("big", "alice", "bob")], [], [("big", "bob", "carol"), ("small", "alice", "carol")], [], []]
    for moved in moves:
        for which, giver, taker in moved:
            await hand_over(world, getattr(three, which), giver, taker)
            dull.miner_moves(getattr(three, which), three.ids[taker])
        day = await world.mine()
        dull.midnight()
        plain = inputs(day)
        figures = (plain.pool_btc_per_th, plain.btc_usd, plain.kwh_usd, plain.service_usd_per_th)
        dull.publish(day, Inputs(*map(Fraction, figures)))
        dull.close(world.partner.id, day)
        async with db.transaction(world.pool) as tx:
            for user_id in three.ids.values():
                assert Fraction(await settling.unsettled(tx, world.partner.id, user_id)) == dull.unsettled(user_id)
        assert await broken(world.pool) == {}
    assert all(dull.unsettled(user_id) > 0 for user_id in three.ids.values())


async def test_the_open_day_stays_with_the_giver(world: World) -> None:
    three = await three_of(world)
    await world.mine()
    today = await world.today()
    await hand_over(world, three.big, "alice", "carol")
    assert await three.owner(three.big) == "carol"
    assert await three.stints(three.big) == [("alice", today, today + DAY), ("carol", today + DAY, None)]


async def test_both_levels_change_for_all_their_miners(three: Three) -> None:
    """Alice falls below 5 TH, Bob rises above."""
    assert [await three.level(name) for name in ("alice", "bob")] == [Decimal("0.003"), 0]
    await hand_over(three.world, three.big, "alice", "bob")
    assert [await three.level(name) for name in ("alice", "bob")] == [0, Decimal("0.003")]
    rows = await three.world.pool.fetch(
        """SELECT s.miner_id, c.level_discount FROM stint s JOIN rate_class c ON c.id = s.class_id
           WHERE s.partner_id = $1 AND s.to_day IS NULL""",
        three.world.partner.id,
    )
    assert {row["miner_id"]: row["level_discount"] for row in rows} == {
        three.big: Decimal("0.003"),
        three.small: 0,
        three.bobs: Decimal("0.003"),
    }


async def test_there_and_back_on_one_day_has_never_happened(world: World) -> None:
    """Stints are as before: alice has had it all along. The day after, it is a change of its own."""
    three = await three_of(world)
    before = await three.stints(three.big)
    level = await three.level("alice")
    for giver, taker in (("alice", "bob"), ("bob", "carol"), ("carol", "alice")):
        await hand_over(world, three.big, giver, taker)
    assert (await three.stints(three.big), await three.level("alice")) == (before, level)
    assert await broken(world.pool) == {}
    await world.mine()
    today = await world.today()
    for giver, taker in (("alice", "bob"), ("bob", "alice")):
        await hand_over(world, three.big, giver, taker)
    assert [(user, to_day) for user, _, to_day in await three.stints(three.big)] == [
        ("alice", today + DAY),
        ("alice", None),
    ]
    await world.mine()
    assert await broken(world.pool) == {}


async def test_the_last_taker_of_a_day_has_it(three: Three) -> None:
    await hand_over(three.world, three.big, "alice", "bob")
    await hand_over(three.world, three.big, "bob", "carol")
    assert [user for user, _, _ in await three.stints(three.big)] == ["carol"]
    assert [await three.level(name) for name in ("alice", "bob", "carol")] == [0, 0, 0]


# What is refused


@pytest.mark.parametrize(
    ("giver", "taker", "field"),
    [("nobody", "bob", "partnerUserId"), ("alice", "nobody", "toPartnerUserId"), ("x", "y", "partnerUserId")],
)
async def test_an_unknown_user_is_named_by_his_field(three: Three, giver: str, taker: str, field: str) -> None:
    refusal = await three.refused(UserNotFoundError, three.big, giver, taker)
    assert (refusal.status, refusal.details) == (404, {"field": field})


async def test_another_partners_user_is_unknown(three: Three) -> None:
    """Also one who has the miner that is asked for."""
    other = await newcomer(three.world)
    foreigner = await other.user("foreigner")
    theirs = await buy(other, foreigner.id, "2")
    assert theirs.miner_id is not None
    refusal = await three.refused(UserNotFoundError, three.big, "alice", "foreigner")
    assert refusal.details == {"field": "toPartnerUserId"}
    refusal = await three.refused(UserNotFoundError, theirs.miner_id, "foreigner", "alice")
    assert refusal.details == {"field": "partnerUserId"}
    refusal = await three.refused(MinerNotFoundError, theirs.miner_id, "alice", "bob")
    assert refusal.details == {"field": "nftId"}


async def test_only_the_owner_s_miner_is_given(three: Three) -> None:
    """Neither another user's, nor one that does not exist, nor the own one a second time."""
    for miner_id in (three.bobs, 2**53 - 1):
        refusal = await three.refused(MinerNotFoundError, miner_id, "alice", "carol")
        assert (refusal.status, refusal.details) == (404, {"field": "nftId"})
    await hand_over(three.world, three.big, "alice", "bob")
    await three.refused(MinerNotFoundError, three.big, "alice", "bob")


async def test_to_oneself(three: Three) -> None:
    """Whether or not there is such a user and miner."""
    for name in ("alice", "bob", "nobody"):
        refusal = await three.refused(HandoverToSelfError, three.big, name, name)
        assert (refusal.status, refusal.code) == (409, "TRANSFER_TO_SELF")
        assert refusal.details == {"field": "toPartnerUserId"}


@pytest.mark.parametrize(("blocked", "field"), [("alice", "partnerUserId"), ("bob", "toPartnerUserId")])
async def test_blocked_users_neither_give_nor_take(three: Three, blocked: str, field: str) -> None:
    async with db.transaction(three.world.pool) as tx:
        await users.block(tx, three.world.partner.id, blocked)
    refusal = await three.refused(UserBlockedError, three.big, "alice", "bob")
    assert (refusal.status, refusal.details) == (403, {"field": field})
    async with db.transaction(three.world.pool) as tx:
        await users.unblock(tx, three.world.partner.id, blocked)
    await hand_over(three.world, three.big, "alice", "bob")
    assert await three.owner(three.big) == "bob"


# At the same time


async def test_two_takers_at_once(three: Three) -> None:
    """One gets it, the other is told that it is gone."""
    takers = ["bob", "carol"] * 10
    answers = await asyncio.gather(
        *(hand_over(three.world, three.big, "alice", taker) for taker in takers), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, MinerNotFoundError) for answer in answers) == 19
    assert await three.owner(three.big) == takers[answers.index(None)]
    assert await broken(three.world.pool) == {}


async def test_users_who_give_to_each_other_at_once(three: Three) -> None:
    """Nobody waits in a circle, whoever is first; every miner has one owner, who earns with it."""
    names = list(three.ids)
    for number in range(8):
        owners = {miner_id: await three.owner(miner_id) for miner_id in (three.big, three.small, three.bobs)}
        calls = []
        for step, (miner_id, owner) in enumerate(owners.items()):
            taker = next(name for name in (*names[(number + step) % 3 :], *names) if name != owner)
            calls.append(hand_over(three.world, miner_id, owner, taker))
        assert await asyncio.gather(*calls) == [None] * 3
        assert await broken(three.world.pool) == {}
        for miner_id in owners:
            assert (await three.stints(miner_id))[-1][0] == await three.owner(miner_id)


async def test_a_block_waits_for_what_is_under_way(three: Three) -> None:
    """Whoever is blocked meanwhile has given or has not, but never after the block."""

    async def block() -> None:
        async with db.transaction(three.world.pool) as tx:
            await users.block(tx, three.world.partner.id, "alice")

    given, blocked = await asyncio.gather(
        hand_over(three.world, three.big, "alice", "bob"), block(), return_exceptions=True
    )
    assert blocked is None
    assert given is None or isinstance(given, UserBlockedError)
    assert await three.owner(three.big) == ("bob" if given is None else "alice")
    await three.refused(UserBlockedError, three.small, "alice", "bob")
