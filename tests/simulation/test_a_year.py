"""A third of a year in the life of a deployment that no human touches but where an alarm asks for somebody; and a year
where HASHRAIL_EXAMPLES is set.

A production deployment on a regtest node has five exchanges, of which some are silent, wrong or slow down for days; the
node is away for a week, the worker for three; a price is wild, figures are typed wrongly; worker
processes are killed. Every morning all invariants hold. In the end every alarm that began has ended, and was told once
each time; every published figure is what the node and the exchanges served; and users have earned what another engine
says, to the last digit.
"""

import datetime as dt
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from statistics import median

import pytest

from hashrail import clock, db
from hashrail.accounting import pool_promises, pool_receipts
from hashrail.alarms import states
from hashrail.books import fence
from hashrail.bounds import ImplausibleFigureError
from hashrail.clock import ONE_DAY
from hashrail.custody import approvals, payout_policy
from hashrail.custody.withdrawals import Withdrawal
from hashrail.money import ZERO
from hashrail.parties.operators import Operator
from hashrail.processes import watching
from hashrail.rewards import day_waits, entering, fetching, rate_classes, rates, settling
from hashrail.rewards.entering import DayFarError
from hashrail.rewards.rates import BadRatesError
from hashrail.selling import capacity, refunds
from tests.support.books import broken, buy, offer, order, pay
from tests.support.dull_engine import DullEngine, Inputs
from tests.support.exchanges import Fault
from tests.support.operators import hired, strangers
from tests.support.paying import customer, paid_once, start_again
from tests.support.payouts import asked
from tests.support.world import World, inputs
from tests.support.year import BLOCKS, FIRST, Served, Year, difficulty_at, subsidy_at, year

# All that happens, and as many quiet days as make a year where new examples are looked for.
DAYS = 365 if "HASHRAIL_EXAMPLES" in os.environ else 131
NOON = dt.timedelta(hours=12)
# For so many nights it matters what happened.
BUSY = 5
# What begins by the script below, and so ends: how often.
ALARMS = {
    "RATES_MISSING": 2,
    "DAY_HELD": 1,
    "NODE_SILENT": 1,
    "WITHDRAWAL_OVERDUE": 1,
    "PAYOUTS_PAUSED": 1,
    "APPROVAL_WAITS": 1,
    "CREDIT_NEARLY_USED small": 1,
    "CAPACITY_NEARLY_USED": 1,
    "STANDING_FINDING POOL_SHORTFALL": 1,
}
# Before the worker of this process goes on, others are killed; nothing rings then, nor is about to.
KILLED = (FIRST + 113 * ONE_DAY, FIRST + 114 * ONE_DAY)
Happening = Callable[["Life"], Awaitable[None]]
SCRIPT: dict[int, Happening] = {}


def on(*days: int) -> Callable[[Happening], Happening]:
    """It happens at noon of these days, counted from 0."""

    def add(happening: Happening) -> Happening:
        for each in days:
            assert each not in SCRIPT, "one thing a day"
            SCRIPT[each] = happening
        return happening

    return add


@dataclass
class Life:
    """The deployment, its people, and the dull engine that lives beside it."""

    year: Year
    ada: Operator
    bob: Operator
    users: list[int]
    dull: DullEngine
    day: dt.date = FIRST
    asked: list[Withdrawal] = field(default_factory=list)
    is_away: bool = False
    small: World | None = None
    address: str | None = None
    percent: int = 100
    wrong: set[str] = field(default_factory=set)

    @property
    def pool(self) -> db.Pool:
        return self.year.world.pool

    async def buys(self, user_id: int, power: str, external_id: str) -> int:
        """A user buys a miner, with 15 W/TH."""
        bought = await buy(self.year.world, user_id, power, external_id)
        assert bought.miner_id is not None
        self.dull.user_buys(user_id, bought.miner_id, Fraction(power), Fraction(15))
        return bought.miner_id

    async def withdraws(self, amount_btc: str, address: str | None = None) -> None:
        """The first user asks for bitcoin, to a fresh address."""
        to = customer(self.year.node) if address is None else address
        self.asked.append(await asked(self.year.world, self.users[0], amount_btc, to, "fast"))

    async def keep_up(self) -> None:
        """The dull engine publishes what was published, by what was served."""
        through = await rate_classes.published_through(self.pool)
        while through is not None and self.dull.published_through != through:
            before = self.dull.published_through
            day = FIRST if before is None else before + ONE_DAY
            self.dull.publish(day, expected(self.year.served(day))[0])
            self.dull.close(self.year.world.partner.id, day)

    def is_quiet(self) -> bool:
        """Nothing has happened for days, so that a night is cut short; not where new examples are looked for."""
        number = (self.day - FIRST).days
        return "HASHRAIL_EXAMPLES" not in os.environ and not SCRIPT.keys() & {*range(number - BUSY, number + 1)}

    async def live(self) -> None:
        """A day: its night, unless the worker is away, and its noon."""
        if self.year.node.process is not None:
            self.year.mine(self.day)
        if not self.is_away:
            if self.day in KILLED:
                await self.year.night_of_the_killed(self.day)
            await self.year.night(self.day, is_quiet=self.is_quiet())
            await self.year.check()
            await self.keep_up()
        await self.year.stand_at(clock.start_of(self.day) + NOON)
        if not self.is_away:
            await watching.beat(self.year.deployment)
        happening = SCRIPT.get((self.day - FIRST).days)
        if happening is not None:
            await happening(self)
        self.year.trade(self.day, self.percent, self.wrong)
        self.day += ONE_DAY
        self.dull.midnight()


def expected(served: Served) -> tuple[Inputs, list[Fraction]]:
    """A day's inputs by what was served, with plain fractions; and its difficulty, subsidy and fees."""
    paid = [(difficulty_at(height), subsidy_at(height)) for height in served.heights]
    assert len(paid) == BLOCKS
    # The day's fees are all in its first block.
    weights = [subsidy + (served.fees_sat if place == 0 else 0) for place, (_, subsidy) in enumerate(paid)]
    shares = sum(Fraction(weight, difficulty) for weight, (difficulty, _) in zip(weights, paid, strict=True))
    difficulty, subsidy, fees = (
        rounded(each, 18)
        for each in (
            Fraction(sum(weights)) / shares,
            Fraction(sum(subsidy for _, subsidy in paid), BLOCKS * 10**8),
            Fraction(served.fees_sat, BLOCKS * 10**8),
        )
    )
    reward = Fraction(86_400 * 10**12) * (subsidy + fees) / (difficulty * 2**32)
    price = rounded(Fraction(median(served.prices.values())), 8)
    made = Inputs(rounded(reward, 14), price, Fraction("0.02"), Fraction("0.0089"))
    return made, [difficulty, subsidy, fees]


def rounded(value: Fraction, places: int) -> Fraction:
    """Half to even."""
    return Fraction(round(value * 10**places), 10**places)


# What happens


@on(0)
async def the_books_begin(life: Life) -> None:
    """Three users buy; that the first day is the first is the operator's word."""
    for number, user_id in enumerate(life.users):
        await life.buys(user_id, "64", f"first {number}")


@on(1)
async def the_first_day_is_fetched(life: Life) -> None:
    """By hand, once: `rates fetch --day`."""
    async with aclosing(fetching.days(life.pool, life.year.deployment.settings, [FIRST])) as found:
        fetched = [each async for each in found]
    async with db.transaction(life.pool) as tx:
        judged = await fetching.enter(tx, fetched[0], at=life.year.now)
    assert judged.doubts == ()


@on(10)
async def one_is_wrong(life: Life) -> None:
    """Nobody is told, but its word does not count."""
    life.wrong = {"kraken"}


@on(14)
async def it_is_right_again(life: Life) -> None:
    life.wrong = set()


@on(20)
async def two_are_silent(life: Life) -> None:
    """Three agree, which is enough."""
    life.year.exchanges.faults = {"kraken": Fault.GONE, "bitstamp": Fault.RATE_LIMITED}


@on(30)
async def one_more_is_silent(life: Life) -> None:
    """Two are not: days wait, and somebody is told after a while."""
    life.year.exchanges.faults["binance"] = Fault.NO_JSON


@on(34)
async def they_are_back(life: Life) -> None:
    """Whoever is asked why days wait is told who said what."""
    assert "RATES_MISSING" in await life.year.rings()
    [wait] = await day_waits.waiting(life.pool)
    assert (wait.day, wait.code) == (FIRST + 30 * ONE_DAY, "MARKET_QUORUM")
    assert "kraken:BTC/USD" in wait.reason
    life.year.exchanges.faults = {}


@on(36)
async def they_were_filled(life: Life) -> None:
    """All of them, in one night."""
    assert await rate_classes.published_through(life.pool) == life.day - ONE_DAY
    assert await day_waits.waiting(life.pool) == []


@on(40)
async def an_order_is_refunded_later(life: Life) -> None:
    await life.buys(life.users[1], "32", "to be refunded")
    # And one that nobody pays for.
    await order(life.year.world, life.users[2], "forgotten", await offer(life.year.world))


@on(45)
async def it_is_refunded(life: Life) -> None:
    """From the next day on its miner earns nothing."""
    async with db.transaction(life.pool) as tx:
        books = await fence.share(tx, life.year.world.partner.id)
        made = await refunds.refund(tx, books, await refunds.lock(tx, books, "to be refunded"), reason="charged back")
    life.dull.miner_refunded(made.miner_id, takes=False, at=life.year.now)
    assert await life.pool.fetchval("SELECT state FROM purchase WHERE external_id = 'forgotten'") == "expired"


@on(50)
async def the_price_is_wild(life: Life) -> None:
    life.percent = 160


@on(51)
async def it_was_a_day(life: Life) -> None:
    life.percent = 100


@on(53)
async def somebody_says_that_it_was_so(life: Life) -> None:
    """The day was held, the days after it waited, and the alarm asks for an operator.

    Beside a day that was really so, those after it, which are as days were before, are far from it: they are looked at
    again, and once the first of them is confirmed as well, the others fit.
    """
    assert await rate_classes.published_through(life.pool) == FIRST + 49 * ONE_DAY
    wild = FIRST + 50 * ONE_DAY
    assert await confirm(life, wild) == [wild + ONE_DAY, wild + 2 * ONE_DAY]
    assert await confirm(life, wild + ONE_DAY) == []


async def confirm(life: Life, day: dt.date) -> list[dt.date]:
    """An operator looks at the first day that is held, and lets it go; answers the days that are held then."""
    assert "DAY_HELD" in await life.year.rings()
    async with db.transaction(life.pool) as tx:
        first = (await rates.held(tx))[0]
        assert (first.inputs.day, first.held_for_two) == (day, False)
        await entering.confirm(tx, day, today=life.day)
        return [each.inputs.day for each in await rates.held(tx)]


@on(60)
async def figures_are_typed_wrongly(life: Life) -> None:
    """One of each kind: refused, and nothing is written of it."""
    before = await life.pool.fetch("SELECT * FROM mining_day ORDER BY day")
    plain = {"difficulty": "120e12", "subsidy_btc": "3.125", "fees_btc": "0.04"}
    for day, changes in (
        (life.day, {"difficulty": "95.67"}),
        (life.day, {"btc_usd": "78.862"}),
        (life.day, {"subsidy_btc": "312500000"}),
        (life.day, {"kwh_usd": "-1"}),
        (life.day.replace(year=2016), {}),
        (life.day.replace(year=2028), {}),
    ):
        with pytest.raises((ImplausibleFigureError, DayFarError)):
            async with db.transaction(life.pool) as tx:
                await entering.enter(tx, inputs(day, **(plain | changes)), at=life.year.now)
    line = f"{life.day},80000,0.0000005\n"
    with pytest.raises(BadRatesError):
        rates.parse_series("day,btc_usd,pool_btc_per_th\n" + line + line, {}, Decimal("0.35"))
    assert await life.pool.fetch("SELECT * FROM mining_day ORDER BY day") == before


@on(65)
async def bitcoin_leaves(life: Life) -> None:
    await life.withdraws("0.0001")


@on(67)
async def it_has_left(life: Life) -> None:
    """By the node, and the fee of it is in the figures of its day."""
    paid_once(life.year.node, {one.address: one.amount_btc for one in life.asked})
    assert sum(fees for _, fees in life.year.blocks.values()) > 0


@on(70)
async def the_node_goes(life: Life) -> None:
    life.address = customer(life.year.node)
    life.year.node.stop()


@on(71)
async def somebody_asks_for_bitcoin(life: Life) -> None:
    """What is asked for meanwhile waits."""
    await life.withdraws("0.0001", life.address)


@on(76)
async def the_node_is_back(life: Life) -> None:
    """With the blocks that it has missed: others have mined them, a day's at its beginning."""
    rings = await life.year.rings()
    assert {"NODE_SILENT", "RATES_MISSING", "WITHDRAWAL_OVERDUE"} <= {*rings}
    start_again(life.year.node)
    for ago in range(5, -1, -1):
        life.year.mine(life.day - ago * ONE_DAY)


@on(78)
async def the_worker_goes(life: Life) -> None:
    life.is_away = True


@on(88)
async def nobody_tells_but_who_asks_is_told(life: Life) -> None:
    """Where no worker lives, nobody is left who could tell it: that is what the heartbeat's URL is for."""
    assert "WORKER_SILENT" in [one.code for one in await states.ringing(life.year.deployment)]


@on(98)
async def the_worker_is_back(life: Life) -> None:
    life.is_away = False


@on(100)
async def three_weeks_were_filled(life: Life) -> None:
    assert await life.year.rings() == []
    assert await rate_classes.published_through(life.pool) == life.day - ONE_DAY


@on(102)
async def a_partner_uses_its_credit(life: Life) -> None:
    """Nearly: its limit is a little above what it owes."""
    price = await life.pool.fetchval("SELECT value_usd FROM purchase WHERE external_id = 'first 0'")
    life.small = await life.year.world.another_partner("small", price + 1)
    await buy(life.small, (await life.small.user("carol")).id, "64")


@on(105)
async def it_pays(life: Life) -> None:
    assert await life.year.rings() == ["CREDIT_NEARLY_USED small"]
    assert life.small is not None
    await pay(life.small, "500", "SEPA 1")


@on(106)
async def hashrate_is_nearly_sold(life: Life) -> None:
    async with db.transaction(life.pool) as tx:
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 1)


@on(109)
async def more_is_added(life: Life) -> None:
    assert await life.year.rings() == ["CAPACITY_NEARLY_USED"]
    async with db.transaction(life.pool) as tx:
        await capacity.set_capacity(tx, Decimal(10_000))


@on(116)
async def payouts_are_paused(life: Life) -> None:
    async with db.transaction(life.pool) as tx:
        await payout_policy.pause(tx, life.ada, "the wallet moves")


@on(118)
async def they_go_on(life: Life) -> None:
    assert await life.year.rings() == ["PAYOUTS_PAUSED"]
    async with db.transaction(life.pool) as tx:
        await payout_policy.resume(tx, life.ada)


@on(119)
async def somebody_asks_for_much(life: Life) -> None:
    await life.withdraws("0.0006")


@on(120)
async def two_look_at_it(life: Life) -> None:
    assert await life.year.rings() == ["APPROVAL_WAITS"]
    for operator in (life.ada, life.bob):
        async with db.transaction(life.pool) as tx:
            books = await fence.share(tx, life.year.world.partner.id)
            await approvals.approve(tx, books, operator, life.asked[-1].id)


@on(123)
async def the_pool_pays_too_little(life: Life) -> None:
    """Half of what is open; from the first receipt on the books know what it pays."""
    await pool_pays(life, Decimal("0.5"))


@on(125)
async def it_pays_the_rest(life: Life) -> None:
    assert await life.year.rings() == ["STANDING_FINDING POOL_SHORTFALL"]
    await pool_pays(life, Decimal(1))


@on(*range(128, 365, 3))
async def it_pays_as_it_should(life: Life) -> None:
    await pool_pays(life, Decimal(1))


async def pool_pays(life: Life, share: Decimal) -> None:
    """So much of what is open by now."""
    async with db.transaction(life.pool) as tx:
        open_btc = sum((each.open_btc for each in await pool_promises.open_days(tx)), ZERO)
        if open_btc == 0:
            return
        word = {"day": life.day, "reference": f"receipt {life.day}", "reason": "its statement"}
        await pool_receipts.add(tx, [pool_receipts.by_word(amount_btc=open_btc * share, **word)])


@pytest.fixture
async def life(monkeypatch: pytest.MonkeyPatch, dsn: str, tmp_path: Path) -> AsyncIterator[Life]:
    """Two admins, limits for payouts, three users."""
    async with year(monkeypatch.setattr, dsn, tmp_path) as made:
        pool, world = made.world.pool, made.world
        ada, bob = await hired(pool, "ada"), await hired(pool, "bob")
        await strangers(pool)
        async with db.transaction(pool) as tx:
            limits = {"cooldown_seconds": 0, **payout_policy.FIRST_LIMITS, "approval_threshold_btc": Decimal("0.0005")}
            await payout_policy.put(tx, ada, (await payout_policy.get(tx)).with_limits(limits))
        users = [(await world.user(name)).id for name in ("alice", "dora", "emil")]
        dull = DullEngine(FIRST)
        dull.partner_opens(world.partner.id)
        for user_id in users:
            dull.user_registers(world.partner.id, user_id)
        yield Life(made, ada, bob, users, dull)


async def test_a_year_without_hands(life: Life) -> None:
    for _ in range(DAYS):
        await life.live()
    life.year.mine(life.day)
    await life.year.night(life.day)
    await life.keep_up()
    assert await life.pool.fetchval("SELECT count(*) FROM alarm WHERE ended_at IS NULL") == 0
    assert life.year.told("begins") == life.year.told("ends") == Counter(ALARMS)
    assert await broken(life.pool) == {}
    await check_figures(life)
    await check_income(life)
    paid_once(life.year.node, {one.address: one.amount_btc for one in life.asked})


async def check_figures(life: Life) -> None:
    """Every day is published, and as the world served it."""
    days = [FIRST + ONE_DAY * count for count in range(DAYS - 1)]
    for day in days:
        found = await rates.find(life.pool, day)
        assert found.published_at is not None
        wanted, (difficulty, subsidy, fees) = expected(life.year.served(day))
        told = found.inputs
        assert (told.difficulty, told.subsidy_btc, told.fees_btc) == (difficulty, subsidy, fees), day
        assert (told.pool_btc_per_th, told.btc_usd) == (wanted.pool, wanted.btc_usd), day
        assert (told.kwh_usd, told.service_usd_per_th) == (wanted.kwh_usd, wanted.service_usd), day


async def check_income(life: Life) -> None:
    """What users earned is what the dull engine says."""
    through = life.dull.published_through
    assert through is not None
    for user_id in life.users:
        async with db.snapshot(life.pool) as tx:
            found = await settling.income_between(tx, life.year.world.partner.id, user_id, after=None, through=through)
        assert found == life.dull.income(user_id, None, through) > 0
