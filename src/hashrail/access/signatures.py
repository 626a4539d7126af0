"""Signatures of partners' requests, as the server judges them.

The rules are the client's (`hashrail_client.signing`), so that both sides run the same code; here every fault gets
its HTTP error, and the contract's table of default windows stands.
"""

from collections.abc import Sequence

from hashrail.errors import BadRequestError, HashrailError, UnauthorizedError
from hashrail_client.causes import CAUSES, Context, classify
from hashrail_client.signing import FAULTS, Sent, SignatureFault

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
# The page names 60 seconds for these operations and 5 seconds in general: contract/notes.md.
LONG_WINDOWS = {
    "s2s_login": 60_000,
    "s2s_transfer": 60_000,
    "s2s_payment_create": 60_000,
    "s2s_income_per_th": 60_000,
    "s2s_wallet_bind": 60_000,
    "s2s_balances": 60_000,
    "s2s_user_statistics": 60_000,
}
UNKNOWN = "unknown-secret"
EXPLANATIONS = CAUSES | {
    "other-body": "This signature was accepted for another request. Sign each request anew, after its last change.",
    UNKNOWN: "No known mistake with this key's secret makes this signature. Most likely another secret did, one of "
    "another deployment or partner; else what was signed says something else than `signedText`.",
}


class SignatureMissingError(UnauthorizedError):
    """There is no signature."""

    code = "SIGNATURE_MISSING"
    advice = FAULTS[code]


class SignatureFormatError(UnauthorizedError):
    """The signature is not 64 hexadecimal digits."""

    code = "SIGNATURE_FORMAT"
    advice = FAULTS[code]


class SignatureMismatchError(UnauthorizedError):
    """The signature is not the one of what was sent."""

    code = "SIGNATURE_MISMATCH"
    advice = FAULTS[code]


class TimestampMissingError(UnauthorizedError):
    """There is no timestamp."""

    code = "TIMESTAMP_MISSING"
    advice = FAULTS[code]


class TimestampFormatError(UnauthorizedError):
    """The timestamp is not a whole number of milliseconds."""

    code = "TIMESTAMP_FORMAT"
    advice = FAULTS[code]


class TimestampInSecondsError(UnauthorizedError):
    """The timestamp is in seconds, not milliseconds."""

    code = "TIMESTAMP_IN_SECONDS"
    advice = FAULTS[code]


class TimestampAheadError(UnauthorizedError):
    """The timestamp is a second or more ahead of the server's clock."""

    code = "TIMESTAMP_AHEAD"
    advice = FAULTS[code]


class TimestampExpiredError(UnauthorizedError):
    """The timestamp is older than the request's window allows."""

    code = "TIMESTAMP_EXPIRED"
    advice = FAULTS[code]


class RecvWindowFormatError(UnauthorizedError):
    """The window is not a whole number of milliseconds."""

    code = "RECV_WINDOW_FORMAT"
    advice = FAULTS[code]


class RecvWindowTooLargeError(UnauthorizedError):
    """The window is longer than the server accepts."""

    code = "RECV_WINDOW_TOO_LARGE"
    advice = FAULTS[code]


class DuplicateFieldError(BadRequestError):
    """A name is sent more than once."""

    code = "DUPLICATE_FIELD"
    advice = FAULTS[code]


class QueryNotUtf8Error(BadRequestError):
    """The query is not UTF-8."""

    code = "QUERY_NOT_UTF8"
    advice = FAULTS[code]


class BodyNotUtf8Error(BadRequestError):
    """The body is not UTF-8."""

    code = "BODY_NOT_UTF8"
    advice = FAULTS[code]


class BodyNotJsonError(BadRequestError):
    """The body is not one JSON document."""

    code = "BODY_NOT_JSON"
    advice = FAULTS[code]


class BodyNotObjectError(BadRequestError):
    """The body is JSON, but not an object."""

    code = "BODY_NOT_OBJECT"
    advice = FAULTS[code]


NOT_READABLE = ("DUPLICATE_FIELD", "QUERY_NOT_UTF8", "BODY_NOT_UTF8", "BODY_NOT_JSON", "BODY_NOT_OBJECT")
REFUSALS: dict[str, type[HashrailError]] = {
    kind.code: kind
    for kind in (
        SignatureMissingError,
        SignatureFormatError,
        SignatureMismatchError,
        TimestampMissingError,
        TimestampFormatError,
        TimestampInSecondsError,
        TimestampAheadError,
        TimestampExpiredError,
        RecvWindowFormatError,
        RecvWindowTooLargeError,
        DuplicateFieldError,
        QueryNotUtf8Error,
        BodyNotUtf8Error,
        BodyNotJsonError,
        BodyNotObjectError,
    )
}


def refusal(fault: SignatureFault) -> HashrailError:
    """The HTTP error of a fault: 400 for what cannot be read in one way only, else 401."""
    return REFUSALS[fault.code](fault.message, **fault.details)


def default_window_ms(operation: str, overrides: dict[str, int]) -> int:
    """How long an operation's request is valid when it names no recvWindow."""
    return overrides.get(operation, LONG_WINDOWS.get(operation, DEFAULT_WINDOW_MS))


def diagnosis(
    sent: Sent,
    code: str,
    secrets: Sequence[str],
    other_secrets: Sequence[str],
    context: Context,
    *,
    used_before: bool,
) -> dict[str, object]:
    """What a sandbox tells beside a signature that was refused with `code`: the text that counted, and what went wrong.

    `used_before` says that the signature is one that was accepted lately, so it belongs to another request. Of a
    signature that is missing there is something to tell only where it stands elsewhere.
    """
    cause = "other-body" if used_before else classify(sent, secrets, other_secrets, context)
    if cause is None and code in ("SIGNATURE_MISSING", "TIMESTAMP_MISSING"):
        return {}
    if cause is None and code == "SIGNATURE_MISMATCH":
        cause = UNKNOWN
    return {
        "signedText": next(iter(sent.forms()), None),
        "cause": cause,
        "explanation": None if cause is None else EXPLANATIONS[cause],
    }
