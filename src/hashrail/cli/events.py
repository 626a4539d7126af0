"""`hashrail events`: follow a partner's feed, hand it to a receiver on this machine, fire examples.

A server that is away is asked again from the same position, so nothing is left out and nothing comes twice.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import typer

from hashrail.cli import calling
from hashrail.cli.call_fields import meant
from hashrail.cli.calling import Asked, Caller, NotReachedError, RefusedError
from hashrail.cli.examples import example
from hashrail.cli.integrating import ProfileOption, as_profile
from hashrail.cli.printing import Shape, about, prints, show_json, show_wire, usage_error
from hashrail.cli.receivers import Receiver, receiver_at
from hashrail.cli.shared import JsonOption, say, table, warn
from hashrail.events import catalogue

app = typer.Typer(no_args_is_help=True)

FEED, TRIGGER = "/api/partner/s2s/events", "/api/sandbox/trigger"
WAIT_SECONDS, PAUSE_SECONDS = 25, 1
# Beyond the end of every feed: the refusal says where that is.
FARTHEST = 2**53 - 1


class EventObject(Shape, kw_only=True):
    """What an event is about."""

    kind: Annotated[str, about("what it is, as order")]
    id: Annotated[str, about("which one")]
    sequence: Annotated[int, about("which of its events, from 1")]


class EventShape(Shape, kw_only=True):
    """An event as the feed tells it, one a line."""

    id: Annotated[str, about("the same however often it is told; examples begin with test_")]
    position: Annotated[int, about("its place in the feed")]
    type: Annotated[str, about("as order.issued")]
    version: Annotated[int, about("of the type")]
    object: Annotated[EventObject, about("what it is about")]
    occurred_at: Annotated[str, about("business time")]
    data: Annotated[dict[str, Any], about("as its type says")]


class TypeShape(Shape, kw_only=True):
    """A type of events."""

    type: Annotated[str, about("as order.issued")]
    object_kind: Annotated[str, about("what it is about")]
    about: Annotated[str, about("when it is told")]


class TriggeredShape(Shape, kw_only=True):
    """The example that is told."""

    event_id: Annotated[str, about("begins with test_")]
    type: Annotated[str, about("as order.issued")]
    object_kind: Annotated[str, about("what it is about")]
    object_id: Annotated[str, about("which one")]


class Page(msgspec.Struct, rename="camel"):
    """A page of the feed; the events as they came."""

    events: list[msgspec.Raw]
    last: int
    has_more: bool


class Envelope(msgspec.Struct):
    """The data of an answer."""

    data: Page


class Seen(msgspec.Struct, rename="camel"):
    """What is shown of an event."""

    id: str
    position: int
    type: str
    object: EventObject
    occurred_at: str


@dataclass(slots=True)
class Feed:
    """A feed that is followed. `after` is the position of the last event that was dealt with."""

    caller: Caller
    types: str | None
    after: int
    waits: bool
    is_away: bool = field(default=False)

    def events(self) -> Iterator[msgspec.Raw]:
        """Every event after the position, and then those that happen; without waiting, up to the end of the feed.

        Raises RefusedError, NotTheServerError, and NotReachedError where it does not wait.
        """
        while True:
            page = self._page()
            if page is None:
                time.sleep(PAUSE_SECONDS)
                continue
            yield from page.events
            self.after = page.last
            if not self.waits and not page.has_more:
                return

    def _page(self) -> Page | None:
        """The next page; None where nobody answers for now."""
        query = [("after", str(self.after)), ("limit", "100"), ("waitSeconds", str(WAIT_SECONDS if self.waits else 0))]
        query += [] if self.types is None else [("types", self.types)]
        try:
            response = self.caller.send(Asked("GET", FEED, query=query), seconds=WAIT_SECONDS + calling.SECONDS)
            calling.check(response)
        except (NotReachedError, RefusedError) as error:
            if not self.waits or not calling.passes(error):
                raise
            if not self.is_away:
                self.is_away = True
                warn(f"No answer ({error}); asking again", "yellow")
            return None
        if self.is_away:
            self.is_away = False
            warn(f"Answered again; going on after {self.after}", "green")
        return msgspec.json.decode(response.content, type=Envelope).data


@app.command(
    "listen",
    epilog=example(
        "hashrail events listen",
        "hashrail events listen --types order.,withdrawal. --forward-to http://127.0.0.1:3000/hooks",
        "hashrail events listen --from-start --no-wait --json",
    ),
)
@prints(EventShape)
def listen(
    types: Annotated[
        str | None, typer.Option(help="Only these, apart by commas; order. means all that begin so.")
    ] = None,
    after: Annotated[
        int | None, typer.Option(min=0, max=FARTHEST, help="Begin after this position; without: with what happens now.")
    ] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first event of the feed.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where the feed does, and wait for nothing.")] = False,
    forward_to: Annotated[
        str | None, typer.Option(help="Post each event to this URL too, signed as webhooks are, one after another.")
    ] = None,
    webhook_secret: Annotated[
        str | None, typer.Option(help="The secret to sign them with, whsec_...; without: a new one, which is shown.")
    ] = None,
    profile: ProfileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as the feed tells it, one a line.")] = False,
) -> None:
    """Print a line for each event as it happens: time, type, object and position. Ctrl-C ends it.

    In the end it says where to go on. A server that is away is waited for. What a receiver does not take is not sent
    again: its status is shown.
    """
    if after is not None and from_start:
        raise usage_error("--after and --from-start say two things")
    with as_profile(profile) as caller:
        receiver = None if forward_to is None else receiver_at(forward_to, webhook_secret)
        feed = Feed(caller, types, 0 if from_start else _end(caller) if after is None else after, waits=not no_wait)
        if feed.waits:
            warn(f"Listening at {caller.profile.base_url} after position {feed.after}; Ctrl-C ends it", "dim")
        try:
            for raw in feed.events():
                seen = msgspec.json.decode(raw, type=Seen)
                _show(raw, seen, as_json=as_json)
                if receiver is not None:
                    _forward(receiver, raw, seen)
                feed.after = seen.position
        except KeyboardInterrupt:
            warn("")
        finally:
            if receiver is not None:
                receiver.http.close()
            warn(f"Go on with: hashrail events listen --after {feed.after}")


def _end(caller: Caller) -> int:
    """The last position of the feed. Raises RefusedError, NotReachedError, NotTheServerError."""
    try:
        caller.data(Asked("GET", FEED, query=[("after", str(FARTHEST)), ("limit", "1")]))
    except RefusedError as error:
        last = error.refusal.details.get("last")
        if error.code == "FEED_SHORTER" and isinstance(last, int):
            return last
        raise
    return FARTHEST


def _show(raw: msgspec.Raw, seen: Seen, *, as_json: bool) -> None:
    if as_json:
        show_wire(bytes(raw).decode())
    else:
        about_what = f"{seen.object.kind} {seen.object.id}"
        say(f"{seen.occurred_at}  {seen.type:<28}  {about_what:<32}  position {seen.position}")
    sys.stdout.flush()


def _forward(receiver: Receiver, raw: msgspec.Raw, seen: Seen) -> None:
    """Hand an event over, and say what came of it."""
    answer = receiver.post(seen.id, seen.type, seen.occurred_at, raw)
    warn(f"  {answer.said}", "green" if answer.is_taken else "red")


@app.command(
    "trigger", epilog=example("hashrail events trigger order.issued --object order-7", "hashrail events trigger --list")
)
@prints(TriggeredShape)
def trigger(
    type_name: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="The type, as order.issued.")] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", help="Whose it is to be, as an externalId or a number; without: nobody's.")
    ] = None,
    shown: Annotated[bool, typer.Option("--list", help="Show every type, as types does.")] = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a sandbox tell an example of an event, in the feed and to webhooks; nothing else happens.

    Its id begins with test_. In production there are no examples: an endpoint is tried with doctor --fire.
    """
    if shown:
        types_command(as_json=False)
        return
    if type_name is None:
        raise usage_error("name a type; all of them: hashrail events types")
    _check_type(type_name)
    members = {"type": type_name} | ({} if object_id is None else {"objectId": object_id})
    with as_profile(profile, as_json_too=as_json) as caller:
        try:
            told = caller.data(Asked("POST", TRIGGER, members=members))
        except RefusedError as error:
            if error.refusal.status_code == HTTPStatus.NOT_FOUND:
                raise usage_error("only a sandbox has examples; doctor --fire tries an endpoint") from error
            raise
    if as_json:
        show_json(msgspec.convert(told, TriggeredShape))
    else:
        say(f"Told {told['type']} of {told['objectKind']} {told['objectId']}, as {told['eventId']}")


@app.command("types", epilog=example("hashrail events types"))
@prints(list[TypeShape])
def types_command(as_json: JsonOption = False) -> None:
    """List the types of events, with what each tells."""
    found = [
        TypeShape(
            type=name,
            object_kind=kind.KIND,
            about=(kind.__doc__ or "").split("\n\n", maxsplit=1)[0].replace("\n", " "),
        )
        for name, kind in catalogue.kinds().items()
    ]
    if as_json:
        show_json(found)
        return
    table("Types of events", ("type", "object", "when"), [(each.type, each.object_kind, each.about) for each in found])


def _check_type(name: str) -> None:
    if name not in catalogue.kinds():
        near = meant(name, catalogue.kinds())
        raise usage_error(f"there is no type {name}{near} All of them: hashrail events types")
