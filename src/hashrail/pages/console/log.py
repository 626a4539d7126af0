"""The log: what operators did, from what to what and why; and who looked at whom. An admin's to read."""

from hashrail.db import Tx
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.parties import operators, views

LISTED = 100


async def log(tx: Tx, visit: Visit) -> Shown:
    """The newest deeds, or with `of=views` the newest views."""
    after = visit.number("after")
    is_of_views = visit.query.get("of") == "views"
    seen = await views.newest(tx, limit=LISTED + 1, after=after) if is_of_views else []
    done = [] if is_of_views else await operators.actions(tx, LISTED + 1, after=after)
    found = [one.id for one in seen] or [one.id for one in done]
    last = found[LISTED - 1] if len(found) > LISTED else None
    return Shown(
        {
            "is_of_views": is_of_views,
            "seen": seen[:LISTED],
            "done_of": done[:LISTED],
            "more": None if last is None else link("/log", of="views" if is_of_views else None, after=last),
        }
    )
