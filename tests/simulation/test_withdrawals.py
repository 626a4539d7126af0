"""Random lives of two users' bitcoin, lived through by the real books and by two numbers a user. Equal to the digit.

`HASHRAIL_EXAMPLES=500 pytest tests/simulation/test_withdrawals.py` makes a long run of fresh lives.
"""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from hashrail.custody.withdrawals import Speed
from hashrail.errors import HashrailError
from hashrail.rewards.rate_classes import NothingToAdjustError
from tests.support.api_client import check_books
from tests.support.books import deployment, newcomer
from tests.support.listening import Listener
from tests.support.payouts import (
    ADDRESSES,
    EARNED,
    TERMS,
    asked,
    cancelled,
    earn,
    funded,
    held,
    policy,
    spendable,
    take_back,
)
from tests.support.world import World

T = TypeVar("T")

EXAMPLES = os.environ.get("HASHRAIL_EXAMPLES")
SATOSHI = Decimal("0.00000001")
TH = 16
# Per TH and day, on which nothing is charged.
POOLS = st.integers(0, 10**9).map(lambda number: Decimal(number).scaleb(-11))
NUMBERS = st.integers(0, 10**6)  # picks one of whatever exists, by remainder


@dataclass
class Life:
    """What a user has been credited, and what is held of it by withdrawal."""

    user_id: int
    credited: Decimal = EARNED
    held: dict[int, Decimal] = field(default_factory=dict)

    @property
    def left(self) -> Decimal:
        """What he may ask for; below zero while more was taken back than he has."""
        return self.credited - sum(self.held.values())


class Lives(RuleBasedStateMachine):
    """Days pass and are corrected, withdrawals are asked for and taken back, in any order."""

    shared: ClassVar[World]
    loop: ClassVar[asyncio.Runner]

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(what)

    @initialize()
    def two_users_have_earned(self) -> None:
        self.world = self.run(newcomer(self.shared))
        self.lives = [Life(self.run(self.world.user(name)).id) for name in ("alice", "bob")]
        day = self.run(funded(self.world, *(life.user_id for life in self.lives)))
        self.run(policy(self.world, 0))
        self.pools = {day: Decimal("0.01")}
        self.correction = Decimal(0)

    @rule(pool=POOLS)
    def a_day_passes(self, pool: Decimal) -> None:
        """It is credited with what was corrected since the day before."""
        self.pools[self.run(earn(self.world, str(pool)))] = pool
        for life in self.lives:
            life.credited += TH * (pool + self.correction)
        self.correction = Decimal(0)

    @rule(number=NUMBERS, pool=POOLS)
    def a_day_is_corrected(self, number: int, pool: Decimal) -> None:
        """Everybody may have settled before, and a poor day follows, so that some owe what stands on their account."""
        for each in range(2):
            self.somebody_asks(each, 10, 0, "daily", ADDRESSES[0])
        self.correct(number, pool / 4)
        self.a_day_passes(pool / 1000)

    def correct(self, number: int, pool: Decimal) -> None:
        day = list(self.pools)[number % len(self.pools)]
        try:
            self.run(take_back(self.world, day, str(pool)))
        except NothingToAdjustError:
            assert pool == self.pools[day]
        self.correction += pool - self.pools[day]
        self.pools[day] = pool

    @rule(
        number=NUMBERS,
        share=st.integers(1, 100),
        more=st.integers(-1, 1),
        speed=st.sampled_from(("fast", "daily")),
        address=st.sampled_from(ADDRESSES),
    )
    def somebody_asks(self, number: int, share: int, more: int, speed: Speed, address: str) -> None:
        """For a part of what is left, or for all of it and a satoshi more."""
        life = self.lives[number % 2]
        commission = TERMS.fast_commission_btc if speed == "fast" else Decimal(0)
        amount = (abs(life.left) * share / 100 // SATOSHI + more) * SATOSHI
        if share == 100:
            amount -= commission
        expected = "ok" if amount + commission <= life.left else "INSUFFICIENT_FUNDS"
        if amount < TERMS.minimum_btc:
            expected = "AMOUNT_TOO_SMALL"
        outcome, made = self.outcome(life.user_id, amount, address, speed)
        assert outcome == expected
        if made is not None:
            life.held[made] = amount + commission

    def outcome(self, user_id: int, amount: Decimal, address: str, speed: Speed) -> tuple[str, int | None]:
        try:
            return "ok", self.run(asked(self.world, user_id, amount, address, speed)).id
        except HashrailError as refusal:
            return refusal.code, None

    @precondition(lambda self: any(life.held for life in self.lives))
    @rule(number=NUMBERS)
    def one_is_taken_back(self, number: int) -> None:
        having = [life for life in self.lives if life.held]
        life = having[number % len(having)]
        withdrawal_id = list(life.held)[number % len(life.held)]
        assert self.run(cancelled(self.world, withdrawal_id)).state == "cancelled"
        del life.held[withdrawal_id]

    def teardown(self) -> None:
        for life in self.lives:
            assert self.run(spendable(self.world, life.user_id)) == life.left
            assert self.run(held(self.world, life.user_id)) == sum(life.held.values())
        self.run(check_books(self.world))
        self.run(self.listen())

    async def listen(self) -> None:
        """Whoever has heard every event knows all balances and withdrawals."""
        listener = Listener(self.world)
        await listener.hears()
        await listener.check_balances()
        await listener.check_states()


def test_the_books_agree_with_two_numbers(server: str, template: str) -> None:
    with asyncio.Runner() as loop:
        stack = AsyncExitStack()
        Lives.loop = loop
        Lives.shared = loop.run(stack.enter_async_context(deployment(server, template)))
        try:
            run_state_machine_as_test(
                Lives,
                settings=settings(
                    max_examples=int(EXAMPLES or 6),
                    stateful_step_count=20,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            loop.run(stack.aclose())
