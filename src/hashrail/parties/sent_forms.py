"""Forms of console and portal that were sent: one that is sent twice, as by a browser that goes back, is done once.

A form carries a word that is made for it, and the word is kept in the transaction that does what the form asks.
"""

import secrets
from datetime import timedelta

from hashrail import clock
from hashrail.db import Tx
from hashrail.errors import ConflictError
from hashrail.parties.members import Member
from hashrail.parties.operators import Operator

# A session ends before, and with it every page that holds such a word.
KEPT_FOR = timedelta(days=2)
MAX_WORD_LENGTH = 64


class FormSentError(ConflictError):
    """The form was sent before, and done: it is not done again."""

    code = "FORM_SENT"
    advice = "Look at the page whether it stands there. To do it once more, begin with a new form."


def new_word() -> str:
    """The word of a new form."""
    return secrets.token_urlsafe(16)


async def take(tx: Tx, operator: Operator, word: str) -> None:
    """A form counts. Raises FormSentError where it did before."""
    taken = await tx.fetchval(
        """INSERT INTO operator_form (operator_id, once, sent_at) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING RETURNING once""",
        operator.id,
        word,
        clock.wall_now(),
    )
    if taken is None:
        raise FormSentError("this form was sent before")


async def take_of_member(tx: Tx, member: Member, word: str) -> None:
    """A form of the portal counts. Raises FormSentError where it did before."""
    taken = await tx.fetchval(
        """INSERT INTO member_form (partner_id, member_id, once, sent_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING RETURNING once""",
        *(member.partner_id, member.id, word, clock.wall_now()),
    )
    if taken is None:
        raise FormSentError("this form was sent before")


async def forget_past_of_members(tx: Tx, partner_id: int) -> int:
    """Forget words of a partner's members that no page holds any more."""
    rows = await tx.fetch(
        "DELETE FROM member_form WHERE partner_id = $1 AND sent_at < $2 RETURNING once",
        *(partner_id, clock.wall_now() - KEPT_FOR),
    )
    return len(rows)


async def forget_past(tx: Tx) -> int:
    """Forget words that no page holds any more."""
    rows = await tx.fetch("DELETE FROM operator_form WHERE sent_at < $1 RETURNING once", clock.wall_now() - KEPT_FOR)
    return len(rows)
