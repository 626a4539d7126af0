"""Payouts and changes in a real browser: two admins, each at their own, change limits, pause, let go on, and export.

That every page fits everybody is tested by the walk of test_look.py; what waits and what is looked at is tested here.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hashrail_client import Hashrail, SignatureAuth
from tests.support.browser import Watched, looking, needs_browser
from tests.support.sandboxes import PASSWORD, Sandbox, sandbox, sign_in

pytestmark = needs_browser
ADMINS = ("olga", "otto")
ADDRESS = "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky"


@dataclass(frozen=True)
class Desks:
    """The console of a sandbox, and two admins at it, who are two people."""

    box: Sandbox
    olga: Watched
    otto: Watched

    @property
    def url(self) -> str:
        """The console."""
        return f"{self.box.url}/console"

    def confirm(self, act: str) -> None:
        """Otto is told in the navigation, looks at it and confirms."""
        page = self.otto.page
        page.goto(self.url)
        page.get_by_role("link", name="Changes 1").click()
        page.get_by_role("link", name="Confirm …").click()
        look(page)
        page.get_by_role("button", name=f"Confirm: {act}").click()
        expect(page.get_by_text("You have confirmed it, and it is done.")).to_be_visible()


@pytest.fixture(scope="module")
def desks(opened: Browser) -> Iterator[Desks]:
    """Both are signed in."""
    with sandbox(days=10) as made, ExitStack() as both:
        olga = {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
        made.command("operator", "add", "olga", "--role", "admin")
        made.command("operator", "add", "otto", "--role", "admin", **olga)
        made.command("operator", "policy", "--apart", "0", **olga)
        found = Desks(made, *(both.enter_context(looking(opened)) for _ in ADMINS))
        for watched, name in zip((found.olga, found.otto), ADMINS, strict=True):
            sign_in(watched.page, found.url, name, PASSWORD)
        yield found


def look(page: Page) -> None:
    """See what a form comes to."""
    page.get_by_role("button", name="See what it comes to").click()


def topped_up(box: Sandbox) -> None:
    """Bitcoin arrives for alice, and is credited."""
    auth = SignatureAuth(box.facts["apiKey"], box.facts["apiSecret"])
    with Hashrail(box.url, box.facts["apiKey"], box.facts["apiSecret"]) as partner:
        to = partner.deposits.address("alice")["address"]
    for verb, said in (
        ("chain", {"deposit": {"address": to, "amount": 0.25}, "blocks": 2}),
        ("advance", {"seconds": 1}),
    ):
        httpx.post(f"{box.url}/api/sandbox/{verb}", json=said, auth=auth, timeout=60).raise_for_status()


def test_two_admins_change_the_limits(desks: Desks) -> None:
    """One sets a limit, and asks for a looser one; the other is told, looks at it and confirms."""
    page, url = desks.olga.page, desks.url
    for limit in ("1", "2"):
        page.goto(f"{url}/payouts")
        page.get_by_role("link", name="Change the limits …").click()
        page.get_by_label("Leaves for one user in a UTC day, at most").fill(limit)
        look(page)
        assert desks.olga.wrong_anywhere(f"payouts-looked-at-{limit}") == []
        page.get_by_role("button", name="Set the limits").click()
    expect(page.get_by_text("It is noted, and waits for a second admin.")).to_be_visible()
    expect(page.get_by_text("You asked for it")).to_be_visible()
    desks.otto.page.goto(f"{url}/changes")
    assert desks.otto.wrong_anywhere("payouts-changes") == []
    desks.confirm("payouts policy")
    page = desks.otto.page
    page.goto(f"{url}/payouts")
    expect(page.locator("#limits + .facts")).to_contain_text("2 BTC")
    assert desks.otto.wrong_anywhere("payouts-payouts") == []
    page.get_by_role("link", name="Run now …").click()
    page.get_by_role("button", name="Make a run").click()
    expect(page.get_by_role("main")).to_contain_text("batches were made", timeout=60_000)


def test_what_one_has_paused_goes_on_by_two(desks: Desks) -> None:
    """Otto pauses, and olga's page, which follows, says so by itself; she asks, he confirms."""
    olga, otto = desks.olga.page, desks.otto.page
    olga.goto(f"{desks.url}/payouts")
    otto.goto(f"{desks.url}/payouts")
    otto.get_by_text("Pause payouts").click()
    otto.get_by_label("Why? Status and log show it.").fill("the node is looked at")
    otto.get_by_role("button", name="Pause all payouts").click()
    expect(otto.get_by_text("Payouts are paused: nothing is signed or sent")).to_be_visible()
    # Who comes back to a page sees at once what is new.
    olga.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(olga.locator("#part-stops")).to_contain_text("Paused: the node is looked at")
    olga.get_by_role("link", name="Let payouts go on …").click()
    look(olga)
    olga.get_by_role("button", name="Let them go on").click()
    expect(olga.get_by_text("It is noted, and waits for a second admin.")).to_be_visible()
    desks.confirm("payouts resume")
    olga.goto(f"{desks.url}/payouts")
    expect(olga.locator("#part-stops")).not_to_contain_text("Paused")
    assert desks.olga.complaints == []


def test_an_export_is_downloaded_and_what_it_did_not_pay_is_cancelled_by_two(desks: Desks) -> None:
    """The worker makes it; its page has the file and each withdrawal; the list of all finds it by its address."""
    facts = desks.box.facts
    topped_up(desks.box)
    with Hashrail(facts["baseUrl"], facts["apiKey"], facts["apiSecret"]) as partner:
        number = partner.withdrawals.create("alice", wallet_address=ADDRESS, amount=Decimal("0.0001"))
    page, url = desks.olga.page, desks.url
    page.goto(f"{url}/deposits?least=0.25")
    page.locator("#part-found tbody a").first.click()
    expect(page.locator("#part-legs tbody")).to_contain_text("credited")
    assert desks.olga.wrong_anywhere("payouts-deposit") == []
    page.goto(f"{url}/withdrawals")
    page.get_by_label("Address").fill(ADDRESS)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#part-counts")).to_contain_text(re.compile(r"queued\s*1"))
    expect(page.locator("#part-found tbody tr")).to_have_count(1)
    assert desks.olga.wrong_anywhere("payouts-withdrawals") == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="All of them as CSV").click()
    assert f",{number}," in saved.value.path().read_text()
    page.goto(f"{url}/payouts/export")
    page.get_by_role("button", name="Export it").click()
    expect(page.get_by_role("main")).to_contain_text("Export 1 is made", timeout=60_000)
    page.goto(f"{url}/payouts/exports/1")
    assert desks.olga.wrong_anywhere("payouts-export") == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert ADDRESS in saved.value.path().read_text()
    page.locator("tr", has_text=ADDRESS).get_by_role("link", name="It is not paid …").click()
    page.get_by_label("How do you know").fill("the other program never signed it")
    look(page)
    page.get_by_role("button", name="It is not paid").click()
    expect(page.get_by_text("It is noted, and waits for a second admin.")).to_be_visible()
    desks.confirm("payouts cancel")
    page.goto(f"{url}/withdrawals/1/{number}")
    expect(page.locator(".state").first).to_have_text("cancelled")
