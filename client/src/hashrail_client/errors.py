"""What can go wrong with a call, as one tree.

    HashrailError
        HashrailApiError            the API answered that it did not do it; by status:
            BadRequestError         400, and 422: a field is wrong, and `details` names it
            AuthenticationError     401: the key, its signature or a token
            ForbiddenError          403: the key may not do this
            NotFoundError           404
            ConflictError           409: what is there does not allow it
            RateLimitedError        429: too often; `retry_after_seconds` says when again
            UnavailableError        503: not now; with UNKNOWN_OUTCOME it may have been done
            NotTheApiError          some other program answered, such as a proxy
        NetworkError                nobody answered
            ConnectionFailedError   nothing was sent: a name, an address, a certificate, a full pool
            AnswerLostError         it was sent, or a part of it, and may have been done
                AnswerTimeoutError  no answer in time
        DownloadDiffersError        a file that is not the one that was told of
        WebhookError                what arrived is not a webhook of yours: see `webhooks`

Who catches an error of a call has its `idempotency_key`: the same call with that key happens once, however often it is
sent. Where `may_be_done` is true, an attempt may have succeeded that nobody heard of.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

import httpx

Details: TypeAlias = "Mapping[str, bool | int | Decimal | str | list[object] | dict[str, object] | None]"

NOT_THE_API = "NOT_THE_API"
UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"


class HashrailError(Exception):
    """Whatever this package raises of its own; beside it there is TypeError for a call that cannot be sent."""


class HashrailApiError(HashrailError):
    """The API did not do what was asked.

    `status` is the HTTP status, `code` the stable word of the error catalogue, `details` what belongs to it.
    Give `request_id` to the operator when you ask about it. `retry_after_seconds` is what the answer asked to wait.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str | None,
        details: Details,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.details = details
        self.retry_after_seconds = retry_after_seconds
        self.idempotency_key: str | None = None
        self.may_be_done = code in (UNKNOWN_OUTCOME, NOT_THE_API)


class BadRequestError(HashrailApiError):
    """A field or the request is wrong, and stays wrong."""


class AuthenticationError(HashrailApiError):
    """The key, its signature or the token was not accepted; `code` says which and why."""


class ForbiddenError(HashrailApiError):
    """The key may not do this: its kind or its scopes, or the partner is suspended."""


class NotFoundError(HashrailApiError):
    """There is no such thing of yours."""


class ConflictError(HashrailApiError):
    """What is there does not allow it, or the idempotency key was used for another call."""


class RateLimitedError(HashrailApiError):
    """Too many calls."""


class UnavailableError(HashrailApiError):
    """The API cannot do it now. With the code UNKNOWN_OUTCOME it may have been done."""


class NotTheApiError(HashrailApiError):
    """The answer is not the API's own: a proxy's page, or another program at that address. `code` is NOT_THE_API.

    A proxy that waited in vain does not know what the API did, so a write may have been done.
    """


class NetworkError(HashrailError):
    """Nobody answered. The exception of httpx is its `__cause__`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.idempotency_key: str | None = None
        self.may_be_done = False


class ConnectionFailedError(NetworkError):
    """There was no connection, so nothing was sent."""


class AnswerLostError(NetworkError):
    """The connection ended before the answer came: what was asked for may have been done."""


class AnswerTimeoutError(AnswerLostError):
    """The answer did not come in time: what was asked for may have been done."""


BY_STATUS: Mapping[int, type[HashrailApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: BadRequestError,
    429: RateLimitedError,
    503: UnavailableError,
}
# httpx raises these before a byte of the request is sent.
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def of_transport(error: httpx.RequestError) -> NetworkError:
    """The error of this tree that says what httpx's means for the call."""
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, (*BEFORE_SENDING, httpx.ProxyError)):
        return ConnectionFailedError(message)
    return AnswerTimeoutError(message) if isinstance(error, httpx.TimeoutException) else AnswerLostError(message)
