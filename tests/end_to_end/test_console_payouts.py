"""Payouts and changes in a real browser: two admins change the limits, each in a browser of their own.

That every page fits everybody is tested by the walk of test_look.py; what waits and what is looked at is tested here.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import browser, looking, needs_browser
from tests.support.sandboxes import PASSWORD, sandbox, sign_in

pytestmark = needs_browser
ADMINS = ("olga", "otto")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The console of a sandbox that has two admins, who are two people."""
    with sandbox(days=10) as made:
        olga = {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
        made.command("operator", "add", "olga", "--role", "admin")
        made.command("operator", "add", "otto", "--role", "admin", **olga)
        made.command("operator", "policy", "--apart", "0", **olga)
        yield f"{made.url}/console"


def test_two_admins_change_the_limits(url: str) -> None:
    """One sets a limit, and asks for a looser one; the other is told in the navigation, looks at it and confirms."""
    with ExitStack() as both:
        opened: Browser = both.enter_context(browser())
        olga, otto = (both.enter_context(looking(opened)) for _ in ADMINS)
        sign_in(olga.page, url, "olga", PASSWORD)
        sign_in(otto.page, url, "otto", PASSWORD)
        page = olga.page
        for limit in ("1", "2"):
            page.goto(f"{url}/payouts")
            page.get_by_role("link", name="Change the limits …").click()
            page.get_by_label("Leaves for one user in a UTC day, at most").fill(limit)
            page.get_by_role("button", name="See what it comes to").click()
            assert olga.wrong_anywhere(f"payouts-looked-at-{limit}") == []
            page.get_by_role("button", name="Set the limits").click()
        expect(page.get_by_text("It is noted, and waits for a second admin.")).to_be_visible()
        expect(page.get_by_text("You asked for it")).to_be_visible()
        page = otto.page
        page.goto(url)
        page.get_by_role("link", name="Changes 1").click()
        assert otto.wrong_anywhere("payouts-changes") == []
        page.get_by_role("link", name="Confirm …").click()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Confirm: payouts policy").click()
        expect(page.get_by_text("You have confirmed it, and it is done.")).to_be_visible()
        page.goto(f"{url}/payouts")
        expect(page.locator("#limits + .facts")).to_contain_text("2 BTC")
        assert otto.wrong_anywhere("payouts-payouts") == []
        page.get_by_role("link", name="Run now …").click()
        page.get_by_role("button", name="Make a run").click()
        expect(page.get_by_role("main")).to_contain_text("batches were made", timeout=60_000)
