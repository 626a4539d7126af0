"""Selling in a real browser: what forms come to, and what they lead to, in light, in dark, on a phone.

That every page fits everybody is tested by the walk of test_look.py.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support import folders
from tests.support.browser import DESKTOP, PHONE, Watched, browser, looking, needs_browser
from tests.support.programs import Running, free_port

pytestmark = needs_browser
PASSWORD = "long enough for a sandbox"
# So many days reach into the month before, whatever month it is.
DAYS = 35
P = "/partners/1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The console of a sandbox that has an admin."""
    with tempfile.TemporaryDirectory(dir=folders.quick(), ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        running = Running(folder / "data", free_port(), folder / "log", days=DAYS)
        try:
            running.summary()
            words = ("operator", "add", "olga", "--role", "admin", "--data", str(folder / "data"))
            known = os.environ | {"HASHRAIL_NEW_OPERATOR_PASSWORD": PASSWORD}
            subprocess.run([sys.executable, "-m", "hashrail.cli", *words], check=True, capture_output=True, env=known)
            yield f"http://127.0.0.1:{running.port}/console"
        finally:
            running.stop(signal.SIGINT)


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    """One browser for all tests."""
    with browser() as found:
        yield found


def sign_in(watched: Watched, url: str, path: str) -> None:
    """Ask for a page, sign in, and be there."""
    page = watched.page
    page.goto(f"{url}{path}")
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def wrong(watched: Watched, name: str) -> list[tuple[str, str]]:
    """What reaches beyond the window, keeps people out or complains: in light, in dark, on a phone."""
    page, found = watched.page, []
    for look in ("light", "dark", "phone"):
        page.emulate_media(color_scheme="dark" if look == "dark" else "light")
        page.set_viewport_size(PHONE if look == "phone" else DESKTOP)
        watched.picture(f"business-{look}-{name}")
        found += [(look, each) for each in (*watched.too_wide(), *watched.complaints, *watched.accessibility())]
    page.set_viewport_size(DESKTOP)
    return found


def test_forms_of_selling(opened: Browser, url: str) -> None:
    """A payment, an invoice, a key and a tariff: filled, looked at, done; a secret is shown once."""
    with looking(opened) as watched:
        page = watched.page
        sign_in(watched, url, P)
        page.get_by_role("link", name="Record a payment").click()
        page.get_by_label("What was paid").fill("12.50")
        page.get_by_label("The bank's reference").fill("SEPA 8821")
        page.get_by_role("button", name="See what it comes to").click()
        expect(page.get_by_role("main")).to_contain_text("USD are owed, and")
        assert wrong(watched, "payment-looked-at") == []
        page.get_by_role("button", name="Record it").click()
        expect(page.get_by_text("The payment is recorded.")).to_be_visible()
        expect(page.locator("#payments + .tools + .scroll, #payments + .scroll").first).to_contain_text("SEPA 8821")
        page.get_by_role("link", name="Issue an invoice").click()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Issue it").click()
        expect(page.get_by_role("heading", name="Invoice 1-00001")).to_be_visible()
        assert wrong(watched, "invoice") == []
        page.goto(f"{url}{P}/keys/new")
        page.get_by_label("What the key is for").fill("till")
        page.get_by_label("withdraw:").uncheck()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Make the key").click()
        secret = page.locator("dd code").nth(1).inner_text()
        assert len(secret) > 30
        assert wrong(watched, "key-shown-once") == []
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
        assert wrong(watched, "tariff-looked-at") == []
        page.get_by_role("button", name="Let it count").click()
        expect(page.get_by_text("It is changed.")).to_be_visible()
        assert page.locator("svg .other").count() == 1
