"""The SDK's own tests: they need httpx and nothing of the server."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# As in the tests of the server, so that both may run together.
settings.register_profile("hashrail", deadline=None, derandomize="HASHRAIL_EXAMPLES" not in os.environ)
settings.load_profile("hashrail")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder has the mark `client`."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("client")


@pytest.fixture(params=["blocking", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client calls."""
    return str(request.param)
