"""Signing in to the console: name and password, then a code, then a session.

Each step commits by itself, the count of attempts before anything is looked at. Whoever fails learns nothing of what
was wrong: an unknown name, a disabled operator and a wrong password are one refusal that takes one time.
"""

from dataclasses import dataclass

from hashrail import db
from hashrail.db import Pool, Reader, Tx
from hashrail.errors import UnauthorizedError
from hashrail.parties import (
    operator_passkeys,
    operator_sessions,
    operators,
    passkeys,
    passwords,
    second_factors,
    sign_in_attempts,
)
from hashrail.parties.browser_sessions import Stage
from hashrail.parties.operator_sessions import Session
from hashrail.vault import Vault


class OperatorCodeError(UnauthorizedError):
    """The code is not the one that the operator's generator shows, or it was used already."""

    code = "OPERATOR_CODE"
    advice = (
        "Wait for the next code of your generator. Is its clock right? An admin's new password takes a lost one away."
    )


@dataclass(frozen=True, slots=True)
class From:
    """Where an attempt comes from: the address, the place that it counts for, what the browser calls itself."""

    address: str
    place: str
    agent: str


async def by_password(pool: Pool, name: str, password: str, *, asks_codes: bool, where: From) -> tuple[str, Stage]:
    """A session's token, and whether a code is still to come. A digest of an older kind is made anew.

    `asks_codes`: also who has no generator yet. Raises TooManySignInsError, OperatorCredentialsError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=name, place=where.place)
    # A name that PostgreSQL cannot hold is nobody's.
    named = name.replace("\0", "")
    kept = await pool.fetchval("SELECT password FROM operator_account WHERE name = $1", named)
    operator = await operators.authenticate(pool, named, password)
    digest = await passwords.digest_of(password) if kept is not None and passwords.is_outdated(kept) else None
    async with db.transaction(pool) as tx:
        await operators.hold_password(tx, operator, kept)
        if digest is not None:
            await operators.renew_digest(tx, name, kept, digest)
        if asks_codes or await has_second_factor(tx, operator.id):
            return await operator_sessions.begin(
                tx, operator.id, "password", address=where.address, agent=where.agent
            ), "password"
        await sign_in_attempts.succeeded(tx, name=name, place=where.place)
        await operators.note(tx, operator, "signed in", f"console from {where.address}")
        token = await operator_sessions.begin(tx, operator.id, "whole", address=where.address, agent=where.agent)
        return token, "whole"


async def by_code(pool: Pool, vault: Vault, session: Session, name: str, code: str, *, where: From) -> str:
    """The token of the whole session that takes the place of one which waits for its code.

    Raises TooManySignInsError, OperatorCodeError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=name, place=where.place)
    async with db.transaction(pool) as tx:
        # Who has a passkey and no generator gets none by a password alone.
        is_new = not await second_factors.is_confirmed(tx, session.operator_id)
        is_guarded = is_new and await operator_passkeys.of_operator(tx, session.operator_id) != []
        if is_guarded or not await second_factors.accept(tx, vault, session.operator_id, code):
            raise OperatorCodeError("this code does not count", field="code")
        return await _whole(tx, session, name, where)


async def by_passkey(
    pool: Pool, session: Session, token: str, name: str, answer: str, *, site: str, where: From
) -> str:
    """The same by a passkey, of the browser that has the waiting session's token. `site` is our address, as it came.

    Raises TooManySignInsError, PasskeyError.
    """
    async with db.transaction(pool) as tx:
        await sign_in_attempts.count(tx, name=name, place=where.place)
    async with db.transaction(pool) as tx:
        asked = passkeys.challenge(token, passkeys.SIGN_IN)
        await operator_passkeys.accept(tx, session.operator_id, answer, site=site, asked=asked)
        return await _whole(tx, session, name, where)


async def has_second_factor(tx: Reader, operator_id: int) -> bool:
    """Whether a code generator or a passkey guards the account."""
    return (
        await second_factors.is_confirmed(tx, operator_id) or await operator_passkeys.of_operator(tx, operator_id) != []
    )


async def _whole(tx: Tx, session: Session, name: str, where: From) -> str:
    """The session that takes the place of the one that waited."""
    await operator_sessions.end(tx, session.operator_id, session.id)
    await sign_in_attempts.succeeded(tx, name=name, place=where.place)
    await operators.note(tx, await operators.find(tx, name), "signed in", f"console from {where.address}")
    return await operator_sessions.begin(tx, session.operator_id, "whole", address=where.address, agent=where.agent)
