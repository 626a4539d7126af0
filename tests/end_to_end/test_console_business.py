"""Selling in a real browser: what forms come to, and what they lead to, in light, in dark, on a phone.

That every page fits everybody is tested by the walk of test_look.py.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import looking, needs_browser
from tests.support.sandboxes import PASSWORD, sandbox, sign_in

pytestmark = needs_browser
# So many days reach into the month before, whatever month it is.
DAYS = 35
# In the first days of a month they reach into two, and both are invoiced.
OF_THE_MONTH_BEFORE = re.compile(r"^Invoice 1-0000[12]$")
P = "/partners/1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The console of a sandbox that has an admin."""
    with sandbox(days=DAYS) as made:
        made.command("operator", "add", "olga", "--role", "admin")
        yield f"{made.url}/console"


def test_forms_of_selling(opened: Browser, url: str) -> None:
    """A payment, an invoice, a key and a tariff: filled, looked at, done; a secret is shown once."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(page, f"{url}{P}", "olga", PASSWORD)
        page.get_by_role("link", name="Record a payment").click()
        page.get_by_label("What was paid").fill("12.50")
        page.get_by_label("The bank's reference").fill("SEPA 8821")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_role("main")).to_contain_text("USD are owed, and")
        assert watched.wrong_anywhere("business-payment-looked-at") == []
        page.get_by_role("button", name="Record it").click()
        expect(page.get_by_text("The payment is recorded.")).to_be_visible()
        expect(page.locator("#payments + .tools + .scroll, #payments + .scroll").first).to_contain_text("SEPA 8821")
        page.get_by_role("link", name="Issue an invoice").click()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Issue it").click()
        expect(page.get_by_role("heading", name=OF_THE_MONTH_BEFORE)).to_be_visible()
        assert watched.wrong_anywhere("business-invoice") == []
        page.goto(f"{url}{P}/keys/new")
        page.get_by_label("What the key is for").fill("till")
        page.get_by_label("withdraw:").uncheck()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Make the key").click()
        secret = page.locator("dd code").nth(1).inner_text()
        assert len(secret) > 30
        assert watched.wrong_anywhere("business-key-shown-once") == []
        page.get_by_role("link", name="I have copied it").click()
        expect(page.locator("#api-keys ~ .scroll")).to_contain_text("till")
        assert secret not in page.content()
        page.goto(f"{url}/catalogue/upgrades")
        page.get_by_label("Price of a TH").fill("8")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_role("main")).to_contain_text("A TH costs 8 USD")
        page.get_by_role("button", name="Set the tariff").click()
        expect(page.get_by_text("It is changed.")).to_be_visible()
        page.goto(f"{url}/tariffs/set?kind=kwh_usd")
        page.get_by_label("The figure").fill("0.055")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_role("main")).to_contain_text("BTC a day")
        assert watched.wrong_anywhere("business-tariff-looked-at") == []
        page.get_by_role("button", name="Let it count").click()
        expect(page.get_by_text("It is changed.")).to_be_visible()
        assert page.locator("svg .other").count() == 1
