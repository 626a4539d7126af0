"""Operators: the people who look after a deployment, each with a role and a password, and the log of what they did.

- `viewer` may look;
- `approver` may also approve and refuse withdrawals, export, record and attest;
- `admin` may also change policy, let payouts go on, and manage operators.

A deployment begins without an admin: until it has one, whoever has the shell may do what an admin may. From then on it
always has one, and he says who he is.

Passwords are kept as scrypt digests. An unknown name costs as much time as a wrong password, and is the same refusal.
"""

import asyncio
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import scrypt
from typing import Literal

import asyncpg
import structlog

from hashrail import clock
from hashrail.db import Reader, Row, Tx
from hashrail.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError, UnauthorizedError

Role = Literal["viewer", "approver", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "approver", "admin")
LEAST_PASSWORD = 12
LONGEST_NAME = 255
# 2^15 rounds of 8 blocks: 32 MiB and about a tenth of a second.
COST, BLOCKS, LANES, SALT_BYTES, DIGEST_BYTES = 2**15, 8, 1, 16, 32
MOST_MEMORY = 64 * 2**20
log = structlog.get_logger()


class OperatorCredentialsError(UnauthorizedError):
    """No operator has this name and password, or he is disabled."""

    code = "OPERATOR_CREDENTIALS"
    advice = "Check name and password; an admin can set a new one: hashrail operator password NAME --as ADMIN"


class OperatorRoleError(ForbiddenError):
    """The operator's role does not allow it; `details.needed` names the least that does."""

    code = "OPERATOR_ROLE"
    advice = "Ask an operator with that role, or an admin for the role: hashrail operator list"


class AdminNeededError(UnauthorizedError):
    """Only an admin may do it, and nobody has said who he is."""

    code = "ADMIN_NEEDED"
    advice = "Say who you are: --as NAME, and your password. Who is an admin shows: hashrail operator list"


class LastAdminError(ConflictError):
    """A deployment that has an enabled admin keeps one."""

    code = "LAST_ADMIN"
    advice = "Make another operator admin before: hashrail operator role NAME --role admin --as ADMIN"


class OperatorNotFoundError(NotFoundError):
    """There is no operator of that name."""

    code = "OPERATOR_NOT_FOUND"
    advice = "List the operators: hashrail operator list"


class OperatorExistsError(ConflictError):
    """There is an operator of that name already."""

    code = "OPERATOR_EXISTS"
    advice = "Choose another name, or change that one's role or password."


class OperatorNameError(BadRequestError):
    """A name has 1 to 255 characters that can be seen, and no blanks around them."""

    code = "OPERATOR_NAME"
    advice = "Take a short name without blanks around it, like olga."


class ReasonMissingError(BadRequestError):
    """What is done by word is done for a reason, which is kept."""

    code = "REASON_MISSING"
    advice = "Say why, in a few words; whoever reads the log later should understand it."


class PasswordTooShortError(BadRequestError):
    """A password has at least 12 characters."""

    code = "PASSWORD_TOO_SHORT"
    advice = "Take a longer one, or let the command make one."


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator; times are wall time."""

    id: int
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Action:
    """What was done, by whom (None: whoever has the shell), to what, and why."""

    id: int
    operator: str | None
    action: str
    subject: str
    reason: str | None
    done_at: datetime


async def add(tx: Tx, *, name: str, role: Role, password: str, by: Operator | None = None) -> Operator:
    """A new operator; `by` is who `admit` let in.

    Raises OperatorNameError, OperatorExistsError, PasswordTooShortError.
    """
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise OperatorNameError(f"{name!r} is no name of an operator", field="name")
    digest = await _digest(password)
    try:
        async with tx.transaction():
            await tx.execute(
                "INSERT INTO operator_account (name, role, password, created_at) VALUES ($1, $2, $3, $4)",
                name,
                role,
                digest,
                clock.wall_now(),
            )
    except asyncpg.UniqueViolationError as error:
        raise OperatorExistsError(f"there is an operator {name!r}", field="name") from error
    await note(tx, by, "operator added", f"{name} as {role}")
    return await find(tx, name)


async def find(tx: Reader, name: str) -> Operator:
    """The operator of that name. Raises OperatorNotFoundError."""
    row = await tx.fetchrow("SELECT * FROM operator_account WHERE name = $1", name)
    if row is None:
        raise OperatorNotFoundError(f"no operator {name!r}", field="name")
    return _operator(row)


async def every(tx: Reader) -> list[Operator]:
    """All operators, by name."""
    return [_operator(row) for row in await tx.fetch("SELECT * FROM operator_account ORDER BY name")]


async def authenticate(tx: Reader, name: str, password: str, *, least: Role = "viewer") -> Operator:
    """The operator, if the password is his and his role suffices.

    Raises OperatorCredentialsError, OperatorRoleError.
    """
    row = await tx.fetchrow("SELECT * FROM operator_account WHERE name = $1 AND disabled_at IS NULL", name)
    kept = f"{COST}:{BLOCKS}:{LANES}:{'00' * SALT_BYTES}:{'00' * DIGEST_BYTES}" if row is None else row["password"]
    matches = await asyncio.to_thread(_matches, password, kept)
    if row is None or not matches:
        raise OperatorCredentialsError("no operator has this name and password")
    if ROLES.index(row["role"]) < ROLES.index(least):
        raise OperatorRoleError(f"{name} is {row['role']}, {least} is needed", needed=least)
    return _operator(row)


async def admit(tx: Tx, name: str | None, password: str, *, himself: str | None = None) -> Operator | None:
    """Who does what only an admin may do; None for whoever has the shell, while there is no enabled admin.

    An operator of the name `himself` may do it whatever his role is: it concerns only him.
    Raises AdminNeededError, OperatorCredentialsError, OperatorRoleError.
    """
    await _hold(tx)
    guarded = await _has_admin(tx)
    if name is not None:
        return await authenticate(tx, name, password, least="admin" if guarded and name != himself else "viewer")
    if guarded:
        raise AdminNeededError("this deployment has an admin, and only he may do this")
    return None


async def set_role(tx: Tx, name: str, role: Role, *, by: Operator | None = None) -> Operator:
    """Change what an operator may do; again is a no-op. Raises OperatorNotFoundError, LastAdminError."""
    await _hold(tx)
    before = await find(tx, name)
    if before.role == role:
        return before
    await tx.execute("UPDATE operator_account SET role = $2 WHERE name = $1", name, role)
    await _check_an_admin_is_left(tx, before)
    await note(tx, by, "role changed", f"{name} to {role}")
    return await find(tx, name)


async def set_password(tx: Tx, name: str, password: str, *, by: Operator | None = None) -> None:
    """A new password; an operator who was disabled stays so. Raises OperatorNotFoundError, PasswordTooShortError."""
    await find(tx, name)
    await tx.execute("UPDATE operator_account SET password = $2 WHERE name = $1", name, await _digest(password))
    await note(tx, by, "password changed", name)


async def disable(tx: Tx, name: str, *, by: Operator | None = None) -> Operator:
    """Nothing goes by this operator's name any more; what he did stays. Again is a no-op.

    What he approved counts no more for a withdrawal that still waits. Raises OperatorNotFoundError, LastAdminError.
    """
    await _hold(tx)
    before = await find(tx, name)
    if before.disabled_at is None:
        await tx.execute("UPDATE operator_account SET disabled_at = $2 WHERE name = $1", name, clock.wall_now())
        await _check_an_admin_is_left(tx, before)
        await note(tx, by, "operator disabled", name)
    return await find(tx, name)


async def note(tx: Tx, operator: Operator | None, action: str, subject: str, reason: str | None = None) -> None:
    """Keep what was done, in the transaction that does it. Raises ReasonMissingError for a blank one."""
    if reason is not None and not reason.strip():
        raise ReasonMissingError("the reason is blank", field="reason")
    who = None if operator is None else operator.name
    log.info("operator action", operator=who, action=action, subject=subject, reason=reason)
    await tx.execute(
        "INSERT INTO operator_action (operator_id, action, subject, reason, done_at) VALUES ($1, $2, $3, $4, $5)",
        None if operator is None else operator.id,
        action,
        subject,
        reason,
        clock.wall_now(),
    )


async def actions(tx: Reader, limit: int) -> list[Action]:
    """The newest actions first."""
    rows = await tx.fetch(
        """SELECT a.id, o.name, a.action, a.subject, a.reason, a.done_at FROM operator_action a
           LEFT JOIN operator_account o ON o.id = a.operator_id ORDER BY a.id DESC LIMIT $1""",
        limit,
    )
    return [Action(*row.values()) for row in rows]


def new_password() -> str:
    """A password that nobody has to think of."""
    return secrets.token_urlsafe(18)


async def _hold(tx: Tx) -> None:
    """One at a time: neither are there two first admins, nor do two admins disable each other."""
    await tx.execute("LOCK TABLE operator_account IN SHARE ROW EXCLUSIVE MODE")


async def _has_admin(tx: Tx) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM operator_account WHERE role = 'admin' AND disabled_at IS NULL)"
    )
    return found


async def _check_an_admin_is_left(tx: Tx, before: Operator) -> None:
    if before.role == "admin" and before.disabled_at is None and not await _has_admin(tx):
        raise LastAdminError(f"{before.name} is the only enabled admin", field="name")


async def _digest(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        raise PasswordTooShortError(f"a password has at least {LEAST_PASSWORD} characters", field="password")
    salt = secrets.token_bytes(SALT_BYTES)
    digest = await asyncio.to_thread(_scrypt, password, salt, COST, BLOCKS, LANES)
    return f"{COST}:{BLOCKS}:{LANES}:{salt.hex()}:{digest.hex()}"


def _scrypt(password: str, salt: bytes, cost: int, blocks: int, lanes: int) -> bytes:
    return scrypt(password.encode(), salt=salt, n=cost, r=blocks, p=lanes, maxmem=MOST_MEMORY, dklen=DIGEST_BYTES)


def _matches(password: str, kept: str) -> bool:
    cost, blocks, lanes, salt, digest = kept.split(":")
    made = _scrypt(password, bytes.fromhex(salt), int(cost), int(blocks), int(lanes))
    return hmac.compare_digest(made, bytes.fromhex(digest))


def _operator(row: Row) -> Operator:
    return Operator(row["id"], row["name"], row["role"], row["created_at"], row["disabled_at"])
