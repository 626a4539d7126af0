"""A user on one page: balances and why, income, miners on a line of time, what came and went, what was said."""

from hashrail import business_clock, clock
from hashrail.audit import explain
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages import stint_lines
from hashrail.pages.console import days
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Elsewhere, Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.parties import operators, partners, users
from hashrail.parties.users import User
from hashrail.support import lists, notes, user_pages
from hashrail.support.lists import Page

# Of each list, the newest.
LISTED = 20
DAYS_DRAWN = 366


async def by_name(tx: Tx, visit: Visit) -> Elsewhere:
    """The user whom a partner calls so has a page under their number."""
    partner = await partners.find(tx, visit.asked("partner"))
    found = await users.find(tx, partner.id, visit.asked("user"), field="user")
    return Elsewhere(link(f"/users/{partner.id}/{found.id}"))


async def user(tx: Tx, visit: Visit) -> Shown:
    """Everything about a user."""
    found = await whom(tx, visit)
    page = await user_pages.of(tx, visit.deployment, found, limit=LISTED)
    drawn = await lists.income(tx, found.partner_id, found.id, Page(DAYS_DRAWN, user_id=found.id))
    today = clock.day_of(await business_clock.now(tx))
    first = stint_lines.first_day([stints for _, stints in page.miners], today)
    return Shown(
        {
            "page": page,
            "user": found,
            "partner": await numbered(tx, found.partner_id),
            "income": [{"day": one.day.isoformat(), "net": plain(one.net_btc)} for one in reversed(drawn)],
            "lines": [(miner, stint_lines.bars(stints, found, first, today)) for miner, stints in page.miners],
            "first": first,
            "today": today,
            "last_day": page.income[0].day if page.income else None,
            "box": stint_lines.BOX,
            "ways": ConsoleWays(found.partner_id),
        },
        subject_of(found),
    )


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
