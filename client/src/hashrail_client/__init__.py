"""Client of the Hashrail partner API.

What is imported from here is loaded when it is first used: the server, which signs by the same rules, loads no client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashrail_client.auth import SignatureAuth
    from hashrail_client.client import AsyncHashrail, Hashrail
    from hashrail_client.downloads import DownloadDiffersError
    from hashrail_client.errors import (
        AnswerLostError,
        AnswerTimeoutError,
        AuthenticationError,
        BadRequestError,
        ConflictError,
        ConnectionFailedError,
        ForbiddenError,
        HashrailApiError,
        HashrailError,
        NetworkError,
        NotFoundError,
        NotTheApiError,
        RateLimitedError,
        UnavailableError,
    )
    from hashrail_client.following import PositionFile, Positions
    from hashrail_client.retries import NO_RETRIES, Retries
    from hashrail_client.user_client import AsyncUserHashrail, TokenPair, UserHashrail

MODULES = {
    "auth": ("SignatureAuth",),
    "client": ("AsyncHashrail", "Hashrail"),
    "downloads": ("DownloadDiffersError",),
    "following": ("PositionFile", "Positions"),
    "retries": ("NO_RETRIES", "Retries"),
    "user_client": ("AsyncUserHashrail", "TokenPair", "UserHashrail"),
}

__all__ = [
    "NO_RETRIES",
    "AnswerLostError",
    "AnswerTimeoutError",
    "AsyncHashrail",
    "AsyncUserHashrail",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "ConnectionFailedError",
    "DownloadDiffersError",
    "ForbiddenError",
    "Hashrail",
    "HashrailApiError",
    "HashrailError",
    "NetworkError",
    "NotFoundError",
    "NotTheApiError",
    "PositionFile",
    "Positions",
    "RateLimitedError",
    "Retries",
    "SignatureAuth",
    "TokenPair",
    "UnavailableError",
    "UserHashrail",
]

if not TYPE_CHECKING:  # or a misspelt import would be fine for mypy

    def __getattr__(name: str) -> object:
        """What is imported, from its module; the errors stand in one."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = next((module for module, names in MODULES.items() if name in names), "errors")
        found: object = getattr(import_module(f"{__name__}.{module}"), name)
        return found
