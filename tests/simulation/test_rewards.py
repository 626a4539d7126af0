"""Random histories, lived through twice: by the real engine on PostgreSQL and by the dull one. Equal to the last digit.

`HASHRAIL_EXAMPLES=2000 pytest tests/simulation/test_rewards.py` makes a long run of fresh histories; without it the
same twenty are lived through every time.
"""

import asyncio
import datetime as dt
import os
import uuid
from collections import defaultdict
from collections.abc import Collection, Coroutine
from contextlib import ExitStack
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hashrail import business_clock, clock, db
from hashrail.audit import invariants
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import PartnerSuspendedError
from hashrail.books.ledger import InsufficientFundsError, Transfer
from hashrail.custody import corrections
from hashrail.custody.corrections import Correction
from hashrail.db import Row, Tx
from hashrail.rewards import closing, discounts, rate_classes, rates, settling, stints
from hashrail.selling import capacity, miners, refunds
from tests.support import dull_engine, standings
from tests.support.books import buy
from tests.support.databases import database
from tests.support.dull_engine import DullEngine, Inputs
from tests.support.world import World, inputs

T = TypeVar("T")

EXAMPLES = os.environ.get("HASHRAIL_EXAMPLES")
THRESHOLDS = ("5", "10", "25", "50", "100", "200", "500", "1000")


def scaled(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    """Numbers of `places` decimals, given as integers of the last one."""
    return st.integers(low, high).map(lambda number: Decimal(number).scaleb(-places))


POWERS = st.one_of(scaled(1, 400_000, 4), scaled(1, 50_000_000, 4), st.sampled_from(THRESHOLDS).map(Decimal))
EFFICIENCIES = st.one_of(st.sampled_from(("12", "15", "20", "28.5")).map(Decimal), scaled(1, 4_000, 2))
FRACTIONS = st.one_of(scaled(0, 500, 4), scaled(0, 4_000, 4))
POOLS = st.one_of(scaled(40_000_000, 90_000_000, 14), scaled(0, 60_000_000, 14))
BTC_USD = scaled(50_000 * 10**8, 200_000 * 10**8, 8)
KWH_USD = st.one_of(scaled(0, 800, 4), scaled(0, 8 * 10**16, 18))
SERVICE_USD = st.one_of(st.just(Decimal("0.0089")), scaled(0, 2 * 10**16, 18))
RATES = st.fixed_dictionaries(
    {"pool_btc_per_th": POOLS, "btc_usd": BTC_USD, "kwh_usd": KWH_USD, "service_usd_per_th": SERVICE_USD}
)
CORRECTIONS = st.fixed_dictionaries(
    {},
    optional={"pool_btc_per_th": POOLS, "btc_usd": BTC_USD, "kwh_usd": KWH_USD, "service_usd_per_th": SERVICE_USD},
)
CORRECTED = scaled(-(10**15), 10**15, 18).filter(bool)
NUMBERS = st.integers(0, 10**6)  # picks one of whatever exists, by remainder
TIMES = st.sampled_from([dt.timedelta(minutes=4, seconds=59), dt.timedelta(minutes=5), dt.timedelta(hours=13)])
NAMES = {"pool_btc_per_th": "pool", "btc_usd": "btc_usd", "kwh_usd": "kwh_usd", "service_usd_per_th": "service_usd"}


def dull(values: dict[str, Decimal]) -> dict[str, Fraction]:
    """Inputs of a day under the names of the dull engine."""
    return {NAMES[name]: Fraction(value) for name, value in values.items()}


class Both:
    """A real deployment and the dull one; every verb is done to both, every sum is asked of both."""

    def __init__(self, pool: db.Pool, world: World, today: dt.date) -> None:
        self.pool = pool
        self.worlds = {world.partner.id: world}
        self.dull = DullEngine(today)
        self.dull.partner_opens(world.partner.id)
        self.programmes: list[int] = []
        self.ordered: dict[int, str] = {}
        self.suspended: set[int] = set()
        self.ended: set[int] = set()

    @classmethod
    async def open(cls, dsn: str) -> "Both":
        """One partner and two programmes, nobody there yet."""
        pool = await db.open_pool(dsn, connections=2)
        world = await World.create(pool)
        both = cls(pool, world, await world.today())
        async with db.transaction(pool) as tx:
            both.programmes = [await discounts.create_programme(tx, name) for name in ("promotion", "mining mode")]
        return both

    async def partner(self) -> None:
        partner = (await self.worlds[min(self.worlds)].another_partner(f"partner {len(self.worlds)}")).partner
        self.worlds[partner.id] = World(self.pool, partner)
        self.dull.partner_opens(partner.id)

    async def suspend(self, partner_id: int) -> None:
        """What goes on earns as before, so the dull one knows nothing of it."""
        found = await standings.suspended(self.worlds[partner_id])
        assert found.standing == "suspended"
        self.suspended.add(partner_id)

    async def reopen(self, partner_id: int) -> None:
        found = await standings.reopened(self.worlds[partner_id])
        assert found.standing == "open"
        self.suspended.discard(partner_id)

    async def end(self, partner_id: int) -> None:
        """For good: its users keep what they have, and its days go on being closed."""
        mine = [m for m in self.dull.miners.values() if self.dull.users[m.owner].partner == partner_id]
        made = await standings.closed(self.worlds[partner_id])
        assert (made.miners, Fraction(made.power_th)) == (len(mine), sum((m.power for m in mine), Fraction(0)))
        self.dull.partner_ends(partner_id)
        self.ended.add(partner_id)

    def has_ended(self, user_id: int) -> bool:
        """Whether the user's partner was closed."""
        return self.dull.users[user_id].partner in self.ended

    async def user(self, partner_id: int) -> None:
        if partner_id in self.suspended:
            with pytest.raises(PartnerSuspendedError):
                await self.worlds[partner_id].user("nobody")
            return
        user = await self.worlds[partner_id].user(f"user {len(self.dull.users)}")
        self.dull.user_registers(partner_id, user.id)

    async def buy(self, user_id: int, power: Decimal, efficiency: Decimal) -> None:
        world = self.worlds[self.dull.users[user_id].partner]
        miner_id = await world.miner(user_id, str(power), str(efficiency))
        await self.promise(world.partner.id, power)
        self.dull.user_buys(user_id, miner_id, Fraction(power), Fraction(efficiency))

    async def promise(self, partner_id: int, power: Decimal) -> None:
        """No order has promised the capacity of these miners, so it is done here."""
        async with db.transaction(self.pool) as tx:
            await capacity.commit_capacity(tx, partner_id, power)

    async def order(self, user_id: int, power: str) -> None:
        """A miner that was ordered, of the catalogue; its order can be refunded."""
        world = self.worlds[self.dull.users[user_id].partner]
        issued = await buy(world, user_id, power, f"order {len(self.dull.rows)} {len(self.ordered)}")
        assert issued.miner_id is not None
        self.ordered[issued.miner_id] = issued.external_id
        self.dull.user_buys(user_id, issued.miner_id, Fraction(power), Fraction(15))

    async def refund(self, miner_id: int, *, takes: bool) -> None:
        partner_id = self.dull.users[self.dull.miners[miner_id].owner].partner
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, partner_id)
            await refunds.set_takes_income(tx, partner_id, takes=takes)
            issued = await refunds.lock(tx, books, self.ordered[miner_id])
            made = await refunds.refund(tx, books, issued, reason="charged back")
        expected = self.dull.miner_refunded(miner_id, takes=takes, at=made.refunded_at)
        found = sorted((Fraction(one.earned_btc), Fraction(one.taken_btc)) for one in made.takings)
        assert found == sorted(expected.values())

    async def correct(self, user_id: int, amount: Decimal) -> None:
        """What is not there to be debited is refused; the user is settled by that only if it is done."""
        user = self.dull.users[user_id]
        before = deepcopy(user), dict(self.dull.control)
        wanted = Correction(user_id, "BTC", amount, f"case {uuid.uuid4()}", "a drill")
        at = await business_clock.now(self.pool)
        there = self.dull.user_corrected(user_id, Fraction(amount), at)
        try:
            async with db.transaction(self.pool) as tx:
                await corrections.correct(tx, await fence.share(tx, user.partner), wanted)
        except InsufficientFundsError:
            assert not there
            self.dull.users[user_id] = before[0]
            self.dull.control.update(before[1])
        else:
            assert there

    async def give(self, miner_id: int, buyer: int) -> None:
        seller = self.dull.miners[miner_id].owner
        partner_id = self.dull.users[seller].partner
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, partner_id)
            await miners.give(tx, partner_id, miner_id, from_user=seller, to_user=buyer)
            await stints.sync_stints(tx, books, [seller, buyer], miner_ids=[miner_id])
        self.dull.miner_moves(miner_id, buyer)

    async def improve(self, miner_id: int, power: Decimal | None, efficiency: Decimal | None) -> None:
        miner = self.dull.miners[miner_id]
        partner_id = self.dull.users[miner.owner].partner
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, partner_id)
            await miners.improve(tx, partner_id, miner_id, power=power, energy_efficiency=efficiency)
            await stints.sync_stints(tx, books, [miner.owner], miner_ids=[miner_id])
        if power is not None:
            await self.promise(partner_id, power - Decimal(miner.power.numerator) / miner.power.denominator)
        self.dull.miner_improves(
            miner_id,
            miner.power if power is None else Fraction(power),
            miner.efficiency if efficiency is None else Fraction(efficiency),
        )

    async def membership(self, user_id: int, programme: int, *, member: bool) -> None:
        user = self.dull.users[user_id]
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, user.partner)
            changed = await discounts.set_membership(tx, user.partner, user_id, programme, member=member)
            assert changed == (member != (programme in user.programmes))
            if changed:
                await stints.sync_stints(tx, books, [user_id])
        if changed and member:
            self.dull.user_joins(user_id, programme)
        elif changed:
            self.dull.user_leaves(user_id, programme)

    async def fraction(self, programme: int, from_day: dt.date, fraction: Decimal) -> None:
        published = self.dull.published_through
        async with db.transaction(self.pool) as tx:
            if published is not None and from_day <= published:
                with pytest.raises(discounts.FractionFixedError):
                    await discounts.set_fraction(tx, programme, from_day=from_day, fraction=fraction)
                return
            await discounts.set_fraction(tx, programme, from_day=from_day, fraction=fraction)
        self.dull.fractions[programme][from_day] = Fraction(fraction)

    async def levels(self, discount: Decimal) -> None:
        """The operator gives another discount from 25 TH on."""
        self.dull.levels[Fraction(25)] = Fraction(discount)
        async with db.transaction(self.pool) as tx:
            table = {
                Decimal(str(th)): Decimal(part.numerator) / part.denominator for th, part in self.dull.levels.items()
            }
            await discounts.set_levels(tx, table)

    async def midnight(self) -> None:
        async with db.transaction(self.pool) as tx:
            await business_clock.advance_by(tx, clock.ONE_DAY)
        self.dull.midnight()

    async def publish(self, day: dt.date, values: dict[str, Decimal]) -> None:
        async with db.transaction(self.pool) as tx:
            now = await business_clock.now(tx)
            await rates.enter(tx, inputs(day, pool_btc_per_th="1"), at=now)
            await rates.enter(tx, inputs(day, **{name: str(value) for name, value in values.items()}), at=now)
            assert await rate_classes.publish(tx, day, now=now)
        self.dull.publish(day, Inputs(**dull(values)))

    async def adjust(self, day: dt.date, values: dict[str, Decimal]) -> None:
        corrected = self.dull.adjusted(day, **dull(values))
        async with db.transaction(self.pool) as tx:
            now = await business_clock.now(tx)
            if corrected == self.dull.in_force[day]:
                with pytest.raises(rate_classes.NothingToAdjustError):
                    await rate_classes.adjust(tx, day, reason="wrong", at=now, **values)
                return
            adjustment = await rate_classes.adjust(tx, day, reason="wrong", at=now, **values)
        self.dull.adjust(adjustment, day, corrected)

    async def close(self, partner_id: int) -> None:
        """Close the partner's next day; the other partners are asked too and stay as they are."""
        day = self.dull.next_to_close(partner_id)
        assert day is not None
        ahead_or_behind = [other for other in self.worlds if self.dull.next_to_close(other) != day]
        async with db.transaction(self.pool) as tx:
            at = await business_clock.now(tx)
            assert await closing.close_day(tx, [partner_id, *ahead_or_behind], day, at=at) == 1
        self.dull.close(partner_id, day)

    async def settle(self, user_id: int) -> None:
        moved = await self.worlds[self.dull.users[user_id].partner].settle(user_id)
        assert Fraction(moved) == self.dull.settle(user_id)

    async def reserve(self, user_id: int) -> None:
        """Everything that the user can spend is reserved for something, so that a later debt has to wait."""
        user = self.dull.users[user_id]
        async with db.transaction(self.pool) as tx:
            books = await fence.share(tx, user.partner)
            btc = (await ledger.balances_of_user(tx, user.partner, user_id))[0]
            assert Fraction(btc.spendable) == user.balance - user.reserved
            if btc.spendable > 0:
                held = Transfer(
                    TransferKind.PURCHASE,
                    self.dull.today.toordinal(),
                    user_id * 1000 + len(self.dull.records),
                    btc.account_id,
                    Account.POOL_RECEIVABLE,
                    btc.spendable,
                )
                # No verb buys with a user's bitcoin, so events have no cause for it.
                with pytest.MonkeyPatch.context() as patch:
                    patch.setitem(ledger.CAUSES, TransferKind.PURCHASE, "withdrawal")
                    assert await ledger.reserve(tx, books, held)
                user.reserved = user.balance

    async def checkpoint(self, partner_id: int) -> None:
        async with db.transaction(self.pool) as tx:
            await ledger.checkpoint(tx, [partner_id])

    async def compare(self) -> None:
        """What must agree at any time: stints, control accounts, what users own and are owed."""
        async with db.snapshot(self.pool) as tx:
            for partner_id in self.worlds:
                await self._compare_stints(tx, partner_id)
                await self._compare_books(tx, partner_id)
            for user_id, user in self.dull.users.items():
                unsettled = await settling.unsettled(tx, user.partner, user_id)
                assert Fraction(unsettled) == self.dull.unsettled(user_id)
                btc = (await ledger.balances_of_user(tx, user.partner, user_id))[0]
                assert (btc.currency, Fraction(btc.owned)) == ("BTC", user.balance)
            assert [found async for found in invariants.audit(tx) if found.rows] == []

    async def compare_range(self, user_id: int, after: dt.date | None, through: dt.date) -> None:
        partner_id = self.dull.users[user_id].partner
        async with db.snapshot(self.pool) as tx:
            earned = await settling.income_between(tx, partner_id, user_id, after=after, through=through)
        assert Fraction(earned) == self.dull.income(user_id, after, through)

    async def compare_past(self, user_id: int, moment: dt.datetime) -> None:
        async with db.snapshot(self.pool) as tx:
            owned = await settling.balance_at(tx, self.dull.users[user_id].partner, user_id, moment)
        assert Fraction(owned) == self.dull.owned_at(user_id, moment)

    async def _compare_stints(self, tx: Tx, partner_id: int) -> None:
        """Stints, day by day, are the rows; the open ones are tomorrow's. Deltas and class power are their sums."""
        tomorrow = self.dull.today + clock.ONE_DAY
        expected = [row for row in self.dull.rows if row.partner == partner_id]
        expected += [row for row in self.dull.as_of_now(tomorrow) if row.partner == partner_id]
        written = await tx.fetch(
            """SELECT s.*, c.energy_efficiency, c.level_discount, c.programmes FROM stint s
               JOIN rate_class c ON c.id = s.class_id WHERE s.partner_id = $1 ORDER BY s.miner_id, s.from_day""",
            partner_id,
        )
        assert_without_gaps(written, self.dull.miners)
        assert rows_of(written, tomorrow) == {(row.day, row.miner): row for row in expected}
        deltas = await tx.fetch(
            """SELECT c.energy_efficiency, c.level_discount, c.programmes, sum(d.power) AS power
               FROM class_power_delta d JOIN rate_class c ON c.id = d.class_id
               WHERE d.partner_id = $1 GROUP BY c.id""",
            partner_id,
        )
        assert by_class(deltas) == self.dull.power_by_class(partner_id, [r for r in expected if r.day == tomorrow])
        closed = await tx.fetch(
            """SELECT c.energy_efficiency, c.level_discount, c.programmes, p.power
               FROM class_power p JOIN rate_class c ON c.id = p.class_id WHERE p.partner_id = $1""",
            partner_id,
        )
        assert by_class(closed) == self.dull.power_by_class(partner_id, self.dull.closed_rows(partner_id))

    async def _compare_books(self, tx: Tx, partner_id: int) -> None:
        """Each posting of each day and adjustment, and what the accounts come to."""
        transfers = await tx.fetch(
            """SELECT kind, object_id, leg, CASE WHEN debit_account = $2 THEN amount ELSE -amount END AS amount
               FROM transfer WHERE partner_id = $1 AND state = 'posted' AND $2 IN (debit_account, credit_account)""",
            partner_id,
            Account.POOL_RECEIVABLE.value,
        )
        expected = self.dull.postings(partner_id)
        assert {(t["kind"], t["object_id"], t["leg"]): Fraction(t["amount"]) for t in transfers} == expected
        legs: dict[int, Fraction] = defaultdict(Fraction)
        for (_, _, leg), amount in expected.items():
            legs[leg] += amount
        balances = {account: Fraction(await ledger.balance(tx, partner_id, account)) for account in Account}
        assert balances[Account.INCOME_CONTROL] == self.dull.control[partner_id]
        assert balances[Account.ELECTRICITY_REVENUE] == legs[2]
        assert balances[Account.SERVICE_REVENUE] == legs[3]
        assert balances[Account.POOL_RECEIVABLE] == -(legs[1] + legs[2] + legs[3])
        assert balances[Account.INCOME_TAKEN_BACK] == self.dull.taken[partner_id]
        assert balances[Account.CORRECTIONS_BTC] == -self.dull.corrected[partner_id]
        owed = [self.dull.unsettled(user_id) for user_id, u in self.dull.users.items() if u.partner == partner_id]
        assert balances[Account.INCOME_CONTROL] == sum(owed)


def assert_without_gaps(written: list[Row], live: Collection[int]) -> None:
    """Each stint of a miner begins on the day on which the one before ends; the last is open while the miner lives."""
    for stint, following in zip(written, [*written, None][1:], strict=True):
        if following is None or following["miner_id"] != stint["miner_id"]:
            assert (stint["to_day"] is None) == (stint["miner_id"] in live)
        else:
            assert stint["to_day"] == following["from_day"]


def rows_of(written: list[Row], last: dt.date) -> dict[tuple[dt.date, int], dull_engine.Row]:
    """Stints written out as one row for each day that they cover."""
    rows = {}
    for stint in written:
        day = stint["from_day"]
        while day <= last and (stint["to_day"] is None or day < stint["to_day"]):
            rows[day, stint["miner_id"]] = dull_engine.Row(
                day=day,
                partner=stint["partner_id"],
                user=stint["user_id"],
                miner=stint["miner_id"],
                power=Fraction(stint["power"]),
                efficiency=Fraction(stint["energy_efficiency"]),
                level=Fraction(stint["level_discount"]),
                programmes=frozenset(stint["programmes"]),
            )
            day += clock.ONE_DAY
    return rows


def by_class(rows: list[Row]) -> dict[tuple[Fraction, Fraction, frozenset[int]], Fraction]:
    """TH by what makes a class, where there is any."""
    return {
        (Fraction(r["energy_efficiency"]), Fraction(r["level_discount"]), frozenset(r["programmes"])): Fraction(
            r["power"]
        )
        for r in rows
        if r["power"] != 0
    }


class Histories(RuleBasedStateMachine):
    """What can happen to a deployment, in any order."""

    server: ClassVar[str]
    template: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()
        dsn = self.ends.enter_context(database(self.server, self.template))
        self.loop = asyncio.Runner()
        self.both = self.run(Both.open(dsn))

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(what)

    def teardown(self) -> None:
        self.run(self.both.pool.close())
        self.loop.close()
        self.ends.close()

    # Whom a rule's number means.

    def a_user(self, number: int) -> int:
        return list(self.both.dull.users)[number % len(self.both.dull.users)]

    def a_miner(self, number: int) -> int:
        return list(self.both.dull.miners)[number % len(self.both.dull.miners)]

    def ordered_miners(self) -> list[int]:
        return [miner for miner in self.both.dull.miners if miner in self.both.ordered]

    def a_partner(self, number: int) -> int:
        return list(self.both.worlds)[number % len(self.both.worlds)]

    def a_published_day(self, number: int) -> dt.date:
        days = sorted(self.both.dull.in_force, reverse=True)
        return days[number % len(days)]

    def a_day_to_publish(self, number: int) -> dt.date | None:
        """The next one; the very first may be any day that is over."""
        through, today = self.both.dull.published_through, self.both.dull.today
        if through is None:
            over = (today - dt.date(2026, 3, 1)).days
            return today - (1 + number % over) * clock.ONE_DAY if over else None
        following = through + clock.ONE_DAY
        return following if following < today else None

    # What can happen.

    @initialize(power=POWERS, efficiency=EFFICIENCIES, days=st.lists(RATES, max_size=3), start=NUMBERS)
    def somebody_is_there(
        self, power: Decimal, efficiency: Decimal, days: list[dict[str, Decimal]], start: int
    ) -> None:
        for _ in range(2):
            self.run(self.both.user(self.a_partner(0)))
        self.run(self.both.buy(self.a_user(0), power, efficiency))
        self.days_are_mined(days, start)

    @precondition(lambda self: len(self.both.dull.users) < 5)
    @rule(partner=NUMBERS)
    def a_user_registers(self, partner: int) -> None:
        """With the second user comes the second partner."""
        if len(self.both.worlds) == 1:
            self.run(self.both.partner())
        if self.a_partner(partner) not in self.both.ended:
            self.run(self.both.user(self.a_partner(partner)))

    @precondition(lambda self: len(self.both.dull.miners) < 8)
    @rule(user=NUMBERS, power=POWERS, efficiency=EFFICIENCIES)
    def a_user_buys(self, user: int, power: Decimal, efficiency: Decimal) -> None:
        if not self.both.has_ended(self.a_user(user)):
            self.run(self.both.buy(self.a_user(user), power, efficiency))

    @precondition(lambda self: len(self.both.dull.miners) < 8)
    @rule(user=NUMBERS, power=st.sampled_from(("1", "4", "32")))
    def a_user_orders(self, user: int, power: str) -> None:
        if not self.both.has_ended(self.a_user(user)):
            self.run(self.both.order(self.a_user(user), power))

    @precondition(lambda self: len(self.both.dull.miners) > 1 and self.ordered_miners())
    @rule(miner=NUMBERS, takes=st.booleans())
    def an_order_is_refunded(self, miner: int, *, takes: bool) -> None:
        """Whoever has its miner by now, on the day of the order too."""
        known = self.ordered_miners()
        self.run(self.both.refund(known[miner % len(known)], takes=takes))

    @rule(partner=NUMBERS, suspends=st.booleans())
    def a_standing_changes(self, partner: int, *, suspends: bool) -> None:
        """One that was closed stays so."""
        partner_id = self.a_partner(partner)
        if partner_id not in self.both.ended:
            self.run(self.both.suspend(partner_id) if suspends else self.both.reopen(partner_id))

    @precondition(lambda self: len(self.both.worlds) > 1 and not self.both.ended)
    @rule(partner=NUMBERS)
    def a_partner_ends(self, partner: int) -> None:
        """Once in a history, and where the other one has miners."""
        partner_id, users = self.a_partner(partner), self.both.dull.users
        if any(users[miner.owner].partner != partner_id for miner in self.both.dull.miners.values()):
            self.run(self.both.end(partner_id))

    @rule(user=NUMBERS, amount=CORRECTED)
    def a_balance_is_corrected(self, user: int, amount: Decimal) -> None:
        self.run(self.both.correct(self.a_user(user), amount))

    @rule(miner=NUMBERS, buyer=NUMBERS)
    def a_miner_moves(self, miner: int, buyer: int) -> None:
        miner_id = self.a_miner(miner)
        seller = self.both.dull.miners[miner_id].owner
        users = self.both.dull.users
        others = [u for u in users if u != seller and users[u].partner == users[seller].partner]
        if others:
            self.run(self.both.give(miner_id, others[buyer % len(others)]))

    @rule(miner=NUMBERS, power=POWERS | st.none(), efficiency=EFFICIENCIES | st.none())
    def a_miner_improves(self, miner: int, power: Decimal | None, efficiency: Decimal | None) -> None:
        self.run(self.both.improve(self.a_miner(miner), power, efficiency))

    @rule(user=NUMBERS, programme=NUMBERS, member=st.booleans())
    def a_membership_changes(self, user: int, programme: int, *, member: bool) -> None:
        self.run(self.both.membership(self.a_user(user), self.both.programmes[programme % 2], member=member))

    @rule(programme=NUMBERS, days=st.integers(-3, 3), fraction=FRACTIONS, level=st.none() | scaled(0, 900, 4))
    def discounts_change(self, programme: int, days: int, fraction: Decimal, level: Decimal | None) -> None:
        from_day = self.both.dull.today + days * clock.ONE_DAY
        self.run(self.both.fraction(self.both.programmes[programme % 2], from_day, fraction))
        if level is not None:
            self.run(self.both.levels(level))

    @rule(days=st.integers(1, 3))
    def days_pass(self, days: int) -> None:
        for _ in range(days):
            self.run(self.both.midnight())

    @rule(values=RATES, start=NUMBERS)
    def a_day_is_published(self, values: dict[str, Decimal], start: int) -> None:
        day = self.a_day_to_publish(start)
        if day is not None:
            self.run(self.both.publish(day, values))

    @rule(partner=NUMBERS, days=st.integers(1, 4))
    def a_partner_closes(self, partner: int, days: int) -> None:
        for _ in range(days):
            if self.both.dull.next_to_close(self.a_partner(partner)) is not None:
                self.run(self.both.close(self.a_partner(partner)))

    @rule(days=st.lists(RATES, min_size=1, max_size=3), start=NUMBERS)
    def days_are_mined(self, days: list[dict[str, Decimal]], start: int) -> None:
        """The usual day: it ends, is published, and every partner closes its next."""
        for values in days:
            self.days_pass(1)
            self.a_day_is_published(values, start)
            for number in range(len(self.both.worlds)):
                self.a_partner_closes(number, 1)

    @precondition(lambda self: self.both.dull.in_force)
    @rule(corrections=st.lists(st.tuples(st.integers(0, 4), CORRECTIONS), min_size=1, max_size=3))
    def days_are_adjusted(self, corrections: list[tuple[int, dict[str, Decimal]]]) -> None:
        for days_ago, values in corrections:
            self.run(self.both.adjust(self.a_published_day(days_ago), values))

    @precondition(lambda self: self.both.dull.in_force)
    @rule(
        corrections=st.lists(st.tuples(st.integers(0, 4), CORRECTIONS), min_size=1, max_size=3),
        values=RATES,
        reserves=st.booleans(),
    )
    def what_was_paid_is_adjusted(
        self, corrections: list[tuple[int, dict[str, Decimal]]], values: dict[str, Decimal], *, reserves: bool
    ) -> None:
        """Everybody has settled, and somebody may have reserved it all, when paid days turn out wrong."""
        for user_id in self.both.dull.users:
            self.run(self.both.settle(user_id))
        if reserves:
            self.run(self.both.reserve(self.a_user(0)))
        self.days_are_adjusted(corrections)
        self.days_are_mined([values], 0)
        for user_id in self.both.dull.users:
            self.run(self.both.settle(user_id))

    @rule(user=NUMBERS)
    def a_user_settles(self, user: int) -> None:
        self.run(self.both.settle(self.a_user(user)))

    @rule(user=NUMBERS, first=NUMBERS, last=NUMBERS, unbounded=st.booleans(), days=st.integers(0, 9), time=TIMES)
    def the_past_is_read(
        self, user: int, first: int, last: int, *, unbounded: bool, days: int, time: dt.timedelta
    ) -> None:
        """A range of days, the balance at a moment; and books that are summed up read the same."""
        if self.both.dull.in_force:
            after, through = sorted((self.a_published_day(first), self.a_published_day(last)))
            self.run(self.both.compare_range(self.a_user(user), None if unbounded else after - clock.ONE_DAY, through))
        moment = clock.start_of(self.both.dull.today - days * clock.ONE_DAY) + time
        self.run(self.both.compare_past(self.a_user(user), moment))
        self.run(self.both.checkpoint(self.a_partner(user)))

    @invariant()
    def both_agree(self) -> None:
        self.run(self.both.compare())


@pytest.mark.timeout(0 if EXAMPLES else 300)
def test_random_histories_agree_with_the_dull_engine(server: str, template: str) -> None:
    """Every step of every history leaves both engines in agreement."""
    Histories.server, Histories.template = server, template
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=int(EXAMPLES or 20),
            stateful_step_count=50,
            derandomize=EXAMPLES is None,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
