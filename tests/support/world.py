"""A small deployment to test against, built through the real verbs."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal

from hashrail import business_clock, clock, db
from hashrail.books import fence
from hashrail.parties import partners, users
from hashrail.rewards import closing, discounts, rate_classes, rates, settling, stints
from hashrail.rewards.formula import DayInputs
from hashrail.selling import catalogue, miners, samples, upgrade_tariff
from hashrail.vault import Vault
from tests.support.keys import MASTER_KEY

START = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


def inputs(day: dt.date, **changes: str) -> DayInputs:
    """Plain rates of a day, with some of them changed."""
    values = {
        "pool_btc_per_th": "0.00000049",
        "btc_usd": "78862.65350442",
        "gomining_usd": "0.2989",
        "kwh_usd": "0.05",
        "service_usd_per_th": "0.0089",
        "discount_cap": "0.35",
    } | changes
    return DayInputs(day=day, **{name: Decimal(value) for name, value in values.items()})


@dataclass
class World:
    """One deployment with one partner to begin with; days move when the test says so."""

    pool: db.Pool
    partner: partners.Partner
    vault: Vault = field(default_factory=lambda: Vault([MASTER_KEY]))

    @classmethod
    async def create(cls, pool: db.Pool, start: dt.datetime = START) -> "World":
        """Levels and catalogue as in the sample; the clock stands at `start`."""
        async with db.transaction(pool) as tx:
            await business_clock.start(tx, start - clock.wall_now())
            await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
            await catalogue.put(tx, samples.sample_collections())
            await upgrade_tariff.put(tx, samples.SAMPLE)
            partner = await partners.create(tx, name="partner", credit_limit_usd=Decimal(100_000), at=start)
        return cls(pool, partner)

    @classmethod
    async def find(cls, pool: db.Pool, start: dt.datetime = START) -> "World":
        """One that was created in this database, or in the template of it; its clock stands at `start` again."""
        async with db.transaction(pool) as tx:
            await tx.execute("UPDATE business_clock SET offset_us = $1", (start - clock.wall_now()) // MICROSECOND)
            (partner,) = await partners.every(tx)
        return cls(pool, partner)

    async def another_partner(self, name: str, credit_limit_usd: Decimal = Decimal(100_000)) -> "World":
        """The same deployment seen by a further partner."""
        async with db.transaction(self.pool) as tx:
            at = await business_clock.now(tx)
            partner = await partners.create(tx, name=name, credit_limit_usd=credit_limit_usd, at=at)
        return World(self.pool, partner, self.vault)

    async def today(self) -> dt.date:
        """The business day."""
        return clock.day_of(await business_clock.now(self.pool))

    async def user(self, name: str = "alice") -> users.User:
        """A registered user."""
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, self.partner.id)
            return await users.register(tx, books, partner_user_id=name, email=None)

    async def miner(self, user_id: int, power: str = "10", energy_efficiency: str = "20") -> int:
        """A miner that earns from tomorrow."""
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, self.partner.id)
            miner_id = await miners.create(
                tx,
                self.partner.id,
                user_id=user_id,
                name="miner",
                power=Decimal(power),
                energy_efficiency=Decimal(energy_efficiency),
                at=books.now,
            )
            await stints.sync_stints(tx, books, [user_id], miner_ids=[miner_id])
            return miner_id

    async def next_day(self, **rates_of_the_day: str) -> dt.date:
        """Let the present day end, publish it with these rates; answers it. Nobody's books are closed yet."""
        async with db.transaction(self.pool) as tx:
            ended = clock.day_of(await business_clock.now(tx))
            now = await business_clock.advance_by(tx, dt.timedelta(days=1))
            await rates.enter(tx, inputs(ended, **rates_of_the_day), at=now)
            assert await rate_classes.publish(tx, ended, now=now)
        return ended

    async def close(self, day: dt.date) -> bool:
        """Close a published day for the partner."""
        async with db.transaction(self.pool) as tx:
            at = await business_clock.now(tx)
            return await closing.close_day(tx, [self.partner.id], day, at=at) == 1

    async def mine(self, **rates_of_the_day: str) -> dt.date:
        """Let the present day end, publish and close it; answers it."""
        day = await self.next_day(**rates_of_the_day)
        assert await self.close(day)
        return day

    async def settle(self, user_id: int) -> Decimal:
        """Settle a user in a transaction of its own."""
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, self.partner.id)
            return await settling.settle(tx, books, user_id)
