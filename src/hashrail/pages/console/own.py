"""What is an operator's own: their open sessions and their passkeys, and ending them."""

from hashrail import db, texts
from hashrail.db import Tx
from hashrail.pages import forms
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.parties import (
    operator_passkeys,
    operator_sessions,
    operators,
    passkeys,
    second_factors,
    sent_forms,
    sign_in_attempts,
)


async def sessions(tx: Tx, visit: Visit) -> Shown:
    """The operator's open sessions, their passkeys, and whether a code generator guards the account."""
    found, once, site = (
        await operator_passkeys.of_operator(tx, visit.operator.id),
        sent_forms.new_word(),
        visit.came.site,
    )
    asked = passkeys.challenge(visit.token, once)
    known = [each.credential for each in found]
    owner = f"operator {visit.operator.id}".encode()
    return Shown(
        {
            "passkeys": found,
            "once": once,
            "is_named": passkeys.is_named(site),
            "to_make": passkeys.to_make(site, visit.operator.name, owner, asked, known),
            "sessions": await operator_sessions.of_operator(tx, visit.operator.id),
            "has_generator": await second_factors.is_confirmed(tx, visit.operator.id),
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


async def add_passkey(tx: Tx, visit: Visit) -> str:
    """Keep the passkey that the operator's browser has made for the page that asked; other sessions end."""
    operator, name = visit.operator, texts.shown(visit.given("name"), operator_passkeys.MAX_NAME)
    await _assert_password(visit)
    once = visit.given("once")
    await sent_forms.take(tx, operator, once)
    site = visit.came.site
    made = passkeys.made(visit.given("credential"), site=site, asked=passkeys.challenge(visit.token, once))
    await operator_passkeys.add(tx, operator.id, made, name=name, host=passkeys.host_of(site))
    await operator_sessions.end_others(tx, operator.id, visit.session.id)
    await operators.note(tx, operator, "passkey added", f"{name} of {operator.name}")
    return link("/sessions", done="passkey_added")


async def remove_passkey(tx: Tx, visit: Visit) -> str:
    """Take one of the operator's passkeys away; other sessions end."""
    operator, number = visit.operator, forms.number("passkey", visit.given("passkey"))
    await _assert_password(visit)
    name = await operator_passkeys.remove(tx, operator.id, number)
    await operator_sessions.end_others(tx, operator.id, visit.session.id)
    await operators.note(tx, operator, "passkey removed", f"{name} of {operator.name}")
    return link("/sessions", done="passkey_removed")


async def _assert_password(visit: Visit) -> None:
    """Whoever sits here knows the password. An attempt counts also where it leads to nothing.

    Raises TooManySignInsError, OperatorCredentialsError.
    """
    pool, name = visit.deployment.pool, visit.operator.name
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=name, place=visit.where.place)
    await operators.authenticate(pool, name, visit.form.get("password", ""))
    async with db.transaction(pool) as tx:
        await sign_in_attempts.succeeded(tx, name=name, place=visit.where.place)
