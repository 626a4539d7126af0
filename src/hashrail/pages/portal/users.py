"""The partner's users: found by its own id or by number; one with balances, income, miners and what came and went."""

from typing import get_args

from hashrail import business_clock, clock
from hashrail.db import Tx
from hashrail.pages import holdings, listing
from hashrail.pages.portal import filters
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import Elsewhere, Shown
from hashrail.parties import users
from hashrail.rewards import discounts, settling
from hashrail.selling import miners
from hashrail.support import user_pages

LISTED = 50
# Of each list of a user, the newest.
OF_EACH = 20
STATES: tuple[users.State, ...] = get_args(users.State)


async def listed(tx: Tx, visit: Visit) -> Shown | Elsewhere:
    """The newest users, or whom a text names: a single one is led to. Raises StateUnknownError."""
    text, state = visit.query.get("q", "").strip(), listing.state(visit.query, STATES)
    if text:
        found = await filters.called(tx, visit, text)
        if len(found) == 1:
            return Elsewhere(WAYS.user(found[0].id))
    else:
        found = await users.of_partner(
            tx, visit.partner_id, state=state, limit=LISTED + 1, before=visit.number("after")
        )
    older = link("/users", state=state, after=found[LISTED - 1].id) if len(found) > LISTED else None
    facts = {"found": found[:LISTED], "more": older, "text": text, "state_asked": state, "states": STATES, "ways": WAYS}
    return Shown(facts, "users" if found else None)


async def one(tx: Tx, visit: Visit) -> Shown:
    """A user with everything that is theirs. Raises UserNotFoundError."""
    user = await users.get(tx, visit.partner_id, visit.numbers["user"])
    page = await user_pages.belongings(tx, visit.deployment, user, limit=OF_EACH)
    today = clock.day_of(await business_clock.now(tx))
    facts = {
        **await holdings.of_user(tx, page),
        "owned": await miners.sum_of_user(tx, user.partner_id, user.id),
        "earned": await settling.credited(tx, user.partner_id, user.id),
        "discount": await discounts.of_user(tx, user.partner_id, user.id, today=today),
        "ways": WAYS,
    }
    return Shown(facts, f"user {user.partner_user_id}")
