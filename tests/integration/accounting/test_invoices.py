"""Invoices: whole cents, the rest carried on, each month once, and all of it what moved the receivable."""

import asyncio
import datetime as dt
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from hashrail import clock, db
from hashrail.accounting import invoice_page, invoices, periods
from hashrail.accounting.invoices import BeforePartnerError, Invoice, InvoiceNotFoundError, InvoiceTooEarlyError
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.selling import statements
from hashrail.selling.statements import Line
from tests.support.books import advance, buy, newcomer, pay, post, receivable, upgrade
from tests.support.hostile import HOSTILE
from tests.support.world import World

CENT = Decimal("0.01")


async def next_month(world: World) -> dt.date:
    """Let a month end, and be in the middle of the next one; answers the first day of the one that is over."""
    over = (await world.today()).replace(day=1)
    await advance(world, clock.start_of(periods.next_month(over)) + 14 * clock.ONE_DAY - await now(world))
    return over


async def now(world: World) -> dt.datetime:
    return await advance(world, dt.timedelta(0))


async def issue(world: World, month: dt.date) -> Invoice:
    async with db.transaction(world.pool) as tx:
        return (await invoices.issue(tx, world.partner, month))[0]


async def lines_of(world: World, invoice: Invoice) -> list[Line]:
    first, before = clock.start_of(invoice.month), clock.start_of(periods.next_month(invoice.month))
    async with db.snapshot(world.pool) as tx:
        parts = statements.in_parts(tx, world.partner.id, first=first, before=before)
        return [line async for part in parts for line in part]


async def test_what_is_below_a_cent_is_carried_and_never_lost(partner: World) -> None:
    """Over three months, whatever was charged is billed or still carried, and what is due is in whole cents."""
    alice = await partner.user("alice")
    bought = await buy(partner, alice.id, "2")
    made = []
    for number in range(3):
        await upgrade(partner, bought.miner_id, "power", str(2 + number), str(3 + number))
        await pay(partner, "12.34", f"SEPA {number}")
        made.append(await issue(partner, await next_month(partner)))
    owed, _ = await receivable(partner)
    charged = sum(one.charged_usd for one in made)
    assert charged == owed + 3 * Decimal("12.34")
    assert sum(one.amount_usd for one in made) + made[-1].carried_out_usd == charged
    assert any(one.carried_out_usd for one in made), "prices of upgrades have more decimals"
    for before, one in zip([None, *made], made, strict=False):
        assert one.amount_usd == one.amount_usd.quantize(CENT)
        assert 0 <= one.carried_out_usd < CENT
        assert one.carried_in_usd == (before.carried_out_usd if before else 0)
        assert one.owed_before_usd == (before.owed_after_usd if before else 0)
        assert one.due_usd == one.due_usd.quantize(CENT)
    assert [one.number for one in made] == [1, 2, 3]
    assert made[-1].owed_after_usd == owed


async def test_again_it_is_the_same_whatever_has_happened_since(partner: World) -> None:
    alice = await partner.user("alice")
    await buy(partner, alice.id, "1")
    month = await next_month(partner)
    first = await issue(partner, month)
    await buy(partner, alice.id, "2", "later")
    assert await issue(partner, month) == first
    assert [line.reference for line in await lines_of(partner, first)] == ["bought"]


async def test_two_at_once_issue_one(partner: World) -> None:
    month = await next_month(partner)
    one, other = await asyncio.gather(issue(partner, month), issue(partner, month))
    assert one == other


async def test_months_before_it_are_issued_too(partner: World) -> None:
    """Also those in which nothing happened, so that no number and no month is missing."""
    alice = await partner.user("alice")
    await buy(partner, alice.id, "1")
    months = [await next_month(partner) for _ in range(3)]
    async with db.transaction(partner.pool) as tx:
        asked, made = await invoices.issue(tx, partner.partner, months[-1])
    assert [one.month for one in made] == months
    assert asked == made[-1]
    assert [one.amount_usd > 0 for one in made] == [True, False, False]
    async with db.transaction(partner.pool) as tx:
        assert await invoices.issued(tx, partner.partner.id) == made
        assert set(made) <= set(await invoices.issued(tx, None))


async def test_a_month_in_which_more_is_given_back_is_below_zero(partner: World) -> None:
    """What is carried on is never below zero."""
    await pay(partner, "0.005", "SEPA 1")
    sides = (Account.MINER_SALES, Account.PARTNER_RECEIVABLE)
    await post(partner, Transfer(TransferKind.PURCHASE, 999, 1, *sides, Decimal("1.234")))
    made = await issue(partner, await next_month(partner))
    assert (made.amount_usd, made.carried_out_usd) == (Decimal("-1.24"), Decimal("0.006"))
    assert (made.paid_usd, made.owed_after_usd) == (Decimal("0.005"), Decimal("-1.239"))


async def test_a_month_that_is_not_over_is_refused(partner: World) -> None:
    with pytest.raises(InvoiceTooEarlyError) as refused:
        await issue(partner, (await partner.today()).replace(day=1))
    assert refused.value.details["field"] == "month"
    with pytest.raises(BeforePartnerError):
        await issue(partner, dt.date(2026, 1, 1))
    with pytest.raises(InvoiceNotFoundError):
        async with db.transaction(partner.pool) as tx:
            await invoices.get(tx, partner.partner.id, await next_month(partner))
    assert await partner.pool.fetchval("SELECT count(*) FROM invoice WHERE partner_id = $1", partner.partner.id) == 0


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.shown += data


async def test_the_page_asks_nothing_of_any_place_and_no_text_in_it_acts(partner: World) -> None:
    """It is one file: no links, no scripts, no pictures, and what strangers wrote is text."""
    markup = ["<script>alert(1)</script>", "</td><img src=//x.example>", "\"onload='x'", "&lt;b&gt;"]
    strangers = await newcomer(partner)
    alice = await strangers.user("alice")
    for number, text in enumerate([*HOSTILE.values(), *markup]):
        await buy(strangers, alice.id, "1", f"{text} {number}"[:255])
    invoice = await issue(strangers, await next_month(strangers))
    text = invoice_page.page(invoice, strangers.partner, await lines_of(strangers, invoice), "<b>Mining</b> & Sons")
    found = Page(text)
    allowed = {*("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div")}
    assert {tag for tag, _ in found.tags} == allowed | {*("table", "thead", "tbody", "tr", "th", "td")}
    assert {name for _, attributes in found.tags for name in attributes} == {
        *("lang", "charset", "name", "content", "class", "http-equiv"),
    }
    assert all(each in found.shown for each in markup)
    assert "<b>Mining</b> & Sons" in found.shown
    assert "url(" not in text
    assert "@import" not in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert f"Invoice {invoice.name}" in found.shown
    assert invoice_page.cents(invoice.amount_usd) in found.shown
    assert text.count("<tr>") + text.count('<tr class="total">') == 3 + 8 + len(HOSTILE) + len(markup)
