"""Members: the people of a partner who use the portal, each with a role.

- `viewer` sees the partner's figures, never a person or a secret;
- `support` also sees persons: users, their orders, miners and withdrawals, and exports of them;
- `developer` also sees requests, webhooks and events, moves a sandbox's clock, and looks after keys that may not
  withdraw;
- `owner` also looks after the team, keys that may withdraw, and where the partner's pages and users come from.

Roles hold for reading too. A member comes by an invitation (`invitations.py`) and signs in by an e-mail address, which
one account of the deployment has. Whoever is disabled stays so, and lets go of the address: who comes back is invited
anew, as somebody new. A partner that had an owner keeps one; only the operator takes the last.

Who invited somebody or raised their role may know more of the account than its owner: for a time the two count as one
person (`parties/people.py`), where two are asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Literal

from hashrail import business_clock, clock
from hashrail.db import Reader, Row, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError, UnauthorizedError
from hashrail.parties import member_sessions, passwords, people
from hashrail.parties.people import Ties

Role = Literal["viewer", "support", "developer", "owner"]
ROLES: tuple[Role, ...] = ("viewer", "support", "developer", "owner")
MAX_NAME_LENGTH = 100
MAX_EMAIL_LENGTH = 254


class MemberCredentialsError(UnauthorizedError):
    """Nobody has this e-mail address and password, or their account has ended."""

    code = "MEMBER_CREDENTIALS"
    advice = "Check both. An owner of your partner ends an account and invites anew who has forgotten the password."


class MemberRoleError(ForbiddenError):
    """The member's role does not allow it; `details.needed` names the least that does."""

    code = "MEMBER_ROLE"
    advice = "Ask an owner of your partner for it, or for the role."


class MemberNotFoundError(NotFoundError):
    """The partner has no member of that number or address."""

    code = "MEMBER_NOT_FOUND"
    advice = "Look at the page of the team again."


class MemberExistsError(ConflictError):
    """The e-mail address has an account already."""

    code = "MEMBER_EXISTS"
    advice = "Take another address, or end the account that has this one."


class LastOwnerError(ConflictError):
    """The partner has no other owner, and keeps one."""

    code = "LAST_OWNER"
    advice = "Make somebody else an owner before; only the operator takes the last one."


class EmailError(BadRequestError):
    """It is no e-mail address."""

    code = "EMAIL_NOT_READ"
    advice = "Write it like ada@example.com."


class MemberNameError(BadRequestError):
    """A name has 1 to 100 characters that can be seen."""

    code = "MEMBER_NAME"
    advice = "Write the name as the others of the team know it."


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a partner; `created_at` and `disabled_at` are wall time, `made_at` is the business clock's.

    `made_by` is the member who invited them or raised their role last, None for an operator.
    """

    partner_id: int
    id: int
    email: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    made_by: int | None
    made_at: datetime


def canonical(email: str) -> str:
    """An address as it is kept: one account has it, however its letters are written. Raises EmailError."""
    found = email.strip().lower()
    user, at, host = found.rpartition("@")
    is_one = bool(user and at and "." in host.strip(".")) and found.isprintable() and not any(map(str.isspace, found))
    if not is_one or len(found) > MAX_EMAIL_LENGTH:
        raise EmailError("this is no e-mail address", field="email")
    return found


def check_name(name: str) -> str:
    """Raises MemberNameError."""
    found = name.strip()
    if not 1 <= len(found) <= MAX_NAME_LENGTH or not found.isprintable():
        raise MemberNameError("this is no name", field="name")
    return found


async def add(
    tx: Tx, partner_id: int, *, email: str, name: str, role: Role, digest: str, made_by: int | None
) -> Member:
    """A new member, by the digest of their password; `made_by` is who invited them. Raises MemberExistsError."""
    number: int = await tx.fetchval("SELECT nextval('member_id_seq')")
    taken = await tx.fetchval(
        """INSERT INTO member_login (email, partner_id, member_id) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING RETURNING email""",
        *(email, partner_id, number),
    )
    if taken is None:
        raise MemberExistsError("this e-mail address has an account already", field="email")
    await tx.execute(
        """INSERT INTO member (partner_id, id, email, name, role, password, created_at, made_by, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        *(partner_id, number, email, name, role, digest, clock.wall_now(), made_by, await business_clock.now(tx)),
    )
    await journal.note(tx, Kind.MEMBER_ADDED, partner_id=partner_id, member=number, email=email, role=role)
    return await get(tx, partner_id, number)


async def get(tx: Reader, partner_id: int, member_id: int) -> Member:
    """The partner's member of that number. Raises MemberNotFoundError."""
    row = await tx.fetchrow(
        """SELECT partner_id, id, email, name, role, created_at, disabled_at, made_by, made_at
           FROM member WHERE partner_id = $1 AND id = $2""",
        *(partner_id, member_id),
    )
    if row is None:
        raise MemberNotFoundError("no such member", field="member")
    return record(Member, row)


async def every(tx: Reader, partner_id: int) -> list[Member]:
    """All members of a partner, those who are disabled last."""
    rows = await tx.fetch(
        """SELECT partner_id, id, email, name, role, created_at, disabled_at, made_by, made_at
           FROM member WHERE partner_id = $1 ORDER BY disabled_at NULLS FIRST, id""",
        partner_id,
    )
    return [record(Member, row) for row in rows]


async def of_email(tx: Reader, email: str) -> Member | None:
    """Who signs in by this address, of whichever partner."""
    row = await _login(tx, email)
    return None if row is None else await get(tx, row["partner_id"], row["member_id"])


async def assert_free(tx: Reader, partner_id: int, email: str) -> None:
    """The partner has nobody of this address; of others nothing is told. Raises MemberExistsError."""
    row = await _login(tx, email)
    if row is not None and row["partner_id"] == partner_id:
        raise MemberExistsError("somebody of the team has this e-mail address", field="email")


async def authenticate(tx: Reader, email: str, password: str) -> tuple[Member, str]:
    """Who has this address and password, with its digest; an address of nobody costs as much.

    Raises MemberCredentialsError.
    """
    row = await _login(tx, email)
    kept = None
    if row is not None:
        kept = await tx.fetchval(
            """SELECT m.password FROM member m LEFT JOIN partner_standing s ON s.partner_id = m.partner_id
               WHERE m.partner_id = $1 AND m.id = $2 AND m.disabled_at IS NULL
                 AND coalesce(s.standing, 'open') <> 'closed'""",
            *(row["partner_id"], row["member_id"]),
        )
    matches = await passwords.matches(password, kept)
    if row is None or kept is None or not matches:
        raise MemberCredentialsError("nobody has this e-mail address and password")
    return await get(tx, row["partner_id"], row["member_id"]), kept


async def hold_password(tx: Tx, member: Member, digest: str) -> None:
    """The password that somebody gave counts until the transaction ends. Raises MemberCredentialsError.

    One that was given while it was changed opens nothing: its sessions have ended.
    """
    kept = await tx.fetchval(
        "SELECT password FROM member WHERE partner_id = $1 AND id = $2 AND disabled_at IS NULL FOR SHARE",
        *(member.partner_id, member.id),
    )
    if not passwords.still_counts(kept, digest):
        raise MemberCredentialsError("nobody has this e-mail address and password")


def assert_may(member: Member, least: Role) -> None:
    """Raises MemberRoleError."""
    if is_more(least, member.role):
        raise MemberRoleError(f"you are {member.role}, {least} is needed", needed=least)


def is_more(role: Role, than: Role) -> bool:
    """Whether a role may more than another."""
    return ROLES.index(role) > ROLES.index(than)


async def hold(tx: Tx, partner_id: int) -> None:
    """The partner's members stay what they are until the transaction ends; the first lock of whoever takes it."""
    await tx.execute("SELECT id FROM member WHERE partner_id = $1 ORDER BY id FOR SHARE", partner_id)


async def hold_alone(tx: Tx, partner_id: int) -> None:
    """One at a time changes them: neither do two owners disable each other, nor is the last one lost."""
    await tx.execute("SELECT id FROM member WHERE partner_id = $1 ORDER BY id FOR UPDATE", partner_id)


async def set_role(tx: Tx, partner_id: int, member_id: int, role: Role, *, by: Member | None = None) -> Member:
    """Change what a member may do, which ends their sessions; again is a no-op. `by` None is an operator.

    Raises MemberNotFoundError, LastOwnerError.
    """
    await hold_alone(tx, partner_id)
    before = await get(tx, partner_id, member_id)
    if before.role == role:
        return before
    await tx.execute("UPDATE member SET role = $3 WHERE partner_id = $1 AND id = $2", partner_id, member_id, role)
    await _assert_an_owner_is_left(tx, before, by)
    if is_more(role, before.role):
        await tx.execute(
            "UPDATE member SET made_by = $3, made_at = $4 WHERE partner_id = $1 AND id = $2",
            *(partner_id, member_id, None if by is None else by.id, await business_clock.now(tx)),
        )
    await member_sessions.end_all(tx, partner_id, member_id)
    await journal.note(tx, Kind.MEMBER_ROLE, partner_id=partner_id, member=member_id, role=role)
    return await get(tx, partner_id, member_id)


async def disable(tx: Tx, partner_id: int, member_id: int, *, by: Member | None = None) -> Member:
    """End an account for good, and its sessions; its address is free again. `by` None is an operator.

    Raises MemberNotFoundError, LastOwnerError.
    """
    await hold_alone(tx, partner_id)
    before = await get(tx, partner_id, member_id)
    if before.disabled_at is None:
        await tx.execute(
            "UPDATE member SET disabled_at = $3 WHERE partner_id = $1 AND id = $2",
            *(partner_id, member_id, clock.wall_now()),
        )
        await _assert_an_owner_is_left(tx, before, by)
        await tx.execute("DELETE FROM member_login WHERE partner_id = $1 AND member_id = $2", partner_id, member_id)
        await member_sessions.end_all(tx, partner_id, member_id)
        await journal.note(tx, Kind.MEMBER_DISABLED, partner_id=partner_id, member=member_id)
    return await get(tx, partner_id, member_id)


async def set_digest(tx: Tx, member: Member, digest: str) -> None:
    """A new password, by its digest; every session of the member ends."""
    await tx.execute(
        "UPDATE member SET password = $3 WHERE partner_id = $1 AND id = $2", member.partner_id, member.id, digest
    )
    await member_sessions.end_all(tx, member.partner_id, member.id)
    await journal.note(tx, Kind.MEMBER_PASSWORD, partner_id=member.partner_id, member=member.id, digest=digest)


async def owners(tx: Reader, partner_id: int) -> list[Member]:
    """The partner's owners who are not disabled."""
    return [one for one in await every(tx, partner_id) if one.role == "owner" and one.disabled_at is None]


async def ties(tx: Reader, partner_id: int) -> Ties:
    """Who of the partner counts as one person with whom, since one of them made the other's account lately."""
    since = await business_clock.now(tx) - timedelta(seconds=await people.apart_seconds(tx))
    made: Mapping[int, set[int]] = {
        one.id: {one.made_by} for one in await every(tx, partner_id) if one.made_by is not None and one.made_at > since
    }
    return Ties(made)


async def are_two_owners(tx: Reader, partner_id: int) -> bool:
    """Whether there are two people among the owners."""
    found, tied = await owners(tx, partner_id), await ties(tx, partner_id)
    return any(tied.are_two(one.id, other.id) for one, other in combinations(found, 2))


async def _login(tx: Reader, email: str) -> Row | None:
    return await tx.fetchrow("SELECT partner_id, member_id FROM member_login WHERE email = $1", email)


async def _assert_an_owner_is_left(tx: Tx, before: Member, by: Member | None) -> None:
    is_owner = before.role == "owner" and before.disabled_at is None
    if is_owner and by is not None and not await owners(tx, before.partner_id):
        raise LastOwnerError(f"{before.name} is the only owner", field="member")
