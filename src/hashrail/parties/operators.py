"""Operators: the people who look after a deployment, each with a role and a password, and the log of what they did.

- `viewer` may see figures and states, and stop payouts;
- `support` may also see persons: users, their withdrawals and addresses, and write notes on them;
- `operator` may also look after the day's work: close days, take offers away, have events told again;
- `approver` may also approve and refuse withdrawals, export, record and attest;
- `admin` may also change policy, let payouts go on, manage operators, and read who saw what.

What a role may see is held by the console; whoever has the shell sees everything.

A deployment begins without an admin: until it has one, whoever has the shell may do what an admin may. From then on it
always has one, and whoever changes anything says who they are (`admit`); which role that takes stands in
`parties/permissions.py`. What they did is logged in the transaction that does it, with the values before and after.

Whoever makes an account, raises its role or sets its password is tied to it for a while (`parties/people.py`).

An unknown name costs as much time as a wrong password (`parties/passwords.py`), and is the same refusal. A new password
or role ends the operator's sessions in the console, and so does being disabled (`parties/operator_sessions.py`).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec
import structlog

from hashrail import clock
from hashrail.db import Reader, Row, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError, UnauthorizedError
from hashrail.money import plain
from hashrail.parties import operator_passkeys, operator_sessions, passwords, people, second_factors

Role = Literal["viewer", "support", "operator", "approver", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "support", "operator", "approver", "admin")
MAX_NAME_LENGTH = 255
# What was there, by name; amounts, days and times as texts.
Values: TypeAlias = dict[str, Any]
log = structlog.get_logger()


class OperatorCredentialsError(UnauthorizedError):
    """No operator has this name and password, or the operator is disabled."""

    code = "OPERATOR_CREDENTIALS"
    advice = "Check name and password; an admin can set a new one: hashrail operator password NAME --as ADMIN"


class OperatorRoleError(ForbiddenError):
    """The operator's role does not allow it; `details.needed` names the least that does."""

    code = "OPERATOR_ROLE"
    advice = "Ask an operator with that role, or an admin for the role: hashrail operator list"


class OperatorNeededError(UnauthorizedError):
    """The deployment has an admin, so whoever changes something says who they are; `details.needed` is the role."""

    code = "OPERATOR_NEEDED"
    advice = "Say who you are: --as NAME, and your password. Who may do what shows: hashrail operator list"


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
    """An operator who decides by word gives a reason, which is kept."""

    code = "REASON_MISSING"
    advice = "Say why, in a few words; whoever reads the log later should understand it."


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
    before: Values | None
    after: Values | None


async def add(tx: Tx, *, name: str, role: Role, password: str, by: Operator | None = None) -> Operator:
    """A new operator; `by` is who `admit` let in.

    Raises OperatorNameError, OperatorExistsError, PasswordTooShortError.
    """
    await assert_new(tx, name)
    return await add_digested(tx, name=name, role=role, digest=await passwords.digest_of(password), by=by)


async def assert_new(tx: Reader, name: str) -> None:
    """Raises OperatorNameError, OperatorExistsError."""
    check_name(name)
    if await tx.fetchval("SELECT EXISTS (SELECT 1 FROM operator_account WHERE name = $1)", name):
        raise OperatorExistsError(f"there is an operator {name!r}", field="name")


def check_name(name: str) -> None:
    """Raises OperatorNameError."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise OperatorNameError(f"{name!r} is no name of an operator", field="name")


async def add_digested(tx: Tx, *, name: str, role: Role, digest: str, by: Operator | None) -> Operator:
    """A new operator whose name was looked at, with the digest of a password. Raises OperatorExistsError."""
    added = await tx.fetchval(
        """INSERT INTO operator_account (name, role, password, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING RETURNING id""",
        name,
        role,
        digest,
        clock.wall_now(),
    )
    if added is None:
        raise OperatorExistsError(f"there is an operator {name!r}", field="name")
    await journal.note(tx, Kind.OPERATOR_ADDED, operator=name, role=role)
    await people.tie(tx, added, None if by is None else by.id, "added")
    await note(tx, by, "operator added", f"{name} as {role}", after={"role": role})
    return await find(tx, name)


async def find(tx: Reader, name: str) -> Operator:
    """The operator of that name. Raises OperatorNotFoundError."""
    row = await tx.fetchrow(
        "SELECT id, name, role, created_at, disabled_at FROM operator_account WHERE name = $1", name
    )
    if row is None:
        raise OperatorNotFoundError(f"no operator {name!r}", field="name")
    return record(Operator, row)


async def every(tx: Reader) -> list[Operator]:
    """All operators, by name."""
    rows = await tx.fetch("SELECT id, name, role, created_at, disabled_at FROM operator_account ORDER BY name")
    return [record(Operator, row) for row in rows]


async def authenticate(tx: Reader, name: str, password: str, *, least: Role = "viewer") -> Operator:
    """The operator, if the password is theirs and their role suffices.

    Raises OperatorCredentialsError, OperatorRoleError.
    """
    row = await tx.fetchrow(
        """SELECT id, name, role, created_at, disabled_at, password FROM operator_account
           WHERE name = $1 AND disabled_at IS NULL""",
        name,
    )
    matches = await passwords.matches(password, None if row is None else row["password"])
    if row is None or not matches:
        raise OperatorCredentialsError("no operator has this name and password")
    found = Operator(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )
    assert_may(found, least)
    return found


async def hold_password(tx: Tx, operator: Operator, digest: str | None) -> None:
    """The password that somebody gave counts until the transaction ends. Raises OperatorCredentialsError.

    One that was given while it was changed opens nothing: its sessions have ended.
    """
    kept = await tx.fetchval(
        "SELECT password FROM operator_account WHERE id = $1 AND disabled_at IS NULL FOR NO KEY UPDATE", operator.id
    )
    if not passwords.still_counts(kept, digest):
        raise OperatorCredentialsError("no operator has this name and password")


def assert_may(operator: Operator | None, least: Role) -> None:
    """Somebody acts, and their role suffices. Raises OperatorRoleError."""
    assert operator is not None, "it is not done without a name"
    if is_more(least, operator.role):
        raise OperatorRoleError(f"{operator.name} is {operator.role}, {least} is needed", needed=least)


async def admit(tx: Tx, name: str | None, password: str, *, least: Role) -> Operator | None:
    """Who changes something, which takes the role `least`; None for whoever has the shell, while there is no admin.

    Until the transaction ends, nobody makes, changes or disables an operator.
    Raises OperatorNeededError, OperatorCredentialsError, OperatorRoleError.
    """
    await hold(tx)
    return await _admitted(tx, name, password, least=least)


async def hold(tx: Tx) -> None:
    """Operators stay what they are until the transaction ends; the first lock of whoever takes it."""
    await tx.execute("LOCK TABLE operator_account IN SHARE MODE")


async def admit_manager(tx: Tx, name: str | None, password: str, *, about: str | None = None) -> Operator | None:
    """Like `admit` for an admin, who is going to change operators: one at a time. Raises what `admit` does.

    The operator named `about` may do it whatever their role is: it concerns nobody else.
    """
    await hold_alone(tx)
    return await _admitted(tx, name, password, least="viewer" if name == about else "admin")


async def _admitted(tx: Tx, name: str | None, password: str, *, least: Role) -> Operator | None:
    guarded = await _has_admin(tx)
    if name is not None:
        return await authenticate(tx, name, password, least=least if guarded else "viewer")
    if guarded:
        raise OperatorNeededError(f"this deployment has an admin: say who you are, at least {least}", needed=least)
    return None


async def set_role(tx: Tx, name: str, role: Role, *, by: Operator | None = None) -> Operator:
    """Change what an operator may do; again is a no-op. Raises OperatorNotFoundError, LastAdminError."""
    await hold_alone(tx)
    before = await find(tx, name)
    if before.role == role:
        return before
    await tx.execute("UPDATE operator_account SET role = $2 WHERE name = $1", name, role)
    await _check_an_admin_is_left(tx, before)
    await operator_sessions.end_all(tx, before.id)
    await journal.note(tx, Kind.OPERATOR_ROLE, operator=name, role=role)
    if is_more(role, before.role):
        await people.tie(tx, before.id, None if by is None else by.id, "role")
    elif before.role == "admin":
        await people.tie(tx, before.id, None if by is None else by.id, "ended")
    await note(tx, by, "role changed", f"{name} to {role}", before={"role": before.role}, after={"role": role})
    return await find(tx, name)


async def set_password(tx: Tx, name: str, password: str, *, by: Operator | None = None) -> None:
    """A new password; an operator who was disabled stays so. Raises OperatorNotFoundError, PasswordTooShortError."""
    await give_digest(tx, name, await passwords.digest_of(password), by=by)


async def give_digest(tx: Tx, name: str, digest: str, *, by: Operator | None) -> None:
    """A new password, by its digest; its owner signs in anew. Raises OperatorNotFoundError.

    One that somebody else gives takes the owner's code generator and passkeys away as well: they may have lost them.
    """
    found = await find(tx, name)
    await set_digest(tx, name, digest)
    await operator_sessions.end_all(tx, found.id)
    if by is None or by.id != found.id:
        await forget_factors(tx, found)
    await people.tie(tx, found.id, None if by is None else by.id, "password")
    await note(tx, by, "password changed", name)


async def forget_factors(tx: Tx, operator: Operator) -> None:
    """Take code generator and passkeys away: the next sign-in begins with a new secret."""
    await second_factors.forget(tx, operator.id)
    await operator_passkeys.forget(tx, operator.id)
    await journal.note(tx, Kind.OPERATOR_FACTORS_LOST, operator=operator.name)


async def set_digest(tx: Tx, name: str, digest: str) -> None:
    """The password that has this digest, which the journal keeps as well. Raises OperatorNotFoundError."""
    await find(tx, name)
    await tx.execute("UPDATE operator_account SET password = $2 WHERE name = $1", name, digest)
    await journal.note(tx, Kind.OPERATOR_PASSWORD, operator=name, digest=digest)


async def renew_digest(tx: Tx, name: str, was: str, digest: str) -> None:
    """The same password by a digest of another kind, unless somebody has changed it meanwhile."""
    same = await tx.fetchval("SELECT password FROM operator_account WHERE name = $1 FOR UPDATE", name)
    if passwords.still_counts(same, was):
        await set_digest(tx, name, digest)


async def by_id(tx: Reader, operator_id: int) -> Operator:
    """The operator of that number. Raises OperatorNotFoundError."""
    row = await tx.fetchrow(
        "SELECT id, name, role, created_at, disabled_at FROM operator_account WHERE id = $1", operator_id
    )
    if row is None:
        raise OperatorNotFoundError(f"no operator {operator_id}", field="id")
    return record(Operator, row)


async def disable(tx: Tx, name: str, *, by: Operator | None = None) -> Operator:
    """Nothing goes by this operator's name any more; what they did stays. Again is a no-op.

    What they approved counts no more for a withdrawal that still waits. Raises OperatorNotFoundError, LastAdminError.
    """
    await hold_alone(tx)
    before = await find(tx, name)
    if before.disabled_at is None:
        await tx.execute("UPDATE operator_account SET disabled_at = $2 WHERE name = $1", name, clock.wall_now())
        await _check_an_admin_is_left(tx, before)
        await operator_sessions.end_all(tx, before.id)
        await journal.note(tx, Kind.OPERATOR_DISABLED, operator=name)
        if before.role == "admin":
            await people.tie(tx, before.id, None if by is None else by.id, "ended")
        await note(tx, by, "operator disabled", name, before={"disabled": False}, after={"disabled": True})
    return await find(tx, name)


def assert_reason(reason: str) -> None:
    """Raises ReasonMissingError for a blank one."""
    if not reason.strip():
        raise ReasonMissingError("the reason is blank", field="reason")


async def note(
    tx: Tx,
    operator: Operator | None,
    action: str,
    subject: str,
    reason: str | None = None,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Keep what was done, in the transaction that does it, and from what to what; never a secret.

    Raises ReasonMissingError for a blank reason.
    """
    if reason is not None:
        assert_reason(reason)
    who = None if operator is None else operator.name
    log.info("operator action", operator=who, action=action, subject=subject, reason=reason)
    await tx.execute(
        """INSERT INTO operator_action (operator_id, action, subject, reason, done_at, values_before, values_after)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        None if operator is None else operator.id,
        action,
        subject,
        reason,
        clock.wall_now(),
        None if before is None else written(before),
        None if after is None else written(after),
    )
    await journal.note(
        tx,
        Kind.OPERATOR_ACTION,
        by=who,
        action=action,
        subject=subject,
        reason=reason,
        before=None if before is None else written(before),
        after=None if after is None else written(after),
    )


async def actions(tx: Reader, limit: int, after: int | None = None) -> list[Action]:
    """The newest actions first; `after` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT a.id, o.name AS operator, a.action, a.subject, a.reason, a.done_at,
                  a.values_before AS before, a.values_after AS after
           FROM operator_action a LEFT JOIN operator_account o ON o.id = a.operator_id
           WHERE $2::bigint IS NULL OR a.id < $2 ORDER BY a.id DESC LIMIT $1""",
        limit,
        after,
    )
    return [read_action(row) for row in rows]


async def actions_of(tx: Reader, operator_id: int, limit: int, after: int | None = None) -> list[Action]:
    """What one operator did, the newest first; `after` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT a.id, o.name AS operator, a.action, a.subject, a.reason, a.done_at,
                  a.values_before AS before, a.values_after AS after
           FROM operator_action a JOIN operator_account o ON o.id = a.operator_id
           WHERE a.operator_id = $1 AND ($3::bigint IS NULL OR a.id < $3) ORDER BY a.id DESC LIMIT $2""",
        *(operator_id, limit, after),
    )
    return [read_action(row) for row in rows]


def read_action(row: Row) -> Action:
    """An action out of the columns by its names; values are kept as JSON."""
    return Action(**(dict(row) | {each: _read(row[each]) for each in ("before", "after")}))


def is_more(role: Role, than: Role) -> bool:
    """Whether a role may more than another."""
    return ROLES.index(role) > ROLES.index(than)


def new_password() -> str:
    """A password that nobody has to think of."""
    return secrets.token_urlsafe(18)


async def hold_alone(tx: Tx) -> None:
    """One at a time: neither are there two first admins, nor do two admins disable each other."""
    await tx.execute("LOCK TABLE operator_account IN SHARE ROW EXCLUSIVE MODE")


async def _has_admin(tx: Tx) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM operator_account WHERE role = 'admin' AND disabled_at IS NULL)"
    )
    return found


async def _check_an_admin_is_left(tx: Tx, before: Operator) -> None:
    if before.role == "admin" and before.disabled_at is None and not await _has_admin(tx):
        raise LastAdminError(f"{before.name} is the only enabled admin", field="name")


def written(values: Mapping[str, object]) -> str:
    """Values as JSON."""
    return msgspec.json.encode(plainly(values)).decode()


def plainly(value: object) -> object:
    """A value as JSON has it and people read it: an amount with every digit, a time with its zone."""
    if isinstance(value, Mapping):
        return {str(name): plainly(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(each) for each in value]
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return clock.iso(value)
    return value.isoformat() if isinstance(value, date) else value


def _read(text: str | None) -> Values | None:
    return None if text is None else msgspec.json.decode(text, type=Values)
