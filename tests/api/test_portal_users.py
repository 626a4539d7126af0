"""The portal's pages of users, miners, orders, withdrawals, deposits and income: what they show, and what they keep."""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hashrail import clock, db
from hashrail.books import fence
from hashrail.custody import payout_policy
from hashrail.exports import day_totals
from hashrail.money import plain
from hashrail.pages.portal import filters
from hashrail.pages.portal import users as user_pages
from hashrail.parties import users
from hashrail.selling import refunds
from hashrail.support import balances, notes
from tests.support.books import buy, hand_over, offer, order, upgrade
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.operators import hired
from tests.support.payouts import ADDRESSES, asked, cancelled, earn, funded, policy, take_back
from tests.support.portal import Bureau, open_bureau
from tests.support.world import World

# A user who is called like the number of another, and one who is called like a script.
SCRIPT = "<script>alert(1)</script>"
# Seconds in which the page is there by far if it waits for nothing.
MUCH_LONGER = 1.5
SECRETS = ("an operator's own words", "0 of 2 have approved", "charged back by", "entered wrongly")


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    """Alice has something of everything; what operators have written about it is nothing for the portal."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            await lived(world)
            yield made


async def lived(world: World) -> None:
    """Some days of alice, bob, a user who is called like alice's number, and one who is called like a script."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await world.user(str(alice.id))
    script = await world.user(SCRIPT)
    await funded(world, alice.id)
    await policy(world, 0)
    given = await buy(world, bob.id, "4", "of bob")
    await upgrade(world, given.miner_id, "power", "4", "8")
    await buy(world, script.id, "2", "refunded")
    await earn(world)
    await earn(world)
    await hand_over(world, given.miner_id, "bob", "alice")
    await take_back(world, await earn(world), "0.009")
    await order(world, alice.id, "open one", await offer(world))
    async with db.transaction(world.pool) as tx:
        was = await payout_policy.hold(tx)
        values = {name: getattr(was, name) for name in was.__slots__} | {"approval_threshold_btc": Decimal("0.05")}
        await payout_policy.put(tx, None, type(was)(**values))
        books = await fence.share(tx, world.partner.id)
        await refunds.set_takes_income(tx, world.partner.id, takes=True)
        await refunds.refund(tx, books, await refunds.lock(tx, books, "refunded"), reason="charged back by a bank")
    await asked(world, alice.id, "0.06")
    await cancelled(world, (await asked(world, alice.id, "0.01", ADDRESSES[1])).id)
    await world.pool.execute(
        """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations, legs,
                                coinbase, created_at, credited_at)
           VALUES ($1, $2, $3, $4, 0, 0.5, 'pending', 1, 0, false, $5, NULL)""",
        *(world.partner.id, alice.id, ADDRESSES[0], "ab" * 32, dt.datetime(2026, 3, 2, tzinfo=dt.UTC)),
    )
    olga = await hired(world.pool, "olga")
    async with db.transaction(world.pool) as tx:
        await notes.add(tx, olga, world.partner.id, alice.id, "an operator's own words")


async def number_of(bureau: Bureau, name: str) -> int:
    return (await users.find(bureau.pool, bureau.world.partner.id, name)).id


async def said(bureau: Bureau, path: str, role: str = "support") -> str:
    """What a page says, in one line."""
    page = await bureau.people[role].get(f"/portal{path}")
    assert page.status_code == 200, page.text
    assert SCRIPT not in page.text
    for secret in SECRETS:
        assert secret not in page.text, (path, secret)
    return re.sub(r"\s+", " ", texts_of(page))


async def test_a_users_page_has_everything_that_is_theirs(bureau: Bureau) -> None:
    """Balances and why, stints, orders, withdrawals with what they wait for, deposits: and who looked is noted."""
    page = await said(bureau, f"/users/{await number_of(bureau, 'alice')}")
    for words in (
        "2, 24 TH at 15 W/TH",
        "2026-03-02 16 0.16000000 0.16000000",
        "open one 1 15 14.99 created",
        "0.06000000 daily awaiting approval two people of the operator approve it first",
        "0.01000000 daily cancelled –",
        "0.50000000 pending",
        "bob 8 15 0.003",
        "All withdrawals of this user",
    ):
        assert words in page, words
    async with db.snapshot(bureau.pool) as tx:
        balance = (await balances.of_user(tx, bureau.world.partner.id, await number_of(bureau, "alice")))[0]
    assert f"BTC {balance.spendable:,.8f} {balance.settled:,.8f} {balance.unsettled:,.8f} 0.06000000" in page
    seen = "SELECT count(*) FROM member_view WHERE subject = 'user alice' AND page = 'user' AND member_id = $1"
    assert await bureau.pool.fetchval(seen, bureau.members["support"].id) > 0


async def test_users_are_found_by_id_and_by_number(bureau: Bureau) -> None:
    """One is led to; whose id is another one's number is not taken for that one."""
    support, alice, bob = bureau.people["support"], await number_of(bureau, "alice"), await number_of(bureau, "bob")
    for text, found in ((" bob ", bob), (str(bob), bob), ("alice", alice)):
        made = await support.get(f"/portal/users?q={text}")
        assert (made.status_code, made.headers.get("location")) == (303, f"/portal/users/{found}"), text
    both = (await support.get(f"/portal/users?q={alice}")).text
    assert re.findall(r'href="/portal/users/(\d+)"', both) == [str(await number_of(bureau, str(alice))), str(alice)]
    for text in ("nobody", "99999", "9" * 30, "%00", "²"):
        assert "You have no user" in await said(bureau, f"/users?q={text}")
    for text in ("alice", str(alice)):
        theirs = await bureau.stranger.get(f"/portal/users?q={text}")
        assert (theirs.status_code, "You have no user" in theirs.text) == (200, True)
    assert "alice" not in await said(bureau, "/users?state=blocked")


@pytest.mark.parametrize("noun", ["users", "miners", "orders", "withdrawals", "deposits"])
async def test_lists_are_whole_page_by_page(bureau: Bureau, noun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row once, newest first, by the link at the end of each page."""
    whole = (await bureau.people["support"].get(f"/portal/{noun}")).text
    rows = re.findall(r"<tr><td[^>]*>.*?</tr>", whole)
    assert len(rows) > 0
    monkeypatch.setattr(filters, "LISTED", 1)
    monkeypatch.setattr(user_pages, "LISTED", 1)
    found: list[str] = []
    path: str | None = f"/portal/{noun}"
    while path is not None:
        page = (await bureau.people["support"].get(path)).text
        found += re.findall(r"<tr><td[^>]*>.*?</tr>", page)
        older = re.search(r'<p class="pages"><a href="([^"]+)">Older', page)
        path = None if older is None else older[1].replace("&amp;", "&")
    assert found == rows


@pytest.mark.parametrize(
    ("path", "there", "gone"),
    [
        ("/orders?user=bob", "of bob", "open one"),
        ("/orders?state=created", "open one", "of bob"),
        ("/orders?state=issued&user=alice", "216.99 issued 1001", "open one"),
        ("/orders?to=2020-01-01", "No order is like that", "open one"),
        ("/orders?from=2020-01-01", "open one", "like that"),
        ("/withdrawals?state=cancelled", "0.01000000", "0.06000000"),
        ("/withdrawals?user=bob", "No withdrawal is like that", "0.06000000"),
        ("/withdrawals?from=2020-01-01&to=2020-01-02", "No withdrawal is like that", "0.06000000"),
        ("/miners?state=ended", " 2 15 ended", "running "),
        ("/deposits?state=credited", "No deposit is like that", "0.50000000"),
        ("/deposits?user=nobody", "You have no user", "0.50000000"),
    ],
)
async def test_lists_are_filtered(bureau: Bureau, path: str, there: str, gone: str) -> None:
    page = (await said(bureau, path)).partition(" All ")[2]
    assert there in page
    assert gone not in page


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/orders?state=lost", "STATE_UNKNOWN"),
        ("/users?state=lost", "STATE_UNKNOWN"),
        ("/miners?from=yesterday", "DAY_NOT_READ"),
        ("/miners?to=9999-12-31", "DAY_NOT_READ"),
        ("/deposits?after=x", "FIELD_NOT_A_NUMBER"),
        ("/income?days=31", "FIELD_NOT_READ"),
    ],
)
async def test_filters_that_cannot_be_read_say_so(bureau: Bureau, path: str, code: str) -> None:
    made = await bureau.people["support"].get(f"/portal{path}")
    assert (made.status_code, code in made.text) == (400, True)


async def test_an_orders_refund_says_what_was_taken_and_not_why(bureau: Bureau) -> None:
    """The operator's reason is for the log."""
    number = await bureau.pool.fetchval("SELECT id FROM purchase WHERE external_id = 'refunded'")
    page = await said(bureau, f"/orders/{number}")
    for words in ("state refunded", "owed no more", "Income that was taken back", "0.04000000 0.04000000 0.00000000"):
        assert words in page, words


async def test_a_miners_page_tells_its_life(bureau: Bureau) -> None:
    number = await bureau.pool.fetchval("SELECT miner_id FROM purchase WHERE external_id = 'of bob'")
    page = await said(bureau, f"/miners/{number}")
    for words in ("order of bob ,", "power 4 8 TH", "user alice", "to user 2026-03-06 bob alice"):
        assert words in page, words


async def test_an_income_is_explained(bureau: Bureau) -> None:
    """Of the newest closed day, or of another, whoever had the miner then; why it was adjusted is the operator's."""
    number = await bureau.pool.fetchval("SELECT miner_id FROM purchase WHERE external_id = 'of bob'")
    newest = await said(bureau, f"/miners/{number}/income")
    assert re.search(r"User bob · net 0.08000000 BTC .*adjustment 1 8 TH x -0.001, credited with", newest), newest
    assert "User bob · net 0.08000000 BTC" in await said(bureau, f"/miners/{number}/income?day=2026-03-04")
    before = await bureau.people["support"].get(f"/portal/miners/{number}/income?day=2026-03-02")
    assert (before.status_code, "RECORD_NOT_FOUND" in before.text) == (404, True)


async def test_days_are_those_of_the_books(bureau: Bureau) -> None:
    """A viewer sees them, exact and added up, and no person; the days before the partner began are not there."""
    world = bureau.world
    closed = await fence.closed_through(bureau.pool, world.partner.id)
    assert closed is not None
    async with db.snapshot(bureau.pool) as tx:
        days, _ = await day_totals.of(tx, world.partner.id, first=clock.day_of(world.partner.created_at), last=closed)
    for number in (30, 365):
        page = await said(bureau, f"/income?days={number}", "viewer")
        assert f"income, net {sum(one.net for one in days):,.8f} BTC" in page
        assert f"{plain(days[-1].power)} TH" in page
    raw = (await bureau.people["viewer"].get("/portal/income")).text
    assert [f"{one.day}" for one in reversed(days)] == re.findall(r'<td class="day">([\d-]+)</td>', raw)
    drawn = re.search(r'id="income-data">(\[.*?\])</script>', raw)
    assert drawn is not None
    assert all(f'"net": "{plain(one.net)}"' in drawn[1] for one in days)
    assert "alice" not in raw
    assert "No day is closed" not in raw


async def test_a_heavy_page_waits_for_its_turn_and_no_other_page_does(bureau: Bureau) -> None:
    """Like the API's heavy reads: a process has one at a time, and other partners' small pages go on beside it."""
    viewer = bureau.people["viewer"]
    async with bureau.serving.heavy.turn(bureau.other.id):
        waiting = asyncio.create_task(viewer.get("/portal/income"))
        assert (await viewer.get("/portal")).status_code == 200
        ended, _ = await asyncio.wait({waiting}, timeout=MUCH_LONGER)
        assert not ended
    assert (await waiting).status_code == 200
