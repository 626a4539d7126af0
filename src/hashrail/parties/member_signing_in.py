"""Signing in to the portal: address and password, a code or a passkey, a session; or an invitation and a password.

Each step commits by itself, the count of attempts before anything is looked at. Whoever fails learns nothing of what
was wrong: an unknown address, a member who was disabled and a wrong password are one refusal that takes one time.
"""

from hashrail import db
from hashrail.db import Pool, Reader, Tx
from hashrail.errors import UnauthorizedError
from hashrail.parties import (
    invitations,
    member_log,
    member_passkeys,
    member_second_factors,
    member_sessions,
    members,
    passkeys,
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
    member, digest = await members.authenticate(pool, named, password)
    async with db.transaction(pool) as tx:
        await members.hold_password(tx, member, digest)
        if asks_codes or await has_second_factor(tx, member):
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
        # Who has a passkey and no generator gets none by a password alone.
        is_new = not await member_second_factors.is_confirmed(tx, member.partner_id, member.id)
        is_guarded = is_new and await has_second_factor(tx, member)
        if is_guarded or not await member_second_factors.accept(tx, vault, member.partner_id, member.id, code):
            raise MemberCodeError("this code does not count", field="code")
        return await _whole(tx, session, member, where)


async def by_passkey(
    pool: Pool, session: Session, token: str, member: Member, answer: str, *, site: str, where: From
) -> str:
    """The same by a passkey, of the browser that has the waiting session's token. `site` is our address, as it came.

    Raises TooManySignInsError, PasskeyError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=member.email, place=where.place, door="portal")
    async with db.transaction(pool) as tx:
        asked = passkeys.challenge(token, passkeys.SIGN_IN)
        await member_passkeys.accept(tx, member.partner_id, member.id, answer, site=site, asked=asked)
        return await _whole(tx, session, member, where)


async def has_second_factor(tx: Reader, member: Member) -> bool:
    """Whether a code generator or a passkey guards the account."""
    return (
        await member_second_factors.is_confirmed(tx, member.partner_id, member.id)
        or await member_passkeys.of_member(tx, member.partner_id, member.id) != []
    )


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


async def assert_password(pool: Pool, member: Member, password: str, *, where: From) -> None:
    """Whoever sits here knows the password. An attempt counts also where it leads to nothing.

    Raises TooManySignInsError, MemberCredentialsError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=member.email, place=where.place, door="portal")
    await members.authenticate(pool, member.email, password)
    async with db.transaction(pool) as tx:
        await sign_in_attempts.succeeded(tx, name=member.email, place=where.place, door="portal")


async def another_password(pool: Pool, member: Member, now: str, new: str, *, where: From) -> str:
    """The digest of another password, for who has the one before (`members.set_digest`).

    Raises TooManySignInsError, MemberCredentialsError, PasswordTooShortError.
    """
    await assert_password(pool, member, now, where=where)
    return await passwords.digest_of(new)


async def _whole(tx: Tx, session: Session, member: Member, where: From) -> str:
    """The session that takes the place of the one that waited."""
    await member_sessions.end(tx, member.partner_id, member.id, session.id)
    await sign_in_attempts.succeeded(tx, name=member.email, place=where.place, door="portal")
    return await _signed_in(tx, member, where)


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
