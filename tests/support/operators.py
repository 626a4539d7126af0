"""Operators to test with: accounts, and the time that makes people of them."""

from hashrail import db
from hashrail.parties import operators
from hashrail.parties.operators import Operator, Role
from tests.support.earlier import earlier

PASSWORD = "a long enough one"


async def hired(pool: db.Pool, name: str, role: Role = "admin", by: Operator | None = None) -> Operator:
    """A new operator, tied to who made the account."""
    async with db.transaction(pool) as tx:
        return await operators.add(tx, name=name, role=role, password=PASSWORD, by=by)


async def strangers(pool: db.Pool) -> None:
    """A week has passed since anybody made or changed an account: each is a person of its own."""
    await pool.execute(f"UPDATE operator_tie SET {earlier('done_at', '8 days')}")
