"""Sandboxes that serve: started like `make run` does, in a folder of their own, until a block ends."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.support import folders
from tests.support.programs import Running, clean_environment, free_port

# Of operators whom tests add.
PASSWORD = "long enough for a sandbox"


@dataclass(frozen=True)
class Sandbox:
    """Where it is, what its demo.json says, what it printed, and its data folder."""

    url: str
    facts: dict[str, Any]
    summary: str
    data: Path

    @property
    def operators(self) -> dict[str, str]:
        """The passwords of those who may try the console, by name."""
        return {each["name"]: each["password"] for each in self.facts["operators"]}

    def command(self, *words: str, **settings: str) -> str:
        """Run one of its commands; answers what it says."""
        known = {"HASHRAIL_NEW_OPERATOR_PASSWORD": PASSWORD} | settings
        program = [sys.executable, "-m", "hashrail.cli", *words, "--data", str(self.data)]
        made = subprocess.run(program, check=True, capture_output=True, text=True, env=clean_environment(**known))
        return made.stdout


@contextmanager
def sandbox(*, days: int = 5, **settings: str) -> Iterator[Sandbox]:
    """Start one with so many closed days, and stop it in the end."""
    with tempfile.TemporaryDirectory(dir=folders.quick(), ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        data = folder / "data"
        running = Running(data, free_port(), folder / "log", days=days, **settings)
        try:
            summary = running.summary()
            facts = json.loads((data / "demo.json").read_text())
            yield Sandbox(f"http://127.0.0.1:{running.port}", facts, summary, data)
        finally:
            running.stop(signal.SIGINT)


def sign_in(page: Page, address: str, name: str, password: str) -> None:
    """Ask for a page of the console, sign in, and be there."""
    page.goto(address)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for(state="attached")
