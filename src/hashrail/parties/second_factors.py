"""Second factors of operators: the codes of their generators (`totp.py`).

An operator gets a secret at the first sign-in and confirms it by a code. From then on each sign-in takes one, and each
code counts once: neither it nor an earlier one opens anything again. The secret is sealed with the master key.
"""

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.parties import totp
from hashrail.vault import Vault


async def is_confirmed(tx: Reader, operator_id: int) -> bool:
    """Whether the operator has a code generator that has shown a code."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM operator_code WHERE operator_id = $1 AND confirmed_at IS NOT NULL)", operator_id
    )
    return found


async def secret_to_confirm(tx: Tx, vault: Vault, operator_id: int) -> str:
    """The secret of a generator that has not shown a code yet, the same until it has."""
    sealed: bytes = await tx.fetchval(
        """INSERT INTO operator_code AS c (operator_id, sealed) VALUES ($1, $2)
           ON CONFLICT (operator_id) DO UPDATE SET sealed = c.sealed WHERE c.confirmed_at IS NULL RETURNING sealed""",
        *(operator_id, vault.seal(totp.new_secret())),
    )
    assert sealed is not None, "a secret that is confirmed is shown to nobody"
    return vault.open(sealed).decode()


async def accept(tx: Tx, vault: Vault, operator_id: int, code: str) -> bool:
    """Whether it is a code of the operator's generator that was not used yet; from then on it is."""
    row = await tx.fetchrow(
        "SELECT sealed, last_step, confirmed_at FROM operator_code WHERE operator_id = $1 FOR UPDATE", operator_id
    )
    if row is None:
        return False
    step = totp.step_of(vault.open(row["sealed"]), code, after=row["last_step"])
    if step is not None:
        await tx.execute(
            """UPDATE operator_code SET last_step = $2, confirmed_at = coalesce(confirmed_at, $3)
               WHERE operator_id = $1""",
            *(operator_id, step, clock.wall_now()),
        )
    if step is not None and row["confirmed_at"] is None:
        owner = await tx.fetchval("SELECT name FROM operator_account WHERE id = $1", operator_id)
        await journal.note(tx, Kind.OPERATOR_GENERATOR, operator=owner)
    return step is not None


async def forget(tx: Tx, operator_id: int) -> None:
    """The generator is lost: the next sign-in gives another secret."""
    await tx.execute("DELETE FROM operator_code WHERE operator_id = $1", operator_id)
