"""Signing in to the portal: e-mail address and password, then a code, then a session; or an invitation and a password.

Each step commits by itself, the count of attempts before anything is looked at. Whoever fails learns nothing of what
was wrong: an unknown address, a member who was disabled and a wrong password are one refusal that takes one time.
"""

from hashrail import db
from hashrail.db import Pool, Tx
from hashrail.errors import UnauthorizedError
from hashrail.parties import (
    invitations,
    member_log,
    member_second_factors,
    member_sessions,
    members,
    passwords,
    sign_in_attempts,
)
from hashrail.parties.browser_sessions import Stage
from hashrail.parties.member_sessions import Session
from hashrail.parties.members import Member
from hashrail.parties.signing_in import From
from hashrail.vault import Vault


class MemberCodeError(UnauthorizedError):
    """The code is not the one that the member's generator shows, or it was used already."""

    code = "MEMBER_CODE"
    advice = (
        "Wait for the next code of your generator. Is its clock right? For a lost one, an owner of your partner ends "
        "your account and invites you anew."
    )


async def by_password(pool: Pool, email: str, password: str, *, asks_codes: bool, where: From) -> tuple[str, Stage]:
    """A session's token, and whether a code is still to come; `asks_codes`: also who has no generator yet.

    Raises TooManySignInsError, MemberCredentialsError.
    """
    named = _named(email)
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=named, place=where.place, door="portal")
    member, _ = await members.authenticate(pool, named, password)
    async with db.transaction(pool) as tx:
        if asks_codes or await member_second_factors.is_confirmed(tx, member.partner_id, member.id):
            return await _begin(tx, member, "password", where), "password"
        await sign_in_attempts.succeeded(tx, name=named, place=where.place, door="portal")
        return await _signed_in(tx, member, where), "whole"


async def by_code(pool: Pool, vault: Vault, session: Session, member: Member, code: str, *, where: From) -> str:
    """The token of the whole session that takes the place of one which waits for its code.

    Raises TooManySignInsError, MemberCodeError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=member.email, place=where.place, door="portal")
    async with db.transaction(pool) as tx:
        if not await member_second_factors.accept(tx, vault, member.partner_id, member.id, code):
            raise MemberCodeError("this code does not count", field="code")
        await member_sessions.end(tx, member.partner_id, member.id, session.id)
        await sign_in_attempts.succeeded(tx, name=member.email, place=where.place, door="portal")
        return await _signed_in(tx, member, where)


async def by_invitation(pool: Pool, token: str, password: str, *, asks_codes: bool, where: From) -> tuple[str, Stage]:
    """Accept an invitation and sign in, as `by_password` answers it; who guesses links is counted by their address.

    Raises TooManySignInsError, InvitationNotFoundError, PasswordTooShortError, MemberExistsError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=f"invitation {token[:100]}", place=where.place, door="portal")
    await invitations.of_token(pool, token)
    digest = await passwords.digest_of(password)
    async with db.transaction(pool) as tx:
        member = await invitations.accept(tx, token, digest)
        await member_log.note(tx, member, "invitation accepted", member.email, after={"role": member.role})
        if asks_codes:
            return await _begin(tx, member, "password", where), "password"
        return await _signed_in(tx, member, where), "whole"


async def another_password(pool: Pool, member: Member, now: str, new: str, *, where: From) -> str:
    """The digest of another password, for who has the one before (`members.set_digest`).

    Raises TooManySignInsError, MemberCredentialsError, PasswordTooShortError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=member.email, place=where.place, door="portal")
    await members.authenticate(pool, member.email, now)
    digest = await passwords.digest_of(new)
    async with db.transaction(pool) as tx:
        await sign_in_attempts.succeeded(tx, name=member.email, place=where.place, door="portal")
    return digest


async def _signed_in(tx: Tx, member: Member, where: From) -> str:
    await member_log.note(tx, member, "signed in", f"from {where.address}")
    return await _begin(tx, member, "whole", where)


async def _begin(tx: Tx, member: Member, stage: Stage, where: From) -> str:
    return await member_sessions.begin(
        tx, member.partner_id, member.id, stage, address=where.address, agent=where.agent
    )


def _named(email: str) -> str:
    """What an address is looked up by; one that PostgreSQL cannot hold is nobody's."""
    return email.strip().lower().replace("\0", "")
