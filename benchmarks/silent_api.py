"""python -m benchmarks.silent_api: the program `hashrail`, but nothing that happens is told to partners.

Only what events cost is measured by it: the product has no setting for that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from hashrail.cli.main import app
from hashrail.events import drafts


@contextmanager
def silence() -> Iterator[None]:
    """Events are noted neither in this process nor in those that it forks."""
    with patch.object(drafts, "note", _tell_nobody), patch.object(drafts, "note_all", _tell_nobody):
        yield


async def _tell_nobody(*_: object) -> None:
    """In the place of whoever notes events."""


if __name__ == "__main__":
    with silence():
        app()
