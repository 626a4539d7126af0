"""A user on one page: balances and why, income, miners on a line of time, what came and went, what was said."""

from hashrail.audit import explain
from hashrail.db import Tx
from hashrail.pages import holdings
from hashrail.pages.console import days
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Elsewhere, Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.parties import operators, partners, users
from hashrail.parties.users import User
from hashrail.support import notes, user_pages

# Of each list, the newest.
LISTED = 20


async def by_name(tx: Tx, visit: Visit) -> Elsewhere:
    """The user whom a partner calls so has a page under their number."""
    partner = await partners.find(tx, visit.asked("partner"))
    found = await users.find(tx, partner.id, visit.asked("user"), field="user")
    return Elsewhere(link(f"/users/{partner.id}/{found.id}"))


async def user(tx: Tx, visit: Visit) -> Shown:
    """Everything about a user."""
    found = await whom(tx, visit)
    page = await user_pages.of(tx, visit.deployment, found, limit=LISTED)
    partner = await numbered(tx, found.partner_id)
    facts = {**await holdings.of_user(tx, page), "partner": partner, "ways": ConsoleWays(partner.id)}
    return Shown(facts, subject_of(found))


async def add_note(tx: Tx, visit: Visit) -> str:
    """Write a note on a user; the same again is the same note."""
    found = await whom(tx, visit)
    made, is_new = await notes.add(tx, visit.operator, found.partner_id, found.id, visit.form.get("text", ""))
    if is_new:
        await operators.note(tx, visit.operator, "user note add", subject_of(found), after={"note": made.id})
    return link(f"/users/{found.partner_id}/{found.id}", done="noted") + "#notes"


async def income(tx: Tx, visit: Visit) -> Shown:
    """One income record with its whole calculation."""
    day = days.asked(visit)
    explained = await explain.income(tx, visit.number("miner") or 0, day)
    return Shown({"one": explained}, f"income of miner {explained.miner_id} on {day}")


async def whom(tx: Tx, visit: Visit) -> User:
    """The user whom the path names. Raises PartnerNotFoundError, UserNotFoundError."""
    return await users.get(tx, (await numbered(tx, visit.numbers["partner"])).id, visit.numbers["user"])


def subject_of(user: User) -> str:
    """What the log calls a user."""
    return f"user {user.partner_id}:{user.partner_user_id}"
