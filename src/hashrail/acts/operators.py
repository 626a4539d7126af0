"""Accounts of operators: adding one, roles, passwords, ending one; who counts as two people, and what one does alone.

What makes, raises or takes over an account takes two admins, and so does what loosens the rules.
"""

from dataclasses import asdict
from decimal import Decimal

from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.parties import alone, operators, people
from hashrail.parties.operators import Role


async def add(tx: Tx, act: Acting, *, name: str, role: Role, digest: str) -> None:
    """Add an operator who has the password of this digest. Raises OperatorNameError, OperatorExistsError."""
    await operators.assert_new(tx, name)
    subject, after = f"{name} as {role}", {"name": name, "role": role}
    if not await act.waits(tx, subject, before={}, after=after, secret=digest):
        await operators.add_digested(tx, name=name, role=role, digest=digest, by=act.operator)
        act.shows(subject, before=None, after=after)


async def set_role(tx: Tx, act: Acting, name: str, role: Role) -> None:
    """Change what an operator may do; to let them do more takes two. Again is a no-op.

    Raises OperatorNotFoundError, LastAdminError.
    """
    was = await operators.find(tx, name)
    before, after = {"name": name, "role": was.role}, {"name": name, "role": role}
    more = operators.is_more(role, was.role)
    if not more or not await act.waits(tx, f"{name} to {role}", before=before, after=after):
        await operators.set_role(tx, name, role, by=act.operator)
        act.shows(name, before=before, after=after)


async def set_password(tx: Tx, act: Acting, name: str, digest: str) -> None:
    """Give an operator the password of this digest; for somebody else it takes two. Raises OperatorNotFoundError."""
    found = await operators.find(tx, name)
    own = act.operator is not None and act.operator.id == found.id
    if own or not await act.waits(tx, name, before={"name": name}, after={"name": name}, secret=digest):
        await operators.give_digest(tx, name, digest, by=act.operator)
        act.shows(name, before=None, after={"password": "another one"})


async def disable(tx: Tx, act: Acting, name: str) -> None:
    """Let nothing go by an operator's name any more; again is a no-op. Raises OperatorNotFoundError, LastAdminError."""
    was = await operators.find(tx, name)
    made = await operators.disable(tx, name, by=act.operator)
    before, after = was.disabled_at is not None, made.disabled_at is not None
    act.shows(name, before={"disabled": before}, after={"disabled": after})


async def set_apart(tx: Tx, act: Acting, seconds: int) -> None:
    """Say how long an account and who made or changed it count as one person.

    To shorten it takes two, and so does a time by which all admins would be one person: nothing would wait any more.
    Raises ApartError.
    """
    people.check_apart(seconds)
    was = await people.apart_seconds(tx)
    before, after = {"apart_seconds": was}, {"apart_seconds": seconds}
    loosens = seconds < was or not await people.are_two_admins(tx, apart=seconds)
    if not loosens or not await act.waits(tx, "operators", before=before, after=after):
        await people.set_apart(tx, seconds)
        await act.note(tx, "operators", before=before, after=after)


async def set_alone(tx: Tx, act: Acting, kind: str, currency: str, most: Decimal) -> None:
    """Say up to which sum of 24 hours one operator does what is added up alone; to raise it takes two.

    Raises AloneLimitError.
    """
    was = await alone.limit(tx, kind, currency)
    alone.check_amount(most)
    subject, before, after = f"{kind} in {currency}", asdict(was), asdict(was) | {"amount": most}
    if most <= was.amount or not await act.waits(tx, subject, before=before, after=after):
        await alone.set_limit(tx, kind, currency, most)
        await act.note(tx, subject, before=before, after=after)
