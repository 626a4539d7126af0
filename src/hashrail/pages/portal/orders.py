"""The partner's orders, and one on a page: its price, its state and when it came to it, its refund."""

from hashrail.db import Tx
from hashrail.pages.portal import filters
from hashrail.pages.portal.visit import Visit
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import Shown
from hashrail.selling import orders, refunds
from hashrail.support import lists

STATES = lists.STATES["order"]


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest that are like the filters."""
    facts = await filters.listed(tx, visit, "/orders", STATES, lists.orders)
    return Shown(facts, filters.subject("orders", facts))


async def one(tx: Tx, visit: Visit) -> Shown:
    """An order. Raises OrderNotFoundError."""
    order = await orders.numbered(tx, visit.partner_id, visit.numbers["order"])
    facts = {
        "order": order,
        "seen": await lists.order(tx, visit.partner_id, order.external_id),
        "refund": await refunds.find(tx, visit.partner_id, order),
        "ways": WAYS,
    }
    return Shown(facts, f"order {order.external_id}")
