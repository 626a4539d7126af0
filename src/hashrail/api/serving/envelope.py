"""What stands around an answer: headers of any, and the one shape of a refusal."""

from litestar.types import HTTPScope, Scope

from hashrail.api.serving import cors
from hashrail.api.serving.notes import REFUSED, Refused
from hashrail.errors import HashrailError


def add_headers(scope: Scope, headers: dict[str, str]) -> None:
    """Headers of the answer, be it a refusal or not."""
    scope["state"].setdefault("headers", {}).update(headers)


def refusal(scope: HTTPScope, error: HashrailError, message: str) -> dict[str, object]:
    """The body of a refusal, which the log and the counts tell by its code and pages may read."""
    state = scope["state"]
    state["error"], state[REFUSED] = error.code, Refused(error.code, message, error.details)
    if scope["path"].startswith(cors.PATHS):
        add_headers(scope, cors.answer_headers(scope["headers"]))
    return {
        "statusCode": error.status,
        "error": error.code,
        "message": message,
        "requestId": state["request_id"],
        "details": error.details,
    }
