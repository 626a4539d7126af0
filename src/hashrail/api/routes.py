"""The route table: every operation with every path it is served at, in one place.

Paths of the contract that the vendor never published are ours; `HASHRAIL_ROUTE_ALIASES` adds others, so that an
integration with other path names needs no code.
"""

from hashrail.api import c2s, paying, s2s, sandbox, selling
from hashrail.api.call import Route
from hashrail.settings import Settings

PREFIX = "/api/partner"
OPERATIONS = (*c2s.ROUTES, *s2s.ROUTES, *selling.ROUTES, *paying.ROUTES)


def routes(settings: Settings) -> list[tuple[str, Route]]:
    """Every path with its operation. Only a sandbox has the sandbox's operations."""
    table = [(PREFIX + path, route) for route in OPERATIONS for path in (route.path, *route.also_at)]
    if settings.mode == "sandbox":
        table += [(route.path, route) for route in sandbox.ROUTES]
    return table
