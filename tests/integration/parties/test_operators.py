"""Operators, approvals and policy: who may do what, two who approve, and what is kept of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest
from argon2 import PasswordHasher

from hashrail import db
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.custody import approvals, payout_policy, withdrawals
from hashrail.custody.payout_policy import PayoutPolicyError
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.parties import operators, passwords
from hashrail.parties.operators import Operator, Role
from tests.support.api_client import check_books
from tests.support.locks import until_blocked
from tests.support.operators import PASSWORD, hired, strangers
from tests.support.payouts import EARNED, asked, cancelled, held, spendable
from tests.support.world import World

T = TypeVar("T")


async def added(world: World, name: str, role: Role = "approver") -> Operator:
    """Somebody who has been there for a while."""
    made = await hired(world.pool, name, role)
    await strangers(world.pool)
    return made


async def disable(world: World, name: str, by: Operator | None = None) -> Operator:
    async with db.transaction(world.pool) as tx:
        return await operators.disable(tx, name, by=by)


async def set_role(world: World, name: str, role: Role, by: Operator | None = None) -> Operator:
    async with db.transaction(world.pool) as tx:
        return await operators.set_role(tx, name, role, by=by)


async def admit(world: World, name: str | None, password: str = PASSWORD, **words: str) -> Operator | None:
    async with db.transaction(world.pool) as tx:
        return await operators.admit_manager(tx, name, password, **words)


async def within(world: World, books: Callable[[Tx, OpenBooks], Awaitable[T]]) -> T:
    """In a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await books(tx, await fence.share(tx, world.partner.id))


async def approve(world: World, operator: Operator, number: int) -> str:
    return (await within(world, lambda tx, day: approvals.approve(tx, day, operator, number))).state


async def refuse(world: World, operator: Operator, number: int, reason: str = "strange") -> Withdrawal:
    return await within(world, lambda tx, day: approvals.refuse(tx, day, operator, number, reason))


async def limits(world: World, operator: Operator, **changes: object) -> None:
    async with db.transaction(world.pool) as tx:
        await payout_policy.put(tx, operator, replace(await payout_policy.get(tx), **changes))


async def actions(world: World) -> list[tuple[str | None, str, str | None]]:
    return [(each.operator, each.action, each.reason) for each in await operators.actions(world.pool, 100)]


# Credentials


async def test_name_and_password(world: World) -> None:
    """The right one lets in; a wrong one, another's name and a disabled operator are the same refusal."""
    made = await added(world, "olga")
    assert await operators.authenticate(world.pool, "olga", PASSWORD) == made
    for name, password in (("olga", PASSWORD + "x"), ("olaf", PASSWORD), ("", "")):
        with pytest.raises(operators.OperatorCredentialsError) as caught:
            await operators.authenticate(world.pool, name, password)
        assert caught.value.message == "no operator has this name and password"
    async with db.transaction(world.pool) as tx:
        gone = await operators.disable(tx, "olga")
        assert await operators.disable(tx, "olga") == gone
    assert gone.disabled_at is not None
    with pytest.raises(operators.OperatorCredentialsError):
        await operators.authenticate(world.pool, "olga", PASSWORD)
    assert [action for _, action, _ in await actions(world)] == ["operator disabled", "operator added"]


async def test_a_password_is_kept_as_a_digest(
    world: World, cheap_passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a salt of its own; a new one ends the old."""
    monkeypatch.setattr(passwords, "HASHER", cheap_passwords)
    await added(world, "olga")
    await added(world, "otto")
    rows = await world.pool.fetch("SELECT password FROM operator_account")
    kept = {row["password"] for row in rows}
    assert len(kept) == 2
    assert all(PASSWORD not in text and text.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for text in kept)
    async with db.transaction(world.pool) as tx:
        await operators.set_password(tx, "olga", "another long one")
    with pytest.raises(operators.OperatorCredentialsError):
        await operators.authenticate(world.pool, "olga", PASSWORD)
    await operators.authenticate(world.pool, "olga", "another long one")
    assert len(operators.new_password()) >= passwords.LEAST_PASSWORD
    assert operators.new_password() != operators.new_password()


@pytest.mark.parametrize(
    ("role", "least", "may"),
    [
        ("viewer", "viewer", True),
        ("viewer", "approver", False),
        ("approver", "approver", True),
        ("approver", "admin", False),
        ("admin", "approver", True),
        ("admin", "admin", True),
    ],
)
async def test_roles(world: World, role: Role, least: Role, may: bool) -> None:
    await added(world, "olga", role)
    if may:
        assert (await operators.authenticate(world.pool, "olga", PASSWORD, least=least)).role == role
    else:
        with pytest.raises(operators.OperatorRoleError) as caught:
            await operators.authenticate(world.pool, "olga", PASSWORD, least=least)
        assert caught.value.details["needed"] == least


async def test_managing_operators(world: World) -> None:
    await added(world, "olga", "viewer")
    with pytest.raises(operators.OperatorExistsError):
        await added(world, "olga")
    async with db.transaction(world.pool) as tx:
        with pytest.raises(passwords.PasswordTooShortError):
            await operators.add(tx, name="otto", role="admin", password="eleven char")
        assert (await operators.set_role(tx, "olga", "admin")).role == "admin"
        for verb in (operators.find(tx, "x"), operators.set_role(tx, "x", "admin"), operators.disable(tx, "x")):
            with pytest.raises(operators.OperatorNotFoundError):
                await verb
    assert [each.name for each in await operators.every(world.pool)] == ["olga"]


# Who manages operators


async def test_the_first_admin_is_free_and_all_else_is_his(world: World) -> None:
    """Viewers and approvers before him do not change that."""
    await added(world, "vera", "viewer")
    paula = await added(world, "paula")
    assert await admit(world, None) is None
    assert await admit(world, "paula") == paula
    olga = await added(world, "olga", "admin")
    with pytest.raises(operators.OperatorNeededError):
        await admit(world, None, "")
    with pytest.raises(operators.OperatorRoleError):
        await admit(world, "paula")
    with pytest.raises(operators.OperatorCredentialsError):
        await admit(world, "olga", PASSWORD + "x")
    assert await admit(world, "olga") == olga


async def test_what_concerns_nobody_else(world: World) -> None:
    """Operators change their own passwords, if they know the old one and are not disabled."""
    await added(world, "olga", "admin")
    vera = await added(world, "vera", "viewer")
    assert await admit(world, "vera", about="vera") == vera
    with pytest.raises(operators.OperatorRoleError):
        await admit(world, "vera", about="olga")
    with pytest.raises(operators.OperatorCredentialsError):
        await admit(world, "vera", PASSWORD + "x", about="vera")
    with pytest.raises(operators.OperatorNeededError):
        await admit(world, None, about="vera")
    await disable(world, "vera")
    with pytest.raises(operators.OperatorCredentialsError):
        await admit(world, "vera", about="vera")


@pytest.mark.parametrize("take", [disable, lambda world, name: set_role(world, name, "approver")])
async def test_the_last_admin_stays(world: World, take: Callable[[World, str], Awaitable[Operator]]) -> None:
    """An admin who is disabled is none. Once another is there, he may go."""
    for name in ("olga", "otto"):
        await added(world, name, "admin")
    await disable(world, "otto")
    with pytest.raises(operators.LastAdminError):
        await take(world, "olga")
    assert (await operators.authenticate(world.pool, "olga", PASSWORD)).role == "admin"
    assert (await actions(world))[0] == (None, "operator disabled", None)
    assert (await set_role(world, "olga", "admin")).role == "admin"
    assert (await set_role(world, "otto", "approver")).role == "approver"
    await added(world, "ada", "admin")
    await take(world, "olga")
    with pytest.raises(operators.LastAdminError):
        await take(world, "ada")


async def test_no_admin_knows_his_password(world: World) -> None:
    """Who may write to the database ends the admins as the page on approvals says; the next is free again."""
    page = (Path(__file__).parents[3] / "docs/how-to/approve-payouts.md").read_text()
    await added(world, "olga", "admin")
    await world.pool.execute(page.partition("```sql\n")[2].partition("```")[0])
    assert await admit(world, None) is None


async def test_two_admins_disable_each_other(world: World) -> None:
    """At once: the one who comes first; the other is no admin any more when it is his turn."""
    for name in ("olga", "otto"):
        await added(world, name, "admin")

    async def ends(name: str, other: str) -> Operator:
        async with db.transaction(world.pool) as tx:
            return await operators.disable(tx, other, by=await operators.admit_manager(tx, name, PASSWORD))

    answers = await asyncio.gather(ends("olga", "otto"), ends("otto", "olga"), return_exceptions=True)
    assert {type(each) for each in answers} == {Operator, operators.OperatorCredentialsError}
    assert [each.disabled_at is None for each in await operators.every(world.pool)].count(True) == 1


@pytest.mark.parametrize("take", [operators.disable, lambda tx, name: operators.set_role(tx, name, "viewer")])
async def test_the_last_two_admins_go(world: World, take: Callable[[Tx, str], Awaitable[Operator]]) -> None:
    """Whoever lets them: the second waits for the first, and is the last one by then."""
    for name in ("olga", "otto"):
        await added(world, name, "admin")

    async def goes(name: str) -> None:
        async with db.transaction(world.pool) as tx:
            await take(tx, name)

    async with db.transaction(world.pool) as tx:
        await take(tx, "olga")
        second = asyncio.create_task(goes("otto"))
        await until_blocked(world.pool)
    with pytest.raises(operators.LastAdminError):
        await second


async def test_two_first_admins(world: World) -> None:
    """At once: only one is free."""

    async def first(name: str) -> Operator:
        async with db.transaction(world.pool) as tx:
            by = await operators.admit_manager(tx, None, "")
            return await operators.add(tx, name=name, role="admin", password=PASSWORD, by=by)

    answers = await asyncio.gather(first("olga"), first("otto"), return_exceptions=True)
    assert {type(each) for each in answers} == {Operator, operators.OperatorNeededError}
    assert len(await operators.every(world.pool)) == 1


async def test_who_did_it_is_kept(world: World) -> None:
    olga = await added(world, "olga", "admin")
    async with db.transaction(world.pool) as tx:
        await operators.add(tx, name="otto", role="viewer", password=PASSWORD, by=olga)
        await operators.set_role(tx, "otto", "approver", by=olga)
        await operators.set_password(tx, "otto", "another long one", by=olga)
        await operators.disable(tx, "otto", by=olga)
        await operators.disable(tx, "otto", by=olga)
    found = await operators.actions(world.pool, 100)
    assert [(each.operator, each.action, each.subject) for each in found] == [
        ("olga", "operator disabled", "otto"),
        ("olga", "password changed", "otto"),
        ("olga", "role changed", "otto to approver"),
        ("olga", "operator added", "otto as viewer"),
        (None, "operator added", "olga as admin"),
    ]


# Approvals


async def test_two_operators_approve(world: World, alice: int) -> None:
    """From the threshold on; the same one twice counts once; the second puts it into the queue; late is a no-op."""
    olga, otto = await added(world, "olga"), await added(world, "otto")
    await limits(world, olga, approval_threshold_btc=Decimal("0.05"))
    small, large = await asked(world, alice, "0.04999999"), await asked(world, alice, "0.05")
    assert (small.state, large.state) == ("queued", "awaiting_approval")
    assert await held(world, alice) == Decimal("0.09999999")
    assert [await approve(world, olga, large.id) for _ in range(2)] == ["awaiting_approval"] * 2
    (waits,) = await approvals.waiting(world.pool)
    assert (waits.id, waits.partner_user_id, waits.amount_btc, waits.approved_by) == (
        large.id,
        "alice",
        Decimal("0.05"),
        ["olga"],
    )
    assert await approve(world, otto, large.id) == "queued"
    assert await approve(world, otto, large.id) == "queued"
    assert await approve(world, olga, small.id) == "queued"
    assert await approvals.waiting(world.pool) == []
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal_approval") == 2
    await check_books(world)
    with pytest.raises(withdrawals.WithdrawalNotFoundError):
        await approve(world, olga, 4711)


async def test_operators_at_once(world: World, alice: int) -> None:
    olga, otto = await added(world, "olga"), await added(world, "otto")
    await limits(world, olga, approval_threshold_btc=Decimal("0.01"))
    large = await asked(world, alice, "0.05")
    await asyncio.gather(*(approve(world, each, large.id) for each in (olga, otto) * 5))
    async with db.snapshot(world.pool) as tx:
        assert (await withdrawals.get(tx, world.partner.id, large.id)).state == "queued"
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal_approval") == 2


@pytest.mark.parametrize("take", [disable, lambda world, name: set_role(world, name, "viewer")])
async def test_the_approval_of_who_may_no_longer_approve(
    world: World, alice: int, take: Callable[[World, str], Awaitable[Operator]]
) -> None:
    """It counts no more, and is not shown, though it stays in the books: two others are needed."""
    olga, otto, ada = [await added(world, name) for name in ("olga", "otto", "ada")]
    await limits(world, olga, approval_threshold_btc=Decimal("0.05"))
    large = await asked(world, alice, "0.05")
    assert await approve(world, olga, large.id) == "awaiting_approval"
    await take(world, "olga")
    assert [each.approved_by for each in await approvals.waiting(world.pool)] == [[]]
    assert await approve(world, otto, large.id) == "awaiting_approval"
    assert [each.approved_by for each in await approvals.waiting(world.pool)] == [["otto"]]
    assert await approve(world, otto, large.id) == "awaiting_approval"
    assert await approve(world, ada, large.id) == "queued"
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal_approval") == 3
    await check_books(world)


async def test_the_approval_of_one_who_may_again(world: World, alice: int) -> None:
    """What counts is what he may when the second one comes; what is queued by then stays so."""
    olga, otto = await added(world, "olga"), await added(world, "otto")
    await limits(world, olga, approval_threshold_btc=Decimal("0.05"))
    large = await asked(world, alice, "0.05")
    await approve(world, olga, large.id)
    await set_role(world, "olga", "viewer")
    assert await approve(world, otto, large.id) == "awaiting_approval"
    await set_role(world, "olga", "admin")
    assert [each.approved_by for each in await approvals.waiting(world.pool)] == [["olga", "otto"]]
    assert await approve(world, otto, large.id) == "queued"
    await disable(world, "otto")
    assert await approve(world, olga, large.id) == "queued"
    await check_books(world)


async def test_an_operator_is_disabled_while_another_approves(world: World, alice: int) -> None:
    """The approval waits for it, and then counts without his."""
    olga, otto = await added(world, "olga"), await added(world, "otto")
    await limits(world, olga, approval_threshold_btc=Decimal("0.05"))
    large = await asked(world, alice, "0.05")
    await approve(world, olga, large.id)
    async with db.transaction(world.pool) as tx:
        await operators.disable(tx, "olga")
        second = asyncio.create_task(approve(world, otto, large.id))
        await until_blocked(world.pool)
    assert await second == "awaiting_approval"


async def test_refusing(world: World, alice: int) -> None:
    """What was held is the user's again, the reason stays; a signed one cannot be refused."""
    olga = await added(world, "olga")
    await limits(world, olga, approval_threshold_btc=Decimal("0.05"))
    large, small = await asked(world, alice, "0.05"), await asked(world, alice, "0.01", speed="fast")
    for one in (large, small):
        refused = [await refuse(world, olga, one.id) for _ in range(2)]
        assert [(each.state, each.reason) for each in refused] == [("refused", "strange")] * 2
    assert await spendable(world, alice) == EARNED
    assert await withdrawals.withdrawn(world.pool, world.partner.id, alice) == 0
    assert await cancelled(world, small.id) == await refuse(world, olga, small.id)
    assert await approve(world, olga, large.id) == "refused"
    assert (await actions(world))[:2] == [("olga", "withdrawal refused", "strange")] * 2
    third = await asked(world, alice, "0.01")
    await world.pool.execute(
        """INSERT INTO payout_batch (id, kind, state, most_fee_btc, created_at, changed_at)
           VALUES (1, 'fast', 'signed', 0, now(), now())"""
    )
    await world.pool.execute("UPDATE withdrawal SET state = 'signed', batch_id = 1 WHERE id = $1", third.id)
    with pytest.raises(withdrawals.WithdrawalUnderWayError):
        await refuse(world, olga, third.id)


async def test_a_user_cancels_what_awaits_approval(world: World, alice: int) -> None:
    olga = await added(world, "olga")
    await limits(world, olga, approval_threshold_btc=Decimal("0.05"))
    large = await asked(world, alice, "0.05", speed="fast")
    assert (await cancelled(world, large.id)).state == "cancelled"
    assert await approve(world, olga, large.id) == "cancelled"
    assert await spendable(world, alice) == EARNED


# Policy


@pytest.mark.parametrize("name", ["user_daily_btc", "partner_daily_btc", "deployment_daily_btc"])
async def test_more_than_a_day_has_room_for(world: World, alice: int, name: str) -> None:
    olga = await added(world, "olga", "admin")
    await limits(world, olga, **{name: Decimal("0.05")})
    with pytest.raises(withdrawals.WithdrawalLimitError) as caught:
        await asked(world, alice, "0.05000001")
    assert caught.value.details["limit"] == Decimal("0.05")
    assert (await asked(world, alice, "0.05")).state == "queued"


async def test_a_partners_own_limit(world: World, alice: int) -> None:
    olga = await added(world, "olga", "admin")
    await limits(world, olga, partner_daily_btc=Decimal("0.01"))
    async with db.transaction(world.pool) as tx:
        await payout_policy.set_partner_limit(tx, olga, world.partner.id, Decimal("0.05"))
        assert await payout_policy.partner_limit(tx, world.partner.id) == Decimal("0.05")
    await asked(world, alice, "0.05")
    async with db.transaction(world.pool) as tx:
        await payout_policy.set_partner_limit(tx, olga, world.partner.id, None)
    with pytest.raises(withdrawals.WithdrawalLimitError):
        await asked(world, alice, "0.04")


@pytest.mark.parametrize(
    "changes",
    [
        {"user_daily_btc": Decimal(0)},
        {"approval_threshold_btc": Decimal(-1)},
        {"deployment_daily_btc": Decimal("0.000000001")},
        {"cooldown_seconds": -1},
        {"cooldown_seconds": 30 * 86_400 + 1},
    ],
)
async def test_policies_that_make_no_sense(world: World, changes: dict[str, object]) -> None:
    olga = await added(world, "olga", "admin")
    with pytest.raises(PayoutPolicyError):
        await limits(world, olga, **changes)


async def test_pausing_and_going_on(world: World) -> None:
    """The limits stay; the reason is the last one; both are kept."""
    olga = await added(world, "olga", "admin")
    await limits(world, olga, user_daily_btc=Decimal(1), cooldown_seconds=30 * 86_400)
    async with db.transaction(world.pool) as tx:
        await payout_policy.pause(tx, None, "a drill")
        await payout_policy.pause(tx, None, "a fire")
        assert (await payout_policy.get(tx)).paused_reason == "a fire"
        await payout_policy.resume(tx, olga)
        found = await payout_policy.get(tx)
    assert (found.paused_reason, found.user_daily_btc, found.cooldown_seconds) == (None, Decimal(1), 30 * 86_400)
    assert (await actions(world))[:3] == [
        ("olga", "payouts resumed", None),
        (None, "payouts paused", "a fire"),
        (None, "payouts paused", "a drill"),
    ]
