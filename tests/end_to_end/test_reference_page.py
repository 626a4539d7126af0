"""The API reference in a real browser: what somebody looks for is found, copied, tried, and fits every window."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import DESKTOP, PHONE, looking, needs_browser
from tests.support.sandboxes import Sandbox, sandbox

pytestmark = needs_browser
# Bytes over the wire: a page with all that it loads.
HEAVIEST = 300_000
# Seconds from asking for a page until it can be read, on a machine that is busy with other tests.
SLOWEST = 5

BROKEN_NAMES = """() => [...document.querySelectorAll("code.name")]
    .filter((each) => each.getClientRects().length > 1).map((each) => each.textContent)"""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """One sandbox for all tests of the page."""
    with sandbox(days=1) as made:
        yield made


def search(page: Page, words: str) -> None:
    """Type into the search box, and wait for what is found."""
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.insert_text(words)
    expect(page.locator("#found")).not_to_be_empty()


def test_a_code_is_found_and_opens_its_row(opened: Browser, box: Sandbox) -> None:
    with looking(opened) as watched:
        page = watched.page
        page.goto(f"{box.url}/api/docs")
        search(page, "SIGNATURE_MISMATCH")
        expect(page.locator("#hits > li").first).to_contain_text("SIGNATURE_MISMATCH")
        expect(page.locator("#contents")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{box.url}/api/docs/errors#SIGNATURE_MISMATCH")
        expect(page.locator(":target")).to_contain_text("SIGNATURE_MISMATCH")
        assert watched.complaints == []
        assert {url for url in watched.asked if not url.startswith(box.url)} == set()


def test_hits_are_counted_marked_and_chosen_by_keys(opened: Browser, box: Sandbox) -> None:
    with looking(opened) as watched:
        page = watched.page
        page.goto(f"{box.url}/api/docs")
        search(page, "miners")
        expect(page.locator("#found")).to_contain_text(re.compile(r"^\d+ hits"))
        expect(page.locator("#hits mark").first).to_have_text(re.compile("miner", re.I))
        page.keyboard.press("ArrowDown")
        expect(page.locator("#hits > li").nth(1)).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Escape")
        expect(page.locator("#contents")).to_be_visible()
        search(page, "nftCollectionId")
        expect(page.locator("#hits > li").first).to_contain_text("nftCollectionId")
        page.keyboard.press("Enter")
        expect(page.locator(":target")).to_contain_text("nftCollectionId")
        search(page, "withdraw adress")
        expect(page.locator("#hits > [data-url='/api/docs/s2s_withdraw_fast']")).to_be_visible()
        page.keyboard.press("Escape")
        search(page, "no such thing anywhere")
        expect(page.locator("#found")).to_have_text("Nothing matches.")
        assert watched.complaints == []


def test_keys_turn_pages(opened: Browser, box: Sandbox) -> None:
    with looking(opened) as watched:
        page = watched.page
        page.goto(f"{box.url}/api/docs")
        page.keyboard.press("j")
        expect(page).to_have_url(f"{box.url}/api/docs/signature")
        page.keyboard.press("j")
        expect(page).to_have_url(f"{box.url}/api/docs/s2s_login")
        expect(page.locator("nav [aria-current=page]")).to_contain_text("#4")
        page.keyboard.press("k")
        expect(page).to_have_url(f"{box.url}/api/docs/signature")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert watched.complaints == []


@pytest.mark.parametrize(
    ("anchor", "leads_to"),
    [("s2s_miners", "/s2s_miners"), ("SIGNATURE_MISMATCH", "/errors#SIGNATURE_MISMATCH"), ("callers", "/signature")],
)
def test_links_of_the_one_page_lead_on(opened: Browser, box: Sandbox, anchor: str, leads_to: str) -> None:
    with looking(opened) as watched:
        watched.page.goto(f"{box.url}/api/docs#{anchor}")
        expect(watched.page).to_have_url(f"{box.url}/api/docs" + leads_to)
        assert watched.complaints == []


def test_examples_come_in_three_languages_and_are_copied(opened: Browser, box: Sandbox) -> None:
    """The language stays chosen on the next page, and what is copied runs."""
    with looking(opened) as watched:
        page = watched.page
        page.goto(f"{box.url}/api/docs/s2s_miners")
        expect(page.get_by_role("tabpanel")).to_contain_text(f'curl "{box.url}/api/partner/s2s/nft/find-by-user')
        page.get_by_role("button", name="Copy the code").first.click()
        expect(page.get_by_role("tabpanel").get_by_text("Copied")).to_be_visible()
        command = page.evaluate("navigator.clipboard.readText()")
        answer = json.loads(run(command, box))
        assert answer["data"]["array"]
        page.get_by_role("tab", name="curl").press("ArrowRight")
        expect(page.get_by_role("tabpanel")).to_contain_text('client.miners.list("alice")')
        page.goto(f"{box.url}/api/docs/s2s_login")
        expect(page.get_by_role("tabpanel")).to_contain_text('client.users.login("alice"')
        page.get_by_role("tab", name="curl").click()
        login = json.loads(run(page.get_by_role("tabpanel").locator("code").inner_text(), box))
        assert login["data"]["jwtToken"]


def run(command: str, box: Sandbox) -> str:
    """What a shell says to an example, with the demo partner's key."""
    key = {"API_KEY": box.facts["apiKey"], "API_SECRET": box.facts["apiSecret"]}
    done = subprocess.run(["sh", "-c", command], env=os.environ | key, capture_output=True, text=True, check=True)
    return done.stdout


def test_calls_are_tried_in_the_sandbox(opened: Browser, box: Sandbox) -> None:
    """A read, what a user's client reads, what the SDK has no verb for, a refusal, and a write after a word."""
    with looking(opened) as watched:
        page = watched.page
        for name, expected in (
            ("s2s_miners", '"array": ['),
            ("c2s_balances", '"array": ['),
            ("s2s_key", '"scopes": ['),
            ("app_user", '"data": {'),
            ("proof_days", '"data": {'),
        ):
            page.goto(f"{box.url}/api/docs/{name}")
            page.get_by_role("button", name="Sign and send").click()
            expect(page.locator("#try-answer p")).to_have_text(re.compile(r": 200$"))
            expect(page.locator("#try-answer pre")).to_contain_text(expected)
        assert watched.complaints == []
        page.goto(f"{box.url}/api/docs/s2s_withdraw")
        page.get_by_role("button", name="Sign and send").click()
        expect(page.locator("#try-answer")).to_contain_text("Nothing was sent")
        page.get_by_label("It may change this sandbox").check()
        page.get_by_role("button", name="Sign and send").click()
        expect(page.locator("#try-answer pre")).to_contain_text('"error": ')


def test_a_page_is_light_and_quick(opened: Browser, box: Sandbox) -> None:
    """The heaviest pages with all that they load, as they go over the wire, and the search's index."""
    with looking(opened) as watched:
        page = watched.page
        sizes = []
        page.on("response", lambda answer: sizes.append(answer.request.sizes()["responseBodySize"]))
        for path in ("/s2s_miners", "/errors", "/guides/reference/commands"):
            sizes.clear()
            page.goto(f"{box.url}/api/docs" + path, wait_until="networkidle")
            assert 0 < sum(sizes) < HEAVIEST, path
        page.goto(f"{box.url}/api/docs/s2s_income")
        read = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") / 1000
        assert read < SLOWEST
        sizes.clear()
        search(page, "address")
        assert 0 < sum(sizes) < HEAVIEST


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "window"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_it_fits_everybody(
    opened: Browser, box: Sandbox, name: str, window: dict[str, int], scheme: Literal["light", "dark"]
) -> None:
    """Nothing is wider than the window, names do not break, nobody is kept out, and nothing complains."""
    with looking(opened, window=window, scheme=scheme) as watched:
        for path in ("/errors", "", "/guides/how-to/sign-requests", "/s2s_income_by_day"):
            watched.page.goto(f"{box.url}/api/docs" + path)
            expect(watched.page.get_by_role("heading", level=1)).to_be_visible()
            assert watched.too_wide() == []
            assert watched.page.evaluate(BROKEN_NAMES) == []
            # The catalogue is one kind of row, many times.
            assert path == "/errors" or watched.accessibility() == []
        watched.picture(f"reference-{name}-{scheme}")
        assert watched.complaints == []
