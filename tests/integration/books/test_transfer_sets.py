"""Many transfers at once are the same as one after the other: answers, refusals, rows and what is told."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import pytest

from hashrail import db
from hashrail.books import fence, ledger, transfer_sets
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import CreditLimitError, InsufficientFundsError, Transfer
from hashrail.books.transfer_sets import Reserved
from hashrail.db import Tx
from hashrail.errors import HashrailError
from tests.support.books import newcomer
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World

USERS = ("alice", "bob", "carol")
# The leg of what users have from the start.
GIVEN = 999
SIDES = [*USERS, "income_control", "partner_receivable", "miner_sales"]
Sent: TypeAlias = tuple[TransferKind, int, int, str, str, Decimal]
Verb: TypeAlias = Callable[[Tx, OpenBooks, Sequence[Transfer]], Awaitable[object]]


async def singly(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> list[bool]:
    return [await ledger.post(tx, books, one) for one in transfers]


async def post_singly(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> int:
    return sum([await ledger.post_reserved(tx, books, one.kind, one.object_id, one.leg) for one in transfers])


async def post_together(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> int:
    return await transfer_sets.post_reserved(
        tx, books, [Reserved(one.kind, one.object_id, one.leg) for one in transfers]
    )


async def reserve_singly(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> list[bool]:
    return [await ledger.reserve(tx, books, one) for one in transfers]


async def partner(books: World) -> tuple[World, dict[str, int]]:
    """A partner that may owe 20 USD, with three users who have 5 BTC each; the accounts by name."""
    world = await newcomer(books, "20")
    accounts = {account.name.lower(): account.value for account in Account}
    for name in USERS:
        user = await world.user(name)
        async with db.transaction(world.pool) as tx:
            days = await fence.share(tx, world.partner.id)
            accounts[name] = await ledger.user_account(tx, world.partner.id, user.id, "BTC")
            given = Transfer(
                TransferKind.SETTLEMENT, user.id, GIVEN, Account.INCOME_CONTROL, accounts[name], Decimal(5)
            )
            await ledger.post(tx, days, given)
    return world, accounts


async def outcome(world: World, accounts: dict[str, int], verb: Verb, sent: Sequence[Sent]) -> object:
    """What a set of transfers is answered, in a transaction of its own."""
    transfers = [
        Transfer(kind, number, leg, accounts[debit], accounts[credit], amount)
        for kind, number, leg, debit, credit, amount in sent
    ]
    try:
        async with db.transaction(world.pool) as tx:
            return await verb(tx, await fence.share(tx, world.partner.id), transfers)
    except HashrailError as error:
        return type(error), str(error), error.details
    except AssertionError as error:
        return str(error)


async def picture(world: World, accounts: dict[str, int]) -> list[object]:
    """Accounts, transfers in the order of posting, and what was told: whatever the two ways could differ in."""
    names = {number: name for name, number in accounts.items()}
    counted = await world.pool.fetch(
        """SELECT id, debits_posted, debits_pending, credits_posted, credits_pending FROM account
           WHERE partner_id = $1 AND carries_balance AND currency <> 'GOMINING' ORDER BY id""",
        world.partner.id,
    )
    transfers = await world.pool.fetch(
        """SELECT debit_account, credit_account, kind, object_id, leg, amount, state FROM transfer
           WHERE partner_id = $1 AND leg <> $2 ORDER BY object_id, leg""",
        world.partner.id,
        GIVEN,
    )
    told = await world.pool.fetch(
        "SELECT data FROM event_draft WHERE partner_id = $1 AND type = 'balance.changed' ORDER BY id", world.partner.id
    )
    return [
        [(names[row["id"]], *list(row.values())[1:]) for row in counted],
        [(names[row["debit_account"]], names[row["credit_account"]], *list(row.values())[2:]) for row in transfers],
        [json.loads(row["data"]) | {"userId": 0} for row in told],
    ]


def some_sets(chance: random.Random) -> list[list[Sent]]:
    """Sets that repeat each other's transfers, and themselves, and ask for more than is there now and then."""
    sets: list[list[Sent]] = []
    known: list[Sent] = []
    for number in range(6):
        sent: list[Sent] = []
        for place in range(chance.randint(0, 6)):
            if known and chance.random() < 0.2:
                sent.append(chance.choice(known))
                continue
            debit, credit = chance.sample(SIDES, 2)
            kind = chance.choice([TransferKind.WITHDRAWAL, TransferKind.DEPOSIT, TransferKind.SETTLEMENT])
            sent.append((kind, number, place, debit, credit, Decimal(chance.randint(1, 40)) / 8))
            known.append(sent[-1])
        sets.append(sent)
    return sets


@pytest.mark.parametrize("seed", range(6))
async def test_a_set_is_posted_as_one_after_the_other(books: World, seed: int) -> None:
    one, by_one = await partner(books)
    other, by_other = await partner(books)
    for sent in some_sets(random.Random(seed)):
        answers = await outcome(one, by_one, singly, sent), await outcome(other, by_other, transfer_sets.post, sent)
        assert answers[0] == answers[1]
        assert await picture(one, by_one) == await picture(other, by_other)


@pytest.mark.parametrize("seed", range(3))
async def test_a_set_of_reserved_ones_is_posted_as_one_after_the_other(books: World, seed: int) -> None:
    """Some of them twice, some posted before."""
    one, by_one = await partner(books)
    other, by_other = await partner(books)
    chance = random.Random(seed)
    for sent in some_sets(chance):
        reserved = [await outcome(*each, reserve_singly, sent) for each in ((one, by_one), (other, by_other))]
        assert reserved[0] == reserved[1]
        wanted = [] if isinstance(reserved[0], tuple | str) else [chance.choice(sent) for _ in sent]
        answers = await outcome(one, by_one, post_singly, wanted), await outcome(other, by_other, post_together, wanted)
        assert answers[0] == answers[1]
        assert await picture(one, by_one) == await picture(other, by_other)


@pytest.mark.parametrize("seed", range(3))
async def test_a_set_is_reserved_as_one_after_the_other(books: World, seed: int) -> None:
    """Each of an object of its own."""
    one, by_one = await partner(books)
    other, by_other = await partner(books)
    for each in some_sets(random.Random(seed)):
        sent = [(kind, 100 * number + leg, leg, *rest) for kind, number, leg, *rest in each]
        answers = (
            await outcome(one, by_one, reserve_singly, sent),
            await outcome(other, by_other, transfer_sets.reserve, sent),
        )
        assert answers[0] == answers[1]
        assert await picture(one, by_one) == await picture(other, by_other)


async def test_the_order_of_a_set_counts(books: World) -> None:
    """What comes later does not cover what comes first; nothing of a refused set is there."""
    world, accounts = await partner(books)
    kind = TransferKind.WITHDRAWAL
    spent: Sent = (kind, 1, 1, "alice", "bob", Decimal(6))
    filled: Sent = (kind, 1, 2, "carol", "alice", Decimal(1))
    before = await picture(world, accounts)
    refused = await outcome(world, accounts, transfer_sets.post, [spent, filled])
    assert isinstance(refused, tuple)
    assert (refused[0], refused[2]) == (InsufficientFundsError, {"available": Decimal(5), "needed": Decimal(6)})
    owed: Sent = (kind, 2, 1, "partner_receivable", "miner_sales", Decimal("20.01"))
    refused = await outcome(world, accounts, transfer_sets.post, [filled, owed])
    assert isinstance(refused, tuple)
    assert refused[0] is CreditLimitError
    assert await picture(world, accounts) == before
    assert await outcome(world, accounts, transfer_sets.post, [filled, spent, filled]) == [True, True, False]


async def test_what_was_never_reserved_or_is_voided_is_not_posted(books: World) -> None:
    world, accounts = await partner(books)
    held: Sent = (TransferKind.WITHDRAWAL, 1, 1, "alice", "income_control", Decimal(1))
    answer = await outcome(world, accounts, post_together, [held])
    assert answer == "transfer withdrawal 1/1 is None, so it cannot become posted"
    await outcome(world, accounts, reserve_singly, [held])
    async with db.transaction(world.pool) as tx:
        await ledger.void(tx, await fence.share(tx, world.partner.id), TransferKind.WITHDRAWAL, 1, 1)
    answer = await outcome(world, accounts, post_together, [held])
    assert answer == "transfer withdrawal 1/1 is voided, so it cannot become posted"


async def test_an_id_with_other_content_is_our_bug(books: World) -> None:
    """In one set as in two."""
    world, accounts = await partner(books)
    first: Sent = (TransferKind.WITHDRAWAL, 1, 1, "alice", "bob", Decimal(1))
    other: Sent = (TransferKind.WITHDRAWAL, 1, 1, "alice", "bob", Decimal(2))
    before = await picture(world, accounts)
    answer = await outcome(world, accounts, transfer_sets.post, [first, other])
    assert answer == "transfer withdrawal 1/1 was written before with other content"
    assert await picture(world, accounts) == before


async def test_accounts_of_a_set_are_locked_in_id_order(books: World) -> None:
    """Whoever waits for the lowest one holds none of the others yet, whatever the order of the set."""
    world, accounts = await partner(books)
    lock = "SELECT 1 FROM account WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE NOWAIT"
    sent: list[Sent] = [
        (TransferKind.WITHDRAWAL, 1, 1, "carol", "bob", Decimal(1)),
        (TransferKind.WITHDRAWAL, 1, 2, "bob", "alice", Decimal(1)),
    ]
    async with db.transaction(world.pool) as tx:
        await tx.execute(lock, world.partner.id, accounts["alice"])
        posting = asyncio.create_task(outcome(world, accounts, transfer_sets.post, sent))
        await until_blocked(world.pool, posting)
        await tx.execute(lock, world.partner.id, accounts["carol"])
    assert await within(posting) == [True, True]
