"""Which errors an operation may answer with: its caller, what was sent, the platform, and the operation itself.

The OpenAPI document says so for each operation, and the tests refuse any answer that it does not say.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from hashrail import db, once
from hashrail.api import errors, fields, guards, limits
from hashrail.api.call import Auth, Route
from hashrail.auth import token
from hashrail.auth.signature import NOT_READABLE, REFUSALS
from hashrail.errors import HashrailError

Refusals: TypeAlias = tuple[type[HashrailError], ...]

ALWAYS: Refusals = (
    errors.RequestMalformedError,
    limits.RateLimitedError,
    errors.InternalError,
    db.BusyError,
    db.DatabaseDownError,
)
KEY: Refusals = (
    guards.HeaderRepeatedError,
    guards.ApiKeyMissingError,
    guards.ApiKeyUnknownError,
    guards.ApiKeyRevokedError,
    guards.ApiKeyExpiredError,
    guards.IpNotAllowedError,
)
TOKEN: Refusals = (
    token.TokenMissingError,
    token.TokenInvalidError,
    token.TokenExpiredError,
    guards.TokenOfOtherPartnerError,
)
# A key beside a token may be left out.
KEY_BESIDE_TOKEN: Refusals = tuple(kind for kind in KEY if kind is not guards.ApiKeyMissingError)
SIGNATURE: Refusals = tuple(kind for code, kind in REFUSALS.items() if code not in NOT_READABLE)
CALLERS: dict[Auth, Refusals] = {
    Auth.NONE: (),
    Auth.SERVER_KEY: (*KEY, guards.KeyCannotSignError),
    Auth.BEARER: (*TOKEN, *KEY_BESIDE_TOKEN, guards.OriginNotAllowedError),
    Auth.KEY_OR_BEARER: (*TOKEN[1:], *KEY, guards.KeyIsSecretError, guards.OriginNotAllowedError),
    Auth.ANY_KEY_OR_BEARER: (*TOKEN[1:], *KEY, guards.OriginNotAllowedError),
    Auth.SIGNED: (*KEY, guards.KeyCannotSignError, *SIGNATURE, guards.ScopeMissingError),
}
# Beside those, at paths that pages in a browser may call.
PAGE: Refusals = (guards.HeaderRepeatedError, guards.OriginNotAllowedError)
QUERY: Refusals = (REFUSALS["DUPLICATE_FIELD"], REFUSALS["QUERY_NOT_UTF8"])
FIELDS: Refusals = (fields.FieldBoundsError, fields.FieldTextError)
BODY: Refusals = (
    *(REFUSALS[code] for code in NOT_READABLE if code != "QUERY_NOT_UTF8"),
    fields.BodyMalformedError,
    fields.FieldUnknownError,
    fields.FieldTypeError,
    errors.BodyTooLargeError,
)
WRITE: Refusals = (once.ReplayError, once.IdempotencyKeyReusedError)


def of(route: Route) -> dict[int, list[type[HashrailError]]]:
    """The errors of an operation by HTTP status, each once, in the order of their codes."""
    by_status: dict[int, list[type[HashrailError]]] = {}
    for kind in sorted(set(_all(route)), key=lambda kind: (kind.status, kind.code)):
        by_status.setdefault(kind.status, []).append(kind)
    return by_status


def _all(route: Route) -> Iterator[type[HashrailError]]:
    yield from ALWAYS
    yield from CALLERS[route.auth]
    if route.path.startswith("/c2s/"):
        yield from PAGE
    yield from route.refuses
    known = msgspec.structs.fields(route.model)
    if route.method == "GET":
        yield from QUERY
        yield from (fields.FieldUnknownError,) if known else ()
    else:
        yield from (errors.BodyTooLargeError,) if route.for_every_site else BODY
    if known:
        yield from FIELDS
    if _asks_for_a_field(msgspec.inspect.type_info(route.model)):
        yield fields.FieldMissingError
    if route.writes:
        yield from WRITE


def _asks_for_a_field(kind: msgspec.inspect.Type) -> bool:
    """Whether something in it is required: of the model itself, or of an object that may stand in it."""
    match kind:
        case msgspec.inspect.StructType(fields=known):
            return any(each.required or _asks_for_a_field(each.type) for each in known)
        case msgspec.inspect.UnionType(types=kinds):
            return any(_asks_for_a_field(each) for each in kinds)
        case msgspec.inspect.ListType(item_type=item):
            return _asks_for_a_field(item)
    return False
