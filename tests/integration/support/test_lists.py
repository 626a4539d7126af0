"""Lists of a partner's or a user's: filters, pages, and nothing of another partner's."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.books import fence
from hashrail.custody import bound_wallets, withdrawals
from hashrail.selling import refunds
from hashrail.support import lists
from hashrail.support.lists import Page
from tests.support.books import buy, cancel, hand_over, offer, order, upgrade
from tests.support.payouts import ADDRESSES, BINDING, funded
from tests.support.world import World


async def test_orders_and_miners_by_user_state_day_and_page(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    first_day = await world.today()
    first = await buy(world, alice.id, "4", "o-1")
    await order(world, bob.id, "o-2", await offer(world))
    await cancel(world, "o-2")
    await world.mine()
    await order(world, alice.id, "o-3", await offer(world))
    other = await world.another_partner("other")
    await buy(other, (await other.user("alice")).id, "2", "o-1")
    mine = world.partner.id

    async def names(page: Page) -> list[str]:
        return [one.external_id for one in await lists.orders(world.pool, mine, page)]

    day = clock.ONE_DAY
    cases = [
        (Page(9), ["o-3", "o-2", "o-1"]),
        (Page(2), ["o-3", "o-2"]),
        (Page(9, user_id=alice.id), ["o-3", "o-1"]),
        (Page(9, state="cancelled"), ["o-2"]),
        (Page(9, last=first_day), ["o-2", "o-1"]),
        (Page(9, first=first_day + day), ["o-3"]),
        (Page(9, first=first_day + day, last=first_day + day, user_id=bob.id), []),
        (Page(9, after=(await lists.orders(world.pool, mine, Page(1)))[0].id), ["o-2", "o-1"]),
    ]
    for page, expected in cases:
        assert await names(page) == expected, page
    (found,) = await lists.miners(world.pool, mine, Page(9))
    assert (found.id, found.power, found.state, found.partner_user_id) == (first.miner_id, 4, "running", "alice")
    assert (await lists.miners(world.pool, mine, Page(9, state="ended"))) == []
    made = await lists.order(world.pool, mine, "o-1")
    assert made is not None
    assert (made.miner_id, made.state) == (first.miner_id, "issued")
    assert await lists.order(world.pool, mine, "o-9") is None


class Explaining:
    """A transaction that tells by which index a question would be answered, in place of the answer."""

    def __init__(self, tx: db.Tx) -> None:
        self.tx = tx
        self.indexes: set[str] = set()

    async def fetch(self, statement: str, *given: Any) -> list[db.Row]:
        text = await self.tx.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *given)
        # A shard's index bears its number as well.
        self.indexes |= set(re.findall(r'"Index Name": "(\w+?)(?:_\d{6})?"', text))
        return []


async def test_a_state_that_few_have_is_read_by_index(world: World) -> None:
    """However many there are in another: nothing reads them all for the few."""
    alice = await world.user("alice")
    mine, many = world.partner.id, 5000
    async with db.transaction(world.pool) as tx, db.undone(tx):
        await tx.execute(
            """INSERT INTO purchase (partner_id, external_id, user_id, collection_id, power, energy_efficiency,
                                     value_usd, state, created_at, expires_at)
               SELECT $1, 'x' || n, $2, (SELECT min(id) FROM collection), 1, 15, 10, 'expired', now(), now() + '1 h'
               FROM generate_series(1, $3) AS n""",
            *(mine, alice.id, many),
        )
        await tx.execute(
            """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations,
                                    coinbase, created_at)
               SELECT $1, $2, $4, lpad(to_hex(n), 64, '0'), 0, 1, 'gone', 0, false, now()
               FROM generate_series(1, $3) AS n""",
            *(mine, alice.id, many, ADDRESSES[0]),
        )
        await tx.execute(
            """INSERT INTO withdrawal (partner_id, user_id, speed, address, amount_btc, commission_btc, state,
                                       created_at, changed_at)
               SELECT $1, $2, 'daily', $4, 1, 0, 'cancelled', now(), now() FROM generate_series(1, $3) AS n""",
            *(mine, alice.id, many, ADDRESSES[0]),
        )
        await tx.execute(
            """INSERT INTO miner (partner_id, user_id, name, power, energy_efficiency, created_at)
               SELECT $1, $2, 'miner', 1, 15, now() FROM generate_series(1, $3) AS n""",
            *(mine, alice.id, many),
        )
        await tx.execute("ANALYZE purchase, deposit, withdrawal, miner")
        for state in ("created", "cancelled"):
            assert await indexes(tx, lists.orders, mine, state) & {"purchase_by_state", "purchase_due"}
        for state in ("pending", "lost"):
            assert await indexes(tx, lists.deposits, mine, state) & {"deposit_by_state", "deposit_watched"}
        for state in ("refused", "exported", "signed", "broadcast", "confirmed", "queued", "awaiting_approval"):
            found = await indexes(tx, withdrawals.of_partner, mine, state)
            assert found & {"withdrawal_by_state", "withdrawal_queued", "withdrawal_awaiting"}, state
        assert "miner_ended" in await indexes(tx, lists.miners, mine, "ended")


async def indexes(tx: db.Tx, read: Any, partner_id: int, state: str) -> set[str]:
    """By which indexes a list of those in a state is read."""
    asked = Explaining(tx)
    if read is withdrawals.of_partner:
        await read(asked, partner_id, state=state, limit=20)
    else:
        await read(asked, partner_id, Page(20, state=state))
    return asked.indexes


async def test_a_miner_s_stints_tell_whose_it_was(world: World) -> None:
    alice, _ = await world.user("alice"), await world.user("bob")
    made = await buy(world, alice.id, "4")
    bought = await world.today()
    await world.mine()
    await upgrade(world, made.miner_id, "power", "4", "5")
    await world.mine()
    await hand_over(world, made.miner_id, "alice", "bob")
    await world.mine()
    assert made.miner_id is not None
    found = await lists.stints(world.pool, world.partner.id, made.miner_id)
    day = clock.ONE_DAY
    assert [(one.partner_user_id, one.power, one.from_day, one.to_day) for one in found] == [
        ("alice", Decimal(4), bought + day, bought + 2 * day),
        ("alice", Decimal(5), bought + 2 * day, bought + 3 * day),
        ("bob", Decimal(5), bought + 3 * day, None),
    ]


async def test_addresses_that_were_taken_off_stand_behind(world: World) -> None:
    alice = await world.user("alice")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for address in ADDRESSES[:3]:
            await bound_wallets.bind(tx, books, BINDING, user_id=alice.id, address=address)
        await bound_wallets.unbind(tx, books, BINDING, user_id=alice.id, address=ADDRESSES[0])

    async def shown(page: Page) -> list[tuple[str, str]]:
        return [(one.address, one.state) for one in await lists.addresses(world.pool, world.partner.id, page)]

    bound = [(ADDRESSES[2], "bound"), (ADDRESSES[1], "bound")]
    assert await shown(Page(9)) == [*bound, (ADDRESSES[0], "unbound")]
    assert await shown(Page(9, state="bound", user_id=alice.id)) == bound
    assert await shown(Page(9, state="unbound")) == [(ADDRESSES[0], "unbound")]
    assert await shown(Page(2)) == bound
    newest = (await lists.addresses(world.pool, world.partner.id, Page(1)))[0].id
    assert await shown(Page(9, after=newest)) == bound[1:]
    assert await shown(Page(9, first=clock.day_of(books.now) + clock.ONE_DAY)) == []


async def test_income_day_by_day(world: World) -> None:
    alice = await world.user("alice")
    day = await funded(world, alice.id)

    async def shown(page: Page) -> list[tuple[dt.date, Decimal]]:
        async with db.snapshot(world.pool) as tx:
            return [(one.day, one.net_btc) for one in await lists.income(tx, world.partner.id, alice.id, page)]

    assert await shown(Page(1)) == [(day, Decimal("0.16"))]
    assert await shown(Page(9, last=day - clock.ONE_DAY)) in ([], [(day - clock.ONE_DAY, Decimal(0))])


@pytest.mark.parametrize("page", [Page(5), Page(5, first=dt.date(2026, 3, 1)), Page(5, state="credited")])
async def test_deposits_of_another_partner_are_not_there(world: World, page: Page) -> None:
    other = await world.another_partner("other")
    for each in (world, other):
        user = await each.user("alice")
        await world.pool.execute(
            """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations, legs,
                                    coinbase, created_at, credited_at)
               VALUES ($1, $2, $3, $4, 0, 0.5, 'credited', 6, 1, false, $5, $5)""",
            *(each.partner.id, user.id, ADDRESSES[0], "ab" * 32, dt.datetime(2026, 3, 2, tzinfo=dt.UTC)),
        )
    (found,) = await lists.deposits(world.pool, world.partner.id, page)
    assert (found.partner_user_id, found.amount_btc, found.state) == ("alice", Decimal("0.5"), "credited")
    assert await lists.deposits(world.pool, world.partner.id, Page(5, state="pending")) == []


async def test_what_was_refunded_says_so(world: World) -> None:
    """The order stays issued, and its miner has ended."""
    alice = await world.user("alice")
    made = await buy(world, alice.id, "4")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await refunds.refund(tx, books, await refunds.lock(tx, books, "bought"), reason="charged back")
    (found,) = await lists.orders(world.pool, world.partner.id, Page(9))
    assert (found.state, found.refunded_at) == ("issued", books.now)
    assert [one.id for one in await lists.miners(world.pool, world.partner.id, Page(9, state="ended"))] == [
        made.miner_id
    ]
    assert await lists.miners(world.pool, world.partner.id, Page(9, state="running")) == []
