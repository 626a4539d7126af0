"""Look and comfort of all pages, in a real browser: every page fits, and keys, tables, times and live parts work."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from hashrail import texts
from tests.support import walking
from tests.support.browser import Watched, looking, needs_browser
from tests.support.walking import EVERYTHING, Box

pytestmark = needs_browser
# Milliseconds after which a page has looked whether something is new.
ROUND = 11_000


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Box]:
    """One sandbox for all tests; a user is called like a formula."""
    with walking.box() as made:
        yield made


@pytest.fixture(scope="module")
def signed_in(opened: Browser, sandbox: Box) -> Callable[[Watched, str], None]:
    """Signs somebody in: with a new generator at first, later with the cookies of then, since a code counts once."""
    kept: dict[str, Any] = {}

    def sign_in(watched: Watched, name: str) -> None:
        page, console = watched.page, f"{sandbox.url}/console"
        if name in kept:
            page.context.add_cookies(kept[name])
            page.goto(console)
        else:
            walking.give_password(page, console, name, sandbox.operators[name])
            walking.give_code(page)
            kept[name] = page.context.cookies()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()

    return sign_in


@pytest.fixture
def desk(opened: Browser, signed_in: Callable[[Watched, str], None]) -> Iterator[Watched]:
    """Anna at her desk, on the first page."""
    with looking(opened) as watched:
        signed_in(watched, "anna")
        yield watched
        assert watched.complaints == []


SHARES = {"console": [slice(0, None, 3), slice(1, None, 3), slice(2, None, 3)]}


@pytest.mark.parametrize(("area", "share"), [(a, s) for a in walking.AREAS for s in SHARES.get(a, [EVERYTHING])])
def test_every_page_fits_everybody(opened: Browser, sandbox: Box, area: str, share: slice) -> None:
    """In light and dark and on a phone: nobody is kept out, nothing is too wide, nothing complains."""
    with looking(opened) as watched:
        wrong, missed = walking.walk(watched, sandbox, area, share=share)
    assert wrong == {}
    assert missed == set()


def test_the_palette_leads_to_pages_and_to_the_search(desk: Watched, sandbox: Box) -> None:
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


def test_rows_are_walked_filtered_and_saved(desk: Watched, sandbox: Box) -> None:
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


def test_a_saved_text_is_no_formula(desk: Watched, sandbox: Box) -> None:
    """What a partner has called a user begins no formula in a sheet, as in every file of the server."""
    page = desk.page
    page.goto(f"{sandbox.url}/console/partners/1/users?filter=calc")
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("^Save as CSV")).click()
    _, row = Path(saved.value.path()).read_text().splitlines()
    assert row.split(",")[1] == texts.cell(walking.FORMULA)


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


def test_home_follows_what_happens(opened: Browser, desk: Watched, signed_in: Callable[[Watched, str], None]) -> None:
    """What changes elsewhere comes by itself; what somebody types is not taken from them, and an end is told."""
    page = desk.page
    page.clock.install()
    page.reload()
    page.get_by_text("Pause payouts").click()
    reason = page.get_by_label("Why? Status and log show it.")
    reason.fill("mine")
    with looking(opened) as other:
        signed_in(other, "ben")
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


def test_a_passkey_is_made_and_opens_the_console(opened: Browser, sandbox: Box) -> None:
    """With a device that the browser plays, at a name of this machine, since numbers have no passkeys."""
    console = f"{sandbox.url.replace('127.0.0.1', 'localhost')}/console"
    with looking(opened) as watched:
        page = watched.page
        walking.give_device(page)
        walking.give_password(page, console, walking.NEWCOMER, sandbox.operators[walking.NEWCOMER])
        walking.give_code(page)
        walking.make_passkey(page, f"{console}/sessions", sandbox.operators[walking.NEWCOMER])
        expect(page.get_by_role("cell", name="a phone", exact=True)).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        walking.give_password(page, console, walking.NEWCOMER, sandbox.operators[walking.NEWCOMER])
        assert watched.accessibility() == []
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        assert watched.complaints == []


def test_a_passkey_opens_the_portal(opened: Browser, sandbox: Box) -> None:
    """Of somebody who was invited a moment ago."""
    site, password = sandbox.url.replace("127.0.0.1", "localhost"), "a long enough one"
    with looking(opened) as watched:
        page = watched.page
        walking.give_device(page)
        page.goto(site + sandbox.invitation)
        page.locator("input[name=password]").fill(password)
        page.get_by_role("button", name="Join").click()
        walking.give_code(page)
        walking.make_passkey(page, f"{site}/portal/account", password)
        page.context.clear_cookies()
        walking.give_password(page, f"{site}/portal", "ida@partner.example", password)
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("heading", name="Demo partner", level=1)).to_be_visible()
        assert watched.complaints == []
