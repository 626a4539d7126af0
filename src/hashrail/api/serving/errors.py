"""Refusals that belong to no operation: what HTTP itself, or the application around the operations, refuses."""

from hashrail.errors import HashrailError


class RouteNotFoundError(HashrailError):
    """There is no such path."""

    status = 404
    code = "ROUTE_NOT_FOUND"
    advice = "Compare the path with the API reference."


class MethodNotAllowedError(HashrailError):
    """The path exists with another method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    advice = "Use the method that the API reference names."


class BodyTooLargeError(HashrailError):
    """A body has at most 64 KiB."""

    status = 413
    code = "BODY_TOO_LARGE"
    advice = "Send at most 65536 bytes."


class BodyTooSlowError(HashrailError):
    """The body did not come in time, or the caller's address kept too many waiting."""

    status = 408
    code = "BODY_TOO_SLOW"
    advice = "Send the request again, its body at once, and close connections that are not used."


class RequestMalformedError(HashrailError):
    """The request is no proper HTTP."""

    status = 400
    code = "REQUEST_MALFORMED"
    advice = "Check the client library: the request cannot be read."


class InternalError(HashrailError):
    """A bug of the platform, logged under the request id. What works in steps may have done some of them."""

    status = 500
    code = "INTERNAL_ERROR"
    advice = "Tell the operator the request id. Where details.businessTime is there, the clock has moved to it."
