"""What is an operator's own: open sessions, passkeys, another password, and what they did last."""

from hashrail import db
from hashrail.acts import operators as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.pages import forms, own_passkeys
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.parties import (
    operator_passkeys,
    operator_sessions,
    operators,
    passwords,
    second_factors,
    sent_forms,
    sign_in_attempts,
)

NEWEST = 20


async def sessions(tx: Tx, visit: Visit) -> Shown:
    """The operator's open sessions, their passkeys, whether a code generator guards the account, their newest deeds."""
    operator = visit.operator
    found = await operator_passkeys.of_operator(tx, operator.id)
    return Shown(
        own_passkeys.shown(visit, found, account=operator.name, owner=f"operator {operator.id}")
        | {
            "sessions": await operator_sessions.of_operator(tx, operator.id),
            "has_generator": await second_factors.is_confirmed(tx, operator.id),
            "history_of": await operators.actions_of(tx, operator.id, NEWEST),
        }
    )


async def end(tx: Tx, visit: Visit) -> str:
    """End one of the operator's sessions."""
    session = forms.number("session", visit.given("session"))
    await operator_sessions.end(tx, visit.operator.id, session)
    await operators.note(tx, visit.operator, "console session ended", f"session {session} of {visit.operator.name}")
    return link("/sessions", done="ended")


async def sign_out(tx: Tx, visit: Visit) -> str:
    """End this session."""
    await operator_sessions.end(tx, visit.operator.id, visit.session.id)
    return link("/sign-in")


async def ask_for_password(_: Tx, __: Visit) -> Asked:
    """The password that counts, and another one."""
    fields = (
        Field("now", "The password that you have", "password", most=1000),
        Field("new", f"Another password, of at least {passwords.LEAST_PASSWORD} characters", "password", most=1000),
    )
    words = ["All your sessions end: you sign in again with the new one. Code generator and passkeys stay."]
    return Asked("Change your password", "Change it", link("/sessions"), fields, words)


async def ready(visit: Visit, values: Values) -> str:
    """The digest of the new password, for who has the one before."""
    await _assert_password(visit, values["now"])
    return await passwords.digest_of(values["new"])


async def set_password(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Take it."""
    await acts.set_password(tx, act, act.named.name, visit.told)
    return Done(link("/sign-in"))


async def add_passkey(tx: Tx, visit: Visit) -> str:
    """Keep the passkey that the operator's browser has made for the page that asked; other sessions end."""
    operator = visit.operator
    sent = own_passkeys.sent(visit)
    await sent_forms.take(tx, operator, sent.once)
    await operator_passkeys.add(tx, operator.id, sent.made, name=sent.name, host=sent.host)
    await operator_sessions.end_others(tx, operator.id, visit.session.id)
    await operators.note(tx, operator, "passkey added", f"{sent.name} of {operator.name}")
    return link("/sessions", done="passkey_added")


async def remove_passkey(tx: Tx, visit: Visit) -> str:
    """Take one of the operator's passkeys away; other sessions end."""
    operator, number = visit.operator, own_passkeys.number(visit)
    name = await operator_passkeys.remove(tx, operator.id, number)
    await operator_sessions.end_others(tx, operator.id, visit.session.id)
    await operators.note(tx, operator, "passkey removed", f"{name} of {operator.name}")
    return link("/sessions", done="passkey_removed")


async def assert_password(visit: Visit) -> None:
    """Whoever sits here knows the password that the form has. Raises TooManySignInsError, OperatorCredentialsError."""
    await _assert_password(visit, visit.form.get("password", ""))


async def _assert_password(visit: Visit, password: str) -> None:
    """Whoever sits here knows the password. An attempt counts also where it leads to nothing.

    Raises TooManySignInsError, OperatorCredentialsError.
    """
    pool, name = visit.deployment.pool, visit.operator.name
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=name, place=visit.where.place)
    await operators.authenticate(pool, name, password)
    async with db.transaction(pool) as tx:
        await sign_in_attempts.succeeded(tx, name=name, place=visit.where.place)
