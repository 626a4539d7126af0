"""Look and comfort of all pages, in a real browser: every page fits, and keys, tables, times and live parts work."""

import json
import re
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hashrail import texts
from hashrail_client import Hashrail
from tests.support import folders
from tests.support.browser import Watched, browser, looking, needs_browser
from tests.support.programs import Running, free_port

pytestmark = needs_browser
# Milliseconds after which a page has looked whether something is new.
ROUND = 11_000
FORMULA = "=HYPERLINK(calc)"


@dataclass(frozen=True)
class Sandbox:
    """Where it is, and who may try the console."""

    url: str
    operators: dict[str, str]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests, with a past of more days than a page of a table has rows."""
    with tempfile.TemporaryDirectory(dir=folders.quick(), ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        running = Running(folder / "data", free_port(), folder / "log", days=55)
        try:
            running.summary()
            box = json.loads((folder / "data" / "demo.json").read_text())
            with Hashrail(box["baseUrl"], box["apiKey"], box["apiSecret"]) as partner:
                partner.users.login(FORMULA)
            people = {each["name"]: each["password"] for each in box["operators"]}
            yield Sandbox(f"http://127.0.0.1:{running.port}", people)
        finally:
            running.stop(signal.SIGINT)


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    """One browser for all tests."""
    with browser() as found:
        yield found


@pytest.fixture
def desk(opened: Browser, sandbox: Sandbox) -> Iterator[Watched]:
    """Anna at her desk, on the first page."""
    with looking(opened) as watched:
        sign_in(watched.page, sandbox, "anna")
        yield watched
        assert watched.complaints == []


def sign_in(page: Page, sandbox: Sandbox, name: str) -> None:
    page.goto(f"{sandbox.url}/console/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(sandbox.operators[name])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()


def test_the_palette_leads_to_pages_and_to_the_search(desk: Watched, sandbox: Sandbox) -> None:
    """Ctrl+K, a few letters, Enter; a text that is no page is looked up, and what was seen lately is offered."""
    page = desk.page
    palette = page.get_by_role("dialog", name="Go to")
    page.keyboard.press("Control+k")
    page.keyboard.type("day")
    expect(palette.get_by_role("option").first).to_contain_text("Days")
    assert desk.accessibility() == []
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.get_by_role("button", name="Go to …").click()
    page.keyboard.type("day")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{sandbox.url}/console/days")
    page.get_by_role("button", name="Go to …").wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("alice")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="alice", level=1)).to_be_visible()
    page.goto(f"{sandbox.url}/console")
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("option").filter(has_text="lately").first).to_contain_text("alice")
    page.keyboard.type("create")
    expect(palette.get_by_role("option").filter(has_text="act")).to_have_count(0)


def test_rows_are_walked_filtered_and_saved(desk: Watched, sandbox: Sandbox) -> None:
    """By the keyboard alone: to a page, its rows, their pages, a filter that the address keeps, and a file."""
    page = desk.page
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="Days", level=1)).to_be_visible()
    table = page.locator("#entered ~ .scroll table")
    assert page.get_by_role("link", name="Days", exact=True).get_attribute("aria-current") == "page"
    expect(table.locator("tbody tr:visible")).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("page 2 of 2")).to_be_visible()
    page.keyboard.press("f")
    day = table.locator("tbody a").nth(2).inner_text()
    page.keyboard.insert_text(day)
    expect(table.locator("tbody tr:visible")).to_have_count(1)
    expect(page.get_by_text(re.compile(r"^1 of \d+ rows$"))).to_be_visible()
    page.reload()
    expect(table.locator("tbody tr:visible")).to_have_count(1)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV: the rows of With figures").click()
    heading, row = Path(saved.value.path()).read_text().splitlines()
    assert saved.value.suggested_filename == "days-with-figures.csv"
    assert heading.startswith('day,state,"pool, BTC/TH","bitcoin, USD"')
    assert row.startswith(f"{day},published,0.0000")
    assert re.search(r",\d{4,}\.\d{2},", row), "a figure has no groups"
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=day, level=1)).to_be_visible()


def test_a_saved_text_is_no_formula(desk: Watched, sandbox: Sandbox) -> None:
    """What a partner has called a user begins no formula in a sheet, as in every file of the server."""
    page = desk.page
    page.goto(f"{sandbox.url}/console/partners/1/users?filter=calc")
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("^Save as CSV")).click()
    _, row = Path(saved.value.path()).read_text().splitlines()
    assert row.split(",")[1] == texts.cell(FORMULA)


def test_keys_are_told_and_times_are_turned(desk: Watched) -> None:
    """`?` shows the keys, Escape closes them; `t` shows the reader's own time, on the next page as well."""
    page = desk.page
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("next row")
    assert desk.accessibility() == []
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    clock = page.locator("#clock time")
    expect(clock).to_contain_text("UTC")
    utc = clock.inner_text()
    page.keyboard.press("t")
    expect(page.get_by_text("Times are yours now.")).to_be_visible()
    expect(clock).to_have_attribute("title", utc)
    page.reload()
    expect(clock).to_have_attribute("title", re.compile("UTC$"))
    page.get_by_role("button", name="Show UTC").click()
    expect(clock).to_have_attribute("title", re.compile("your time$"))


def test_home_follows_what_happens(opened: Browser, desk: Watched, sandbox: Sandbox) -> None:
    """What changes elsewhere comes by itself; what somebody types is not taken from them, and an end is told."""
    page = desk.page
    page.clock.install()
    page.reload()
    page.get_by_text("Pause payouts").click()
    reason = page.get_by_label("Why? Status and log show it.")
    reason.fill("mine")
    with looking(opened) as other:
        sign_in(other.page, sandbox, "ben")
        other.page.get_by_text("Pause payouts").click()
        other.page.get_by_label("Why? Status and log show it.").fill("the node is looked at")
        other.page.get_by_role("button", name="Pause all payouts").click()
        expect(other.page.locator(".notice", has_text="Paused: the node is looked at")).to_be_visible()
    with page.expect_response("**/console"):
        page.clock.run_for(ROUND)
    expect(reason).to_have_value("mine")
    reason.fill("")
    page.locator("h1").click()
    with page.expect_response("**/console"):
        page.clock.run_for(ROUND)
    expect(page.locator(".notice", has_text="Paused: the node is looked at")).to_be_visible()
    with page.expect_response("**/console") as answered:
        page.clock.run_for(ROUND)
    assert answered.value.status in {200, 304}
    page.context.clear_cookies()
    page.clock.run_for(ROUND)
    expect(page.get_by_role("alert")).to_contain_text("your session has ended")
