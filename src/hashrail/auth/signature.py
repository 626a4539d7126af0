"""Signatures of partners' requests, as the server judges them.

The rules are the client's (`hashrail_client.signing`), so that both sides run the same code; here every fault gets
its HTTP error, and the contract's table of default windows stands.
"""

from collections.abc import Sequence

from hashrail.errors import BadRequestError, HashrailError, UnauthorizedError
from hashrail_client.causes import CAUSES, classify
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
CAUSES_OF = {
    "SIGNATURE_MISSING": "There is no signature.",
    "SIGNATURE_FORMAT": "The signature is not 64 hexadecimal digits.",
    "SIGNATURE_MISMATCH": "The signature is not the one of what was sent.",
    "TIMESTAMP_MISSING": "There is no timestamp.",
    "TIMESTAMP_FORMAT": "The timestamp is not a whole number of milliseconds.",
    "TIMESTAMP_IN_SECONDS": "The timestamp is in seconds, not milliseconds.",
    "TIMESTAMP_AHEAD": "The timestamp is a second or more ahead of the server's clock.",
    "TIMESTAMP_EXPIRED": "The timestamp is older than the request's window allows.",
    "RECV_WINDOW_FORMAT": "The window is not a whole number of milliseconds.",
    "RECV_WINDOW_TOO_LARGE": "The window is longer than the server accepts.",
    "DUPLICATE_FIELD": "A name is sent more than once.",
    "QUERY_NOT_UTF8": "The query is not UTF-8.",
    "BODY_NOT_UTF8": "The body is not UTF-8.",
    "BODY_NOT_JSON": "The body is not one JSON document.",
    "BODY_NOT_OBJECT": "The body is JSON, but not an object.",
}
EXPLANATIONS = CAUSES | {
    "other-body": "This signature was accepted for another request. Sign each request anew, after its last change.",
}
NOT_READABLE = ("DUPLICATE_FIELD", "QUERY_NOT_UTF8", "BODY_NOT_UTF8", "BODY_NOT_JSON", "BODY_NOT_OBJECT")


def _refusal(code: str, advice: str) -> type[HashrailError]:
    base = BadRequestError if code in NOT_READABLE else UnauthorizedError
    name = code.title().replace("_", "") + "Error"
    return type(name, (base,), {"code": code, "advice": advice, "__doc__": CAUSES_OF[code], "__module__": __name__})


REFUSALS = {code: _refusal(code, advice) for code, advice in FAULTS.items()}


def refusal(fault: SignatureFault) -> HashrailError:
    """The HTTP error of a fault: 400 for what cannot be read in one way only, else 401."""
    return REFUSALS[fault.code](fault.message, **fault.details)


def default_window_ms(operation: str, overrides: dict[str, int]) -> int:
    """How long an operation's request is valid when it names no recvWindow."""
    return overrides.get(operation, LONG_WINDOWS.get(operation, DEFAULT_WINDOW_MS))


def diagnosis(
    sent: Sent, secrets: Sequence[str], other_secrets: Sequence[str], *, used_before: bool
) -> dict[str, object]:
    """What a sandbox tells beside a refused signature: the text that counted, and what went wrong if it shows.

    `used_before` says that the signature is one that was accepted lately, so it belongs to another request.
    """
    cause = "other-body" if used_before else classify(sent, secrets, other_secrets)
    return {
        "signedText": next(iter(sent.forms()), None),
        "cause": cause,
        "explanation": None if cause is None else EXPLANATIONS[cause],
    }
