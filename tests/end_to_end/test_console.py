"""The console in a real browser: the main path of each page, and two operators who approve in two browsers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, expect

from hashrail_client import Hashrail
from tests.support.browser import PHONE, Watched, looking, needs_browser
from tests.support.sandboxes import sandbox, sign_in

pytestmark = needs_browser
ADDRESS = "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky"


@dataclass(frozen=True)
class Desks:
    """Where the sandbox is, who may try the console, and the withdrawal that waits for both."""

    url: str
    operators: dict[str, str]
    withdrawal: int


@pytest.fixture(scope="module")
def desks() -> Iterator[Desks]:
    """One sandbox for all tests, in which erin has asked for much."""
    with sandbox(days=30) as made:
        made.command("payouts", "policy", "--approve-above", "0.0001")
        with Hashrail(made.facts["baseUrl"], made.facts["apiKey"], made.facts["apiSecret"]) as partner:
            asked = partner.withdrawals.create("erin", wallet_address=ADDRESS, amount=Decimal("0.0002"))
        yield Desks(made.url, made.operators, asked)


def check_page(watched: Watched, name: str) -> None:
    """Nothing reaches beyond the window, everybody can use it, and neither the browser nor its console complains."""
    watched.picture(f"console-{name}")
    assert watched.too_wide() == [], name
    assert watched.complaints == [], name
    assert watched.accessibility() == [], name


def test_two_operators_approve_in_two_browsers(opened: Browser, desks: Desks) -> None:
    """Each is told amount, address and user, and asked; with the second it goes into the queue."""
    path = f"/withdrawals/1/{desks.withdrawal}"
    with ExitStack() as both:
        anna, ben = (both.enter_context(looking(opened)) for _ in range(2))
        sign_in(anna.page, f"{desks.url}/console{path}", "anna", desks.operators["anna"])
        assert anna.page.url == f"{desks.url}/console{path}"
        sign_in(ben.page, f"{desks.url}/console", "ben", desks.operators["ben"])
        expect(ben.page.get_by_text("withdrawal waits for approval")).to_be_visible()
        check_page(ben, "home")
        ben.page.get_by_role("link", name="Look at them").click()
        check_page(ben, "withdrawals")
        ben.page.get_by_role("link", name=str(desks.withdrawal), exact=True).first.click()
        for watched, after in ((anna, "awaiting approval"), (ben, "queued")):
            page = watched.page
            page.get_by_role("link", name="Approve …").click()
            for said in ("0.00020000 BTC", ADDRESS, "erin"):
                expect(page.get_by_role("main")).to_contain_text(said)
            check_page(watched, "approve")
            page.get_by_role("button", name="Approve 0.00020000 BTC").click()
            expect(page.get_by_text("Your approval is noted.")).to_be_visible()
            expect(page.locator(".state").first).to_have_text(after)
        check_page(ben, "withdrawal")


def test_support_finds_a_user_and_writes_a_note(opened: Browser, desks: Desks) -> None:
    """By the keyboard: search, the user's page with its drawing, a note, and a record explained; on a phone as well."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(watched.page, f"{desks.url}/console", "anna", desks.operators["anna"])
        page.keyboard.press("/")
        page.keyboard.type("alice")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="alice", level=1)).to_be_visible()
        expect(page.locator("#income canvas")).to_be_visible()
        assert page.locator("svg.line rect").count() >= 3
        page.get_by_label("A new note").fill("<b>called</b>, case 88")
        page.get_by_role("button", name="Write the note").click()
        expect(page.locator(".note").first).to_contain_text("<b>called</b>, case 88")
        check_page(watched, "user")
        page.get_by_role("button", name=re.compile("^Copy alice")).first.click()
        assert page.evaluate("navigator.clipboard.readText()") == "alice"
        heading = page.locator("#orders ~ .scroll th", has_text="USD")
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        shown = page.locator("#orders ~ .scroll tbody td:nth-child(4)").all_text_contents()
        assert [float(each) for each in shown] == sorted(float(each) for each in shown)
        page.get_by_role("button", name="Explain").click()
        expect(page.get_by_role("heading", name="Income of miner")).to_be_visible()
        check_page(watched, "income")
        page.set_viewport_size(PHONE)
        check_page(watched, "income-phone")
        for path in (
            "",
            "/withdrawals",
            "/sessions",
            "/search?q=demo-1",
            "/days",
            "/partners",
            "/partners/1",
            "/partners/1/users",
            "/users/1/1/block",
        ):
            page.goto(f"{desks.url}/console{path}")
            check_page(watched, f"phone{path.partition('?')[0].replace('/', '-')}")
        page.goto(f"{desks.url}/console/days")
        page.locator("#entered ~ .scroll tbody a").first.click()
        expect(page.get_by_role("heading", name="Rates of each class")).to_be_visible()
        check_page(watched, "phone-day")
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{desks.url}/console")
        expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
        check_page(watched, "sign-in-phone")


def test_another_site_can_neither_frame_nor_send_forms(opened: Browser, desks: Desks) -> None:
    """A page of another site shows a frame of ours, and sends our form. By name localhost is another than 127.0.0.1."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(watched.page, f"{desks.url}/console", "anna", desks.operators["anna"])
        other = desks.url.replace("127.0.0.1", "localhost")
        form = f'<form method="post" action="{desks.url}/console/pause"><input name="reason" value="x">'
        evil = f'<iframe src="{desks.url}/console"></iframe>{form}<button>go</button></form>'
        page.route(f"{other}/evil", lambda route: route.fulfill(body=evil, content_type="text/html"))
        page.goto(f"{other}/evil")
        expect(page.frame_locator("iframe").locator("h1")).to_have_count(0)
        assert page.frames[1].url.startswith("chrome-error:")
        page.get_by_role("button", name="go").click()
        expect(page.get_by_text("FORM_NOT_OURS")).to_be_visible()
        page.goto(f"{desks.url}/console")
        expect(page.get_by_text("Pause payouts")).to_be_visible()
