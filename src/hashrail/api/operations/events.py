"""Events: the partner's feed, read on from a position, at once or when something has happened."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hashrail import clock
from hashrail.api.serving import guards, hanging_up
from hashrail.api.serving.call import Call
from hashrail.api.serving.growth import TooManyWaitError
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import texts
from hashrail.api.wire.fields import given, whole
from hashrail.api.wire.models import Answer, Data, Id, IdText, Limit, Moment, NonEmpty, SignedQuery, Text
from hashrail.events import looking, selection
from hashrail.events.feed import Told
from hashrail.events.looking import FeedShorterError, Found, Wanted
from hashrail.events.selection import EventTypeUnknownError, ObjectKindMissingError, ObjectKindUnknownError

EVENTS = Noun("Events")
DEFAULT_LIMIT = 100


class EventsQuery(SignedQuery, kw_only=True):
    """What to tell, from where on, and how long to wait where there is nothing."""

    after: Annotated[IdText, Meta(description="position after which to begin; `last` of the answer before")] = "0"
    types: (
        Annotated[NonEmpty, Meta(description="names apart by commas; `order.` means all that begin so")] | UnsetType
    ) = UNSET
    object_kind: Annotated[Text, Meta(description="kind of the object that events are about")] | UnsetType = UNSET
    object_id: Annotated[Text, Meta(description="its id, beside its kind")] | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    wait_seconds: Annotated[
        str, Meta(pattern=texts.WAIT, description="how long to wait for the first event, 0 to 25, digits")
    ] = "0"


class EventObjectOut(Answer, kw_only=True):
    """What an event is about. `sequence` counts the events of the object from 1, in the order of what happened."""

    kind: str
    id: str
    sequence: Id


class EventOut(Answer, kw_only=True):
    """Something that happened. `id` is the same however often it is told; `data` is as its type and version say."""

    id: str
    position: Id
    type: str
    version: int
    object: EventObjectOut
    occurred_at: Moment
    data: msgspec.Raw


class EventsOut(Answer, kw_only=True):
    """Events by their positions. `last` is the position to go on after, also where no event was wanted up to it."""

    events: Sequence[EventOut]
    last: Annotated[int, Meta(ge=0)]
    has_more: bool


@EVENTS.read(
    None,
    "s2s_events",
    "GET",
    "/s2s/events",
    Auth.SIGNED,
    refuses=(
        EventTypeUnknownError,
        ObjectKindMissingError,
        ObjectKindUnknownError,
        FeedShorterError,
        TooManyWaitError,
    ),
    waits=True,
)
async def events(call: Call, query: EventsQuery) -> Data[EventsOut]:
    """What happened to the partner's users, orders and money, in one order, after a position.

    A position that was told is never preceded by another one later. Where nothing is new the answer comes when
    something is, or after `waitSeconds`.
    """
    wanted, seconds = _wanted(query), int(query.wait_seconds)
    found = await _look(call, wanted) if seconds == 0 else await _wait(call, wanted, seconds)
    call.cost.rows += len(found.events)
    return Data(EventsOut(events=[_shown(each) for each in found.events], last=found.last, has_more=found.has_more))


async def _wait(call: Call, wanted: Wanted, seconds: int) -> Found:
    """What is found, as soon as there is something; else how far was looked at last."""
    growth, ends = call.serving.growth, clock.monotonic() + seconds
    try:
        async with _watched(call) as (news, gone):
            while True:
                news.clear()
                found = await _look(call, wanted)
                left = ends - clock.monotonic()
                if found.events or found.has_more or left <= 0 or growth.is_closing or gone.is_set():
                    return found
                wanted = replace(wanted, after=found.last)
                began = clock.monotonic()
                await growth.wait(news, left)
                call.arrival.notes.waited_seconds += clock.monotonic() - began
                # It may have been revoked meanwhile.
                await guards.key_of(call.serving, call.arrival)
    except TooManyWaitError:
        call.arrival.spending.headers["retry-after"] = "1"
        raise


@asynccontextmanager
async def _watched(call: Call) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """(what is set when the feed grows or the caller hangs up, what only then). Raises TooManyWaitError."""
    with call.serving.growth.watched(call.partner_id, call.known.key_id) as news:
        async with hanging_up.heard(call.arrival.receive, news) as gone:
            yield news, gone


async def _look(call: Call, wanted: Wanted) -> Found:
    """The next events, of what has happened by now."""
    async with call.turn(call.partner_id):
        return await looking.look_now(call.pool, call.partner_id, wanted)


def _wanted(query: EventsQuery) -> Wanted:
    kind = given(query.object_kind)
    of = selection.subject(kind, given(query.object_id))
    return Wanted(
        after=whole(query.after, "after"),
        types=selection.types(given(query.types), kind),
        of=of,
        limit=DEFAULT_LIMIT if query.limit is UNSET else int(query.limit),
    )


def _shown(one: Told) -> EventOut:
    return EventOut(
        id=one.name,
        position=one.position,
        type=one.type,
        version=one.version,
        object=EventObjectOut(kind=one.object_kind, id=one.object_id, sequence=one.sequence),
        occurred_at=clock.iso(one.occurred_at),
        data=msgspec.Raw(one.data.encode()),
    )
