"""Somebody lives through a simulated year: the deployment, its people, and what happens on which day.

Beside the deployment lives the dull engine (`tests/support/dull_engine.py`), which is told the same.
"""

import datetime as dt
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median

from hashrail import clock, db
from hashrail.clock import ONE_DAY
from hashrail.custody.withdrawals import Withdrawal
from hashrail.parties.operators import Operator
from hashrail.processes import watching
from hashrail.rewards import rate_classes
from hashrail_client import AsyncHashrail
from tests.support import patience
from tests.support.books import buy
from tests.support.dull_engine import DullEngine, Inputs
from tests.support.paying import customer
from tests.support.payouts import asked
from tests.support.world import World
from tests.support.year import BLOCKS, FIRST, KWH_USD, Served, Year, difficulty_at, subsidy_at

NOON = dt.timedelta(hours=12)
# For so many nights it matters what happened.
BUSY = 5
# Before the worker of this process goes on, others are killed; nothing rings then, nor is about to.
KILLED = (FIRST + 113 * ONE_DAY, FIRST + 114 * ONE_DAY)
# So often a partner reads what a user has earned, in days.
READS = 4
Happening = Callable[["Life"], Awaitable[None]]


@dataclass
class Life:
    """The deployment, its people, and the dull engine that lives beside it."""

    year: Year
    ada: Operator
    bob: Operator
    users: list[int]
    dull: DullEngine
    # What happens at noon, by days counted from 0.
    script: Mapping[int, Happening]
    day: dt.date = FIRST
    asked: list[Withdrawal] = field(default_factory=list)
    is_away: bool = False
    small: World | None = None
    address: str | None = None
    percent: int = 100
    wrong: set[str] = field(default_factory=set)
    # The partner's server, once it has a key.
    key: tuple[str, str] = ("", "")
    partners: AsyncHashrail | None = None
    # What the pool has sent, and nobody has recorded.
    sent: str = ""

    @property
    def pool(self) -> db.Pool:
        return self.year.world.pool

    async def buys(self, user_id: int, power: str, external_id: str) -> int:
        """A user buys a miner, with 15 W/TH."""
        bought = await buy(self.year.world, user_id, power, external_id)
        assert bought.miner_id is not None
        self.sold(user_id, bought.miner_id, power)
        return bought.miner_id

    @property
    def client(self) -> AsyncHashrail:
        """The partner's server, which calls the API."""
        assert self.partners is not None, "it has a key"
        return self.partners

    async def serve(self) -> None:
        """The API is served, and the partner calls it there."""
        served = await self.year.programs.serve(self.pool)
        if self.partners is not None:
            await self.partners.close()
        self.partners = AsyncHashrail(served.url, *self.key, timeout_seconds=patience.SECONDS, clock=machine_millis)

    def sold(self, user_id: int, miner_id: int, power: str) -> None:
        """The partner's server has sold a miner to a user, with 15 W/TH."""
        self.dull.user_buys(user_id, miner_id, Fraction(power), Fraction(15))

    async def reads(self) -> None:
        """What the API says that a user has earned is what the dull engine says."""
        through = self.dull.published_through
        assert through is not None
        told = await self.client.users.statistics("alice")
        assert told["stats"]["totalIncome"] == self.dull.income(self.users[0], None, through)

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
        return "HASHRAIL_EXAMPLES" not in os.environ and not self.script.keys() & {*range(number - BUSY, number + 1)}

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
        number = (self.day - FIRST).days
        if number in self.script:
            await self.script[number](self)
        elif number % READS == 0 and self.partners is not None:
            await self.reads()
        self.year.trade(self.day, self.percent, self.wrong)
        self.day += ONE_DAY
        self.dull.midnight()


def machine_millis() -> int:
    """What the clock of this machine reads, which the test moves."""
    return clock.wall_millis()


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
    made = Inputs(rounded(reward, 14), price, Fraction(KWH_USD), Fraction("0.0089"))
    return made, [difficulty, subsidy, fees]


def rounded(value: Fraction, places: int) -> Fraction:
    """Half to even."""
    return Fraction(round(value * 10**places), 10**places)
