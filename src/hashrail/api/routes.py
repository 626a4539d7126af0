"""The route table: every operation with every path it is served at, in one place.

Paths of the contract that the vendor never published are ours; `HASHRAIL_ROUTE_ALIASES` adds others, so that an
integration with other path names needs no code.
"""

import re
from pathlib import Path

import msgspec

from hashrail.api import c2s, depositing, market, paying, public, s2s, sandbox, selling, statement, ton_login
from hashrail.api.call import Route
from hashrail.errors import BadRequestError
from hashrail.settings import Settings

PREFIX = "/api/partner"
PREFIXED = ("/c2s/", "/s2s/")
# What is served beside operations.
PAGES = ("/healthz", "/readyz", "/metrics", "/api/openapi.json", "/api/docs", "/api/docs/page.css", "/api/docs/page.js")
OPERATIONS = (
    *ton_login.ROUTES,
    *c2s.ROUTES,
    *s2s.ROUTES,
    *selling.ROUTES,
    *statement.ROUTES,
    *paying.ROUTES,
    *depositing.ROUTES,
    *market.ROUTES,
    *public.ROUTES,
)

PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~:.-]+)+")


class RouteAliasError(BadRequestError):
    """A further path of an operation cannot be served."""

    code = "ROUTE_ALIAS"
    advice = "Correct HASHRAIL_ROUTE_ALIASES, or the file that HASHRAIL_ROUTE_ALIASES_FILE names."


def routes(settings: Settings) -> list[tuple[str, Route]]:
    """Every path with its operation: its own path, those of the contract, then aliases. Raises RouteAliasError.

    Only a sandbox has the sandbox's operations.
    """
    operations = (*OPERATIONS, *sandbox.ROUTES) if settings.mode == "sandbox" else OPERATIONS
    table = [(full_path(path), route) for route in operations for path in (route.path, *route.also_at)]
    named = {route.operation: route for route in operations}
    taken = {(route.method, path): route.operation for path, route in table}
    for operation, path in _aliases(settings):
        route = named.get(operation)
        if route is None:
            raise RouteAliasError(f"{operation!r} is no operation of this deployment")
        _check_path(path)
        other = taken.setdefault((route.method, path), operation)
        if other != operation:
            raise RouteAliasError(f"{route.method} {path} of {operation} is the path of {other} already")
        if (path, route) not in table:
            table.append((path, route))
    return table


def full_path(path: str) -> str:
    """The contract's operations share a prefix; other paths stand as they are."""
    return PREFIX + path if path.startswith(PREFIXED) else path


def _aliases(settings: Settings) -> list[tuple[str, str]]:
    """(operation, path) of the settings, then of the file."""
    given = [settings.route_aliases]
    if settings.route_aliases_file is not None:
        given.append(_read(settings.route_aliases_file))
    return [(operation, path) for table in given for operation, paths in table.items() for path in paths]


def _read(file: Path) -> dict[str, list[str]]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, list[str]])
    except OSError as error:
        raise RouteAliasError(f"{file} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise RouteAliasError(f"{file}: {error}") from error


def _check_path(path: str) -> None:
    """A path as clients send it, in one form only: nothing that they or we would decode or resolve."""
    if not path.startswith("/"):
        raise RouteAliasError(f"{path!r} does not start with /")
    if "?" in path:
        raise RouteAliasError(f"{path!r} holds a query; an alias is a path only")
    if PLAIN_PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
        raise RouteAliasError(f"{path!r} is no plain path of letters, digits and - _ ~ : . without a / at its end")
    if path in PAGES:
        raise RouteAliasError(f"{path} is a page of every deployment")
