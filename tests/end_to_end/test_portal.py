"""The portal in a real browser: an owner signs in, invites a colleague by link, and makes a key that works."""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect
from standardwebhooks.webhooks import Webhook

from hashrail_client import AuthenticationError, Hashrail
from tests.support.browser import DESKTOP, PHONE, Watched, looking, needs_browser
from tests.support.hooked import hooked
from tests.support.sandboxes import Sandbox, sandbox

pytestmark = needs_browser
PASSWORD = "a long enough one"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """One sandbox for all tests."""
    with sandbox() as made:
        assert "Portal http" in made.summary
        yield made


def sign_in(watched: Watched, box: Sandbox, path: str = "") -> None:
    """The demo owner asks for a page, signs in, and is there."""
    page, (owner,) = watched.page, box.facts["members"]
    page.goto(f"{box.url}/portal{path}")
    page.get_by_label("E-mail address").fill(owner["email"])
    page.get_by_label("Password").fill(owner["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_attached()
    assert page.url == f"{box.url}/portal{path}"


def check_page(watched: Watched, name: str) -> None:
    """Nothing reaches beyond the window, everybody can use it, and neither the browser nor its console complains."""
    watched.picture(f"portal-{name}")
    assert watched.too_wide() == [], name
    assert watched.complaints == [], name
    assert watched.accessibility() == [], name


def test_the_front_page_shows_who_may_try_it(opened: Browser, box: Sandbox) -> None:
    """The demo partner's owner, on the machine itself."""
    with looking(opened) as watched:
        watched.page.goto(box.url)
        expect(watched.page.get_by_text(box.facts["members"][0]["password"])).to_be_visible()
        watched.page.get_by_role("link", name="Partner's portal").click()
        expect(watched.page.get_by_role("heading", name="Sign in to the partner's portal")).to_be_visible()
        check_page(watched, "sign-in")


def test_a_colleague_is_invited_by_a_link(opened: Browser, box: Sandbox) -> None:
    """In a second browser the link leads to a password, and in; a developer sees requests and no team."""
    with ExitStack() as both:
        owner, colleague = both.enter_context(looking(opened)), both.enter_context(looking(opened, scheme="dark"))
        sign_in(owner, box, "/team")
        check_page(owner, "team")
        page = owner.page
        page.get_by_role("link", name="Invite somebody").click()
        page.get_by_label("Name").fill("<b>Dev</b>")
        page.get_by_label("E-mail address").fill("dev@partner.example")
        page.get_by_label("Role").select_option("developer")
        check_page(owner, "invite")
        page.get_by_role("button", name="See what it comes to").click()
        check_page(owner, "invite-looked-at")
        page.get_by_role("button", name="Make the link").click()
        link = page.locator("dd code").inner_text()
        assert link.startswith(f"{box.url}/portal/join?invitation=")
        check_page(owner, "invited")
        other = colleague.page
        other.goto(link)
        expect(other.get_by_text("you are invited as")).to_contain_text("<b>Dev</b>")
        check_page(colleague, "join-dark")
        other.get_by_label("A password").fill(PASSWORD)
        other.get_by_role("button", name="Join").click()
        expect(other.get_by_role("heading", name="Demo partner", level=1)).to_be_visible()
        check_page(colleague, "home-dark")
        expect(other.get_by_role("link", name="Requests", exact=True)).to_be_attached()
        expect(other.get_by_role("link", name="Team", exact=True)).to_have_count(0)
        page.get_by_role("link", name="I have copied it").click()
        expect(page.get_by_role("main")).to_contain_text("dev@partner.example")


def test_a_key_is_made_and_a_wrong_signature_explained(opened: Browser, box: Sandbox) -> None:
    """The key signs; with another secret it is refused, and the page of requests says why. On a phone as well."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(watched, box, "/keys")
        check_page(watched, "keys")
        page.get_by_role("link", name="Make a key").click()
        page.get_by_label("What it is for").fill("a test")
        check_page(watched, "key-new")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_text("a test")).to_be_visible()
        page.get_by_role("button", name="Make the key").click()
        key, secret = (page.locator("dd code").nth(number).inner_text() for number in range(2))
        check_page(watched, "key-made")
        with Hashrail(box.url, key, secret) as partner:
            partner.users.login("alice")
        with Hashrail(box.url, key, f"{secret} ") as partner, pytest.raises(AuthenticationError) as refused:
            partner.users.login("alice")
        for _ in range(50):
            page.goto(f"{box.url}/portal/requests?error={refused.value.code}")
            if page.locator("tbody a").count():
                break
            time.sleep(0.1)
        check_page(watched, "requests")
        page.locator("tbody a").first.click()
        expect(page.get_by_text("white space around it")).to_be_visible()
        check_page(watched, "request")
        page.set_viewport_size(PHONE)
        for path in ("", "/keys", "/requests", "/team", "/log", "/account", "/password"):
            page.goto(f"{box.url}/portal{path}")
            check_page(watched, f"phone{path.replace('/', '-')}")
        page.goto(f"{box.url}/portal/keys")
        page.get_by_role("link", name=re.compile("^Key")).last.click()
        check_page(watched, "phone-key")
        page.get_by_role("link", name="End the key …").click()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="End the key").click()
        expect(page.get_by_text("The key has ended.")).to_be_visible()


def test_a_webhook_is_made_and_tried(opened: Browser, box: Sandbox) -> None:
    """Its secret is shown once and signs what arrives; what was sent, and the answer to it, stand on a page."""
    with hooked() as receiver, looking(opened) as watched:
        page = watched.page
        sign_in(watched, box, "/webhooks")
        page.get_by_role("link", name="Make an endpoint").click()
        page.get_by_label("Where webhooks are sent").fill(receiver.url())
        page.get_by_label("Types of events").fill("order.")
        page.get_by_role("button", name="See what it comes to").click()
        check_page(watched, "webhook-looked-at")
        page.get_by_role("button", name="Make the endpoint").click()
        secret = page.locator("dd code").inner_text()
        page.get_by_role("link", name="I have copied it").click()
        page.get_by_role("link", name="Try it …").click()
        page.get_by_role("button", name="Send the event").click()
        sent = page.locator("tbody a")
        for _ in range(50):
            if sent.count() and page.get_by_role("main").get_by_text("delivered", exact=True).count() > 1:
                break
            time.sleep(0.1)
            page.reload()
        check_page(watched, "webhook")
        (hook,) = receiver.hooks
        Webhook(secret).verify(hook.body, hook.headers)
        sent.first.click()
        expect(page.locator("#attempts ~ .scroll tbody tr")).to_contain_text("200")
        check_page(watched, "delivery")
        page.set_viewport_size(PHONE)
        check_page(watched, "phone-delivery")
        page.locator("dl.facts").get_by_role("link").first.click()
        expect(page.locator("#sent-to ~ .scroll tbody tr")).to_have_count(1)
        check_page(watched, "phone-event")
        for path in ("/webhooks", "/deliveries", "/events"):
            page.goto(f"{box.url}/portal{path}")
            check_page(watched, f"phone{path.replace('/', '-')}")


def test_a_user_is_looked_up_and_their_figures_are_drawn(opened: Browser, box: Sandbox) -> None:
    """From the partner's days to a user, by their id; their orders, one of them, its miner, and back to the user."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(watched, box, "/income")
        expect(page.locator("#income canvas")).to_be_visible()
        check_page(watched, "income")
        page.get_by_role("link", name="90 days").click()
        expect(page.get_by_text("90 days")).to_have_attribute("aria-current", "true")
        page.get_by_role("link", name="Users", exact=True).click()
        check_page(watched, "users")
        page.get_by_role("searchbox").fill("alice")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="alice", level=1)).to_be_visible()
        expect(page.locator("#income canvas")).to_be_visible()
        check_page(watched, "user")
        page.get_by_role("link", name="All orders of this user").click()
        expect(page.get_by_role("heading", name="Orders of alice", level=1)).to_be_visible()
        page.get_by_label("State").select_option("issued")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("heading", name="Orders of alice", level=1)).to_be_visible()
        check_page(watched, "orders")
        page.locator("tbody a").first.click()
        check_page(watched, "order")
        page.locator("dl.facts a[href^='/portal/miners/']").click()
        check_page(watched, "miner")
        page.get_by_role("button", name="Explain").click()
        expect(page.get_by_role("heading", name="Income of miner")).to_be_visible()
        check_page(watched, "miner-income")
        page.get_by_role("heading", level=1).get_by_role("link").click()
        page.locator("dl.facts").get_by_role("link", name="alice").click()
        page.set_viewport_size(PHONE)
        check_page(watched, "phone-user")
        for path in ("/income", "/users", "/miners", "/orders", "/withdrawals", "/deposits"):
            page.goto(f"{box.url}/portal{path}")
            check_page(watched, f"phone{path.replace('/', '-')}")


def test_time_passes_and_is_exported(opened: Browser, box: Sandbox) -> None:
    """A day passes as the worker comes to it, a customer buys, and what came of it is downloaded and owed."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(watched, box, "/sandbox")
        check_page(watched, "sandbox")
        page.get_by_role("link", name="Let a day pass …").click()
        expect(page.get_by_label("Days, may be left empty")).to_have_value("1")
        check_page(watched, "sandbox-advance")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_text("Days that are published and closed on the way: 1.")).to_be_visible()
        page.get_by_role("button", name="Let it pass").click()
        expect(page.get_by_text("Days closed on the way: 1")).to_be_visible()
        check_page(watched, "sandbox-task")
        watched.page.set_viewport_size(PHONE)
        check_page(watched, "phone-sandbox-task")
        watched.page.set_viewport_size(DESKTOP)
        page.goto(f"{box.url}/portal/sandbox/pay")
        page.get_by_label("Your id of the order").fill("by hand")
        page.get_by_label("To make it").fill("alice")
        page.get_by_label("And the offer").select_option(index=1)
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Let them").click()
        expect(page.get_by_role("main")).to_contain_text("by hand")
        page.goto(f"{box.url}/portal/exports")
        check_page(watched, "exports-empty")
        page.get_by_role("link", name="Ask for an export …").click()
        page.get_by_label("Format").select_option("parquet")
        check_page(watched, "export-new")
        page.get_by_role("button", name="Ask for it").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("^Download income")).click()
        check_page(watched, "export")
        content = download.value.path().read_bytes()
        assert (content[:4], download.value.suggested_filename[-8:]) == (b"PAR1", ".parquet")
        assert hashlib.sha256(content).hexdigest() in page.locator("#part-export").inner_text()
        page.goto(f"{box.url}/portal/statement")
        expect(page.get_by_role("main")).to_contain_text("by hand")
        check_page(watched, "statement")
        page.set_viewport_size(PHONE)
        for path in ("/statement", "/invoices", "/exports", "/exports/1", "/sandbox", "/sandbox/pay"):
            page.goto(f"{box.url}/portal{path}")
            check_page(watched, f"phone{path.replace('/', '-')}")
