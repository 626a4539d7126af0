"""Payouts and changes in a real browser: two admins change the limits, each in a browser of their own.

That every page fits everybody is tested by the walk of test_look.py; what waits and what is looked at is tested here.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support import folders
from tests.support.browser import DESKTOP, PHONE, Watched, browser, looking, needs_browser
from tests.support.programs import Running, free_port

pytestmark = needs_browser
PASSWORD = "long enough for a sandbox"
ADMINS = ("olga", "otto")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The console of a sandbox that has two admins, who are two people."""
    with tempfile.TemporaryDirectory(dir=folders.quick(), ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        running = Running(folder / "data", free_port(), folder / "log", days=10)
        try:
            running.summary()
            known = os.environ | {"HASHRAIL_NEW_OPERATOR_PASSWORD": PASSWORD, "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}

            def operator(*words: str) -> None:
                command = [sys.executable, "-m", "hashrail.cli", "operator", *words, "--data", str(folder / "data")]
                subprocess.run(command, check=True, capture_output=True, env=known)

            operator("add", "olga", "--role", "admin")
            operator("add", "otto", "--role", "admin", "--as", "olga")
            operator("policy", "--apart", "0", "--as", "olga")
            yield f"http://127.0.0.1:{running.port}/console"
        finally:
            running.stop(signal.SIGINT)


def sign_in(watched: Watched, url: str, name: str) -> None:
    """Be at one's desk."""
    page = watched.page
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()


def check_page(watched: Watched, name: str) -> None:
    """In light, in dark and on a phone nothing is too wide, nobody is kept out, and nothing complains."""
    page = watched.page
    for look in ("light", "dark", "phone"):
        page.emulate_media(color_scheme="dark" if look == "dark" else "light")
        page.set_viewport_size(PHONE if look == "phone" else DESKTOP)
        watched.picture(f"payouts-{look}-{name}")
        assert [*watched.too_wide(), *watched.complaints, *watched.accessibility()] == [], (look, name)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)


def test_two_admins_change_the_limits(url: str) -> None:
    """One sets a limit, and asks for a looser one; the other is told in the navigation, looks at it and confirms."""
    with ExitStack() as both:
        opened: Browser = both.enter_context(browser())
        olga, otto = (both.enter_context(looking(opened)) for _ in ADMINS)
        sign_in(olga, url, "olga")
        sign_in(otto, url, "otto")
        page = olga.page
        for limit in ("1", "2"):
            page.goto(f"{url}/payouts")
            page.get_by_role("link", name="Change the limits …").click()
            page.get_by_label("Leaves for one user in a UTC day, at most").fill(limit)
            page.get_by_role("button", name="See what it comes to").click()
            check_page(olga, f"looked-at-{limit}")
            page.get_by_role("button", name="Set the limits").click()
        expect(page.get_by_text("It is noted, and waits for a second admin.")).to_be_visible()
        expect(page.get_by_text("You asked for it")).to_be_visible()
        page = otto.page
        page.goto(url)
        page.get_by_role("link", name="Changes 1").click()
        check_page(otto, "changes")
        page.get_by_role("link", name="Confirm …").click()
        page.get_by_role("button", name="See what it comes to").click()
        page.get_by_role("button", name="Confirm: payouts policy").click()
        expect(page.get_by_text("You have confirmed it, and it is done.")).to_be_visible()
        page.goto(f"{url}/payouts")
        expect(page.locator("#limits + .facts")).to_contain_text("2 BTC")
        check_page(otto, "payouts")
        page.get_by_role("link", name="Run now …").click()
        page.get_by_role("button", name="Make a run").click()
        expect(page.get_by_role("main")).to_contain_text("batches were made", timeout=60_000)
