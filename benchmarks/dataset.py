"""A deployment of any size, built by statements over sets; the verbs of the product make what is small.

Miner number i goes to user (i x 7919) mod users, so that neighbours in number are spread over users, partners and
rate classes alike. A user's level is his number mod levels, a miner's efficiency follows from its number, so
efficiencies x levels consecutive miners fall into as many classes. Every user is a member of one programme. Partners
have equal blocks of users.

What is built is consistent: `hashrail audit` finds nothing in it, and a test says so at a small size. Left out, since
neither publishing, closing nor reading income looks at them: ledger accounts of users, and orders.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hashrail import business_clock, clock, db
from hashrail.db import Tx
from hashrail.parties import partners
from hashrail.rewards import discounts, portfolios, rate_classes, rates
from hashrail.rewards.formula import DayInputs

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST_DAY = START.date()
CREDIT_LIMIT_USD = Decimal(10) ** 12
AT_ONCE = 250_000

# Rows are written before those that refer to them: Citus does the parts of a statement one by one.
ADD_USERS = """
    WITH fresh AS (
        SELECT ($1::bigint[])[1 + u / $2::integer] AS partner_id, u + 1 AS id, u % $3::integer AS level
        FROM generate_series($4::bigint, $5::bigint - 1) AS u),
    users AS (
        INSERT INTO app_user (partner_id, id, partner_user_id, created_at, level_discount)
        SELECT partner_id, id, 'user ' || id, $7, level * 0.0001 FROM fresh)
    INSERT INTO user_programme (partner_id, user_id, programme_id) SELECT partner_id, id, $6 FROM fresh"""

# Stint number j of a miner has the efficiency that it had before its j-th last upgrade; the last one is open.
ADD_MINERS = """
    WITH fresh AS MATERIALIZED (
        SELECT i, ($1::bigint[])[1 + u / $2::integer] AS partner_id, 1001 + i AS miner_id, 1 + u AS user_id,
               u % $3::integer AS level, i / $3::integer % $4::integer AS e, 1 + i % 97 * 0.5 AS power
        FROM (SELECT i, coalesce($12::bigint, i * 7919 % $5::bigint) AS u
              FROM generate_series($6::bigint, $7::bigint - 1) AS i) AS numbers),
    spans AS MATERIALIZED (
        SELECT f.*, 1 + level * $4::integer + (e + 7 * ($9::integer - 1 - j)) % $4::integer AS class_id,
               $8::date + (j * $10::integer + CASE WHEN $9 = 1 THEN 0 ELSE i % $10::integer END)::integer AS from_day,
               CASE WHEN j < $9 - 1 THEN $8::date + ((j + 1) * $10 + i % $10)::integer END AS to_day
        FROM fresh f CROSS JOIN generate_series(0, $9 - 1) AS j),
    miners AS (
        INSERT INTO miner (partner_id, id, user_id, name, power, energy_efficiency, created_at)
        SELECT partner_id, miner_id, user_id, 'miner ' || miner_id, power, 10 + e * 0.1, $11 FROM fresh),
    stints AS (
        INSERT INTO stint (partner_id, miner_id, user_id, class_id, power, from_day, to_day)
        SELECT partner_id, miner_id, user_id, class_id, power, from_day, to_day FROM spans),
    capacity AS (
        UPDATE partner_capacity p SET committed_th = committed_th + f.power
        FROM (SELECT partner_id, sum(power) AS power FROM fresh GROUP BY partner_id) AS f
        WHERE f.partner_id = p.partner_id)
    INSERT INTO class_power_delta AS old (partner_id, day, class_id, power)
    SELECT partner_id, day, class_id, sum(power) FROM (
        SELECT partner_id, from_day AS day, class_id, power FROM spans
        UNION ALL SELECT partner_id, to_day, class_id, -power FROM spans WHERE to_day IS NOT NULL) AS edges
    GROUP BY partner_id, day, class_id HAVING sum(power) <> 0
    ON CONFLICT (partner_id, day, class_id) DO UPDATE SET power = old.power + excluded.power"""

# $1 is the first day, which is published, and $2 the last one to publish and close.
CLOSE_PAST = (
    """UPDATE mining_day d SET published_at = first.published_at, discount_cap = first.discount_cap
       FROM mining_day first WHERE first.day = $1 AND d.day > $1 AND d.day <= $2""",
    """INSERT INTO published_fraction SELECT $1::date + n, programme_id, fraction
       FROM published_fraction, generate_series(1, $2::date - $1::date) AS n WHERE day = $1""",
    """INSERT INTO class_day
       SELECT $1::date + n, class_id, discount, pool, c1, c2, net,
              pool * (n + 1), c1 * (n + 1), c2 * (n + 1), net * (n + 1)
       FROM class_day, generate_series(1, $2::date - $1::date) AS n WHERE day = $1""",
    """INSERT INTO class_power SELECT partner_id, class_id, sum(power) FROM class_power_delta
       WHERE $1 <= day AND day <= $2 GROUP BY partner_id, class_id HAVING sum(power) <> 0""",
    """INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state, created_at,
                             resolved_at, posted_seq)
       SELECT p.partner_id, 'day', d.day - '0001-01-01'::date + 1, leg, 1100, account, sum(amount), 'posted',
              d.day + interval '1 day 5 minutes', d.day + interval '1 day 5 minutes', nextval('transfer_posted_seq')
       FROM mining_day d
       JOIN (SELECT partner_id, p.day, leg, account, sum(power * rate) AS amount
             FROM class_power_delta p JOIN class_day c ON c.day = $1 AND c.class_id = p.class_id
             CROSS JOIN LATERAL (VALUES (1, 2100, net), (2, 4100, c1), (3, 4200, c2)) AS legs (leg, account, rate)
             GROUP BY partner_id, p.day, leg, account) p ON p.day <= d.day
       WHERE d.day <= $2 GROUP BY p.partner_id, d.day, leg, account""",
    "UPDATE partner_day SET closed_through = $2 WHERE $1::date IS NOT NULL",
    "UPDATE publication SET published_through = $2 WHERE first_day = $1",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Rate classes are efficiencies x levels; every partner has as many users."""

    efficiencies: int = 120
    levels: int = 25
    partners: int = 1

    @property
    def classes(self) -> int:
        """How many rate classes the miners fall into."""
        return self.efficiencies * self.levels


USUAL = Shape()


@dataclass(slots=True)
class Dataset:
    """A deployment that grows: its partners, its programme, how many users and miners, and the day that is open."""

    pool: db.Pool
    shape: Shape
    partner_ids: list[int] = field(default_factory=list)
    programme: int = 0
    users: int = 0
    miners: int = 0
    today: date = FIRST_DAY

    async def register(self, users: int) -> None:
        """More users; with several partners only once, since their blocks divide the whole number."""
        total = self.users + users
        assert total % self.shape.partners == 0, "every partner has as many users"
        assert self.users == 0 or self.shape.partners == 1, "blocks of users do not move"
        block = total // self.shape.partners
        figures = (self.partner_ids, block, self.shape.levels, self.users, total, self.programme, START)
        async with self._unchecked() as tx:
            await tx.execute(ADD_USERS, *figures)
            await tx.execute("SELECT setval('app_user_id_seq', $1)", total)
        self.users = total

    async def buy(self, miners: int, *, days: int = 0, stints: int = 1, user: int | None = None) -> None:
        """More miners, for all users in turn or for the one of that number, that earn since `days` before the open day.

        With several `stints` they were upgraded at equal distances, and not all bought and upgraded on one day.
        """
        assert days % stints == 0, "stints are as long as each other"
        first_day = self.today - timedelta(days=days)
        shape, wanted = self.shape, self.miners + miners
        while self.miners < wanted:
            upto = min(wanted, self.miners + AT_ONCE // stints)
            sizes = (self.users // shape.partners, shape.levels, shape.efficiencies, self.users, self.miners, upto)
            async with self._unchecked() as tx:
                await tx.execute(ADD_MINERS, self.partner_ids, *sizes, first_day, stints, days // stints, START, user)
                await tx.execute("SELECT setval('miner_id_seq', $1)", 1000 + upto)
            self.miners = upto

    async def end_day(self) -> DayInputs:
        """Let the open day end: enter its rates; the next one is open now. Nothing is published."""
        inputs = inputs_of(self.today)
        self.today += clock.ONE_DAY
        async with db.transaction(self.pool) as tx:
            await rates.enter(tx, inputs, at=START)
            noon = clock.start_of(self.today) + timedelta(hours=12)
            await business_clock.advance_by(tx, noon - await business_clock.now(tx))
        return inputs

    @asynccontextmanager
    async def _unchecked(self) -> AsyncIterator[Tx]:
        """A transaction that trusts its rows to refer to what is there: a check a row would only take time."""
        async with db.transaction(self.pool) as tx:
            await tx.execute("SET LOCAL session_replication_role = replica")
            yield tx
        await self.pool.execute("ANALYZE app_user, user_programme, miner, stint, class_power_delta")


async def build(pool: db.Pool, shape: Shape, *, days: int = 0) -> Dataset:
    """Partners, a programme and rate classes on an empty database, `days` days after its first; nothing published."""
    made = Dataset(pool, shape, today=FIRST_DAY + timedelta(days=days))
    async with db.transaction(pool) as tx:
        await business_clock.start(tx, START + timedelta(days=days) - clock.wall_now())
        await found(tx, made, first_day=FIRST_DAY, days=days, at=START)
    return made


async def found(tx: Tx, made: Dataset, *, first_day: date, days: int, at: datetime) -> None:
    """The partners, the programme, the rate classes and the figures of `days`, all entered at one moment."""
    shape = made.shape
    for number in range(shape.partners):
        partner = await partners.create(tx, name=f"partner {number}", credit_limit_usd=CREDIT_LIMIT_USD, at=at)
        made.partner_ids.append(partner.id)
    made.programme = await discounts.create_programme(tx, "Mining mode")
    await discounts.set_fraction(tx, made.programme, from_day=first_day, fraction=Decimal("0.02"))
    await tx.execute(
        """INSERT INTO rate_class (id, energy_efficiency, level_discount, programmes)
           SELECT 1 + level * $2::integer + e, 10 + e * 0.1, level * 0.0001, ARRAY[$3::bigint]
           FROM generate_series(0, $1::integer - 1) AS level, generate_series(0, $2::integer - 1) AS e""",
        shape.levels,
        shape.efficiencies,
        made.programme,
    )
    await tx.execute("SELECT setval('rate_class_id_seq', $1)", shape.classes)
    for number in range(days):
        await rates.enter(tx, inputs_of(first_day + number * clock.ONE_DAY), at=at)


async def close_past(made: Dataset) -> None:
    """Publish and close every day before the open one, as the product would have; the first is published by it.

    All these days have the same rates, so that running sums are multiples.
    """
    async with db.transaction(made.pool) as tx:
        await rate_classes.publish(tx, FIRST_DAY, now=await business_clock.now(tx))
        await tx.execute("SET LOCAL session_replication_role = replica")
        for statement in CLOSE_PAST:
            await tx.execute(statement, FIRST_DAY, made.today - clock.ONE_DAY)
    await made.pool.execute("ANALYZE class_day, class_power, transfer")


async def settle_past(made: Dataset, *, days: int) -> int:
    """Settle large portfolios as the worker did when the last `days` days were not closed yet; answers how many."""
    closed = made.today - clock.ONE_DAY
    await made.pool.execute("UPDATE partner_day SET closed_through = $1", closed - timedelta(days=days))
    settled = await portfolios.settle_large(made.pool)
    await made.pool.execute("UPDATE partner_day SET closed_through = $1", closed)
    return settled


def inputs_of(day: date) -> DayInputs:
    """Rates at which no class is idle."""
    return DayInputs(
        day=day,
        pool_btc_per_th=Decimal("0.00000049"),
        btc_usd=Decimal("78862.65350442"),
        gomining_usd=Decimal("0.2989"),
        kwh_usd=Decimal("0.05"),
        service_usd_per_th=Decimal("0.0089"),
        discount_cap=Decimal("0.35"),
    )
