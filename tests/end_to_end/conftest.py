"""What tests of real processes share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import folders


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="hashrail-demo-", dir=folders.quick(), ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)
