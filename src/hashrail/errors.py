"""Errors are public words: one stable code per cause.

A verb raises a subclass of `HashrailError` that stands beside it; the doors turn it into the one JSON shape
`{"statusCode", "error", "message", "requestId", "details"}`. The catalogue in docs/reference is generated
from these classes, so each one says in `advice` what the caller can do about it.
"""

from typing import ClassVar

from hashrail import texts


class HashrailError(Exception):
    """A refusal that the caller can understand: `status` (HTTP), `code` (stable), `advice` (what to do next)."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = ""
    advice: ClassVar[str] = ""

    def __init__(self, message: str, **details: object) -> None:
        # It may tell what somebody sent; `details` are data, and stay as they are.
        self.message = texts.shown(message)
        super().__init__(self.message)
        self.details = details


class BadRequestError(HashrailError):
    """Something in the request is not as documented; `details.field` names it."""

    status = 400
    code = "BAD_REQUEST"
    advice = "Compare the named field with its bounds in the API reference."


class UnauthorizedError(HashrailError):
    """The caller did not prove who it is."""

    status = 401
    code = "UNAUTHORIZED"
    advice = "Send the credentials that the operation asks for."


class ForbiddenError(HashrailError):
    """The caller is known and may not do this."""

    status = 403
    code = "FORBIDDEN"
    advice = "Ask the operator for a key that may do this."


class NotFoundError(HashrailError):
    """No such thing belongs to the caller."""

    status = 404
    code = "NOT_FOUND"
    advice = "Check the id: it must exist and belong to the calling partner."


class ConflictError(HashrailError):
    """The request contradicts the present state."""

    status = 409
    code = "CONFLICT"
    advice = "Read the present state and decide again."


class UnavailableError(HashrailError):
    """Something that the request needs is not there at the moment; nothing was changed."""

    status = 503
    code = "UNAVAILABLE"
    advice = "Send the same request again later; nothing was changed."


def catalogue() -> list[type[HashrailError]]:
    """Every error class that can reach a caller, by status and code. A code stands for one cause only."""
    found: dict[str, type[HashrailError]] = {}
    waiting: list[type[HashrailError]] = [HashrailError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.code:
            assert kind.code not in found or found[kind.code] is kind, f"two errors share the code {kind.code}"
            found[kind.code] = kind
    return sorted(found.values(), key=lambda kind: (kind.status, kind.code))
