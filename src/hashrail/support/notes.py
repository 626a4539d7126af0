"""Notes on users: what operators write down for whoever asks next.

A note is never changed and never taken away; one that was wrong is answered by another. The same again, as the newest
of its user and by the same operator, is the same note, so that it may be sent twice.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError
from hashrail.parties import users
from hashrail.parties.operators import Operator

MAX_LENGTH = 2000


class NoteTextError(BadRequestError):
    """A note says something, in at most 2000 characters."""

    code = "NOTE_TEXT"
    advice = "Write what the next one should know, in 1 to 2000 characters."


@dataclass(frozen=True, slots=True)
class Note:
    """A note; `written_at` is wall time."""

    id: int
    operator: str
    text: str
    written_at: datetime


async def add(tx: Tx, operator: Operator, partner_id: int, user_id: int, text: str) -> tuple[Note, bool]:
    """Write a note on a user of the partner; answers it, and whether it is new. Raises NoteTextError."""
    said = text.strip()
    if not 1 <= len(said) <= MAX_LENGTH or "\0" in said:
        raise NoteTextError(f"a note has 1 to {MAX_LENGTH} characters, this one {len(said)}", field="text")
    # One after the other, so that the same twice at once is one.
    await users.lock(tx, partner_id, [user_id])
    newest = await of_user(tx, partner_id, user_id, limit=1)
    if newest and (newest[0].operator, newest[0].text) == (operator.name, said):
        return newest[0], False
    await tx.execute(
        "INSERT INTO user_note (partner_id, user_id, text, written_by, written_at) VALUES ($1, $2, $3, $4, $5)",
        *(partner_id, user_id, said, operator.id, clock.wall_now()),
    )
    return (await of_user(tx, partner_id, user_id, limit=1))[0], True


async def of_user(tx: Reader, partner_id: int, user_id: int, *, limit: int, after: int | None = None) -> list[Note]:
    """A user's notes, newest first; `after` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT n.id, o.name AS operator, n.text, n.written_at
           FROM user_note n JOIN operator_account o ON o.id = n.written_by
           WHERE n.partner_id = $1 AND n.user_id = $2 AND ($3::bigint IS NULL OR n.id < $3)
           ORDER BY n.id DESC LIMIT $4""",
        partner_id,
        user_id,
        after,
        limit,
    )
    return [record(Note, row) for row in rows]
