"""Whether two accounts are two people, and what waits for the second."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files

import pytest

from hashrail import db
from hashrail.books import fence
from hashrail.custody import approvals, payout_policy, regime
from hashrail.parties import changes, operators, people
from hashrail.parties.changes import Change
from hashrail.parties.operators import Operator, Role
from hashrail.parties.people import Ties
from tests.support.books import advance
from tests.support.operators import hired, strangers
from tests.support.payouts import asked
from tests.support.world import World

DAY = dt.timedelta(days=1)


# Who may be behind an account


def made(*pairs: tuple[int, int]) -> Ties:
    """Accounts, each with who made it."""
    found: dict[int, set[int]] = {}
    for operator_id, maker in pairs:
        found.setdefault(operator_id, set()).add(maker)
    return Ties(found)


@pytest.mark.parametrize(
    ("ties", "two"),
    [
        (made(), True),
        (made((2, 1)), False),
        (made((1, 2)), False),
        (made((1, 2), (2, 1)), False),
        (made((3, 1), (2, 3)), False),
        (made((1, 3), (2, 3)), False),
        (made((1, 4), (4, 3), (2, 5), (5, 3)), False),
        (made((1, people.SHELL), (2, people.SHELL)), False),
        (made((1, people.SHELL)), True),
        (made((1, 3), (2, 4)), True),
        (made((3, 1), (3, 2)), True),
    ],
)
def test_two_people(ties: Ties, two: bool) -> None:
    """Nobody can be behind both: not one behind the other, directly or by a third; nor a third behind both."""
    assert ties.are_two(1, 2) is ties.are_two(2, 1) is ties.have_two([1, 2]) is two


def test_one_is_not_two() -> None:
    assert not made().are_two(1, 1)
    assert not made().have_two([])
    assert not made().have_two([1])
    assert made((2, 1), (3, 1)).have_two([1, 2, 3, 4])
    assert not made((2, 1), (3, 1)).have_two([1, 2, 3])


# What ties


async def role(world: World, name: str, role: Role, by: Operator) -> None:
    async with db.transaction(world.pool) as tx:
        await operators.set_role(tx, name, role, by=by)


async def password(world: World, name: str, by: Operator) -> None:
    async with db.transaction(world.pool) as tx:
        await operators.set_password(tx, name, "another long one", by=by)


async def two(world: World, one: Operator, other: Operator) -> bool:
    return (await people.ties(world.pool)).are_two(one.id, other.id)


@pytest.fixture
async def otto(world: World, olga: Operator) -> Operator:
    """An admin besides olga; both have been there for a while."""
    made = await hired(world.pool, "otto")
    await strangers(world.pool)
    return made


async def test_who_makes_or_changes_an_account_is_tied_to_it(world: World, olga: Operator, otto: Operator) -> None:
    vera = await hired(world.pool, "vera", "viewer", by=olga)
    assert not await two(world, olga, vera)
    assert await two(world, otto, vera)
    await strangers(world.pool)
    assert await two(world, olga, vera)
    for change in (role(world, "vera", "approver", otto), password(world, "vera", otto)):
        await change
        assert not await two(world, otto, vera)
        assert await two(world, olga, vera)
        await strangers(world.pool)
        assert await two(world, otto, vera)


async def test_what_gives_nobody_power_ties_nobody(world: World, olga: Operator, otto: Operator) -> None:
    """To take a role away, and what somebody does to their own account."""
    await role(world, "otto", "approver", olga)
    await password(world, "olga", olga)
    await role(world, "olga", "admin", olga)
    assert await two(world, olga, otto)


async def test_it_ends_with_its_time(world: World, olga: Operator, otto: Operator) -> None:
    """A week, or as long as is asked for."""
    await password(world, "otto", olga)
    await advance(world, 7 * DAY - dt.timedelta(minutes=1))
    assert not await two(world, olga, otto)
    async with db.transaction(world.pool) as tx:
        await people.set_apart(tx, 8 * 86_400)
    await advance(world, DAY)
    assert not await two(world, olga, otto)
    await advance(world, dt.timedelta(minutes=2))
    assert await two(world, olga, otto)


async def test_the_log_of_before_is_known(world: World, olga: Operator, otto: Operator) -> None:
    """A migration takes over who made whom; names may hold the words of the log."""
    (migration,) = (each for each in (files("hashrail") / "sql").iterdir() if each.name.endswith("_two_people.sql"))
    text = migration.read_text().partition("INSERT INTO operator_tie")[2].partition(";")[0]
    odd = await hired(world.pool, "x as viewer", "viewer", by=olga)
    await role(world, "x as viewer", "approver", otto)
    await password(world, "x as viewer", otto)
    await password(world, "x as viewer", odd)
    before = await world.pool.fetch("SELECT operator_id, by_id, kind FROM operator_tie ORDER BY id")
    await world.pool.execute("DELETE FROM operator_tie")
    await world.pool.execute(f"INSERT INTO operator_tie {text}")
    assert await world.pool.fetch("SELECT operator_id, by_id, kind FROM operator_tie ORDER BY id") == before


# Approvals


async def approve(world: World, who: Operator, number: int) -> str:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return (await approvals.approve(tx, books, who, number)).state


async def threshold(world: World, admin: Operator) -> None:
    async with db.transaction(world.pool) as tx:
        present = await payout_policy.get(tx)
        values = present.limits() | {"approval_threshold_btc": "0.05"}
        await payout_policy.put(tx, admin, present.with_limits(values))


async def test_a_puppet_s_approval_is_its_master_s(world: World, alice: int, olga: Operator, otto: Operator) -> None:
    """One that was made, one whose password was set, and two of the same master; then another person comes."""
    await threshold(world, olga)
    large = await asked(world, alice, "0.05")
    sock = await hired(world.pool, "sock", "approver", by=olga)
    shoe = await hired(world.pool, "shoe", "approver", by=sock)
    assert [await approve(world, who, large.id) for who in (sock, shoe, olga, sock)] == ["awaiting_approval"] * 4
    assert await approve(world, otto, large.id) == "queued"


async def test_time_makes_people_of_accounts(world: World, alice: int, olga: Operator, otto: Operator) -> None:
    """Approved again, the same two count then."""
    await threshold(world, olga)
    large = await asked(world, alice, "0.05")
    await password(world, "otto", olga)
    assert [await approve(world, who, large.id) for who in (olga, otto)] == ["awaiting_approval"] * 2
    await strangers(world.pool)
    assert await approve(world, otto, large.id) == "queued"


# Changes that wait


async def ask(world: World, by: Operator | None, before: Mapping[str, object] | None = None) -> Change | None:
    async with db.transaction(world.pool) as tx:
        after = {"limit": Decimal("0.50"), "day": dt.date(2026, 3, 1)}
        return await changes.ask(tx, by, "payouts policy", "limits", before=before or {}, after=after, secret="s")


async def confirm(world: World, by: Operator, number: int) -> str:
    async with db.transaction(world.pool) as tx:
        found, asker = await changes.confirmable(tx, by, number)
        await changes.confirmed(tx, by, found)
        return asker.name


async def test_nothing_waits_where_no_two_admins_are_two_people(world: World, olga: Operator) -> None:
    assert await ask(world, None) is None
    assert await ask(world, olga) is None
    await hired(world.pool, "otto", by=olga)
    await hired(world.pool, "paul", "approver")
    assert await ask(world, olga) is None
    found = [each.code for each in await regime.warnings(world.pool, is_sandbox=False)]
    assert found == ["PAYOUTS_UNLIMITED", "ONE_PERSON"]
    assert await regime.warnings(world.pool, is_sandbox=True) == []
    await strangers(world.pool)
    assert await ask(world, olga) is not None
    found = [each.code for each in await regime.warnings(world.pool, is_sandbox=False)]
    assert found == ["PAYOUTS_UNLIMITED", "CHANGE_WAITS"]


async def test_another_person_confirms(world: World, olga: Operator, otto: Operator) -> None:
    """Once; what was meant is told whole, but for a password's digest, which is forgotten at the end."""
    waits = await ask(world, olga)
    assert waits is not None
    assert (waits.after, waits.asked_by) == ({"limit": "0.5", "day": "2026-03-01"}, "olga")
    assert waits.alone_from - waits.asked_at == 7 * DAY
    with pytest.raises(changes.SamePersonError):
        await confirm(world, olga, waits.id)
    puppet = await hired(world.pool, "puppet", by=olga)
    with pytest.raises(changes.SamePersonError):
        await confirm(world, puppet, waits.id)
    assert await confirm(world, otto, waits.id) == "olga"
    with pytest.raises(changes.ChangeNotFoundError):
        await confirm(world, otto, waits.id)
    assert await world.pool.fetchval("SELECT secret FROM operator_change") is None
    log = [(each.operator, each.action) for each in await operators.actions(world.pool, 3)]
    assert log[0] == ("otto", "change confirmed")


async def test_asked_for_again_it_is_the_same_change(world: World, olga: Operator, otto: Operator) -> None:
    """Of the same operator, from and to the same; once it has ended, it is another."""
    first, again = await ask(world, olga), await ask(world, olga)
    others = [await ask(world, otto), await ask(world, olga, {"limit": Decimal(1)})]
    assert first is not None
    assert again == first
    assert len({first.id, *(each.id for each in others if each is not None)}) == 3
    await confirm(world, otto, first.id)
    later = await ask(world, olga)
    assert later is not None
    assert later.id not in {first.id, *(each.id for each in others if each is not None)}


async def test_two_confirm_at_once(world: World, olga: Operator, otto: Operator) -> None:
    """One of them does it."""
    paul = await hired(world.pool, "paul")
    await strangers(world.pool)
    waits = await ask(world, olga)
    assert waits is not None

    async def confirms(who: Operator) -> str:
        async with db.transaction(world.pool) as tx:
            await operators.admit_manager(tx, who.name, "a long enough one")
            found, asker = await changes.confirmable(tx, who, waits.id)
            await changes.confirmed(tx, who, found)
            return asker.name

    answers = await asyncio.gather(confirms(otto), confirms(paul), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["ChangeNotFoundError", "str"]


async def test_who_is_left_alone_waits_for_a_week(world: World, olga: Operator, otto: Operator) -> None:
    """To disable the other does not help: he counts for as long."""
    async with db.transaction(world.pool) as tx:
        await operators.disable(tx, "otto", by=olga)
    waits = await ask(world, olga)
    assert waits is not None
    await advance(world, 7 * DAY - dt.timedelta(minutes=1))
    with pytest.raises(changes.SamePersonError):
        await confirm(world, olga, waits.id)
    await advance(world, dt.timedelta(minutes=2))
    assert await confirm(world, olga, waits.id) == "olga"


@pytest.mark.parametrize("end", ["disabled", "less", "withdrawn", "expired"])
async def test_what_is_confirmed_no_more(world: World, olga: Operator, otto: Operator, end: str) -> None:
    waits = await ask(world, olga)
    assert waits is not None
    expected: type[Exception] = changes.AskerGoneError
    async with db.transaction(world.pool) as tx:
        if end == "disabled":
            await operators.disable(tx, "olga", by=otto)
        elif end == "less":
            await operators.set_role(tx, "olga", "approver", by=otto)
        elif end == "withdrawn":
            expected = changes.ChangeNotFoundError
            await changes.withdraw(tx, otto, waits.id)
    if end == "expired":
        expected = changes.ChangeNotFoundError
        await advance(world, 14 * DAY)
    with pytest.raises(expected):
        await confirm(world, otto, waits.id)


async def test_what_has_changed_meanwhile_is_not_confirmed(world: World, olga: Operator, otto: Operator) -> None:
    waits = await ask(world, olga, {"limit": Decimal("0.40")})
    assert waits is not None
    changes.assert_begins_with(waits, {"limit": Decimal("0.400")})
    with pytest.raises(changes.ChangeOutdatedError):
        changes.assert_begins_with(waits, {"limit": Decimal("0.41")})


@pytest.mark.parametrize("seconds", [-1, 2_592_001])
async def test_how_long_is_bounded(world: World, seconds: int) -> None:
    async with db.transaction(world.pool) as tx:
        with pytest.raises(people.ApartError):
            await people.set_apart(tx, seconds)
