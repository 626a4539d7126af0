"""Changes that wait for a second: what loosens the regime, what rests on a word alone, or what makes, raises or takes
over an account of an operator.

    waiting -> confirmed      another admin confirmed it, who is another person; it is done in the same transaction
    waiting -> withdrawn      any admin took it back
    waiting -> (expired)      nobody did either

Whoever may do it asks, with all of what is meant; nothing is changed by then. The admin who confirms must be another
person (`parties/people.py`). Where nobody else is left, an admin who asked may confirm alone once a week has passed, in
which everybody can see it and take it back: so neither is a deployment locked by the loss of a person, nor does one
person do anything unseen. While no two admins are two people, nothing waits.

Times are those of the business clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from hashrail import business_clock
from hashrail.db import Reader, Row, Tx
from hashrail.errors import ConflictError, ForbiddenError, NotFoundError
from hashrail.parties import operators, people
from hashrail.parties.operators import Operator
from hashrail.parties.permissions import ACTS

State = Literal["waiting", "confirmed", "withdrawn"]
ALONE_AFTER = timedelta(days=7)
EXPIRES_AFTER = timedelta(days=14)
_READ = """
    SELECT c.id, c.act, c.subject, c.content, c.secret, o.name AS asked_by, c.asked_at, c.alone_from, c.expires_at
    FROM operator_change c JOIN operator_account o ON o.id = c.asked_by"""


class SecondNeededError(ConflictError):
    """It needs two people, and one has asked for it: nothing is changed yet; `details.change` is its number."""

    code = "SECOND_NEEDED"
    advice = "Another admin looks at it (hashrail change list) and confirms it: hashrail change confirm ID --as NAME"


class ChangeNotFoundError(NotFoundError):
    """No change of that number waits: there is none, or it was confirmed, withdrawn or has expired."""

    code = "CHANGE_NOT_FOUND"
    advice = "List what waits: hashrail change list. What has expired is asked for again."


class SamePersonError(ForbiddenError):
    """Who confirms a change is not another person than who asked for it."""

    code = "SAME_PERSON"
    advice = "Let an admin confirm it whose account was not made or changed lately by who asked, or the reverse."


class AskerGoneError(ConflictError):
    """Who asked for the change may not do it any more: the operator is disabled, or has a lesser role."""

    code = "CHANGE_OF_NOBODY"
    advice = "Withdraw it, and ask for it again: hashrail change withdraw ID --as NAME"


class ChangeOutdatedError(ConflictError):
    """What the change begins with is not there any more."""

    code = "CHANGE_OUTDATED"
    advice = "Withdraw it, and ask for it again: hashrail change withdraw ID --as NAME"


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody asked for, from what to what.

    `secret` is the digest of a password, or a sealed secret of an API key, and shown to nobody.
    """

    id: int
    act: str
    subject: str
    before: dict[str, Any]
    after: dict[str, Any]
    secret: str | None
    asked_by: str
    asked_at: datetime
    alone_from: datetime
    expires_at: datetime


async def ask(
    tx: Tx,
    by: Operator | None,
    act: str,
    subject: str,
    *,
    before: Mapping[str, object],
    after: Mapping[str, object],
    secret: str | None = None,
) -> Change | None:
    """Let a change wait for a second; None where one person may do it now. Asked for again it is the same change.

    A password that was given again is the one that counts.
    """
    if by is None or not await takes_two(tx):
        return None
    at = await business_clock.now(tx)
    content = operators.written({"before": before, "after": after})
    asked: int | None = await tx.fetchval(
        """UPDATE operator_change SET secret = $5 WHERE state = 'waiting' AND act = $1 AND subject = $2
           AND content = $3 AND asked_by = $4 AND expires_at > $6 RETURNING id""",
        act,
        subject,
        content,
        by.id,
        secret,
        at,
    )
    if asked is not None:
        return await get(tx, asked)
    number: int = await tx.fetchval(
        """INSERT INTO operator_change (act, subject, content, secret, asked_by, asked_at, alone_from, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id""",
        act,
        subject,
        content,
        secret,
        by.id,
        at,
        at + ALONE_AFTER,
        at + EXPIRES_AFTER,
    )
    await operators.note(tx, by, "change asked for", f"change {number}: {act}, {subject}", before=before, after=after)
    return await get(tx, number)


async def takes_two(tx: Reader) -> bool:
    """Whether what an operator asks for waits for somebody else."""
    return await people.are_two_admins(tx)


async def waiting(tx: Reader) -> list[Change]:
    """What waits, the oldest first."""
    rows = await tx.fetch(
        f"{_READ} WHERE c.state = 'waiting' AND c.expires_at > $1 ORDER BY c.id", await business_clock.now(tx)
    )
    return [_change(row) for row in rows]


async def count(tx: Reader) -> int:
    """How many wait."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM operator_change WHERE state = 'waiting' AND expires_at > $1", await business_clock.now(tx)
    )
    return found


async def get(tx: Reader, number: int) -> Change:
    """A change that waits. Raises ChangeNotFoundError."""
    row = await tx.fetchrow(
        f"{_READ} WHERE c.id = $1 AND c.state = 'waiting' AND c.expires_at > $2", number, await business_clock.now(tx)
    )
    if row is None:
        raise ChangeNotFoundError(f"no change {number} waits", field="id")
    return _change(row)


async def confirmable(tx: Tx, by: Operator, number: int) -> tuple[Change, Operator]:
    """A change that this operator may confirm, and who asked for it, in whose name it is done.

    `by` was let in by `operators.admit_manager`, so nobody else confirms it until the transaction ends, in which the
    caller does it, and says so (`confirmed`).
    Raises ChangeNotFoundError, AskerGoneError, SamePersonError.
    """
    found = await get(tx, number)
    asker = await operators.find(tx, found.asked_by)
    if asker.disabled_at is not None or operators.is_more(ACTS[found.act].least, asker.role):
        raise AskerGoneError(f"{asker.name}, who asked for change {number}, may not do it any more", field="id")
    alone = by.id == asker.id and found.alone_from <= await business_clock.now(tx)
    if not alone and not (await people.ties(tx)).are_two(by.id, asker.id):
        raise SamePersonError(f"{by.name} is not another person than {asker.name}, who asked for it", field="as")
    return found, asker


async def confirmed(tx: Tx, by: Operator, change: Change) -> None:
    """It is done."""
    await _end(tx, by, change, "confirmed")


async def withdraw(tx: Tx, by: Operator, number: int) -> Change:
    """Take a change back that waits. Raises ChangeNotFoundError."""
    found = await get(tx, number)
    await _end(tx, by, found, "withdrawn")
    return found


def assert_begins_with(change: Change, present: Mapping[str, object]) -> None:
    """What the change begins with is still there. Raises ChangeOutdatedError."""
    if operators.plainly(present) != change.before:
        raise ChangeOutdatedError(f"{change.subject} was changed since change {change.id} was asked for")


async def _end(tx: Tx, by: Operator, change: Change, state: State) -> None:
    await tx.execute(
        "UPDATE operator_change SET state = $2, ended_by = $3, ended_at = $4, secret = NULL WHERE id = $1",
        change.id,
        state,
        by.id,
        await business_clock.now(tx),
    )
    subject = f"change {change.id}: {change.act}, {change.subject}"
    await operators.note(tx, by, f"change {state}", subject, before=change.before, after=change.after)


def _change(row: Row) -> Change:
    facts = dict(row)
    content: dict[str, dict[str, Any]] = msgspec.json.decode(facts.pop("content"))
    return Change(**facts, before=content["before"], after=content["after"])
