"""The layers of the application that `hashrail.api.app.build` makes: what counts, the door, our table, Litestar."""

from typing import Any

from litestar import Litestar


def litestar_of(built: Any) -> Litestar:
    """The innermost one, which has the state and the routes."""
    found = built.app.app.app
    assert isinstance(found, Litestar)
    return found
