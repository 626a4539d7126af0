"""Scopes: what an API key may reach, and through it the users' tokens of the sessions that it opens.

- `read`: what the partner and its users have; the catalogue and prices need no scope.
- `login`: register users, open and end their sessions.
- `wallet`: bind addresses to users, and take them off; give users an address to deposit at, which is then only read.
- `order`: order, be told that orders were paid, upgrade.
- `transfer`: give miners from one user to another.
- `withdraw`: withdraw, and take withdrawals back.
- `webhooks`: look after the endpoints that events are sent to, their secrets and deliveries.
"""

from collections.abc import Iterable

from hashrail.errors import BadRequestError

SCOPES = ("read", "login", "wallet", "order", "transfer", "withdraw", "webhooks")
EVERY_SCOPE = frozenset(SCOPES)
NAMED = ", ".join(SCOPES)
# What moves bitcoin out: where there are two admins, it takes both to give it, or a secret that has it.
WITHDRAW = "withdraw"


class BadScopeError(BadRequestError):
    """Scopes are read, login, wallet, order, transfer, withdraw and webhooks."""

    code = "BAD_SCOPE"
    advice = f"Name one or more of {NAMED}."


def check(scopes: Iterable[str]) -> list[str]:
    """The scopes, each once, in the order of the list. Raises BadScopeError."""
    asked = set(scopes)
    unknown = asked - EVERY_SCOPE
    if unknown:
        raise BadScopeError(f"unknown scope {', '.join(sorted(unknown))}", field="scopes")
    return [scope for scope in SCOPES if scope in asked]
