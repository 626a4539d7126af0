"""Which errors an operation may answer with: its caller, what was sent, the platform, and the operation itself.

The OpenAPI document says so for each operation, and the tests refuse any answer that it does not say.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from hashrail import db
from hashrail.access import access_tokens, idempotency, read_tokens, session_grants
from hashrail.access.signatures import NOT_READABLE, REFUSALS
from hashrail.api.serving import arrival, errors, guards, limits, turns
from hashrail.api.serving.operation import AnyOperation, Auth
from hashrail.api.wire import faults, fields
from hashrail.books.fence import PartnerClosedError, PartnerSuspendedError
from hashrail.business_clock import ClockDiffersError
from hashrail.errors import HashrailError
from hashrail.recovery.lost import BooksAreOlderError

Refusals: TypeAlias = tuple[type[HashrailError], ...]

ALWAYS: Refusals = (
    errors.RequestMalformedError,
    limits.RateLimitedError,
    errors.InternalError,
    *(db.BadValueError, db.BusyError, db.UnknownOutcomeError),
    *(db.DatabaseDownError, db.DatabaseReadOnlyError, db.DatabaseFullError),
    *(db.DatabaseRightsError, db.DatabasePooledError),
    *(BooksAreOlderError, ClockDiffersError),
)
KEY: Refusals = (
    arrival.HeaderRepeatedError,
    guards.ApiKeyMissingError,
    guards.ApiKeyUnknownError,
    guards.ApiKeyIsTestError,
    guards.ApiKeyIsLiveError,
    guards.ApiKeyRevokedError,
    guards.ApiKeyExpiredError,
    guards.IpNotAllowedError,
)
TOKEN: Refusals = (
    access_tokens.TokenMissingError,
    access_tokens.TokenInvalidError,
    access_tokens.TokenExpiredError,
    access_tokens.TokenEpochError,
    session_grants.SessionEndedError,
    read_tokens.ReadTokenEndedError,
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
    Auth.SIGNED: (*KEY, guards.KeyCannotSignError, *SIGNATURE),
}
# What is for every site asks no page who it is.
NOT_OF_PAGES: Refusals = (guards.OriginNotAllowedError,)
# Beside those, at paths that pages in a browser may call.
PAGE: Refusals = (arrival.HeaderRepeatedError, guards.OriginNotAllowedError)
QUERY: Refusals = (REFUSALS["DUPLICATE_FIELD"], REFUSALS["QUERY_NOT_UTF8"])
FIELDS: Refusals = (faults.FieldBoundsError, faults.FieldTextError)
BODY: Refusals = (
    *(REFUSALS[code] for code in NOT_READABLE if code != "QUERY_NOT_UTF8"),
    fields.BodyMalformedError,
    faults.FieldUnknownError,
    faults.FieldTypeError,
    errors.BodyTooLargeError,
)
WRITE: Refusals = (idempotency.ReplayError, idempotency.IdempotencyKeyReusedError)


def of(operation: AnyOperation) -> dict[int, list[type[HashrailError]]]:
    """The errors of an operation by HTTP status, each once, in the order of their codes."""
    by_status: dict[int, list[type[HashrailError]]] = {}
    for kind in sorted(set(_all(operation)), key=lambda kind: (kind.status, kind.code)):
        by_status.setdefault(kind.status, []).append(kind)
    return by_status


def _all(operation: AnyOperation) -> Iterator[type[HashrailError]]:
    yield from ALWAYS
    yield from _of_caller(operation)
    if operation.path.startswith("/c2s/"):
        yield from PAGE
    yield from operation.refuses
    known = msgspec.structs.fields(operation.model)
    if operation.method == "GET":
        yield from QUERY
        yield from (faults.FieldUnknownError,) if known else ()
    elif operation.is_for_anybody:
        yield from (errors.BodyTooLargeError, errors.BodyTooSlowError)
    else:
        yield errors.BodyTooSlowError
        yield from BODY
        # Where no signature is needed, one that is sent is judged.
        yield from (*KEY, guards.KeyCannotSignError, *SIGNATURE)
    if known:
        yield from FIELDS
    if _asks_for_a_field(msgspec.inspect.type_info(operation.model)):
        yield faults.FieldMissingError
    if operation.writes:
        yield from WRITE
    if operation.in_books:
        yield PartnerClosedError
        yield from () if operation.while_suspended else (PartnerSuspendedError,)


def _of_caller(operation: AnyOperation) -> Iterator[type[HashrailError]]:
    """What who calls may be refused for."""
    yield from (kind for kind in CALLERS[operation.auth] if not (operation.for_every_site and kind in NOT_OF_PAGES))
    if operation.auth is not Auth.NONE:
        yield turns.PartnerBusyError
    if operation.scope is not None:
        yield guards.ScopeMissingError
    if operation.auth is Auth.BEARER and operation.scope not in read_tokens.SCOPES:
        yield read_tokens.ReadTokenOnlyReadsError


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
