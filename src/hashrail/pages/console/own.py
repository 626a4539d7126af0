"""What is an operator's own: their open sessions, and ending them."""

from hashrail.db import Tx
from hashrail.pages.console.visit import MAX_NUMBER, FieldNotANumberError, Shown, Visit, link
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
    text = visit.given("session")
    if not (text.isascii() and text.isdecimal() and int(text) <= MAX_NUMBER):
        raise FieldNotANumberError("session is no number", field="session")
    await operator_sessions.end(tx, visit.operator.id, int(text))
    await operators.note(tx, visit.operator, "console session ended", f"session {text} of {visit.operator.name}")
    return link("/sessions", done="ended")


async def sign_out(tx: Tx, visit: Visit) -> str:
    """End this session."""
    await operator_sessions.end(tx, visit.operator.id, visit.session.id)
    return link("/sign-in")
