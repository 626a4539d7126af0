"""The ledger: what moves, what is held, what is refused, and who waits for whom."""

import asyncio
import datetime as dt
import decimal
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest

from hashrail import db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Balance, CreditLimitError, InsufficientFundsError, Transfer
from hashrail.db import Tx
from tests.support import citus
from tests.support.books import booked, newcomer, post, receivable, reserve
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World

SMALLEST = Decimal("1e-18")
MAX_AMOUNT = Decimal("99999999999999999999.999999999999999999")
OPERATORS = [account for account in Account if account is not Account.PARTNER_RECEIVABLE]


@pytest.fixture
async def world(books: World) -> World:
    """A partner of this test's own, with a credit limit of 100 USD."""
    return await newcomer(books, "100")


async def account(world: World, name: str = "alice", holding: str = "0") -> int:
    """A new user's BTC account with something on it."""
    user = await world.user(name)
    async with db.transaction(world.pool) as tx:
        number = await ledger.user_account(tx, world.partner.id, user.id, "BTC")
    if Decimal(holding):
        assert await post(world, income(number, holding, leg=999))
    return number


def income(credit: int, amount: str, *, leg: int = 1) -> Transfer:
    """Bitcoin from income control to an account; the account's number is the object."""
    return Transfer(TransferKind.SETTLEMENT, credit, leg, Account.INCOME_CONTROL, credit, Decimal(amount))


def payment(debit: int, credit: int, amount: str, number: int = 1) -> Transfer:
    """A transfer between any two accounts."""
    return Transfer(TransferKind.WITHDRAWAL, number, 1, debit, credit, Decimal(amount))


async def resolve(world: World, verb: str, transfer: Transfer) -> bool:
    """`post_reserved` or `void` a transfer."""
    act = {"post": ledger.post_reserved, "void": ledger.void}[verb]
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await act(tx, books, transfer.kind, transfer.object_id, transfer.leg)


async def balance(world: World, number: int) -> Balance:
    """A user's account as it is carried."""
    row = await world.pool.fetchrow(
        "SELECT user_id FROM account WHERE partner_id = $1 AND id = $2", world.partner.id, number
    )
    assert row is not None
    async with db.transaction(world.pool) as tx:
        found = await ledger.balances_of_user(tx, world.partner.id, row["user_id"])
    return next(each for each in found if each.account_id == number)


async def held(world: World, number: int) -> tuple[Decimal, Decimal]:
    """(owned, spendable)."""
    found = await balance(world, number)
    return found.owned, found.spendable


async def states(world: World) -> list[tuple[int, str]]:
    """(leg, state) of the partner's transfers, in order."""
    rows = await world.pool.fetch(
        "SELECT leg, state FROM transfer WHERE partner_id = $1 ORDER BY object_id, leg", world.partner.id
    )
    return [(row["leg"], row["state"]) for row in rows]


async def impatient(tx: Tx) -> None:
    """Whoever has to wait for a lock gives up at once."""
    await tx.execute("SET LOCAL lock_timeout = '150ms'")


# Once.


async def test_a_posting_moves_once(world: World) -> None:
    """The same transfer again answers False, and nothing moves."""
    alice = await account(world)
    assert await post(world, income(alice, "2.5")) is True
    assert await post(world, income(alice, "2.50")) is False
    assert await held(world, alice) == (Decimal("2.5"), Decimal("2.5"))
    assert await booked(world, Account.INCOME_CONTROL) == Decimal("-2.5")
    assert await post(world, income(alice, "1", leg=2)) is True
    assert await held(world, alice) == (Decimal("3.5"), Decimal("3.5"))


async def test_a_reservation_holds_once(world: World) -> None:
    """Again is no second hold, neither while it is pending nor when it is posted."""
    alice = await account(world, holding="5")
    hold = payment(alice, Account.INCOME_CONTROL, "2")
    assert [await reserve(world, hold) for _ in range(3)] == [True, False, False]
    assert await held(world, alice) == (Decimal(5), Decimal(3))
    assert [await resolve(world, "post", hold) for _ in range(3)] == [True, False, False]
    assert await reserve(world, hold) is False
    assert await held(world, alice) == (Decimal(3), Decimal(3))


@pytest.mark.parametrize("field", ["amount", "debit", "credit"])
async def test_an_id_with_other_content_is_our_bug(world: World, field: str) -> None:
    """Nothing moves, whichever phase asks."""
    alice, bob = await account(world, "alice", "5"), await account(world, "bob", "5")
    first = payment(alice, bob, "1")
    other = replace(
        first, **{field: {"amount": Decimal(2), "debit": bob, "credit": int(Account.INCOME_CONTROL)}[field]}
    )
    if field == "debit":
        other = replace(other, credit=alice)
    await post(world, first)
    for verb in (post, reserve):
        with pytest.raises(AssertionError, match="withdrawal 1/1 was written before with other content"):
            await verb(world, other)
    assert [await held(world, alice), await held(world, bob)] == [(4, 4), (6, 6)]


async def test_ids_are_of_kind_object_leg_and_partner(world: World) -> None:
    """Any of them makes another transfer."""
    other = await newcomer(world)
    for where in (world, other):
        for kind in (TransferKind.DAY, TransferKind.ADJUSTMENT):
            for number in (1, 2):
                for leg in (1, 2):
                    moved = Transfer(kind, number, leg, Account.POOL_RECEIVABLE, Account.INCOME_CONTROL, Decimal(1))
                    assert await post(where, moved)
    assert [await booked(where, Account.INCOME_CONTROL) for where in (world, other)] == [8, 8]


@pytest.mark.parametrize("amount", ["0", "-1", "-1e-18"])
async def test_a_transfer_moves_something_between_two_accounts(world: World, amount: str) -> None:
    """Neither nothing, nor less, nor in a circle."""
    alice = await account(world, holding="5")
    for verb in (post, reserve):
        with pytest.raises(AssertionError, match="a transfer moves something"):
            await verb(world, payment(Account.INCOME_CONTROL, alice, amount))
        with pytest.raises(AssertionError, match="a transfer has two accounts"):
            await verb(world, payment(alice, alice, "1"))
    assert await held(world, alice) == (5, 5)


# Two phases.


async def test_pending_debits_hold_and_pending_credits_do_not_spend(world: World) -> None:
    """What is reserved is still owned and cannot be spent; what is to come cannot be spent before it came."""
    alice, bob = await account(world, "alice", "5"), await account(world, "bob")
    coming = payment(alice, bob, "3")
    await reserve(world, coming)
    assert [await held(world, alice), await held(world, bob)] == [(5, 2), (0, 0)]
    for who, too_much in ((alice, "2.000000000000000001"), (bob, "0.000000000000000001")):
        for verb in (post, reserve):
            with pytest.raises(InsufficientFundsError):
                await verb(world, payment(who, Account.INCOME_CONTROL, too_much, 2))
    assert await resolve(world, "post", coming)
    assert [await held(world, alice), await held(world, bob)] == [(2, 2), (3, 3)]
    row = await world.pool.fetchrow(
        "SELECT credits_pending, debits_pending FROM account WHERE partner_id = $1 AND id = $2", world.partner.id, bob
    )
    assert row is not None
    assert tuple(row.values()) == (0, 0)


@pytest.mark.parametrize(("first", "then", "owned"), [("post", "void", 3), ("void", "post", 5)])
async def test_a_reservation_is_resolved_once(world: World, first: str, then: str, owned: int) -> None:
    """Posted stays posted and voided stays voided; the same again is a no-op, the opposite our bug."""
    alice = await account(world, holding="5")
    hold = payment(alice, Account.INCOME_CONTROL, "2")
    await reserve(world, hold)
    assert [await resolve(world, first, hold), await resolve(world, first, hold)] == [True, False]
    final = {"post": "posted", "void": "voided"}
    with pytest.raises(AssertionError, match=f"withdrawal 1/1 is {final[first]}, so it cannot become {final[then]}"):
        await resolve(world, then, hold)
    assert await held(world, alice) == (owned, owned)
    assert await states(world) == [(1, final[first]), (999, "posted")]


@pytest.mark.parametrize("verb", ["post", "void"])
async def test_what_was_never_reserved_cannot_be_resolved(world: World, verb: str) -> None:
    """There is nothing to post or to void."""
    alice = await account(world, holding="5")
    with pytest.raises(AssertionError, match="withdrawal 7/1 is None"):
        await resolve(world, verb, payment(alice, Account.INCOME_CONTROL, "2", 7))
    assert await held(world, alice) == (5, 5)


async def test_a_resolution_at_once_counts_once(world: World) -> None:
    """Ten that post the same reservation: one does."""
    alice = await account(world, holding="5")
    hold = payment(alice, Account.INCOME_CONTROL, "2")
    await reserve(world, hold)
    answers = await asyncio.gather(*[resolve(world, "post", hold) for _ in range(10)])
    assert sorted(answers) == [False] * 9 + [True]
    assert await held(world, alice) == (3, 3)


# Limits.


async def test_an_overdraft_is_refused_and_changes_nothing(world: World) -> None:
    """To the last digit; the whole of it can be spent."""
    alice = await account(world, holding="5")
    with pytest.raises(InsufficientFundsError, match="does not hold that much") as caught:
        await post(world, payment(alice, Account.INCOME_CONTROL, "5.000000000000000001"))
    assert (caught.value.status, caught.value.code) == (409, "INSUFFICIENT_FUNDS")
    assert caught.value.details == {"available": 5, "needed": Decimal("5.000000000000000001")}
    assert await states(world) == [(999, "posted")]
    assert await post(world, payment(alice, Account.INCOME_CONTROL, "5"))
    assert await held(world, alice) == (0, 0)


async def test_an_overdraft_tells_the_sums_of_all_its_legs(world: World) -> None:
    """What a leg before it has reserved is needed, what another thing has reserved is gone."""
    alice = await account(world, holding="5")
    await reserve(world, payment(alice, Account.INCOME_CONTROL, "1", 7))
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        whole = payment(alice, Account.INCOME_CONTROL, "4.00")
        await ledger.reserve(tx, books, whole)
        with pytest.raises(InsufficientFundsError, match="4 BTC can be spent") as caught:
            await ledger.reserve(tx, books, replace(whole, leg=2, amount=Decimal("0.50")))
        assert {name: str(value) for name, value in caught.value.details.items()} == {"available": "4", "needed": "4.5"}
        # Whoever let the error pass could not commit what was not counted.
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await tx.execute("SELECT 1")
    assert await states(world) == [(1, "pending"), (999, "posted")]


async def test_more_than_any_account_can_hold_is_not_held_either(world: World) -> None:
    """Beside what is reserved it does not fit the column, which is no fault of ours."""
    alice = await account(world, holding="5")
    await reserve(world, payment(alice, Account.INCOME_CONTROL, "1", 7))
    for verb in (post, reserve):
        with pytest.raises(InsufficientFundsError) as caught:
            await verb(world, payment(alice, Account.INCOME_CONTROL, str(MAX_AMOUNT)))
        assert caught.value.details == {"available": 4, "needed": MAX_AMOUNT}
    assert await held(world, alice) == (5, 4)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("debits_posted = 5.000000000000000001", "account_no_overdraft"),
        ("debits_pending = 5.000000000000000001", "account_no_overdraft"),
        ("debits_posted = 3, debits_pending = 3", "account_no_overdraft"),
        ("credits_posted = 0, credits_pending = 9, debits_posted = 1", "account_no_overdraft"),
        ("debits_posted = -1", "account_debits_posted_check"),
        ("credits_pending = -1", "account_credits_pending_check"),
    ],
)
async def test_the_table_itself_refuses_an_overdraft(world: World, change: str, constraint: str) -> None:
    """Whoever writes, and however."""
    alice = await account(world, holding="5")
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await world.pool.execute(
            f"UPDATE account SET {change} WHERE partner_id = $1 AND id = $2", world.partner.id, alice
        )
    assert citus.constraint_of(caught.value) == constraint
    assert await held(world, alice) == (5, 5)


async def test_the_credit_limit_counts_what_is_owed_and_reserved(world: World) -> None:
    """100 USD: 60 issued and 40 reserved fit, one unit more does not; a payment makes room."""
    owed = payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "60", 1)
    await post(world, owed)
    await reserve(world, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "40", 2))
    assert await receivable(world) == (60, 40)
    for verb in (post, reserve):
        with pytest.raises(CreditLimitError, match="credit limit does not allow it"):
            await verb(world, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "0.000000000000000001", 3))
    paid = Transfer(TransferKind.PARTNER_PAYMENT, 1, 1, Account.CASH, Account.PARTNER_RECEIVABLE, Decimal(75))
    await post(world, paid)
    assert await receivable(world) == (-15, 40)
    assert await reserve(world, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "75", 3))
    with pytest.raises(asyncpg.CheckViolationError, match="account_credit_limit"):
        await world.pool.execute(
            "UPDATE account SET debits_pending = debits_pending + 1e-18 WHERE partner_id = $1 AND id = 1200",
            world.partner.id,
        )


async def test_a_limit_cannot_be_set_below_what_is_owed(world: World) -> None:
    """Down to it, and no further."""
    await reserve(world, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "40"))
    with pytest.raises(CreditLimitError):
        async with db.transaction(world.pool) as tx:
            await ledger.set_credit_limit(tx, world.partner.id, Decimal("39.99"))
    async with db.transaction(world.pool) as tx:
        await ledger.set_credit_limit(tx, world.partner.id, Decimal(40))
    with pytest.raises(CreditLimitError):
        await reserve(world, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "0.01", 2))
    with pytest.raises(asyncpg.CheckViolationError, match="amount_check"):
        async with db.transaction(world.pool) as tx:
            await ledger.set_credit_limit(tx, world.partner.id, Decimal("1e30"))


async def test_reservations_at_once_stop_at_the_limit(world: World) -> None:
    """Thirty of 10 USD against a limit of 100."""
    holds = [payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "10", number) for number in range(30)]
    answers = await asyncio.gather(*[reserve(world, hold) for hold in holds], return_exceptions=True)
    assert answers.count(True) == 10
    assert sum(isinstance(answer, CreditLimitError) for answer in answers) == 20
    assert await receivable(world) == (0, 100)


# Amounts.


@pytest.mark.parametrize("amount", [SMALLEST, MAX_AMOUNT, Decimal("12345678901234567890.123456789012345678")])
async def test_eighteen_decimals_are_exact(world: World, amount: Decimal) -> None:
    """In the transfer, on the account, and in the balance of the chart."""
    alice = await account(world)
    await post(world, income(alice, str(amount)))
    assert (await balance(world, alice)).credits_posted == amount
    assert await booked(world, Account.INCOME_CONTROL) == -amount
    assert await world.pool.fetchval("SELECT amount FROM transfer WHERE partner_id = $1", world.partner.id) == amount


@pytest.mark.parametrize("amount", ["0.0000000000000000005", "1.0000000000000000001", "1e20", "123456789012345678901"])
async def test_what_does_not_fit_is_refused_and_not_rounded(world: World, amount: str) -> None:
    """A nineteenth decimal is an error, and so is a twenty-first digit."""
    alice = await account(world)
    for verb in (post, reserve):
        with pytest.raises(asyncpg.CheckViolationError, match="amount_check"):
            await verb(world, income(alice, amount))
    assert await held(world, alice) == (0, 0)


async def test_a_sum_that_does_not_fit_is_refused(world: World) -> None:
    """The account's own total is bounded as well."""
    alice = await account(world, holding=str(MAX_AMOUNT))
    with pytest.raises(asyncpg.CheckViolationError, match="amount_check"):
        await post(world, income(alice, "1e-18"))
    assert await held(world, alice) == (MAX_AMOUNT, MAX_AMOUNT)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_number_is_refused(world: World, amount: str) -> None:
    """By the program where it compares, by the table in any case."""
    alice = await account(world)
    if amount == "NaN":
        with pytest.raises(decimal.InvalidOperation):
            await post(world, income(alice, amount))
    for table, column in (("transfer", "amount"), ("account", "credits_posted"), ("account", "credit_limit")):
        with pytest.raises(asyncpg.CheckViolationError, match="amount_check"):
            await world.pool.execute(f"UPDATE {table} SET {column} = $1::numeric", Decimal(amount))
    assert await held(world, alice) == (0, 0)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'voided'", "transfer_posted_has_sequence"),
        ("state = 'pending', posted_seq = NULL", "transfer_resolved_once"),
        ("resolved_at = NULL", "transfer_resolved_once"),
        ("posted_seq = NULL", "transfer_posted_has_sequence"),
        ("state = 'undone', posted_seq = NULL", "transfer_state_check"),
        ("amount = 0", "transfer_amount_check"),
        ("credit_account = debit_account", "transfer_check"),
    ],
)
async def test_the_table_refuses_a_transfer_that_cannot_be(world: World, change: str, constraint: str) -> None:
    """Each rule has a name."""
    await account(world, holding="1")
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await world.pool.execute(f"UPDATE transfer SET {change} WHERE partner_id = $1", world.partner.id)
    assert citus.constraint_of(caught.value) == constraint


# Who waits for whom.


async def test_the_operators_side_does_not_serialise_writers(world: World) -> None:
    """Two open transactions move through the same account of the operator, whichever it is, and neither waits."""
    alice, bob = await account(world, "alice"), await account(world, "bob")
    async with db.transaction(world.pool) as one, db.transaction(world.pool) as two:
        await impatient(two)
        days = [await fence.share(tx, world.partner.id) for tx in (one, two)]
        for number, operators in enumerate(OPERATORS):
            other = Account.CASH if operators is Account.MINER_SALES else Account.MINER_SALES
            for leg, tx in enumerate((one, two)):
                moved = Transfer(TransferKind.DAY, number, leg, operators, other, Decimal(1))
                assert await ledger.post(tx, days[leg], moved)
        for day, tx, user in zip(days, (one, two), (alice, bob), strict=True):
            assert await ledger.post(tx, day, income(user, "1"))
    assert [await held(world, alice), await held(world, bob)] == [(1, 1), (1, 1)]
    assert await booked(world, Account.INCOME_CONTROL) == -4


async def test_the_receivable_does(world: World) -> None:
    """What has a limit is written one at a time."""
    async with db.transaction(world.pool) as one:
        books = await fence.share(one, world.partner.id)
        await ledger.reserve(one, books, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "1", 1))
        other = asyncio.create_task(reserve(world, payment(Account.PARTNER_RECEIVABLE, Account.MINER_SALES, "1", 2)))
        await until_blocked(world.pool, other)
    await other
    assert await receivable(world) == (0, 2)


async def test_transfers_in_both_directions_do_not_deadlock(world: World) -> None:
    """Forty between two users, half of them each way."""
    alice, bob = await account(world, "alice", "100"), await account(world, "bob", "100")
    ways = [(alice, bob, "2"), (bob, alice, "1")]
    moves = [payment(*ways[number % 2], number=number) for number in range(40)]
    assert all(await asyncio.gather(*[post(world, each) for each in moves]))
    assert [await held(world, alice), await held(world, bob)] == [(80, 80), (120, 120)]


@pytest.mark.parametrize("backwards", [False, True])
async def test_accounts_are_locked_in_id_order(world: World, backwards: bool) -> None:
    """Whoever waits for the lower account does not hold the higher one yet."""
    low, high = await account(world, "alice", "5"), await account(world, "bob", "5")
    debit, credit = (high, low) if backwards else (low, high)
    lock = "SELECT 1 FROM account WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE NOWAIT"
    async with db.transaction(world.pool) as tx:
        await tx.execute(lock, world.partner.id, low)
        moving = asyncio.create_task(post(world, payment(debit, credit, "1")))
        await until_blocked(world.pool, moving)
        await tx.execute(lock, world.partner.id, high)
    assert await within(moving)
    assert (await held(world, credit), await held(world, debit)) == ((6, 6), (4, 4))


# The operator's side.


async def test_control_postings_are_the_operators_alone_and_written_once(world: World) -> None:
    """Accounts that carry a balance would be moved without it; the same again moves nothing."""
    alice = await account(world)
    at = await world.pool.fetchval("SELECT created_at FROM account LIMIT 1")
    first = Transfer(TransferKind.DAY, 1, 1, Account.POOL_RECEIVABLE, Account.INCOME_CONTROL, Decimal(2))
    async with db.transaction(world.pool) as tx:
        await ledger.post_control(tx, at, [(world.partner.id, first)])
        await ledger.post_control(tx, at, [(world.partner.id, first), (world.partner.id, replace(first, leg=2))])
        await ledger.post_control(tx, at, [])
    assert await booked(world, Account.INCOME_CONTROL) == 4
    for wrong in (replace(first, debit=alice), replace(first, credit=Account.PARTNER_RECEIVABLE)):
        with pytest.raises(AssertionError, match="without a lock"):
            async with db.transaction(world.pool) as tx:
                await ledger.post_control(tx, at, [(world.partner.id, wrong)])
    with pytest.raises(AssertionError, match="moves something"):
        async with db.transaction(world.pool) as tx:
            await ledger.post_control(tx, at, [(world.partner.id, replace(first, amount=Decimal(0)))])


async def test_a_balance_is_the_same_before_and_after_a_checkpoint(world: World) -> None:
    """Checkpoints follow each other; what is pending when one is written counts when it is posted."""
    alice = await account(world, holding="5")
    hold = payment(alice, Account.INCOME_CONTROL, "2")
    await reserve(world, hold)
    expected = [Decimal(-5), Decimal(-3), Decimal("-3.5"), Decimal("-3.5")]
    seen = []
    for step in (None, "post", "more", None):
        if step == "post":
            await resolve(world, "post", hold)
        elif step == "more":
            await post(world, income(alice, "0.5", leg=2))
        before = await booked(world, Account.INCOME_CONTROL)
        async with db.transaction(world.pool) as tx:
            await ledger.checkpoint(tx, [world.partner.id])
        assert await booked(world, Account.INCOME_CONTROL) == before
        seen.append(before)
    assert seen == expected
    row = await world.pool.fetchrow(
        """SELECT c.debits, c.credits, c.through_seq = (SELECT max(posted_seq) FROM transfer WHERE partner_id = $1)
           FROM account_checkpoint c WHERE partner_id = $1 AND account_id = 2100""",
        world.partner.id,
    )
    assert row is not None
    assert tuple(row.values()) == (Decimal("5.5"), 2, True)


async def test_a_checkpoint_is_read_instead_of_what_it_sums_up(world: World) -> None:
    """A balance costs what came after it: transfers before it are not looked at again."""
    alice = await account(world, holding="5")
    async with db.transaction(world.pool) as tx:
        await ledger.checkpoint(tx, [world.partner.id])
        await tx.execute("UPDATE account_checkpoint SET debits = debits + 7 WHERE partner_id = $1", world.partner.id)
    await post(world, income(alice, "1", leg=2))
    assert await booked(world, Account.INCOME_CONTROL) == -13


async def test_checkpoints_among_writers_lose_nothing(world: World) -> None:
    """Thirty writers and six checkpoints at once."""
    numbers = [await account(world, f"user-{number}") for number in range(3)]

    async def check() -> None:
        async with db.transaction(world.pool) as tx:
            await ledger.checkpoint(tx, [world.partner.id])

    posts = [post(world, income(numbers[leg % 3], "1", leg=leg)) for leg in range(30)]
    jobs = [job for group in range(6) for job in (check(), *posts[group * 5 : group * 5 + 5])]
    await asyncio.gather(*jobs)
    assert await booked(world, Account.INCOME_CONTROL) == -30
    await check()
    assert await booked(world, Account.INCOME_CONTROL) == -30


async def test_a_checkpoint_waits_for_whoever_has_taken_a_number(world: World) -> None:
    """A transfer with a lower number that commits later would be lost for ever."""
    alice, bob = await account(world, "alice"), await account(world, "bob")

    async def check() -> None:
        async with db.transaction(world.pool) as tx:
            await ledger.checkpoint(tx, [world.partner.id])

    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await ledger.post(tx, books, income(alice, "1"))
        await post(world, income(bob, "2"))
        checking = asyncio.create_task(check())
        await until_blocked(world.pool, checking)
    await within(checking)
    assert await booked(world, Account.INCOME_CONTROL) == -3


async def test_a_past_balance_is_what_was_posted_by_then(world: World) -> None:
    """To the microsecond; pending and voided transfers are not in it, a reservation counts when it is posted."""
    alice, bob = await account(world, "alice"), await account(world, "bob")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        day = [replace(books, now=books.now + number * dt.timedelta(hours=1)) for number in range(6)]
        await ledger.post(tx, day[0], income(alice, "5"))
        await ledger.reserve(tx, day[1], payment(alice, bob, "2", 1))
        await ledger.reserve(tx, day[1], payment(alice, bob, "1", 2))
        await ledger.post_reserved(tx, day[3], TransferKind.WITHDRAWAL, 1, 1)
        await ledger.void(tx, day[4], TransferKind.WITHDRAWAL, 2, 1)
        tick = dt.timedelta(microseconds=1)
        moments = [books.now - tick, books.now, day[1].now, day[3].now - tick, day[3].now, day[5].now]
        for number, expected in ((alice, [0, 5, 5, 5, 3, 3]), (bob, [0, 0, 0, 0, 2, 2])):
            seen = [await ledger.balance_at(tx, world.partner.id, number, moment) for moment in moments]
            assert seen == expected
        control = [await ledger.balance_at(tx, world.partner.id, Account.INCOME_CONTROL, each) for each in moments]
        assert control == [0, -5, -5, -5, -5, -5]


async def test_the_books_of_a_partner(world: World) -> None:
    """The chart has every account once, with its currency; only the receivable has a limit."""
    rows = await world.pool.fetch(
        """SELECT id, kind, currency, carries_balance, credit_limit FROM account
           WHERE partner_id = $1 AND user_id IS NULL ORDER BY id""",
        world.partner.id,
    )
    assert [tuple(row.values()) for row in rows] == [
        (1100, "pool_receivable", "BTC", False, None),
        (1200, "partner_receivable", "USD", True, 100),
        (1300, "cash", "USD", False, None),
        (1400, "bitcoin_wallet", "BTC", False, None),
        (1500, "treasury", "BTC", False, None),
        (2100, "income_control", "BTC", False, None),
        (2200, "payouts_in_flight", "BTC", False, None),
        (4100, "electricity_revenue", "BTC", False, None),
        (4200, "service_revenue", "BTC", False, None),
        (4300, "miner_sales", "USD", False, None),
        (4400, "commission_revenue", "BTC", False, None),
        (4500, "income_taken_back", "BTC", False, None),
        (5100, "network_fees", "BTC", False, None),
        (5200, "reorg_losses", "BTC", False, None),
        (5300, "corrections_btc", "BTC", False, None),
        (5310, "corrections_gomining", "GOMINING", False, None),
    ]
    with pytest.raises(asyncpg.CheckViolationError, match="only_carried_balances_move"):
        await world.pool.execute(
            "UPDATE account SET credits_posted = 1 WHERE partner_id = $1 AND id = 2100", world.partner.id
        )


async def test_a_user_has_an_account_a_currency(world: World) -> None:
    """Opening them again opens none, and a currency that nobody has is our bug."""
    user = await world.user()
    async with db.transaction(world.pool) as tx:
        before = await ledger.balances_of_user(tx, world.partner.id, user.id)
        await ledger.open_user_accounts(tx, world.partner.id, user.id, at=user.created_at)
        assert await ledger.balances_of_user(tx, world.partner.id, user.id) == before
        assert [each.currency for each in before] == ["BTC", "GOMINING"]
        assert {each.created_at for each in before} == {user.created_at}
        assert before[0].account_id == await ledger.user_account(tx, world.partner.id, user.id, "BTC")
        assert all(ledger.carries_balance(each.account_id) for each in before)
        with pytest.raises(AssertionError, match="no USDT account"):
            await ledger.user_account(tx, world.partner.id, user.id, "USDT")
