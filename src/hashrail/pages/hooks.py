"""Webhook deliveries and events, as pages of console and portal show them alike."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hashrail.db import Tx
from hashrail.events import browsing, catalogue, deliveries, delivery_log, endpoints, feed, selection, sending
from hashrail.events.endpoints import Endpoint, Reason
from hashrail.pages import listing
from hashrail.pages.forms import Field, Values, number
from hashrail.pages.visiting import BaseVisit

LISTED = 50
# Of an endpoint's deliveries, the newest.
NEWEST = 10
# Why an endpoint is disabled, in words.
REASONS: Mapping[Reason, str] = {
    "gone": "it answered 410: it wants no more",
    "failing": "it has only failed for five days",
    "partner": "the partner has disabled it",
    "operator": "the operator has disabled it",
}
EVENT_FIELDS = ("type", "kind", "object", "user", "since", "until")
# Which events are to be sent again.
REPLAY_FIELDS = (
    Field("since", "What happened since", "moment", needed=False, help="Like 2026-09-09T12:00:00Z, business time."),
    Field("first", "Or positions of the feed from", "number", needed=False),
    Field("last", "Up to this one, included", "number", needed=False, help="Without: all that follow."),
    Field("given_up", "Only what was given up", "check", needed=False),
)


async def endpoint(tx: Tx, partner_id: int, number: int) -> dict[str, Any]:
    """How an endpoint stands, without what it was sent. Raises WebhookNotFoundError."""
    found = await endpoints.get(tx, partner_id, number)
    return {
        "one": found,
        "behind": await behind(tx, found),
        "counts": await delivery_log.counts(tx, partner_id, number),
        "counted": delivery_log.COUNTED,
        "reasons": REASONS,
    }


async def behind(tx: Tx, one: Endpoint) -> int:
    """How many positions of the feed were not looked through for an endpoint yet."""
    return max(await feed.last_position(tx, one.partner_id) - one.planned_through, 0)


async def newest(tx: Tx, partner_id: int, number: int) -> list[delivery_log.Entry]:
    """The newest deliveries of an endpoint."""
    found = await delivery_log.newest(tx, partner_id, delivery_log.Sought(number, limit=NEWEST))
    return list(found.entries)


async def log(
    tx: Tx, partner_id: int, visit: BaseVisit, link: Callable[..., str], *, endpoint_id: int | None = None
) -> dict[str, Any]:
    """Deliveries of an endpoint, or of the one that is asked for or all, that are like the filters of the address.

    Raises StateUnknownError, EventTypeUnknownError.
    """
    asked = visit.number("endpoint") if endpoint_id is None else None
    state, kind = listing.state(visit.query, deliveries.STATES), visit.query.get("type", "").strip()
    sought = delivery_log.Sought(
        asked if endpoint_id is None else endpoint_id,
        state,
        selection.named([kind]) if kind else None,
        before=_cursor(visit),
        limit=LISTED,
    )
    found = await delivery_log.newest(tx, partner_id, sought)
    query = {"endpoint": asked, "state": state, "type": kind or None}
    more = None
    if found.before is not None:
        position, at = found.before
        more = link(**query, after=position, at=at)
    return {
        "found": found.entries,
        "more": more,
        "endpoint_asked": asked,
        "state_asked": state,
        "type_asked": kind,
        "states": deliveries.STATES,
        "types": list(catalogue.kinds()),
        "looked": delivery_log.GOES_THROUGH,
        "is_asked": any(each is not None for each in query.values()),
    }


async def delivery(tx: Tx, partner_id: int, endpoint_id: int, position: int) -> dict[str, Any]:
    """An event at an endpoint: each attempt, and what was sent. Raises WebhookNotFoundError, DeliveryNotFoundError."""
    event = await browsing.one(tx, partner_id, position)
    found = await deliveries.attempts(tx, partner_id, endpoint_id, [position])
    return {
        "endpoint": await endpoints.get(tx, partner_id, endpoint_id),
        "one": await delivery_log.one(tx, partner_id, endpoint_id, position),
        "attempts": found[position],
        "event": event,
        "body": in_lines(sending.body(event)),
    }


async def events(tx: Tx, partner_id: int, visit: BaseVisit, link: Callable[..., str]) -> dict[str, Any]:
    """Events that are like the filters of the address, newest first.

    Raises EventTypeUnknownError, ObjectKindMissingError, ObjectKindUnknownError, and what reading moments does.
    """
    given = {name: visit.query.get(name, "").strip() for name in EVENT_FIELDS}
    user = await listing.user(tx, partner_id, given["user"]) if given["user"] else None
    sought = browsing.Sought(
        types=selection.types(given["type"] or None, given["kind"] or None),
        of=selection.subject(given["kind"] or None, given["object"] or None),
        user_id=None if user is None else user.id,
        since=listing.moment(given["since"], "since"),
        until=listing.moment(given["until"], "until"),
        before=visit.number("after"),
        limit=LISTED,
    )
    is_of_nobody = bool(given["user"]) and user is None
    found = browsing.Seen((), None) if is_of_nobody else await browsing.newest(tx, partner_id, sought)
    asked = {name: value for name, value in given.items() if value}
    return {
        "found": found.events,
        "more": None if found.before is None else link(**asked, after=found.before),
        "given": given,
        "types": list(catalogue.kinds()),
        "kinds": sorted({each.KIND for each in catalogue.kinds().values()}),
        "looked": browsing.GOES_THROUGH,
        "is_asked": bool(asked),
        "is_of_nobody": is_of_nobody,
        "user_asked": user,
    }


async def event(tx: Tx, partner_id: int, position: int) -> dict[str, Any]:
    """An event: its data, and what became of it at each endpoint. Raises EventNotFoundError."""
    found = await browsing.one(tx, partner_id, position)
    kind = catalogue.kinds().get(found.type)
    return {
        "one": found,
        "about": None if kind is None else (kind.__doc__ or "").split("\n\n", maxsplit=1)[0].replace("\n", " "),
        "data": in_lines(found.data.encode()),
        "log": await delivery_log.of_event(tx, partner_id, position),
    }


def first_of(values: Values) -> int | None:
    """The first position that is to be sent again; all that was given up is meant where nothing else is named."""
    if values["first"] is None and values["since"] is None and values["given_up"]:
        return 1
    first: int | None = values["first"]
    return first


def told_of_replay(events: int) -> str:
    """How many events are sent again, in words."""
    return "No event is like that." if events == 0 else f"Events that are sent again: {events}."


def in_lines(text: bytes) -> str:
    """JSON for people, every digit as it was written."""
    return msgspec.json.format(text, indent=2).decode()


def _cursor(visit: BaseVisit) -> tuple[int, int] | None:
    """Where an older page goes on."""
    after = visit.number("after")
    return None if after is None else (after, number("at", visit.query.get("at") or "0"))
