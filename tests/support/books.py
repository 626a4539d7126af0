"""Books to test against: one database for a whole module, a partner for each test, and the calls that doors make."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from hashrail import business_clock, clock, db
from hashrail.audit import invariants
from hashrail.books import fence, ledger
from hashrail.books.chart import Account
from hashrail.books.ledger import Transfer
from hashrail.selling import billing, miner_transfers, orders, upgrades
from hashrail.selling.orders import Order
from hashrail.selling.upgrades import UpgradeKind
from tests.support.databases import database
from tests.support.world import World

HOUR = dt.timedelta(hours=1)


@asynccontextmanager
async def deployment(server: str, template: str) -> AsyncIterator[World]:
    """A deployment that the tests of a module share; each makes a partner of its own in it."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=20)
        try:
            yield await World.create(pool)
        finally:
            await pool.close()


async def newcomer(world: World, credit_limit_usd: str = "100000") -> World:
    """A further partner of the deployment, with a name that nobody has."""
    return await world.another_partner(uuid.uuid4().hex, Decimal(credit_limit_usd))


async def advance(world: World, step: dt.timedelta) -> dt.datetime:
    """Let business time pass; answers what the clock reads."""
    async with db.transaction(world.pool) as tx:
        return await business_clock.advance_by(tx, step)


async def post(world: World, transfer: Transfer) -> bool:
    """Post a transfer in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await ledger.post(tx, await fence.share(tx, world.partner.id), transfer)


async def reserve(world: World, transfer: Transfer) -> bool:
    """Reserve a transfer in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await ledger.reserve(tx, await fence.share(tx, world.partner.id), transfer)


async def booked(world: World, account: Account) -> Decimal:
    """Credits minus debits of an account of the chart."""
    async with db.transaction(world.pool) as tx:
        return await ledger.balance(tx, world.partner.id, account)


async def receivable(world: World) -> tuple[Decimal, Decimal]:
    """(owed, reserved) USD of the partner."""
    async with db.transaction(world.pool) as tx:
        found = await billing.receivable(tx, world.partner.id)
        return found.owed, found.reserved


async def offer(world: World, power: str = "1", energy_efficiency: str = "15") -> int:
    """The id of an offer of the sample catalogue."""
    found: int = await world.pool.fetchval(
        "SELECT id FROM collection WHERE power = $1 AND energy_efficiency = $2",
        Decimal(power),
        Decimal(energy_efficiency),
    )
    return found


async def order(world: World, user_id: int, external_id: str, collection_id: int, ttl: dt.timedelta = HOUR) -> Order:
    """Create an order in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await orders.create(
            tx, books, user_id=user_id, collection_id=collection_id, external_id=external_id, ttl=ttl
        )


async def notify(world: World, user_id: int, external_id: str) -> Order:
    """Say that an order is paid, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await orders.notify_paid(tx, books, external_id=external_id, user_id=user_id)


async def buy(world: World, user_id: int, power: str, external_id: str = "bought", watts: str = "15") -> Order:
    """A miner of the sample catalogue, ordered and paid."""
    await order(world, user_id, external_id, await offer(world, power, watts))
    return await notify(world, user_id, external_id)


async def cancel(world: World, external_id: str) -> None:
    """Take an order back, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        await orders.cancel(tx, await fence.share(tx, world.partner.id), external_id=external_id)


async def fall_behind(world: World) -> None:
    """A day is published, three more are over and not kept, and an order is past its time."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    await order(world, alice.id, "o-1", await offer(world), ttl=HOUR)
    await world.mine()
    await advance(world, 3 * clock.ONE_DAY)


async def pay(world: World, amount_usd: str, reference: str) -> bool:
    """Record a payment, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await billing.record_payment(tx, world.partner.id, amount_usd=Decimal(amount_usd), reference=reference)


async def upgrade(world: World, miner_id: int | None, kind: UpgradeKind, from_value: str, to_value: str) -> int:
    """Upgrade a miner, in a transaction of its own; answers the post-payment's id."""
    assert miner_id is not None
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await upgrades.upgrade(
            tx, books, kind=kind, miner_id=miner_id, from_value=Decimal(from_value), to_value=Decimal(to_value)
        )


async def hand_over(world: World, miner_id: int | None, from_user: str, to_user: str) -> None:
    """Give a miner away, in a transaction of its own."""
    assert miner_id is not None
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await miner_transfers.hand_over(tx, books, miner_id=miner_id, from_user=from_user, to_user=to_user)


async def picture(world: World) -> list[object]:
    """Whatever a refused write of miners or money could have changed of the partner's."""
    tables = ("miner", "stint", "class_power_delta", "post_payment", "transfer", "app_user", "partner_capacity")
    rows = [f"SELECT to_jsonb(t) AS row FROM {table} t WHERE partner_id = $1" for table in (*tables, "account")]
    found = await world.pool.fetch(f"{' UNION ALL '.join(rows)} ORDER BY row", world.partner.id)
    return [row["row"] for row in found]


async def broken(pool: db.Pool) -> dict[str, list[dict[str, object]]]:
    """The invariants that do not hold, with the rows that break them."""
    async with db.snapshot(pool) as tx:
        return {finding.name: finding.rows async for finding in invariants.audit(tx) if finding.rows}
