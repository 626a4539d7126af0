"""What the commands for integrators share: which profile they call as, and how they show what a server refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from hashrail import errors
from hashrail.cli.calling import Caller, Refusal, RefusedError, calling
from hashrail.cli.printing import Shape, about, show_json
from hashrail.cli.profiles import choose
from hashrail.cli.shared import mark, refusals_shown, warn

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="Profile to call as [HASHRAIL_PROFILE, default: default]; see hashrail login."),
]
# Where the causes are that a sandbox has recognised of a signature.
CAUSE, EXPLANATION = "cause", "explanation"


class Refused(Shape, kw_only=True):
    """What a server refused, on standard error."""

    code: Annotated[str, about("the stable code")]
    message: Annotated[str, about("the cause in words")]
    advice: Annotated[str | None, about("what to do about it, where this program knows the code")]
    status: Annotated[int, about("the HTTP status")]
    request_id: Annotated[str, about("what the operator finds the request by")]
    field: Annotated[str | None, about("the field at fault")]


@contextmanager
def as_profile(name: str | None, *, as_json_too: bool = False) -> Iterator[Caller]:
    """A caller as a stored profile; what is refused is said, and the program ends with 1."""
    with refusals_shown():
        profile = choose(name).profile
        with refused_shown(as_json_too=as_json_too), calling(profile) as caller:
            yield caller


@contextmanager
def refused_shown(*, as_json_too: bool = False) -> Iterator[None]:
    """Say what a server refuses, as JSON where that is asked for, and end with 1."""
    try:
        yield
    except RefusedError as error:
        show_refusal(error.refusal, as_json_too=as_json_too)


def show_refusal(refusal: Refusal, *, as_json_too: bool) -> NoReturn:
    """Code, message and what to do, on standard error; ends with 1."""
    advice = advice_for(refusal)
    if as_json_too:
        field = refusal.details.get("field")
        told = Refused(
            code=refusal.error,
            message=refusal.message,
            advice=advice,
            status=refusal.status_code,
            request_id=refusal.request_id,
            field=field if isinstance(field, str) else None,
        )
        show_json(told, error=True)
    else:
        mark(refusal.error, "red", f": {refusal.message}", error=True)
        if advice:
            warn(advice)
        warn(f"Request {refusal.request_id}", "dim")
    raise typer.Exit(1)


def advice_for(refusal: Refusal) -> str | None:
    """What to do about a refusal: what a sandbox has recognised, or what the code says.

    A server that is newer than this program may have codes that are not known here.
    """
    explained = refusal.details.get(EXPLANATION)
    if isinstance(explained, str):
        return explained
    # Imported here: the errors that are known are those of the modules that are imported, and the API has them all.
    from hashrail.api.operations import routes  # noqa: F401, PLC0415

    return next((kind.advice for kind in errors.catalogue() if kind.code == refusal.error), None)
