"""What tests of the command line share."""

import pytest


@pytest.fixture
def environment(dsn: str) -> dict[str, str]:
    """A terminal of an operator: the deployment stands in its environment."""
    return {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "="}
