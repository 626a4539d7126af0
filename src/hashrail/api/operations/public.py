"""What everybody may ask, without a credential: the time, and the catalogue of errors."""

import inspect

from hashrail import business_clock, clock, errors
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.models import Answer, Data, Listing, Query
from hashrail.errors import HashrailError
from hashrail.settings import Mode
from hashrail.version import VERSION

TIME = Noun("Time")
ERRORS = Noun("Errors")
CONTRACT = "2.0.0"
# A code never changes its meaning; new ones come with new versions.
CACHED = "public, max-age=3600"


class ErrorCodeOut(Answer, kw_only=True):
    """One code that a refusal may carry in `error`: its HTTP status, what caused it, what to do about it."""

    code: str
    status: int
    cause: str
    advice: str


class TimeOut(Answer, kw_only=True):
    """`serverTime` is the wall clock, milliseconds since 1970 UTC, that signatures are held against.

    `businessTime` is the clock of days and orders, which only a sandbox can move. `version` is the server's program,
    `contract` the version of the vendor's API that its numbered operations answer as.
    """

    server_time: int
    business_time: str
    version: str
    mode: Mode
    contract: str


@TIME.read(None, "api_time", "GET", "/api/time", Auth.NONE)
async def time(call: Call, _query: Query) -> Data[TimeOut]:
    """The server's clocks, for a client that corrects its own, and what it is."""
    business = await business_clock.now(call.pool)
    call.headers["cache-control"] = "no-store"
    return Data(
        TimeOut(
            server_time=clock.wall_millis(),
            business_time=clock.iso(business),
            version=VERSION,
            mode=call.deployment.facts.mode,
            contract=CONTRACT,
        )
    )


@ERRORS.read(None, "api_errors", "GET", "/api/errors", Auth.NONE)
async def catalogue(call: Call, _query: Query) -> Data[Listing[ErrorCodeOut]]:
    """Every code that a refusal may carry, by status and code, so that a client can look up what to do."""
    call.headers["cache-control"] = CACHED
    kinds = [kind for kind in errors.catalogue() if kind.__module__.startswith("hashrail")]
    return Data(Listing([_error(kind) for kind in kinds]))


def _error(kind: type[HashrailError]) -> ErrorCodeOut:
    return ErrorCodeOut(code=kind.code, status=kind.status, cause=_cause(kind.__doc__ or ""), advice=kind.advice)


def _cause(text: str) -> str:
    """A docstring's first paragraph on one line."""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
