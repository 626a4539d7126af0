"""The pictures that the README shows, of a new sandbox: `make pictures` writes them into docs/pictures.

Needs the browser of the tests. The sandbox goes away afterwards, so the key that a picture may show opens nothing.
"""

import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from tests.support import folders
from tests.support.browser import DESKTOP, browser, looking
from tests.support.programs import Running, free_port

PLACE = folders.ROOT / "docs" / "pictures"
DAYS = 90


def main() -> None:
    """Write them all."""
    PLACE.mkdir(exist_ok=True)
    with sandbox() as (url, box), browser() as opened, looking(opened, window=DESKTOP) as watched:
        page = watched.page
        page.goto(f"{url}/")
        page.locator("#income canvas").wait_for()
        page.locator("#events li").first.wait_for()
        keep(page, "front")
        page.goto(f"{url}/api/docs/s2s_income")
        keep(page, "reference")
        sign_in(page, f"{url}/console", box["operators"][0])
        page.goto(f"{url}/console/users?partner={box['partnerId']}&user=alice")
        keep(page, "console")


@contextmanager
def sandbox() -> Iterator[tuple[str, dict[str, Any]]]:
    """A new sandbox's address and demo.json, until the block ends."""
    with tempfile.TemporaryDirectory(dir=folders.quick(), ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        running = Running(folder / "data", free_port(), folder / "log", days=DAYS)
        try:
            running.summary()
            yield f"http://127.0.0.1:{running.port}", json.loads((folder / "data" / "demo.json").read_text())
        finally:
            running.stop(signal.SIGINT)


def sign_in(page: Page, console: str, operator: dict[str, str]) -> None:
    """Be that operator."""
    page.goto(console)
    page.get_by_label("Name").fill(operator["name"])
    page.get_by_label("Password").fill(operator["password"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def keep(page: Page, name: str) -> None:
    """Write what the window shows."""
    page.screenshot(path=PLACE / f"{name}.png")
    print(PLACE / f"{name}.png")


if __name__ == "__main__":
    main()
