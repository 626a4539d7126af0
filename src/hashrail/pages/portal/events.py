"""The partner's feed: its newest events, by type, object, user and time; one with its data and what became of it."""

from hashrail.db import Tx
from hashrail.pages import hooks
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import Shown


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest that are like the filters."""

    def path(**query: object) -> str:
        return link("/events", **query)

    facts = await hooks.events(tx, visit.partner_id, visit, path)
    user = facts["user_asked"]
    subject = "events" if user is None else f"events of user {user.partner_user_id}"
    return Shown({**facts, "ways": WAYS, "path": path()}, subject if facts["found"] else None)


async def one(tx: Tx, visit: Visit) -> Shown:
    """An event. Raises EventNotFoundError."""
    position = visit.numbers["event"]
    facts = await hooks.event(tx, visit.partner_id, position)
    return Shown({**facts, "ways": WAYS}, f"event {position}")
