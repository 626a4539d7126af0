"""Events: the newest of all partners; a partner's by type, object, user and time; one with what became of it."""

from hashrail.db import Tx
from hashrail.events import browsing
from hashrail.pages import hooks
from hashrail.pages.console.partners import numbered, whose
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.parties import partners


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest of all partners, or a partner's that are like the filters. Raises PartnerNotFoundError and more."""
    asked, known = visit.number("partner"), await partners.every(tx)
    if asked is None:
        found = await browsing.of_all(tx, limit=hooks.LISTED)
        ways = {one.id: ConsoleWays(one.id) for one in known}
        names = {one.id: one.name for one in known}
        newest = {"partners": known, "chosen": None, "all": found, "ways_of": ways, "names": names}
        return Shown(newest, "events of all partners" if found else None)
    partner = await numbered(tx, asked)

    def path(**query: object) -> str:
        return link("/events", partner=partner.id, **query)

    facts = await hooks.events(tx, partner.id, visit, path)
    user = facts["user_asked"]
    whom = "" if user is None else f", of user {user.partner_user_id}"
    more = {"partners": known, "chosen": partner, "ways": ConsoleWays(partner.id)}
    return Shown({**facts, **more}, f"events of partner {partner.id}{whom}" if facts["found"] else None)


async def one(tx: Tx, visit: Visit) -> Shown:
    """An event. Raises PartnerNotFoundError, EventNotFoundError."""
    partner, position = await whose(tx, visit), visit.numbers["event"]
    facts = await hooks.event(tx, partner.id, position)
    return Shown({**facts, "partner": partner, "ways": ConsoleWays(partner.id)}, f"event {partner.id}:{position}")
