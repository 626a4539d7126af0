"""Upgrades: the miner is better from tomorrow, the partner owes the price, once, and a refusal leaves no trace."""

import asyncio
import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from hashrail import db
from hashrail.books import ledger
from hashrail.books.chart import Account
from hashrail.books.ledger import CreditLimitError
from hashrail.errors import HashrailError
from hashrail.parties import users
from hashrail.rewards import settling
from hashrail.selling import capacity, miners, upgrade_tariff, upgrades
from hashrail.selling.capacity import CapacityExceededError
from hashrail.selling.miners import MinerNotFoundError
from hashrail.selling.samples import SAMPLE
from hashrail.selling.upgrade_prices import Tariff
from hashrail.selling.upgrade_tariff import BadTariffError, NoTariffError
from hashrail.selling.upgrades import PostPayment, UpgradeKind, UpgradeOutOfBoundsError, UpgradeStaleError
from tests.support.books import booked, broken, buy, hand_over, newcomer, picture, receivable, upgrade
from tests.support.dull_engine import DullEngine, Inputs
from tests.support.locks import until_blocked
from tests.support.world import World, inputs

BOUGHT = Decimal("27.99")  # 2 TH at 15 W/TH in the sample catalogue
DAY = dt.timedelta(days=1)
NOTHING = Tariff(Decimal(0), Decimal(0), {}, {})


async def owner_with_miner(world: World, name: str = "alice", power: str = "2") -> tuple[users.User, int]:
    """A user with a miner of the catalogue at 15 W/TH."""
    user = await world.user(name)
    bought = await buy(world, user.id, power, f"of {name}")
    assert bought.miner_id is not None
    return user, bought.miner_id


async def quoted(world: World, miner_id: int, kind: UpgradeKind, from_value: str, to_value: str) -> upgrades.Quote:
    """What an upgrade costs now."""
    return await upgrades.quote(
        world.pool,
        world.partner.id,
        kind=kind,
        miner_id=miner_id,
        from_value=Decimal(from_value),
        to_value=Decimal(to_value),
    )


async def miner(world: World, miner_id: int) -> tuple[Decimal, Decimal]:
    """(TH, W/TH) of a miner."""
    found = await miners.get(world.pool, world.partner.id, miner_id)
    return found.power, found.energy_efficiency


async def owed(world: World) -> list[PostPayment]:
    """The partner's post-payments, newest first."""
    return await upgrades.post_payments(world.pool, world.partner.id, limit=999)


async def level(world: World, user_id: int) -> Decimal:
    """The user's level discount."""
    async with db.transaction(world.pool) as tx:
        return (await users.get(tx, world.partner.id, user_id)).level_discount


async def unchanged_by(world: World, error: type[HashrailError], *asked: Any) -> HashrailError:
    """The refusal of an upgrade that leaves everything as it was."""
    before = await picture(world)
    with pytest.raises(error) as caught:
        await upgrade(world, *asked)
    assert await picture(world) == before
    return caught.value


async def set_tariff(world: World, tariff: Tariff) -> None:
    """Set what upgrades cost, in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        await upgrade_tariff.put(tx, tariff)


# What an upgrade does


async def test_the_miner_is_better_from_tomorrow(world: World) -> None:
    """Day by day the income is what a dull engine reckons of the same history, level included."""
    alice, miner_id = await owner_with_miner(world)
    dull = DullEngine(await world.today())
    dull.partner_opens(world.partner.id)
    dull.user_registers(world.partner.id, alice.id)
    dull.user_buys(alice.id, miner_id, Fraction(2), Fraction(15))
    changes: list[tuple[UpgradeKind, str, str] | None] = [
        None,
        ("power", "2", "16.5"),
        ("efficiency", "15", "13.25"),
        None,
        ("power", "16.5", "5000"),
        None,
    ]
    for number, change in enumerate(changes):
        if change is not None:
            await upgrade(world, miner_id, *change)
            th, watts = await miner(world, miner_id)
            dull.miner_improves(miner_id, Fraction(th), Fraction(watts))
        day = await world.mine(btc_usd=str(70_000 + number))
        dull.midnight()
        plain = inputs(day, btc_usd=str(70_000 + number))
        figures = (plain.pool_btc_per_th, plain.btc_usd, plain.kwh_usd, plain.service_usd_per_th)
        dull.publish(day, Inputs(*map(Fraction, figures)))
        dull.close(world.partner.id, day)
        async with db.transaction(world.pool) as tx:
            assert Fraction(await settling.unsettled(tx, world.partner.id, alice.id)) == dull.unsettled(alice.id)
        assert await broken(world.pool) == {}
    assert dull.unsettled(alice.id) > 0
    assert await miner(world, miner_id) == (5000, Decimal("13.25"))


async def test_the_partner_owes_the_price(partner: World) -> None:
    """As a post-payment of its own on the receivable; what was quoted is what is charged."""
    _, miner_id = await owner_with_miner(partner)
    price = (await quoted(partner, miner_id, "power", "2", "4")).value_usd
    assert price == Decimal("22.910992")  # 2 TH of band 1, each 7.595496 and 5 steps of 0.772
    first = await upgrade(partner, miner_id, "power", "2", "4")
    assert await receivable(partner) == (BOUGHT + price, 0)
    cheaper = (await quoted(partner, miner_id, "efficiency", "15", "14.5")).value_usd
    assert cheaper == Decimal("5.334")  # 4 TH, half a step of 2.667
    second = await upgrade(partner, miner_id, "efficiency", "15", "14.5")
    assert await miner(partner, miner_id) == (4, Decimal("14.5"))
    assert await receivable(partner) == (BOUGHT + price + cheaper, 0)
    assert await booked(partner, Account.MINER_SALES) == BOUGHT + price + cheaper
    newest, oldest = await owed(partner)
    assert (oldest.id, oldest.miner_id, oldest.kind) == (first, miner_id, "power")
    assert (oldest.from_value, oldest.to_value, oldest.value_usd) == (2, 4, price)
    assert (newest.id, newest.kind, newest.value_usd) == (second, "efficiency", cheaper)
    assert newest.created_at >= oldest.created_at
    posted = await partner.pool.fetch(
        """SELECT object_id, leg, amount, state, resolved_at FROM transfer
           WHERE partner_id = $1 AND kind = 'post_payment' ORDER BY object_id""",
        partner.partner.id,
    )
    assert [tuple(row.values()) for row in posted] == [
        (first, 1, price, "posted", oldest.created_at),
        (second, 1, cheaper, "posted", newest.created_at),
    ]
    assert await broken(partner.pool) == {}


async def test_the_level_follows_the_owners_total(partner: World) -> None:
    """Power of one miner counts for the stints of all of his; efficiency counts for no level."""
    alice, first = await owner_with_miner(partner)
    other = await buy(partner, alice.id, "2", "another")
    assert await level(partner, alice.id) == 0
    await upgrade(partner, first, "efficiency", "15", "12")
    assert await level(partner, alice.id) == 0
    await upgrade(partner, first, "power", "2", "3")
    assert await level(partner, alice.id) == Decimal("0.003")
    discounts = await partner.pool.fetch(
        """SELECT s.miner_id, s.power, c.energy_efficiency, c.level_discount, s.from_day FROM stint s
           JOIN rate_class c ON c.id = s.class_id WHERE s.partner_id = $1 ORDER BY s.miner_id""",
        partner.partner.id,
    )
    tomorrow = await partner.today() + DAY
    assert [tuple(row.values()) for row in discounts] == [
        (first, 3, 12, Decimal("0.003"), tomorrow),
        (other.miner_id, 2, 15, Decimal("0.003"), tomorrow),
    ]


async def test_nothing_is_given_away(world: World) -> None:
    """Where the tariff's steps do not reach, the price is 0: it can be asked, and the upgrade is refused."""
    _, miner_id = await owner_with_miner(world)
    await set_tariff(world, NOTHING)
    assert (await quoted(world, miner_id, "power", "2", "3")).value_usd == 0
    before = await picture(world)
    for kind, present, wanted in (("power", "2", "3"), ("efficiency", "15", "14")):
        with pytest.raises(upgrades.UpgradeNotPricedError) as caught:
            await upgrade(world, miner_id, kind, present, wanted)
        assert caught.value.details == {"field": "to"}
    assert await picture(world) == before
    assert await owed(world) == []
    await set_tariff(world, Tariff(Decimal("0.00000001"), Decimal(0), {}, {}))
    await upgrade(world, miner_id, "power", "2", "3")
    assert [(one.value_usd, one.to_value) for one in await owed(world)] == [(Decimal("0.00000001"), 3)]
    assert await broken(world.pool) == {}


async def test_the_price_is_that_of_the_moment(world: World) -> None:
    """A new tariff counts at once; what is owed already stays."""
    _, miner_id = await owner_with_miner(world)
    before = (await quoted(world, miner_id, "power", "2", "3")).value_usd
    await upgrade(world, miner_id, "power", "2", "3")
    await set_tariff(world, Tariff(Decimal(10), Decimal(0), {}, {}))
    await upgrade(world, miner_id, "power", "3", "3.5")
    assert [one.value_usd for one in await owed(world)] == [5, before]


async def test_post_payments_come_in_pages(partner: World) -> None:
    """Newest first, from an offset or after the last of the page before; nobody else's."""
    _, miner_id = await owner_with_miner(partner)
    ids = [await upgrade(partner, miner_id, "power", f"{th}", f"{th + 1}") for th in range(2, 7)]
    ids.reverse()

    async def page(**where: Any) -> list[int]:
        return [one.id for one in await upgrades.post_payments(partner.pool, partner.partner.id, **where)]

    assert await page(limit=2) == ids[:2]
    assert await page(limit=2, offset=2) == ids[2:4]
    assert await page(limit=2, before=ids[1]) == ids[2:4]
    assert await page(limit=99, before=ids[3]) == ids[4:]
    assert await owed(await newcomer(partner)) == []


# What is refused


OUT_OF_BOUNDS: list[tuple[UpgradeKind, str, str, str]] = [
    ("power", "2", "2", "to"),
    ("power", "2", "1.9999", "to"),
    ("power", "2", "5000.0001", "to"),
    ("power", "2", "2.00001", "to"),
    ("power", "5000.1", "5001", "from"),
    ("power", "0", "3", "from"),
    ("power", "-1", "3", "from"),
    ("power", "1.99999", "3", "from"),
    ("power", "2", "NaN", "to"),
    ("power", "Infinity", "3", "from"),
    ("efficiency", "15", "15", "to"),
    ("efficiency", "15", "15.01", "to"),
    ("efficiency", "15", "11.99", "to"),
    ("efficiency", "15", "14.001", "to"),
    ("efficiency", "15.001", "14", "from"),
    ("efficiency", "15", "0", "to"),
]


@pytest.mark.parametrize(("kind", "from_value", "to_value", "field"), OUT_OF_BOUNDS)
async def test_bounds(shop: World, kind: UpgradeKind, from_value: str, to_value: str, field: str) -> None:
    """Before anything else is looked at: the miner need not even exist."""
    with pytest.raises(UpgradeOutOfBoundsError) as caught:
        await quoted(shop, 1, kind, from_value, to_value)
    assert (caught.value.status, caught.value.code) == (400, "UPGRADE_OUT_OF_BOUNDS")
    assert caught.value.details == {"field": field}


async def test_bounds_are_held_when_upgrading(partner: World) -> None:
    """To the very ends, and not beyond."""
    _, miner_id = await owner_with_miner(partner)
    await unchanged_by(partner, UpgradeOutOfBoundsError, miner_id, "power", "2", "5000.0001")
    await upgrade(partner, miner_id, "power", "2", "5000")
    await upgrade(partner, miner_id, "efficiency", "15", "12")
    await unchanged_by(partner, UpgradeOutOfBoundsError, miner_id, "power", "5000", "5001")
    assert await miner(partner, miner_id) == (5000, 12)


@pytest.mark.parametrize(
    ("kind", "from_value", "to_value", "present"),
    [("power", "2.0001", "3", 2), ("power", "1", "3", 2), ("efficiency", "14.99", "14", 15), ("power", "15", "16", 2)],
)
async def test_from_must_be_the_present_value(
    partner: World, kind: UpgradeKind, from_value: str, to_value: str, present: int
) -> None:
    _, miner_id = await owner_with_miner(partner)
    refusal = await unchanged_by(partner, UpgradeStaleError, miner_id, kind, from_value, to_value)
    assert (refusal.status, refusal.code) == (409, "UPGRADE_STALE")
    assert refusal.details == {"field": "from", "present": present}
    with pytest.raises(UpgradeStaleError):
        await quoted(partner, miner_id, kind, from_value, to_value)


async def test_the_same_value_with_more_zeros_is_the_same(partner: World) -> None:
    _, miner_id = await owner_with_miner(partner)
    await upgrade(partner, miner_id, "power", "2.0000", "30e-1")
    await upgrade(partner, miner_id, "power", "3", "4")
    assert (await miner(partner, miner_id))[0] == 4


async def test_sent_twice_is_bought_once(partner: World) -> None:
    """The second finds another value, and says which."""
    _, miner_id = await owner_with_miner(partner)
    await upgrade(partner, miner_id, "power", "2", "3")
    refusal = await unchanged_by(partner, UpgradeStaleError, miner_id, "power", "2", "3")
    assert refusal.details["present"] == 3


async def test_no_such_miner(partner: World) -> None:
    """Neither one that does not exist nor another partner's."""
    _, foreign = await owner_with_miner(await newcomer(partner))
    for miner_id in (foreign, 2**53 - 1):
        refusal = await unchanged_by(partner, MinerNotFoundError, miner_id, "power", "2", "3")
        assert (refusal.status, refusal.details) == (404, {"field": "nftId"})
        with pytest.raises(MinerNotFoundError):
            await quoted(partner, miner_id, "power", "2", "3")


async def test_a_blocked_owner(partner: World) -> None:
    """Nothing of his is written; a price may be asked. Once he is unblocked it goes on."""
    alice, miner_id = await owner_with_miner(partner)
    async with db.transaction(partner.pool) as tx:
        await users.block(tx, partner.partner.id, alice.partner_user_id)
    refusal = await unchanged_by(partner, users.UserBlockedError, miner_id, "power", "2", "3")
    assert (refusal.status, refusal.code) == (403, "USER_BLOCKED")
    assert (await quoted(partner, miner_id, "power", "2", "3")).value_usd > 0
    async with db.transaction(partner.pool) as tx:
        await users.unblock(tx, partner.partner.id, alice.partner_user_id)
    await upgrade(partner, miner_id, "power", "2", "3")


async def test_the_credit_limit(shop: World) -> None:
    """To the last digit; what did not fit left no trace."""
    partner = await newcomer(shop)
    _, miner_id = await owner_with_miner(partner)
    price = (await quoted(partner, miner_id, "power", "2", "3")).value_usd

    async def limit(usd: Decimal) -> None:
        async with db.transaction(partner.pool) as tx:
            await ledger.set_credit_limit(tx, partner.partner.id, usd)

    await limit(BOUGHT + price - Decimal("0.00000001"))
    refusal = await unchanged_by(partner, CreditLimitError, miner_id, "power", "2", "3")
    assert (refusal.status, refusal.code) == (409, "CREDIT_LIMIT_EXCEEDED")
    await limit(BOUGHT + price)
    await upgrade(partner, miner_id, "power", "2", "3")
    assert await receivable(partner) == (BOUGHT + price, 0)


async def test_the_capacity(world: World) -> None:
    """Only what is added counts, to the last TH; efficiency takes none."""
    _, miner_id = await owner_with_miner(world)
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, Decimal(5))
    refusal = await unchanged_by(world, CapacityExceededError, miner_id, "power", "2", "5.0001")
    assert (refusal.status, refusal.code) == (409, "CAPACITY_EXCEEDED")
    await upgrade(world, miner_id, "power", "2", "5")
    await upgrade(world, miner_id, "efficiency", "15", "14")
    async with db.transaction(world.pool) as tx:
        assert await capacity.committed_th(tx) == 5
    await unchanged_by(world, CapacityExceededError, miner_id, "power", "5", "5.0001")
    assert await broken(world.pool) == {}


# At the same time


def outcomes(answers: list[Any]) -> dict[str, int]:
    """How many calls ended in which way."""
    names = [type(answer).__name__ if isinstance(answer, BaseException) else "done" for answer in answers]
    return {name: names.count(name) for name in sorted(set(names))}


@pytest.mark.parametrize("change", [("power", "2", "3"), ("efficiency", "15", "14.5")])
async def test_fifty_at_once_have_one_effect(partner: World, change: tuple[UpgradeKind, str, str]) -> None:
    _, miner_id = await owner_with_miner(partner)
    calls = [upgrade(partner, miner_id, *change) for _ in range(50)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes(answers) == {"UpgradeStaleError": 49, "done": 1}
    (one,) = await owed(partner)
    assert await receivable(partner) == (BOUGHT + one.value_usd, 0)
    assert Decimal(change[2]) in await miner(partner, miner_id)
    assert await broken(partner.pool) == {}


async def test_different_upgrades_at_once(partner: World) -> None:
    """Of those that begin at the same value one is made; power and efficiency do not exclude each other."""
    _, miner_id = await owner_with_miner(partner)
    powers = [upgrade(partner, miner_id, "power", "2", f"{th}") for th in range(3, 13)]
    levels = [upgrade(partner, miner_id, "efficiency", "15", f"{watts}") for watts in (12, 13, 14)]
    answers = await asyncio.gather(*powers, *levels, return_exceptions=True)
    assert outcomes(answers[:10]) == {"UpgradeStaleError": 9, "done": 1}
    assert outcomes(answers[10:]) == {"UpgradeStaleError": 2, "done": 1}
    found = {one.kind: one for one in await owed(partner)}
    assert await miner(partner, miner_id) == (found["power"].to_value, found["efficiency"].to_value)
    assert (await receivable(partner))[0] == BOUGHT + sum(one.value_usd for one in found.values())
    assert await broken(partner.pool) == {}


async def test_upgrades_race_handovers(partner: World) -> None:
    """Two users pass two miners to and fro while both are upgraded: nobody waits in a circle, and the books hold."""
    _, first = await owner_with_miner(partner, "alice", "4")
    _, second = await owner_with_miner(partner, "bob", "4")
    for th in range(4, 12):
        answers = await asyncio.gather(
            *[upgrade(partner, miner_id, "power", f"{th}", f"{th + 1}") for miner_id in (first, second)],
            *[hand_over(partner, first, *names) for names in (("alice", "bob"), ("bob", "alice"))],
            *[hand_over(partner, second, *names) for names in (("alice", "bob"), ("bob", "alice"))],
            return_exceptions=True,
        )
        assert outcomes(answers[:2]) == {"done": 2}
        assert set(outcomes(answers[2:])) <= {"done", "MinerNotFoundError"}
        assert outcomes(answers[2:])["done"] >= 2
    assert len(await owed(partner)) == 16
    assert [await miner(partner, each) for each in (first, second)] == [(12, 15)] * 2
    assert await broken(partner.pool) == {}


async def test_the_books_hold_when_days_close_between(world: World) -> None:
    """Upgrades of several days, settled in between, with a payment."""
    alice, miner_id = await owner_with_miner(world)
    for th in range(2, 6):
        await upgrade(world, miner_id, "power", f"{th}", f"{th + 1}")
        await world.mine()
        await world.settle(alice.id)
        assert await broken(world.pool) == {}
    stints = await world.pool.fetch("SELECT power FROM stint ORDER BY from_day")
    assert [row["power"] for row in stints] == [3, 4, 5, 6]


# The tariff


async def test_a_tariff_is_kept_as_it_is_set(world: World) -> None:
    """Every part, whatever was there before."""
    assert await upgrade_tariff.load(world.pool) == SAMPLE
    for tariff in (
        Tariff(Decimal("999999999.999"), Decimal("0.9999"), {1: Decimal(3), 999: Decimal(4)}, {}),
        NOTHING,
        Tariff(Decimal("0.000000000000000001"), Decimal(0), {}, {15: Decimal(7)}),
    ):
        await set_tariff(world, tariff)
        assert await upgrade_tariff.load(world.pool) == tariff
    assert await world.pool.fetchval("SELECT count(*) FROM upgrade_tariff") == 1


@pytest.mark.parametrize(
    ("tariff", "field"),
    [
        (Tariff(Decimal(-1), Decimal(0), {}, {}), "power_price"),
        (Tariff(Decimal(10) ** 9, Decimal(0), {}, {}), "power_price"),
        (Tariff(Decimal("1e-19"), Decimal(0), {}, {}), "power_price"),
        (Tariff(Decimal("NaN"), Decimal(0), {}, {}), "power_price"),
        (Tariff(Decimal(1), Decimal(1), {}, {}), "band_discount"),
        (Tariff(Decimal(1), Decimal("-0.1"), {}, {}), "band_discount"),
        (Tariff(Decimal(1), Decimal("0.00001"), {}, {}), "band_discount"),
    ],
)
async def test_bad_tariffs(shop: World, tariff: Tariff, field: str) -> None:
    with pytest.raises(BadTariffError) as caught:
        await set_tariff(shop, tariff)
    assert (caught.value.status, caught.value.details["field"]) == (400, field)
    assert await upgrade_tariff.load(shop.pool) == SAMPLE


async def test_the_dearest_upgrade_is_an_amount(world: World) -> None:
    """Whatever a tariff may hold, what it comes to can be written down; here nobody has the credit for it."""
    _, miner_id = await owner_with_miner(world)
    dear = dict.fromkeys(range(1, 1000), Decimal("999999999.999999999999999999"))
    await set_tariff(world, Tariff(dear[1], Decimal(0), dear, dear))
    await unchanged_by(world, CreditLimitError, miner_id, "power", "2", "5000")
    assert (await quoted(world, miner_id, "power", "2", "5000")).value_usd == Decimal(29_988_000_000_000)


async def test_parts_of_a_tariff_are_changed(world: World) -> None:
    """What is not given stays."""

    async def change(**parts: Any) -> Tariff:
        async with db.transaction(world.pool) as tx:
            await upgrade_tariff.change(tx, **parts)
            return await upgrade_tariff.load(tx)

    expected = SAMPLE
    for parts in (
        {"power_price": Decimal("7.5")},
        {"band_discount": Decimal("0.005")},
        {"power_steps": {15: Decimal(1)}},
        {"efficiency_steps": {16: Decimal(2)}},
        {"power_price": Decimal(0), "power_steps": {}},
    ):
        facts = {name: getattr(expected, name) for name in expected.__slots__} | parts
        expected = Tariff(**facts)
        assert await change(**parts) == expected


async def test_two_who_change_different_parts_at_once(world: World) -> None:
    """The second waits for the first, and keeps what that has changed."""
    async with db.transaction(world.pool) as tx:
        await upgrade_tariff.change(tx, power_price=Decimal(9))

        async def other() -> None:
            async with db.transaction(world.pool) as second:
                await upgrade_tariff.change(second, band_discount=Decimal("0.01"))

        waiting = asyncio.create_task(other())
        await until_blocked(world.pool, waiting)
    await waiting
    found = await upgrade_tariff.load(world.pool)
    assert (found.power_price, found.band_discount) == (9, Decimal("0.01"))


async def test_without_a_tariff(world: World) -> None:
    """Nothing is priced; a first tariff has to be whole."""
    _, miner_id = await owner_with_miner(world)
    await world.pool.execute("DELETE FROM upgrade_step")
    await world.pool.execute("DELETE FROM upgrade_tariff")
    refusal = await unchanged_by(world, NoTariffError, miner_id, "power", "2", "3")
    assert (refusal.status, refusal.code) == (503, "NO_UPGRADE_TARIFF")
    with pytest.raises(NoTariffError):
        await quoted(world, miner_id, "power", "2", "3")
    async with db.transaction(world.pool) as tx:
        with pytest.raises(NoTariffError):
            await upgrade_tariff.change(tx, power_price=Decimal(1))
        facts = {name: getattr(SAMPLE, name) for name in SAMPLE.__slots__}
        await upgrade_tariff.change(tx, **facts)
        assert await upgrade_tariff.load(tx) == SAMPLE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("15:0", {15: "0"}),
        ("12-14:2.098  15:0.772", {12: "2.098", 13: "2.098", 14: "2.098", 15: "0.772"}),
        ("15-15:1", {15: "1"}),
        ("999:999999999.999999999999999999", {999: "999999999.999999999999999999"}),
    ],
)
def test_steps(text: str, found: dict[int, str]) -> None:
    assert upgrade_tariff.steps(text) == {level: Decimal(price) for level, price in found.items()}


@pytest.mark.parametrize(
    "text",
    [
        *("15", "15:", ":1", "15:-1", "15:1e3", "15:1.", "15:.5", "0:1", "1000:1", "15.5:1", "15-:1", "-15:1"),
        *("15:1000000000", "15:0.0000000000000000001", "15:NaN", "15:1,16:2", "015:1", "15:1 x", "١٥:1"),
        *("14-12:1", "12-14:1 14:2", "12:1 12:1"),
    ],
)
def test_steps_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadTariffError) as caught:
        upgrade_tariff.steps(text)
    assert caught.value.details == {"field": "steps"}
