"""What is owed, signed: the tree adds up to the books, and each user finds their own leaf in it with the SDK alone."""

import hashlib
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from hashrail import db
from hashrail.audit import invariants
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.proofs import day_documents, keys, liabilities, liability_tree
from hashrail.proofs.liabilities import LiabilitiesNotTakenError, LiabilityTreeGoneError, NothingOwedError
from hashrail.rewards import settling
from hashrail_client import liabilities as rules
from hashrail_client import proofs
from hashrail_client.liabilities import VerifiedLiabilities
from hashrail_client.proofs import ProofError
from tests.support.books import post, reserve
from tests.support.rewards import adjust
from tests.support.world import World


async def taken(world: World, *, every_days: int = 1) -> date | None:
    """Sign what is due, days and what is owed."""
    await day_documents.sign_due(world.pool, world.vault)
    return await liabilities.take_due(world.pool, world.vault, every_days=every_days)


async def verified(world: World, previous: VerifiedLiabilities | None = None) -> VerifiedLiabilities:
    """The newest document, held against its day's and the one before."""
    known = {one.kid: bytes.fromhex(one.public_key) for one in await keys.published(world.pool)}
    document = await liabilities.find(world.pool, None)
    day = await day_documents.find(world.pool, document.day)
    return rules.verify_liabilities(
        asdict(document) | {"day": document.day.isoformat()},
        known,
        day=proofs.verify_day(asdict(day) | {"day": day.day.isoformat()}, known),
        previous=previous,
    )


async def proof(world: World, user_id: int, day: date | None = None) -> dict[str, Any]:
    """What the API answers a user."""
    async with db.snapshot(world.pool) as tx:
        found = await liabilities.prove(tx, world.vault, day, partner_id=world.partner.id, user_id=user_id)
    return {
        "day": found.day.isoformat(),
        "partnerId": found.partner_id,
        "partnerUserId": found.partner_user_id,
        "nonce": found.nonce,
        "amount": found.amount,
        "index": found.index,
        "path": [{"hash": each, "sum": units} for each, units in found.path],
    }


async def give(world: World, user_id: int, amount: str, number: int) -> int:
    """Credit a user by hand; answers the account."""
    async with db.transaction(world.pool) as tx:
        account = await ledger.user_account(tx, world.partner.id, user_id, "BTC")
    credit = Transfer(TransferKind.CORRECTION, number, 1, Account.CORRECTIONS_BTC, account, Decimal(amount))
    await post(world, credit)
    return account


async def test_everybody_finds_what_they_are_owed(world: World) -> None:
    """Income that is settled and not, what is reserved, and two partners with a user of the same name."""
    other = await world.another_partner("other")
    alice, bob, idle = [await world.user(name) for name in ("alice", "bob", "idle")]
    other_alice = await other.user("alice")
    await world.miner(alice.id, "4")
    await other.miner(other_alice.id, "7")
    account = await give(world, bob.id, "0.5", 1)
    await reserve(world, Transfer(TransferKind.WITHDRAWAL, 9, 1, account, Account.PAYOUTS_IN_FLIGHT, Decimal("0.2")))
    for _ in range(2):
        day = await world.mine()
        await other.close(day)
    assert await taken(world) == day
    assert await taken(world) is None, "once"
    found = await verified(world)
    assert (found.count, found.content["day"]) == (3, day.isoformat())
    async with db.snapshot(world.pool) as tx:
        income = await settling.unsettled(tx, world.partner.id, alice.id)
        theirs = await settling.unsettled(tx, other.partner.id, other_alice.id)
    assert income > 0
    expected = [(world, alice, income), (world, bob, Decimal("0.5")), (other, other_alice, theirs)]
    for place, user, owed in expected:
        shown = await proof(place, user.id)
        assert rules.verify_balance(found, shown, partner_user_id=user.partner_user_id, amount=owed) == owed
    assert found.total == sum(owed for _, _, owed in expected)
    with pytest.raises(NothingOwedError):
        await proof(world, idle.id)
    with pytest.raises(ProofError, match="PATH"):
        rules.verify_balance(
            found, await proof(world, alice.id) | {"partnerId": other.partner.public_id}, partner_user_id="alice"
        )


async def test_what_corrections_take_hides_nothing_that_is_owed_to_others(world: World) -> None:
    """Who falls short has no leaf, and the sum is not less for it."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await world.miner(alice.id, "4")
    await world.mine()
    day = await world.mine()
    async with db.transaction(world.pool) as tx:
        earned = await settling.settle(tx, await fence.share(tx, world.partner.id), alice.id)
        account = await ledger.user_account(tx, world.partner.id, alice.id, "BTC")
    await post(world, Transfer(TransferKind.CORRECTION, 2, 1, account, Account.CORRECTIONS_BTC, earned))
    await give(world, bob.id, "0.5", 1)
    await adjust(world, day, btc_usd="100")
    await world.mine(pool_btc_per_th="0.00000045")
    await taken(world)
    found = await verified(world)
    row = await world.pool.fetchrow("SELECT shortfall_btc, books_btc FROM liabilities_document")
    assert row is not None
    assert (found.count, found.total) == (1, Decimal("0.5"))
    assert row["shortfall_btc"] > 0
    assert row["books_btc"] == found.total - row["shortfall_btc"]


async def test_one_tree_for_days_that_are_signed_together(world: World) -> None:
    """And no more often than the setting says; documents follow each other."""
    alice = await world.user("alice")
    await world.miner(alice.id, "4")
    with pytest.raises(LiabilitiesNotTakenError):
        await liabilities.find(world.pool, None)
    days = [await world.mine() for _ in range(2)]
    assert await taken(world, every_days=0) is None
    assert await taken(world) == days[1]
    with pytest.raises(LiabilitiesNotTakenError) as refused:
        await liabilities.find(world.pool, days[0])
    assert refused.value.details["through"] == days[1].isoformat()
    first = await verified(world)
    await world.mine()
    assert await taken(world, every_days=2) is None
    newest = await world.mine()
    assert await taken(world, every_days=2) == newest
    second = await verified(world, previous=first)
    assert [one.day for one in await liabilities.listed(world.pool, after=days[1], limit=9)] == [newest]
    with pytest.raises(ProofError, match="CHAIN"):
        await verified(world, previous=second)
    await proof(world, alice.id, days[1])
    async with db.transaction(world.pool) as tx:
        await liability_tree.forget(tx, keep=1)
    await proof(world, alice.id)
    with pytest.raises(LiabilityTreeGoneError):
        await proof(world, alice.id, days[1])


async def test_nobody_is_owed_anything(world: World) -> None:
    await world.mine()
    await taken(world)
    found = await verified(world)
    assert (found.count, found.total, found.root.hash) == (0, 0, bytes(32))


async def test_leaves_of_several_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of four leaves, and 1 to 19 users: the same root as a plain recursion gives, and a path for everybody."""
    monkeypatch.setattr(liability_tree, "LEAVES_IN_ROW", 4)
    people = []
    for number in range(1, 20):
        user = await world.user(f"user {number}")
        await give(world, user.id, f"0.00{number:03d}", number)
        people.append(user)
        if number not in (1, 2, 4, 5, 7, 19):
            continue
        await world.mine()
        await taken(world)
        found = await verified(world)
        shown = [await proof(world, each.id) for each in people]
        for one in shown:
            rules.verify_balance(found, one, partner_user_id=one["partnerUserId"])
        assert sorted(one["index"] for one in shown) == list(range(number))
        ordered = sorted(shown, key=lambda one: int(one["index"]))
        root, total = plain_tree([plain_leaf(one) for one in ordered])
        assert (root, total) == (found.content["root"], found.total)
    async with db.snapshot(world.pool) as tx:
        held = {each.name: each.rows async for each in invariants.audit(tx)}
    assert [held[name] for name in ("liabilities-equal-books", "signed-liabilities-follow")] == [[], []]


def plain_leaf(one: dict[str, Any]) -> tuple[str, Decimal]:
    """A leaf, by the page that describes it."""
    owner = sha256(
        f"hashrail liability owner\n{one['day']}\n{one['nonce']}\n{one['partnerId']}\n{one['partnerUserId']}"
    )
    return sha256(f"hashrail liability leaf\n{one['day']}\n{owner}\n{one['amount']}"), Decimal(one["amount"])


def plain_tree(leaves: list[tuple[str, Decimal]]) -> tuple[str, Decimal]:
    """The root over some leaves: left of the greatest power of two below their number is a whole tree."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    (left, less), (right, more) = plain_tree(leaves[:split]), plain_tree(leaves[split:])
    return sha256(f"hashrail liability node\n{left} {less:.18f}\n{right} {more:.18f}"), less + more


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
