"""The front page in a real browser: a newcomer moves time, sees users earn, and reads how a call is signed."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from hashrail import clock
from tests.support.browser import DESKTOP, PHONE, Watched, looking, needs_browser
from tests.support.sandboxes import Sandbox, sandbox

pytestmark = needs_browser
WEEK = 7


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """One sandbox for all tests of the page."""
    with sandbox() as made:
        yield made


def arrive(watched: Watched, box: Sandbox) -> None:
    """Open the page and wait until it has drawn what users earn."""
    watched.page.goto(f"{box.url}/")
    expect(watched.page.locator("#income canvas")).to_be_visible()
    expect(watched.page.locator("#events li").first).to_be_visible()


def test_time_goes_on_and_users_earn(opened: Browser, box: Sandbox) -> None:
    """A week passes at the press of a button: the clock, the table, the chart and the feed follow."""
    with looking(opened) as watched:
        arrive(watched, box)
        page = watched.page
        expect(page.locator(".badge")).to_have_text("SANDBOX")
        before = clock.parse_iso(moment_of(page.locator("#business-time").inner_text()), "time")
        days = [int(each) for each in page.locator("#income-table td:nth-child(2)").all_text_contents()]
        page.get_by_role("button", name="A week on").click()
        expect(page.locator("#travelled")).to_have_text("7 days went by.")
        after = clock.parse_iso(moment_of(page.locator("#business-time").inner_text()), "time")
        assert (after - before).days == WEEK
        grown = [int(each) for each in page.locator("#income-table td:nth-child(2)").all_text_contents()]
        assert [one - other for one, other in zip(grown, days, strict=True)] == [WEEK] * len(days)
        expect(page.locator("#events li.new strong", has_text="day.closed").first).to_be_visible()
        assert watched.complaints == []
        assert {url for url in watched.asked if not url.startswith(box.url)} == set()


def test_a_crash_leaves_weak_miners_idle(opened: Browser, box: Sandbox) -> None:
    with looking(opened) as watched:
        arrive(watched, box)
        page = watched.page
        page.get_by_label("Days go as").select_option("crash")
        page.get_by_role("button", name="One day on").click()
        expect(page.locator("#travelled")).to_have_text("One day went by.")
        page.get_by_text("The same as a table").click()
        assert page.locator("#income-table tr", has_text="alice").locator("td").last.inner_text() == "0"


def test_a_call_is_signed_step_by_step(opened: Browser, box: Sandbox) -> None:
    """What the page shows is what a program has to do, and the server accepts it."""
    with looking(opened) as watched:
        arrive(watched, box)
        page = watched.page
        page.get_by_role("combobox", name="User").select_option("bob")
        page.get_by_role("button", name="Sign and send").click()
        expect(page.locator("#step-answer")).to_contain_text("200")
        text = page.locator("#step-text").inner_text()
        assert re.fullmatch(r"partnerUserId=bob&timestamp=\d{13}", text)
        digest = hmac.new(box.facts["apiSecret"].encode(), text.encode(), hashlib.sha256).hexdigest()
        assert page.locator("#step-digest").inner_text() == digest
        assert f"{text}&signature={digest}" in page.locator("#step-curl").inner_text()
        answer = json.loads(page.locator("#step-answer").inner_text().split("\n", 1)[1])
        assert answer["data"]["array"]


def test_the_key_can_be_seen_and_copied(opened: Browser, box: Sandbox) -> None:
    with looking(opened) as watched:
        arrive(watched, box)
        page, secret = watched.page, box.facts["apiSecret"]
        assert secret not in page.locator("main").inner_text()
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#secret")).to_have_text(secret)
        page.get_by_role("button", name="Hide").click()
        expect(page.locator("#secret")).not_to_have_text(secret)
        page.locator("button[data-copy]").last.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == secret


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "window"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_it_fits(
    opened: Browser, box: Sandbox, name: str, window: dict[str, int], scheme: Literal["light", "dark"]
) -> None:
    """Nothing is wider than the window, in either light, nobody is kept out, and nothing complains."""
    with looking(opened, window=window, scheme=scheme) as watched:
        arrive(watched, box)
        assert watched.too_wide() == []
        assert watched.accessibility() == []
        watched.picture(f"front-{name}-{scheme}")
        assert watched.complaints == []


def moment_of(shown: str) -> str:
    """The moment as the API writes it: the page shows it to the minute."""
    return shown.removesuffix(" UTC").replace(" ", "T") + ":00Z"
