"""Changes of a partner's keys that wait for a second owner: what lets bitcoin out, or lets it out to more places.

    waiting -> confirmed      another owner confirmed it, who is another person; it is done in the same transaction
    waiting -> withdrawn      any owner took it back
    waiting -> (expired)      nobody did either within a week

Where a partner has no two owners who are two people, nothing of the kind is done in the portal: the operator does it.
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
from hashrail.parties import member_log, members, operators
from hashrail.parties.members import Member

State = Literal["waiting", "confirmed", "withdrawn"]
LIFE = timedelta(days=7)


class SecondOwnerMissingError(ForbiddenError):
    """It takes two owners of the partner who are two people, and there are none."""

    code = "SECOND_OWNER_MISSING"
    advice = (
        "Ask the operator to do it. An owner who was invited, or made one, by the other counts as a second person "
        "after a week."
    )


class MemberChangeNotFoundError(NotFoundError):
    """No change of that number waits: there is none, or it was confirmed, withdrawn or has expired."""

    code = "MEMBER_CHANGE_NOT_FOUND"
    advice = "Look at the page of keys what waits. What has expired is asked for again."


class SameOwnerError(ForbiddenError):
    """Who confirms a change is not another person than who asked for it."""

    code = "SAME_OWNER"
    advice = "Let an owner confirm it whom neither of you two has invited or made an owner within the last week."


class MemberChangeOutdatedError(ConflictError):
    """What the change begins with is not there any more, or who asked for it is no owner any more."""

    code = "MEMBER_CHANGE_OUTDATED"
    advice = "Take it back, and ask for it again."


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What an owner asked for, from what to what; `secret` is a sealed secret of a key, and shown to nobody."""

    id: int
    act: str
    subject: str
    before: dict[str, Any]
    after: dict[str, Any]
    secret: str | None
    asked_by: int
    asked_by_name: str
    asked_at: datetime
    expires_at: datetime


async def assert_two(tx: Reader, partner_id: int) -> None:
    """Raises SecondOwnerMissingError."""
    if not await members.are_two_owners(tx, partner_id):
        raise SecondOwnerMissingError("it takes two owners who are two people")


async def ask(
    tx: Tx,
    by: Member,
    act: str,
    subject: str,
    *,
    before: Mapping[str, object],
    after: Mapping[str, object],
    secret: str | None = None,
) -> int:
    """Let a change wait for a second owner; answers its number. Raises SecondOwnerMissingError, MemberRoleError.

    One of the same act on the same thing that waited gives way to it.
    """
    members.assert_may(by, "owner")
    await assert_two(tx, by.partner_id)
    now = await business_clock.now(tx)
    await tx.execute(
        """UPDATE member_change SET state = 'withdrawn', ended_by = $4, ended_at = $5, secret = NULL
           WHERE partner_id = $1 AND act = $2 AND subject = $3 AND state = 'waiting'""",
        *(by.partner_id, act, subject, by.id, now),
    )
    content = operators.written({"before": before, "after": after})
    number: int = await tx.fetchval(
        """INSERT INTO member_change
               (partner_id, act, subject, content, secret, state, asked_by, asked_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8) RETURNING id""",
        *(by.partner_id, act, subject, content, secret, by.id, now, now + LIFE),
    )
    await member_log.note(tx, by, f"{act} asked for", subject, before=before, after=after)
    return number


async def waiting(tx: Reader, partner_id: int) -> list[MemberChange]:
    """What waits for a second owner, oldest first."""
    rows = await tx.fetch(
        """SELECT c.id, c.act, c.subject, c.content, c.secret, c.asked_by, m.name AS asked_by_name, c.asked_at,
                  c.expires_at
           FROM member_change c JOIN member m ON m.partner_id = c.partner_id AND m.id = c.asked_by
           WHERE c.partner_id = $1 AND c.state = 'waiting' AND c.expires_at > $2 ORDER BY c.id""",
        *(partner_id, await business_clock.now(tx)),
    )
    return [_change(row) for row in rows]


async def get(tx: Reader, partner_id: int, number: int) -> MemberChange:
    """A change that waits. Raises MemberChangeNotFoundError."""
    for one in await waiting(tx, partner_id):
        if one.id == number:
            return one
    raise MemberChangeNotFoundError(f"no change {number} waits", field="change")


async def confirmable(tx: Tx, by: Member, number: int) -> MemberChange:
    """A change that this owner may confirm.

    Raises MemberChangeNotFoundError, MemberRoleError, SameOwnerError, MemberChangeOutdatedError.
    """
    members.assert_may(by, "owner")
    found = await get(tx, by.partner_id, number)
    asker = await members.get(tx, by.partner_id, found.asked_by)
    if asker.disabled_at is not None or asker.role != "owner":
        raise MemberChangeOutdatedError(f"{asker.name}, who asked for it, is no owner any more")
    if not (await members.ties(tx, by.partner_id)).are_two(by.id, asker.id):
        raise SameOwnerError(f"you are not another person than {asker.name}, who asked for it")
    return found


async def end(tx: Tx, by: Member, found: MemberChange, state: Literal["confirmed", "withdrawn"]) -> None:
    """It is done, or taken back; both are noted."""
    await tx.execute(
        """UPDATE member_change SET state = $3, ended_by = $4, ended_at = $5, secret = NULL
           WHERE partner_id = $1 AND id = $2""",
        *(by.partner_id, found.id, state, by.id, await business_clock.now(tx)),
    )
    await member_log.note(tx, by, f"{found.act} {state}", found.subject, before=found.before, after=found.after)


def assert_begins_with(change: MemberChange, present: Mapping[str, object]) -> None:
    """What the change begins with is still there. Raises MemberChangeOutdatedError."""
    if operators.plainly(present) != change.before:
        raise MemberChangeOutdatedError(f"{change.subject} was changed since this was asked for")


def _change(row: Row) -> MemberChange:
    facts = dict(row)
    content: dict[str, dict[str, Any]] = msgspec.json.decode(facts.pop("content"))
    return MemberChange(**facts, before=content["before"], after=content["after"])
