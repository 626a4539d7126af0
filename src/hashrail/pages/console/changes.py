"""Changes that wait for a second admin: what each comes to, confirming and taking one back."""

from hashrail import business_clock
from hashrail.acts import changes as acts
from hashrail.acts.acting import Acting, Noted
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Values
from hashrail.parties import changes, operators, people
from hashrail.parties.changes import Change
from hashrail.payouts.recorded_payments import Seen

PAGE = "/changes"


async def listed(tx: Tx, visit: Visit) -> Shown:
    """What waits, the oldest first, with all that is meant. It may name users."""
    found, ties = await changes.waiting(tx), await people.ties(tx)
    now, me = await business_clock.now(tx), visit.operator
    askers = {one.name: one.id for one in await operators.every(tx)}
    return Shown(
        {
            "found": [(one, Noted(one.subject, one.before, one.after)) for one in found],
            "may_confirm": {
                one.id: ties.are_two(me.id, askers[one.asked_by]) or (one.asked_by == me.name and one.alone_from <= now)
                for one in found
            },
        },
        "changes that wait" if found else None,
    )


async def ask_to_confirm(tx: Tx, visit: Visit) -> Asked:
    """What confirming comes to."""
    found = await changes.get(tx, visit.numbers["change"])
    words = [f"{found.asked_by} has asked for it: {found.act}, of {found.subject}.", "Confirmed, it is done at once."]
    return _asked(f"Confirm change {found.id}?", f"Confirm: {found.act}", found, words)


async def ask_to_withdraw(tx: Tx, visit: Visit) -> Asked:
    """What taking it back comes to."""
    found = await changes.get(tx, visit.numbers["change"])
    words = [
        f"{found.asked_by} has asked for it: {found.act}, of {found.subject}.",
        "Taken back, nothing of it is done.",
    ]
    return _asked(f"Take change {found.id} back?", "Take it back", found, words)


async def ready(visit: Visit, _: Values) -> Seen | None:
    """What the chain says to it."""
    return await acts.ready(visit.deployment, visit.numbers["change"])


async def confirm(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Do it, in the name of who asked for it."""
    await acts.confirm(tx, act, visit.numbers["change"], visit.told)
    return Done(link(PAGE, done="confirmed"))


async def settle(act: Acting, _: Visit, __: Values, done: Done) -> Done:
    """Post what is final by it."""
    await acts.settle(act.deployment)
    return done


async def withdraw(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Take it back."""
    await acts.withdraw(tx, act, visit.numbers["change"])
    return Done(link(PAGE, done="taken_back"))


def _asked(heading: str, button: str, found: Change, words: list[str]) -> Asked:
    return Asked(heading, button, link(PAGE), (), words, f"change {found.id}")
