"""Lists, days and totals of income, against records that are written out one by one."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, db
from hashrail.books import fence
from hashrail.clock import ONE_DAY
from hashrail.money import divide_half_even
from hashrail.rewards import income_records, rate_classes, record_pages, settling, stints
from hashrail.rewards.income_records import Holdings, Position, Record
from hashrail.selling import miners
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)
# Weak miners stand idle on the second of these; the prices change every day.
PRICES = ("78862.65", "15000", "80000.01", "81234.56", "79999.99", "77000")


@dataclass
class Story:
    """Two users between whom a miner moves, over six days with two adjustments; the third has a miner of tomorrow."""

    world: World
    alice: int
    bob: int
    carol: int
    moved: int
    adjustments: tuple[int, int]
    last: dt.date


@pytest.fixture(scope="module")
async def story(books: World) -> Story:
    """Told once for the module."""
    return await told(books)


async def told(world: World) -> Story:
    """Everything happens here."""
    alice, bob, carol = [(await world.user(name)).id for name in ("alice", "bob", "carol")]
    await world.miner(alice, "2", "20")
    moved = await world.miner(alice, "3.5", "15")
    await world.mine(btc_usd=PRICES[0])
    await world.miner(bob, "7", "28")
    await world.miner(alice, "1.2345", "12")
    await world.mine(btc_usd=PRICES[1])
    await give(world, moved, alice, bob)
    await world.mine(btc_usd=PRICES[2])
    first = await adjust(world, FIRST + ONE_DAY, "79000.5")
    await improve(world, alice)
    await world.mine(btc_usd=PRICES[3])
    second = await adjust(world, FIRST + ONE_DAY, "16000")
    await give(world, moved, bob, alice)
    await world.mine(btc_usd=PRICES[4])
    await world.miner(carol, "1", "15")
    last = await world.mine(btc_usd=PRICES[5])
    return Story(world, alice, bob, carol, moved, (first, second), last)


async def give(world: World, miner: int, seller: int, buyer: int) -> None:
    """Let a miner change hands."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, miner, from_user=seller, to_user=buyer)
        assert await stints.sync_stints(tx, books, [seller, buyer], miner_ids=[miner])


async def improve(world: World, user: int) -> None:
    """The user's first miner gets 5 TH and better efficiency, and he the next level."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        first = (await miners.of_user(tx, world.partner.id, user, limit=1, offset=0))[0]
        await miners.improve(tx, world.partner.id, first.id, power=Decimal(5), energy_efficiency=Decimal("19.5"))
        assert await stints.sync_stints(tx, books, [user], miner_ids=[first.id])


async def adjust(world: World, day: dt.date, btc_usd: str) -> int:
    """Correct the price of a published day."""
    async with db.transaction(world.pool) as tx:
        at = await business_clock.now(tx)
        return await rate_classes.adjust(tx, day, reason="typing error", btc_usd=Decimal(btc_usd), at=at)


async def held(story: Story, user: int) -> Holdings:
    """What a user's income follows from."""
    async with db.transaction(story.world.pool) as tx:
        return await income_records.holdings(tx, story.world.partner.id, user)


async def page_of(tx: db.Tx, story: Story, user: int, **page: Any) -> list[Record]:
    """A page of a user's records."""
    return list((await record_pages.read(tx, story.world.partner.id, user, **page)).records)


async def brute(story: Story, user: int) -> list[tuple[dt.date, Record]]:
    """(day credited with, record), newest day first: days before adjustments, by miner and by adjustment."""
    rows = await story.world.pool.fetch(
        """SELECT d.day AS credited, d.day, s.miner_id, s.power, d.pool, d.c1, d.c2, d.net, 0 AS adjustment
           FROM stint s JOIN class_day d ON d.class_id = s.class_id WHERE s.user_id = $1
             AND d.day >= s.from_day AND (s.to_day IS NULL OR d.day < s.to_day)
           UNION ALL
           SELECT a.effective_day, a.day, s.miner_id, s.power, d.pool, d.c1, d.c2, d.net, a.id
           FROM adjustment a JOIN class_adjustment d ON d.adjustment_id = a.id
           JOIN stint s ON s.class_id = d.class_id WHERE s.user_id = $1
             AND a.day >= s.from_day AND (s.to_day IS NULL OR a.day < s.to_day)
           ORDER BY 1 DESC, 9, 3""",
        user,
    )
    return [
        (
            row["credited"],
            Record(
                miner_id=row["miner_id"],
                day=row["day"],
                credited_at=dt.datetime.combine(row["credited"] + ONE_DAY, dt.time(0, 5), dt.UTC),
                pool=row["power"] * row["pool"],
                c1=row["power"] * row["c1"],
                c2=row["power"] * row["c2"],
                net=row["power"] * row["net"],
                adjustment_id=row["adjustment"] or None,
            ),
        )
        for row in rows
    ]


def by_day(records: list[tuple[dt.date, Record]]) -> dict[dt.date, tuple[Record, ...]]:
    """The records of each day, newest first."""
    grouped: dict[dt.date, list[Record]] = defaultdict(list)
    for day, record in records:
        grouped[day].append(record)
    return {day: tuple(each) for day, each in grouped.items()}


@pytest.fixture(params=["alice", "bob", "carol"])
def user(story: Story, request: pytest.FixtureRequest) -> int:
    """Each of the three."""
    number: int = getattr(story, request.param)
    return number


async def test_the_story_has_everything(story: Story) -> None:
    """Idle days, adjustments of both signs, and a miner that came back."""
    records = await brute(story, story.alice)
    assert {record.adjustment_id for _, record in records} == {None, *story.adjustments}
    nets = [record.net for _, record in records]
    assert min(nets) < 0 < max(nets)
    assert any(record.pool == record.c1 == record.net == 0 for _, record in records)
    own = {day for day, each in records if each.miner_id == story.moved and each.adjustment_id is None}
    assert own == {FIRST + number * ONE_DAY for number in (1, 2, 5)}
    assert await brute(story, story.carol) == []


@pytest.mark.parametrize("newest", [dt.timedelta(days=31), dt.timedelta(days=1), dt.timedelta()])
async def test_every_page_of_records_is_a_slice_of_the_list(
    story: Story, user: int, newest: dt.timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any limit, any offset, past the end as well; however many days are counted first."""
    monkeypatch.setattr(record_pages, "NEWEST", newest)
    whole = [record for _, record in await brute(story, user)]
    async with db.transaction(story.world.pool) as tx:
        for limit in (1, 2, 3, 7, 100):
            for offset in range(len(whole) + 2):
                page = await page_of(tx, story, user, limit=limit, offset=offset)
                assert page == whole[offset : offset + limit], (limit, offset)


async def test_holdings_of_some_days_are_those_of_all_days_clipped(story: Story, user: int) -> None:
    """What is credited with days between two others, both included, corrections too."""
    whole = by_day(await brute(story, user))
    days = [FIRST + number * ONE_DAY for number in range(-1, 8)]
    async with db.transaction(story.world.pool) as tx:
        for first in days:
            for last in days:
                some = await income_records.holdings(tx, story.world.partner.id, user, first=first, last=last)
                chosen = [(day, len(records)) for day, records in whole.items() if first <= day <= last]
                assert list(some.days().items()) == chosen, (first, last)


async def test_every_page_of_days_is_a_slice_of_the_days(story: Story, user: int) -> None:
    """With the day's records; days count, not records."""
    whole = list(by_day(await brute(story, user)).items())
    holdings = await held(story, user)
    assert list(holdings.days().items()) == [(day, len(records)) for day, records in whole]
    async with db.transaction(story.world.pool) as tx:
        for limit in (1, 2, 100):
            for offset in range(len(whole) + 2):
                page = await income_records.page_of_days(tx, story.world.partner.id, user, limit=limit, offset=offset)
                assert list(page.days) == whole[offset : offset + limit], (limit, offset)
                assert page.more == (len(whole) > offset + limit)


async def expected_total(story: Story, user: int, day: dt.date) -> tuple[Decimal, Decimal, Decimal]:
    """(TH, W/TH, discount) of a day, weighted by power, from the miners' rows."""
    rows = await story.world.pool.fetch(
        """SELECT s.power, c.energy_efficiency, d.discount FROM stint s JOIN rate_class c ON c.id = s.class_id
           JOIN class_day d ON d.class_id = s.class_id AND d.day = $2 WHERE s.user_id = $1
             AND s.from_day <= $2 AND (s.to_day IS NULL OR s.to_day > $2)""",
        user,
        day,
    )
    power = sum((row["power"] for row in rows), Decimal(0))
    if not power:
        return power, Decimal(0), Decimal(0)
    efficiency = sum((row["power"] * row["energy_efficiency"] for row in rows), Decimal(0))
    discount = sum((row["power"] * row["discount"] for row in rows), Decimal(0))
    return power, divide_half_even(efficiency, power, 4), divide_half_even(discount, power, 4)


@pytest.mark.parametrize("with_records", [True, False])
async def test_a_days_total_is_the_sum_of_its_records(story: Story, user: int, with_records: bool) -> None:
    """Income and reward in BTC, fees in USD of the day, power and its weighted averages."""
    whole = by_day(await brute(story, user))
    holdings = await held(story, user)
    async with db.transaction(story.world.pool) as tx:
        totals, count = await income_records.day_totals(
            tx, holdings, first=FIRST, last=story.last, limit=None, offset=0, with_records=with_records
        )
    assert [each.day for each in totals] == list(whole)
    assert count == len(whole)
    for total in totals:
        records = whole[total.day]
        assert total.net == sum(record.net for record in records)
        assert total.pool == sum(record.pool for record in records)
        price = Decimal(PRICES[(total.day - FIRST).days])
        fees = sum((record.c1 + record.c2 for record in records), Decimal(0))
        assert total.fees_usd == divide_half_even(fees * price, Decimal(1), 8)
        weights = await expected_total(story, user, total.day)
        assert (total.power, total.energy_efficiency, total.discount) == weights
        assert total.records == (records if with_records else ())
        assert total.credited_at == clock.credited_at(total.day)


async def test_totals_of_a_range_are_a_page_of_it(story: Story) -> None:
    """Both ends included; the count is that of the range."""
    whole = list(by_day(await brute(story, story.alice)))
    holdings = await held(story, story.alice)
    ends = [FIRST - ONE_DAY, FIRST, FIRST + ONE_DAY, FIRST + 3 * ONE_DAY, story.last, story.last + ONE_DAY]
    async with db.transaction(story.world.pool) as tx:
        for first in ends:
            for last in ends:
                chosen = [day for day in whole if first <= day <= last]
                for limit, offset in ((None, 0), (None, 1), (2, 0), (2, 1), (1, 4), (5, 9)):
                    totals, count = await income_records.day_totals(
                        tx, holdings, first=first, last=last, limit=limit, offset=offset, with_records=False
                    )
                    end = None if limit is None else offset + limit
                    assert [each.day for each in totals] == chosen[offset:end]
                    assert count == len(chosen)


async def test_totals_by_miner_are_sums_of_records(story: Story, user: int) -> None:
    """Only of the time with this user; adjustments included; by miner."""
    expected: dict[int, Decimal] = defaultdict(Decimal)
    for _, record in await brute(story, user):
        expected[record.miner_id] += record.net
    async with db.transaction(story.world.pool) as tx:
        found = await income_records.totals_by_miner(tx, story.world.partner.id, user)
        assert found == sorted(expected.items())
        through = await settling.income_between(tx, story.world.partner.id, user, after=None, through=story.last)
    assert sum((net for _, net in found), Decimal(0)) == through


async def test_an_adjustment_is_credited_to_whoever_held_the_miner(story: Story) -> None:
    """With the next day to be published; not to whoever holds it now, and marked."""
    first, second = story.adjustments
    for number, effective in ((first, FIRST + 3 * ONE_DAY), (second, FIRST + 4 * ONE_DAY)):
        for user, holds in ((story.alice, True), (story.bob, False)):
            records = [(day, each) for day, each in await brute(story, user) if each.adjustment_id == number]
            assert {day for day, _ in records} == ({effective} if records else set())
            assert {each.day for _, each in records} == ({FIRST + ONE_DAY} if records else set())
            assert any(each.miner_id == story.moved for _, each in records) is holds


async def test_a_day_may_have_nothing_but_an_adjustment(world: World) -> None:
    """Who has sold everything still gets what he was due; the day has no power to weigh by."""
    alice, bob = (await world.user("alice")).id, (await world.user("bob")).id
    miner = await world.miner(alice, "2", "15")
    await world.mine()
    mined = await world.mine(btc_usd="20000")
    await give(world, miner, alice, bob)
    await world.mine()
    number = await adjust(world, mined, "80000")
    credited = await world.mine()
    async with db.transaction(world.pool) as tx:
        holdings = await income_records.holdings(tx, world.partner.id, alice)
        assert list(holdings.days()) == [credited, mined + ONE_DAY, mined]
        totals, count = await income_records.day_totals(
            tx, holdings, first=credited, last=credited, limit=1, offset=0, with_records=True
        )
        (only,) = totals
        assert (count, only.power, only.energy_efficiency, only.discount) == (1, 0, 0, 0)
        assert [each.adjustment_id for each in only.records] == [number]
        assert only.net == only.records[0].net > 0
        assert only.records[0].day == mined
        page = await record_pages.read(tx, world.partner.id, alice, limit=1)
        assert list(page.records) == list(only.records)
        nobody = await income_records.holdings(tx, world.partner.id, 10**9)
        assert nobody.days() == {}
        assert await income_records.day_totals(
            tx, nobody, first=mined, last=mined, limit=None, offset=0, with_records=True
        ) == ([], 0)


async def test_what_is_not_closed_is_not_shown(world: World) -> None:
    """Neither a published day nor an adjustment that is still to be credited; and each partner sees its own."""
    other = await world.another_partner("other")
    alice, carol = (await world.user("alice")).id, (await other.user("carol")).id
    await world.miner(alice, "2", "15")
    await other.miner(carol, "3", "15")
    await world.next_day()
    published = await world.next_day()
    async with db.transaction(world.pool) as tx:
        assert await income_records.holdings(tx, world.partner.id, alice) == Holdings((), ())
        assert await income_records.totals_by_miner(tx, world.partner.id, alice) == []
    assert await world.close(FIRST)
    assert await world.close(published)
    await adjust(world, published, "80000")
    async with db.transaction(world.pool) as tx:
        holdings = await income_records.holdings(tx, world.partner.id, alice)
        assert (list(holdings.days()), holdings.corrections) == ([published], ())
        assert len(await income_records.totals_by_miner(tx, world.partner.id, alice)) == 1
        assert await income_records.holdings(tx, other.partner.id, carol) == Holdings((), ())
        assert await income_records.holdings(tx, other.partner.id, alice) == Holdings((), ())


async def test_nothing_counts_before_the_first_close(world: World) -> None:
    """A stint that ended has income of published days; it is the user's when his partner's days are closed."""
    seller, buyer = await world.user("seller"), await world.user("buyer")
    miner_id = await world.miner(seller.id)
    for _ in range(2):
        await world.next_day()
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, miner_id, from_user=seller.id, to_user=buyer.id)
        await stints.sync_stints(tx, books, [seller.id, buyer.id], miner_ids=[miner_id])
    first, second = await world.next_day(), await world.next_day()
    async with db.snapshot(world.pool) as tx:
        assert await income_records.totals_by_miner(tx, world.partner.id, seller.id) == []
        assert await settling.unsettled(tx, world.partner.id, seller.id) == 0
    for back in (3, 2, 1, 0):
        assert await world.close(second - back * ONE_DAY)
    assert first == second - ONE_DAY
    async with db.snapshot(world.pool) as tx:
        ((earner, net),) = await income_records.totals_by_miner(tx, world.partner.id, seller.id)
        assert (earner, net) == (miner_id, await settling.unsettled(tx, world.partner.id, seller.id))
        assert net > 0


# Positions in the list of income


@pytest.mark.parametrize("newest", [dt.timedelta(days=31), dt.timedelta()])
async def test_every_position_of_income_is_found(
    story: Story, newest: dt.timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind each record stands what stands behind it in the list; so does it behind a place where nothing is."""
    monkeypatch.setattr(record_pages, "NEWEST", newest)
    for user in (story.alice, story.bob):
        whole = [record for _, record in await brute(story, user)]
        assert [record.position for record in whole] == sorted(
            {record.position for record in whole}, key=lambda p: (-p.day.toordinal(), p.adjustment_id, p.miner_id)
        )
        async with story.world.pool.acquire() as tx:
            for index, record in enumerate(whole):
                page = await page_of(tx, story, user, limit=3, after=record.position)
                assert page == whole[index + 1 : index + 4]
            nowhere = Position(whole[0].position.day + clock.ONE_DAY, 2**53 - 1, 2**53 - 1)
            assert await page_of(tx, story, user, limit=3, after=nowhere) == whole[:3]
            before_all = Position(dt.date(2020, 1, 1), 0, 0)
            assert await page_of(tx, story, user, limit=3, after=before_all) == []
