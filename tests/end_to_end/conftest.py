"""What tests of real processes share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support import folders
from tests.support.browser import browser


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="hashrail-demo-", dir=folders.quick(), ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    """One browser for all tests of a module."""
    with browser() as found:
        yield found
