"""Tasks: what the worker was asked for in the console, how far it is and what came of it; asking for an audit."""

from hashrail.audit import invariants
from hashrail.db import Tx
from hashrail.pages.console.asking import task_page
from hashrail.pages.console.visit import Shown, Visit
from hashrail.parties import operators, tasks
from hashrail.parties.tasks import Kind

LISTED = 30
# What each does, in words.
WORDS: dict[Kind, str] = {
    "audit": "Check every invariant",
    "day close": "Publish and close days",
    "payouts bump": "Raise a batch's fee",
    "payouts export": "Export what is due",
    "payouts node": "Look at the node",
    "payouts run": "Make a run of payouts",
    "payouts reconcile": "Reconcile wallet, chain and books",
    "rates fetch": "Fetch figures of days",
}


async def listed(tx: Tx, visit: Visit) -> Shown:
    """One task with how far it is, and the newest ones."""
    number = visit.number("id")
    chosen = None if number is None else await tasks.find(tx, number)
    return Shown({"chosen": chosen, "found": await tasks.newest(tx, LISTED), "words": WORDS})


async def audit(tx: Tx, visit: Visit) -> str:
    """Let the worker check every invariant now."""
    return await _asked(tx, visit, "audit", f"{len(invariants.every())} invariants")


async def reconcile(tx: Tx, visit: Visit) -> str:
    """Let the worker compare wallet, chain and books now."""
    return await _asked(tx, visit, "payouts reconcile", "wallet, chain and books")


async def look_at_node(tx: Tx, visit: Visit) -> str:
    """Let the worker look at the node now."""
    return await _asked(tx, visit, "payouts node", "the node")


async def _asked(tx: Tx, visit: Visit, kind: Kind, subject: str) -> str:
    """Ask for it, noted with who did; answers the page that shows how far it is."""
    await operators.note(tx, visit.operator, kind, subject)
    return task_page((await tasks.ask(tx, visit.operator, kind, {})).id)
