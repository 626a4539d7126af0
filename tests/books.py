"""Books to test against: one database for a whole module, a partner for each test, and the calls that doors make."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import psycopg

from hashrail import billing, business_clock, checks, day_fence, db, handovers, ledger, orders, upgrades
from hashrail.ledger import Chart, Transfer
from hashrail.orders import Order
from hashrail.upgrades import UpgradeKind
from tests.conftest import with_database
from tests.world import World

HOUR = dt.timedelta(hours=1)


@asynccontextmanager
async def deployment(server: str, template: str) -> AsyncIterator[World]:
    """A deployment that the tests of a module share; each makes a partner of its own in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        pool = await db.open_pool(with_database(server, name), connections=20)
        try:
            yield await World.create(pool)
        finally:
            await pool.close()
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


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
        return await ledger.post(tx, await day_fence.share(tx, world.partner.id), transfer)


async def reserve(world: World, transfer: Transfer) -> bool:
    """Reserve a transfer in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await ledger.reserve(tx, await day_fence.share(tx, world.partner.id), transfer)


async def booked(world: World, account: Chart) -> Decimal:
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
        day = await day_fence.share(tx, world.partner.id)
        return await orders.create(
            tx, day, user_id=user_id, collection_id=collection_id, external_id=external_id, ttl=ttl
        )


async def notify(world: World, user_id: int, external_id: str) -> Order:
    """Say that an order is paid, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        return await orders.notify_paid(tx, day, external_id=external_id, user_id=user_id)


async def buy(world: World, user_id: int, power: str, external_id: str = "bought", watts: str = "15") -> Order:
    """A miner of the sample catalogue, ordered and paid."""
    await order(world, user_id, external_id, await offer(world, power, watts))
    return await notify(world, user_id, external_id)


async def cancel(world: World, external_id: str) -> None:
    """Take an order back, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        await orders.cancel(tx, await day_fence.share(tx, world.partner.id), external_id=external_id)


async def pay(world: World, amount_usd: str, reference: str) -> bool:
    """Record a payment, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await billing.record_payment(tx, world.partner.id, amount_usd=Decimal(amount_usd), reference=reference)


async def upgrade(world: World, miner_id: int | None, kind: UpgradeKind, from_value: str, to_value: str) -> int:
    """Upgrade a miner, in a transaction of its own; answers the post-payment's id."""
    assert miner_id is not None
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        return await upgrades.upgrade(
            tx, day, kind=kind, miner_id=miner_id, from_value=Decimal(from_value), to_value=Decimal(to_value)
        )


async def hand_over(world: World, miner_id: int | None, from_user: str, to_user: str) -> None:
    """Give a miner away, in a transaction of its own."""
    assert miner_id is not None
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        await handovers.hand_over(tx, day, miner_id=miner_id, from_user=from_user, to_user=to_user)


async def picture(world: World) -> list[object]:
    """Whatever a refused write of miners or money could have changed of the partner's."""
    tables = ("miner", "stint", "class_power_delta", "post_payment", "transfer", "app_user", "partner_capacity")
    rows = [f"SELECT to_jsonb(t) AS row FROM {table} t WHERE partner_id = $1" for table in (*tables, "account")]
    found = await world.pool.fetch(f"{' UNION ALL '.join(rows)} ORDER BY row", world.partner.id)
    return [row["row"] for row in found]


async def broken(pool: db.Pool) -> dict[str, list[dict[str, object]]]:
    """The invariants that do not hold, with the rows that break them."""
    async with db.snapshot(pool) as tx:
        return {finding.name: finding.rows async for finding in checks.audit(tx) if finding.rows}
