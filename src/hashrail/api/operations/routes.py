"""The route table: every operation with every path it is served at, in one place.

Paths of the contract that the vendor never published are ours; `HASHRAIL_ROUTE_ALIASES` adds others, so that an
integration with other path names needs no code.
"""

import re
from pathlib import Path

import msgspec

from hashrail.api.operations.app_account import APP_ACCOUNT
from hashrail.api.operations.app_figures import APP_FIGURES
from hashrail.api.operations.app_income import APP_INCOME
from hashrail.api.operations.app_miners import APP_MINERS
from hashrail.api.operations.app_purchases import APP_PURCHASES
from hashrail.api.operations.app_wallets import APP_WALLETS
from hashrail.api.operations.balances import BALANCES
from hashrail.api.operations.catalogue import CATALOGUE
from hashrail.api.operations.deposits import DEPOSITS
from hashrail.api.operations.events import EVENTS
from hashrail.api.operations.exports import EXPORTS
from hashrail.api.operations.figures import EXCHANGE_RATES, INCOME_PER_TH
from hashrail.api.operations.income import INCOME
from hashrail.api.operations.keys import KEYS
from hashrail.api.operations.logins import LOGINS
from hashrail.api.operations.market import MARKET
from hashrail.api.operations.miners import MINERS
from hashrail.api.operations.orders import ORDERS
from hashrail.api.operations.proofs import PROOFS
from hashrail.api.operations.public import ERRORS, TIME
from hashrail.api.operations.read_tokens import READ_TOKENS
from hashrail.api.operations.sandbox import SANDBOX
from hashrail.api.operations.sandbox_customers import SANDBOX_CUSTOMERS
from hashrail.api.operations.sandbox_events import SANDBOX_EVENTS
from hashrail.api.operations.sessions import SESSIONS
from hashrail.api.operations.statement import STATEMENT
from hashrail.api.operations.upgrades import UPGRADES
from hashrail.api.operations.users import USERS
from hashrail.api.operations.wallets import WALLETS
from hashrail.api.operations.webhooks import WEBHOOKS
from hashrail.api.operations.withdrawals import WITHDRAWALS
from hashrail.api.serving.operation import AnyOperation
from hashrail.errors import BadRequestError
from hashrail.settings import Settings

PREFIX = "/api/partner"
PREFIXED = ("/c2s/", "/s2s/")
# What is served beside operations.
PAGES = ("/healthz", "/readyz", "/api/openapi.json")
# Where pages for people stand, whether a deployment serves them or not.
FOR_PEOPLE = ("/api/docs", "/assets", "/console", "/portal")
NOUNS = (
    *(LOGINS, SESSIONS, READ_TOKENS, MINERS, CATALOGUE, INCOME_PER_TH, INCOME, EXCHANGE_RATES),
    *(USERS, ORDERS, UPGRADES, STATEMENT),
    *(KEYS, BALANCES, WALLETS, WITHDRAWALS, WEBHOOKS, DEPOSITS, EVENTS, EXPORTS, MARKET, PROOFS),
    *(APP_FIGURES, APP_ACCOUNT, APP_MINERS, APP_INCOME, APP_WALLETS, APP_PURCHASES, TIME, ERRORS),
)
OPERATIONS = tuple(operation for noun in NOUNS for operation in noun.operations)
SANDBOX_OPERATIONS = (*SANDBOX.operations, *SANDBOX_CUSTOMERS.operations, *SANDBOX_EVENTS.operations)

PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~:.-]+)+")


class RouteAliasError(BadRequestError):
    """A further path of an operation cannot be served."""

    code = "ROUTE_ALIAS"
    advice = "Correct HASHRAIL_ROUTE_ALIASES, or the file that HASHRAIL_ROUTE_ALIASES_FILE names."


def routes(settings: Settings) -> list[tuple[str, AnyOperation]]:
    """Every path with its operation: its own path, those of the contract, then aliases. Raises RouteAliasError.

    Only a sandbox has the sandbox's operations.
    """
    operations = (*OPERATIONS, *SANDBOX_OPERATIONS) if settings.mode == "sandbox" else OPERATIONS
    table = [(full_path(path), operation) for operation in operations for path in (operation.path, *operation.also_at)]
    named = {operation.name: operation for operation in operations}
    taken = {(operation.method, path): operation.name for path, operation in table}
    for name, path in _aliases(settings):
        operation = named.get(name)
        if operation is None:
            raise RouteAliasError(f"{name!r} is no operation of this deployment")
        _check_path(path)
        other = taken.setdefault((operation.method, path), name)
        if other != name:
            raise RouteAliasError(f"{operation.method} {path} of {name} is the path of {other} already")
        if (path, operation) not in table:
            table.append((path, operation))
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
    if path in PAGES or any(path == page or path.startswith(f"{page}/") for page in FOR_PEOPLE):
        raise RouteAliasError(f"{path} is a page of every deployment")
