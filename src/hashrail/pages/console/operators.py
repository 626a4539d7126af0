"""Operators: who may what, what guards each account and how it is used; adding one, roles, passwords, ending one."""

from typing import get_args

from hashrail.acts import operators as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.errors import ConflictError
from hashrail.money import plain
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.parties import (
    alone,
    operator_passkeys,
    operator_sessions,
    operators,
    passwords,
    people,
    sign_in_attempts,
    staff,
)
from hashrail.parties.operators import Operator, Role

PAGE = "/operators"
LISTED = 100
NEWEST = 50
# What each role may, as a choice says it.
WORDS: dict[Role, str] = {
    "viewer": "viewer: figures, no persons",
    "support": "support: also users, orders and withdrawals",
    "operator": "operator: also the day's work, like closing days",
    "approver": "approver: also approves withdrawals, and takes away what is urgent",
    "admin": "admin: also prices, limits, operators, and the log",
}
ROLES = tuple((role, WORDS[role]) for role in get_args(Role))


class OwnPasswordError(ConflictError):
    """An admin asks for another password of their own account, as one gives it to others."""

    code = "OWN_PASSWORD"
    advice = "Change it on the page of your own sessions and passkeys, where the password that counts is asked for."


def in_days(seconds: int) -> str:
    """How long that is, in days if it is whole ones."""
    days, rest = divmod(seconds, 86_400)
    return f"{seconds} seconds" if rest or not days else f"{days} day{'s' if days > 1 else ''}"


async def listed(tx: Tx, _: Visit) -> Shown:
    """Every operator, what one does alone, and from where somebody tried to sign in without success."""
    return Shown(
        {
            "accounts": await staff.every(tx),
            "apart": in_days(await people.apart_seconds(tx)),
            "are_two": await people.are_two_admins(tx),
            "limits": await alone.limits(tx),
            "tried": await sign_in_attempts.of_addresses(tx, limit=LISTED),
        }
    )


async def one(tx: Tx, visit: Visit) -> Shown:
    """An operator's account, their open sessions and passkeys, and the newest of what they did."""
    found, after = await _whom(tx, visit), visit.number("after")
    done = await operators.actions_of(tx, found.id, NEWEST + 1, after)
    older = link(f"{PAGE}/{found.id}", after=done[NEWEST - 1].id) if len(done) > NEWEST else None
    return Shown(
        {
            "account": next(each for each in await staff.every(tx) if each.operator.id == found.id),
            "sessions": await operator_sessions.of_operator(tx, found.id),
            "passkeys": await operator_passkeys.of_operator(tx, found.id),
            "history_of": done[:NEWEST],
            "more": older,
        }
    )


async def end_sessions(tx: Tx, visit: Visit) -> str:
    """Sign an operator out of the console, everywhere."""
    found = await _whom(tx, visit)
    await operator_sessions.end_all(tx, found.id)
    await operators.note(tx, visit.operator, "console sessions ended", found.name)
    return link(f"{PAGE}/{found.id}", done="signed_out")


async def ask_to_add(_: Tx, __: Visit) -> Asked:
    """Whom to add."""
    fields = (
        Field("name", "Name, by which they sign in", most=operators.MAX_NAME_LENGTH),
        Field("role", "Role", "choice", "viewer", choices=ROLES),
    )
    words = [
        "A password is made, and shown to you once. Hand it over, and let them change it.",
        "You know the password, so for a while the two of you count as one person where two are asked for.",
    ]
    return Asked("Add an operator", "Add the operator", link(PAGE), fields, words)


async def made_password(_: Visit, __: Values) -> tuple[str, str]:
    """A password that nobody has to think of, and its digest."""
    password = operators.new_password()
    return password, await passwords.digest_of(password)


async def add(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Add them."""
    password, digest = visit.told
    await acts.add(tx, act, name=values["name"], role=values["role"], digest=digest)
    return Done(link(PAGE, done="created"), {f"The password of {values['name']}": password})


async def ask_for_role(tx: Tx, visit: Visit) -> Asked:
    """What an operator may do from now on."""
    found = await _whom(tx, visit)
    fields = (Field("role", "Role", "choice", found.role, choices=ROLES),)
    words = ["Their sessions end: they sign in again with the new role.", "To let them do more takes two admins."]
    return Asked(f"Role of {found.name}", "Change the role", _page(found), fields, words)


async def set_role(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Change it."""
    found = await _whom(tx, visit)
    await acts.set_role(tx, act, found.name, values["role"])
    return Done(_page(found, done="changed"))


async def ask_for_password(tx: Tx, visit: Visit) -> Asked:
    """What another password comes to. Raises OwnPasswordError: whoever sits here need not know the present one."""
    found = await _whom(tx, visit)
    if found.id == visit.operator.id:
        raise OwnPasswordError("this account is your own", field="operator")
    words = [
        f"A password for {found.name} is made, and shown to you once. Their sessions end.",
        "It takes their code generator and their passkeys away: the next sign-in shows a new secret.",
        "You know the password, so for a while the two of you count as one person where two are asked for.",
    ]
    return Asked(f"Give {found.name} a new password?", "Make the password", _page(found), (), words)


async def set_password(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Give it."""
    found, (password, digest) = await _whom(tx, visit), visit.told
    await acts.set_password(tx, act, found.name, digest)
    return Done(_page(found, done="changed"), {f"The password of {found.name}": password})


async def ask_to_disable(tx: Tx, visit: Visit) -> Asked:
    """What ending an account comes to."""
    found = await _whom(tx, visit)
    words = [
        f"{found.name} is signed out at once, and nothing goes by this name any more: not by commands either.",
        "What they did stays. What they approved counts no more for a withdrawal that still waits.",
    ]
    return Asked(f"End the account of {found.name}?", "End the account", _page(found), (), words)


async def disable(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """End it."""
    found = await _whom(tx, visit)
    await acts.disable(tx, act, found.name)
    return Done(_page(found, done="changed"))


async def ask_for_apart(tx: Tx, _: Visit) -> Asked:
    """How long two accounts count as one person."""
    fields = (Field("seconds", "An account and who made or changed it count as one for", "number", unit="seconds"),)
    words = [
        f"Now it is {in_days(await people.apart_seconds(tx))}. 604800 is a week, 2592000 the most, and 0 ties nobody.",
        "To shorten it takes two admins, and so does a time by which all admins would count as one.",
    ]
    return Asked("When two operators are two people", "Change it", link(PAGE), fields, words)


async def set_apart(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Change it."""
    await acts.set_apart(tx, act, values["seconds"])
    return Done(link(PAGE, done="changed"))


async def ask_for_alone(tx: Tx, _: Visit) -> Asked:
    """Up to which sum one operator acts alone."""
    limits = await alone.limits(tx)
    choices = [
        (f"{each.kind} {each.currency}", f"{_words(each.kind)}: now {plain(each.amount)} {each.currency}")
        for each in limits
    ]
    fields = (
        Field("limit", "What is added up", "choice", choices=choices),
        Field("amount", "At most in 24 hours, in its currency", "amount", help="0 always asks for a second."),
    )
    words = ["What several do who may be one person is added up together. To raise a limit takes two admins."]
    return Asked("What one operator does alone", "Change the limit", link(PAGE), fields, words)


async def set_alone(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Change it."""
    kind, currency = values["limit"].split()
    await acts.set_alone(tx, act, kind, currency, values["amount"])
    return Done(link(PAGE, done="changed"))


def _words(kind: str) -> str:
    return kind.replace("_", " ")


async def _whom(tx: Tx, visit: Visit) -> Operator:
    """The operator of the path. Raises OperatorNotFoundError."""
    return await operators.by_id(tx, visit.numbers["operator"])


def _page(one: Operator, done: str | None = None) -> str:
    return link(f"{PAGE}/{one.id}", done=done)
