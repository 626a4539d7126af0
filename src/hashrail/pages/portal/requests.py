"""Requests that the API has answered to the partner: found by what they were, and why each refused one was refused."""

from dataclasses import dataclass

from hashrail import errors
from hashrail.access import api_keys, call_log
from hashrail.access.call_log import SIGNATURE, Wanted
from hashrail.api.operations.routes import OPERATIONS, SANDBOX_OPERATIONS
from hashrail.db import Tx
from hashrail.pages import listing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown

LISTED = 50
# By the word of the filter, which statuses are looked for.
STATUSES = {"answered": (200, 400), "refused": (400, 500), "failed": (500, 600)}
FIELDS = ("key", "status", "operation", "error", "request", "since", "until")


@dataclass(frozen=True, slots=True)
class Why:
    """A code in words: what it means, and what to do about it."""

    meaning: str
    advice: str


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest requests that are like the filters."""
    given = {name: visit.query.get(name, "").strip() for name in FIELDS}
    least, below = STATUSES.get(given["status"], (0, 1000))
    wanted = Wanted(
        key_id=visit.number("key"),
        least=least,
        below=below,
        operation=given["operation"] or None,
        error=given["error"].upper() or None,
        request_id=given["request"] or None,
        since=listing.moment(given["since"], "since"),
        until=listing.moment(given["until"], "until"),
    )
    found = await call_log.newest(tx, visit.partner_id, wanted, limit=LISTED + 1, before=visit.number("after"))
    shown = found[:LISTED]
    asked = {name: value for name, value in given.items() if value}
    older = link("/requests", **asked, after=shown[-1].id) if len(found) > LISTED else None
    operations = (*OPERATIONS, *SANDBOX_OPERATIONS) if visit.deployment.is_sandbox else OPERATIONS
    facts = {
        "found": shown,
        "more": older,
        "given": given,
        "is_asked": bool(asked),
        "keys": await api_keys.list_keys(tx, visit.partner_id),
        "operations": sorted(one.name for one in operations),
        "statuses": list(STATUSES),
        "days": visit.deployment.settings.call_log_days,
        "has_reads": visit.deployment.is_sandbox or bool(visit.deployment.settings.call_log_reads),
    }
    return Shown(facts, "requests, with users that they name" if any(_names(one.was) for one in shown) else None)


async def one(tx: Tx, visit: Visit) -> Shown:
    """A request, and why it was refused, in words."""
    found = await call_log.get(tx, visit.partner_id, visit.numbers["call"])
    was = found.was
    facts = {
        "one": found,
        "was": was,
        "why": None if was.error is None else why(was.error),
        "is_signature": was.error in SIGNATURE,
        "asked": operation_of(was.operation),
    }
    return Shown(facts, f"request {was.request_id}" if _names(was) else None)


def why(code: str) -> Why | None:
    """A code in words; None for one that this release does not know."""
    for kind in errors.catalogue():
        if kind.code == code:
            return Why((kind.__doc__ or "").strip().split("\n\n", maxsplit=1)[0], kind.advice)
    return None


def operation_of(name: str) -> str | None:
    """What an operation is called for people."""
    operations = (*OPERATIONS, *SANDBOX_OPERATIONS)
    return next((each.story.strip().split("\n")[0] for each in operations if each.name == name), None)


def _names(was: call_log.Answered) -> bool:
    """Whether a request names a person."""
    return was.user_id is not None or was.partner_user is not None
