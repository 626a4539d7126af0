"""Days, pool and audit in a real browser: a doubtful figure, charts, and work that the worker does while one looks on.

That every page fits everybody is tested by the walk of test_look.py.
"""

import datetime as dt
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Watched, looking, needs_browser
from tests.support.sandboxes import PASSWORD, sandbox, sign_in

pytestmark = needs_browser
DAYS = 35


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The console of a sandbox that has an admin."""
    with sandbox(days=DAYS) as made:
        made.command("operator", "add", "olga", "--role", "admin")
        yield f"{made.url}/console"


@pytest.fixture(scope="module")
def desk(opened: Browser, url: str) -> Iterator[Watched]:
    """Olga at her desk."""
    with looking(opened) as watched:
        sign_in(watched.page, url, "olga", PASSWORD)
        yield watched
        assert watched.complaints == []


def test_a_doubtful_figure_is_named_again(desk: Watched, url: str) -> None:
    """A day is entered with a price that nobody types by chance: it is asked for once more, and only then entered."""
    page = desk.page
    page.goto(f"{url}/days")
    page.get_by_role("link", name="Enter a day").click()
    day = (dt.date.fromisoformat(page.get_by_label("Mining day, UTC").input_value()) + dt.timedelta(days=1)).isoformat()
    page.goto(f"{url}/days/enter?day={day}")
    page.get_by_label("Price of a bitcoin").fill("178862.65")
    page.get_by_label("Pool reward").fill("0.00000049")
    page.get_by_role("button", name="See what it comes to").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("would credit")
    expect(main).to_contain_text("Are these meant, each digit?")
    assert desk.wrong_anywhere("books-doubtful") == []
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="They are meant").click()
    expect(main).to_contain_text("178862.65")
    page.get_by_role("button", name="Enter them").click()
    expect(page.get_by_role("heading", name=day, level=1)).to_be_visible()
    expect(page.locator("#guards ~ .scroll tbody tr", has_text="btc_usd")).to_contain_text("178862.65")
    assert desk.wrong_anywhere("books-day") == []
    page.get_by_role("link", name="Delete it").click()
    page.get_by_role("button", name="See what it comes to").click()
    page.get_by_role("button", name=f"Delete {day}").click()
    expect(page.get_by_text("It is changed.")).to_be_visible()


def test_charts_are_drawn_beside_exact_figures(desk: Watched, url: str) -> None:
    page = desk.page
    page.goto(f"{url}/days/figures")
    expect(page.locator(".chart canvas")).to_have_count(4)
    shown = page.locator("#table ~ .scroll tbody tr")
    expect(shown).to_have_count(30)
    page.get_by_role("link", name="90 days").click()
    expect(page.get_by_role("link", name="90 days")).to_have_attribute("aria-current", "page")
    expect(shown).to_have_count(DAYS)
    legend = page.locator(".chart").first.locator(".u-legend")
    for line in ("pool reward", "electricity", "service", "net"):
        expect(legend).to_contain_text(line)
    assert desk.wrong_anywhere("books-figures") == []


def test_the_worker_audits_while_one_looks_on(desk: Watched, url: str) -> None:
    """The page of the task follows it by itself; the audit tells who found it so."""
    page = desk.page
    page.goto(f"{url}/audit")
    page.get_by_role("button", name="Audit now").click()
    expect(page.get_by_role("heading", name="Check every invariant")).to_be_visible()
    expect(page.locator("#part-chosen")).to_contain_text(re.compile(r"All \d+ invariants hold"))
    assert desk.wrong_anywhere("books-task") == []
    page.get_by_role("link", name="What was found").click()
    expect(page.get_by_role("main")).to_contain_text("by olga, in one snapshot")
    assert desk.wrong_anywhere("books-audit") == []


def test_a_receipt_of_the_pool_is_recorded_and_found_in_the_ledger(desk: Watched, url: str) -> None:
    """By word; what it pays is told before; the account that it moved leads to its transfer."""
    page = desk.page
    page.goto(f"{url}/pool")
    page.get_by_role("link", name="Record a payment").click()
    page.get_by_label("Or, by your word: how much").fill("0.0001")
    page.get_by_label("What you know it by").fill("statement 7")
    page.get_by_label("How you know of it").fill("by mail")
    page.get_by_role("button", name="See what it comes to").click()
    expect(page.get_by_role("main")).to_contain_text("0.0001 BTC: 0.0001 pays days that are open")
    page.get_by_role("button", name="Record it").click()
    expect(page.locator("#receipts ~ .scroll")).to_contain_text("statement 7")
    page.goto(f"{url}/account?partner=1&account=1500")
    page.get_by_role("link", name=re.compile("^Pool receipt ")).first.click()
    expect(page.locator("#sides ~ .scroll")).to_contain_text("pool receivable")
    assert desk.wrong_anywhere("books-transfer") == []
