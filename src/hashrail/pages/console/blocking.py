"""Blocking a user and letting them go on: what `hashrail user block` and `unblock` do, asked for by a page before."""

from collections.abc import Awaitable, Callable
from functools import partial

from hashrail.db import Tx
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.users import subject_of, whom
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.parties import operators, users
from hashrail.parties.users import User
from hashrail.support import balances


async def ask(tx: Tx, visit: Visit) -> Shown:
    """What blocking or unblocking comes to."""
    user = await whom(tx, visit)
    facts = {
        "user": user,
        "partner": await numbered(tx, user.partner_id),
        "balances": await balances.of_user(tx, user.partner_id, user.id),
    }
    return Shown(facts, subject_of(user))


async def block(tx: Tx, visit: Visit) -> str:
    """Stop everything that writes for a user; again is a no-op."""
    return await _change(tx, visit, partial(users.block, payouts_go_on=visit.form.get("payouts") == "go-on"), "blocked")


async def unblock(tx: Tx, visit: Visit) -> str:
    """Let a user write again; again is a no-op."""
    return await _change(tx, visit, users.unblock, "unblocked")


async def _change(tx: Tx, visit: Visit, verb: Callable[[Tx, int, str], Awaitable[User]], done: str) -> str:
    reason, was = visit.given("reason"), await whom(tx, visit)
    made = await verb(tx, was.partner_id, was.partner_user_id)
    before = {"blocked_at": was.blocked_at, "payouts_go_on": was.payouts_go_on}
    after = {"blocked_at": made.blocked_at, "payouts_go_on": made.payouts_go_on}
    if before != after:
        act = "user block" if done == "blocked" else "user unblock"
        await operators.note(tx, visit.operator, act, subject_of(was), reason, before=before, after=after)
    return link(f"/users/{was.partner_id}/{was.id}", done=done)
