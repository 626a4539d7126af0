"""Rewards to test with: round rates, what users earn and are owed, and the changes that a day may see."""

import datetime as dt
from decimal import Decimal
from typing import Any, TypeVar

from hashrail import business_clock, clock, db
from hashrail.books import fence, ledger
from hashrail.rewards import discounts, rate_classes, rates, settling, stints
from hashrail.selling import miners
from tests.support.world import World, inputs

T = TypeVar("T")

FIRST = dt.date(2026, 3, 1)  # the day on which every test begins
ONE_DAY = clock.ONE_DAY
# 20 W/TH costs 0.024 and 0.01 USD a TH: 2.4e-7 and 1e-7 BTC, so 1.6e-7 BTC are left.
ROUND = {"pool_btc_per_th": "0.0000005", "btc_usd": "100000", "kwh_usd": "0.05", "service_usd_per_th": "0.01"}
NET = Decimal("0.00000016")
IDLE = ROUND | {"pool_btc_per_th": "0.00000033999999"}


async def stint_rows(world: World, miner_id: int | None = None) -> list[tuple[int, str, dt.date, dt.date | None]]:
    """(user, TH, from day, to day) of a miner, or of all, in order."""
    rows = await world.pool.fetch(
        """SELECT user_id, power, from_day, to_day FROM stint
           WHERE $1::bigint IS NULL OR miner_id = $1 ORDER BY from_day, id""",
        miner_id,
    )
    return [(row["user_id"], str(row["power"]), row["from_day"], row["to_day"]) for row in rows]


async def earned(world: World, user_id: int, through: dt.date, after: dt.date | None = None) -> Decimal:
    """A user's income credited up to a day."""
    async with db.transaction(world.pool) as tx:
        return await settling.income_between(tx, world.partner.id, user_id, after=after, through=through)


async def owed(world: World, user_id: int) -> Decimal:
    """A user's unsettled income."""
    async with db.transaction(world.pool) as tx:
        return await settling.unsettled(tx, world.partner.id, user_id)


async def held(world: World, user_id: int) -> Decimal:
    """What lies on a user's BTC account."""
    async with db.transaction(world.pool) as tx:
        return (await ledger.balances_of_user(tx, world.partner.id, user_id))[0].owned


async def improve(world: World, user_id: int, miner_id: int, **changes: str) -> int:
    """Change power or energy_efficiency; answers how many stints were written."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        values = {name: Decimal(value) for name, value in changes.items()}
        await miners.improve(tx, world.partner.id, miner_id, **values)
        return await stints.sync_stints(tx, books, [user_id], miner_ids=[miner_id])


async def give(world: World, miner_id: int, seller: int, buyer: int) -> None:
    """Let a miner change hands."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, miner_id, from_user=seller, to_user=buyer)
        await stints.sync_stints(tx, books, [seller, buyer], miner_ids=[miner_id])


async def join(world: World, user_id: int, programme: int, *, member: bool = True) -> int:
    """Let a user take part in a programme or leave it."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        assert await discounts.set_membership(tx, world.partner.id, user_id, programme, member=member)
        return await stints.sync_stints(tx, books, [user_id])


async def programme(world: World, name: str, fraction: str, from_day: dt.date) -> int:
    """A programme that gives a fraction from a day on."""
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, name)
        await discounts.set_fraction(tx, number, from_day=from_day, fraction=Decimal(fraction))
        return number


async def adjust(world: World, day: dt.date, **changes: str) -> int:
    """Correct a published day."""
    async with db.transaction(world.pool) as tx:
        at = await business_clock.now(tx)
        values: dict[str, Any] = {name: Decimal(value) for name, value in changes.items()}
        return await rate_classes.adjust(tx, day, reason="entered wrongly", at=at, **values)


async def advance(world: World) -> None:
    """Let a day pass; nothing is published."""
    async with db.transaction(world.pool) as tx:
        await business_clock.advance_by(tx, ONE_DAY)


async def publish(world: World, day: dt.date) -> None:
    """Publish a day with the round rates."""
    async with db.transaction(world.pool) as tx:
        now = await business_clock.now(tx)
        await rates.enter(tx, inputs(day, **ROUND), at=now)
        assert await rate_classes.publish(tx, day, now=now)
