"""A real browser that looks at pages; what it complains of is kept."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hashrail.pages.assets import BUILT
from tests.support.folders import ROOT

PROGRAM = ROOT / ".venv" / "chromium" / "bin" / "chromium-headless-shell"
PAGES = ROOT / "src" / "hashrail" / "pages"
BUILD = PAGES / BUILT
# Looks at a page for what keeps people out: contrast, names, order, roles.
AXE = PAGES / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Pictures of pages.
PICTURES = ROOT / "build" / "pictures"
INSTALL = "make .venv/.pages .venv/.chromium"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SECONDS = 30
MILLISECONDS = 1000

needs_browser = pytest.mark.skipif(
    not (PROGRAM.exists() and BUILD.is_dir()) and os.environ.get("CI") != "true",
    reason=f"no browser, or the pages are not built: {INSTALL}",
)


@dataclass
class Watched:
    """A page, and what its console and its network had to complain of."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def picture(self, name: str) -> None:
        """Wait until the page is drawn; its picture is kept if somebody wants pictures: KEEP_PICTURES is set."""
        self.drawn()
        if "KEEP_PICTURES" not in os.environ:
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def drawn(self) -> None:
        """Wait for what follows the window in the next frame."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def accessibility(self, rules: Sequence[str] = WCAG) -> list[str]:
        """Where the page breaks WCAG 2.2 AA, as far as a program can tell: the rule, the element and why."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found: list[str] = self.page.evaluate(
            """async (tags) => (await axe.run(document, { runOnly: tags })).violations.flatMap((each) =>
                each.nodes.map((node) => `${each.id}: ${node.target}: ${node.any.map((one) => one.message)}`))""",
            list(rules),
        )
        return found

    def wrong_anywhere(self, name: str) -> list[str]:
        """What is too wide, keeps people out or complains: in light, in dark, on a phone."""
        found = []
        for look in ("light", "dark", "phone"):
            self.page.emulate_media(color_scheme="dark" if look == "dark" else "light")
            self.page.set_viewport_size(PHONE if look == "phone" else DESKTOP)
            self.picture(f"{name}-{look}")
            found += [f"{look}: {each}" for each in (*self.too_wide(), *self.complaints, *self.accessibility())]
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(DESKTOP)
        return found

    def too_wide(self) -> list[str]:
        """What reaches beyond the window."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll("body *")]
                .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
                                  && !each.closest(".scroll, pre, .skip"))
                .map((each) => `${each.tagName} ${each.id} ${each.className}`)"""
        )
        return found


@contextmanager
def browser() -> Iterator[Browser]:
    """The browser, until the block ends."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=PROGRAM, args=["--disable-gpu"], chromium_sandbox=False, timeout=SECONDS * MILLISECONDS
        )
        yield opened
        opened.close()


@contextmanager
def looking(
    opened: Browser, *, window: dict[str, int] = DESKTOP, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Watched]:
    """A new page of somebody who was never here."""
    context = opened.new_context(
        viewport=window, color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(SECONDS * MILLISECONDS)
    page = context.new_page()
    watched = Watched(page)
    page.on("console", lambda said: watched.complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("request", lambda request: watched.asked.append(request.url))
    yield watched
    context.close()


def weight(folder: Path = BUILD) -> int:
    """Bytes of all that the pages load."""
    return sum(each.stat().st_size for each in folder.iterdir())
