"""What is an operator's own: their open sessions, and ending them."""

from hashrail.db import Tx
from hashrail.pages import forms
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.parties import operator_sessions, operators, second_factors


async def sessions(tx: Tx, visit: Visit) -> Shown:
    """The operator's open sessions, and whether a code generator guards the account."""
    return Shown(
        {
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
