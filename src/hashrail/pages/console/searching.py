"""Search: what a text names, over all partners, as `hashrail find` does. A single user or withdrawal is led to at once.

What has no page of its own shows the command that shows it, and the page of the user whose it is.
"""

from dataclasses import dataclass

from hashrail.db import Tx
from hashrail.pages.console.visit import Elsewhere, Shown, Visit, link
from hashrail.support import finding
from hashrail.support.finding import Hit, NothingFoundError, RequestIdError


@dataclass(frozen=True, slots=True)
class Found:
    """A hit, its own page and that of its user, where there are such."""

    hit: Hit
    page: str | None
    user: str | None


async def search(tx: Tx, visit: Visit) -> Shown | Elsewhere:
    """What the text of `q` names."""
    text = visit.query.get("q", "").strip()
    try:
        hits = await finding.find(tx, text) if text else []
    except (NothingFoundError, RequestIdError) as nothing:
        return Shown({"text": text, "found": [], "nothing": nothing}, f"search {text}")
    found = [_found(hit) for hit in hits]
    if len(found) == 1 and found[0].page is not None:
        return Elsewhere(found[0].page)
    return Shown({"text": text, "found": found, "nothing": None}, f"search {text}" if text else None)


def _found(hit: Hit) -> Found:
    pages = {
        "user": link(f"/users/{hit.partner_id}/{hit.name}"),
        "withdrawal": link(f"/withdrawals/{hit.partner_id}/{hit.name}"),
        "deposit": link(f"/deposits/{hit.partner_id}/{hit.name}"),
        "batch": link(f"/batches/{hit.name}"),
        "partner": link(f"/partners/{hit.partner_id}"),
        "miner": link(f"/partners/{hit.partner_id}/miners/{hit.name}"),
        "order": link("/order", partner=hit.partner_id, order=hit.name),
        "key": link(f"/partners/{hit.partner_id}") + "#api-keys",
    }
    whose = hit.partner_user_id
    user = None if whose is None else link("/users", partner=hit.partner_id, user=whose)
    return Found(hit, pages.get(hit.kind), user)
