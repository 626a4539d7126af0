"""Second factors of a partner's members: the codes of their generators (`totp.py`), as operators have them.

Only an account that is made anew gets another generator: a lost one is replaced by ending the account and inviting its
owner again.
"""

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.parties import totp
from hashrail.vault import Vault


async def is_confirmed(tx: Reader, partner_id: int, member_id: int) -> bool:
    """Whether the member has a code generator that has shown a code."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM member_code
                          WHERE partner_id = $1 AND member_id = $2 AND confirmed_at IS NOT NULL)""",
        *(partner_id, member_id),
    )
    return found


async def owners(tx: Reader, partner_id: int) -> set[int]:
    """The members of a partner whose generators have shown a code."""
    rows = await tx.fetch(
        "SELECT member_id FROM member_code WHERE partner_id = $1 AND confirmed_at IS NOT NULL", partner_id
    )
    return {row["member_id"] for row in rows}


async def secret_to_confirm(tx: Tx, vault: Vault, partner_id: int, member_id: int) -> str:
    """The secret of a generator that has not shown a code yet, the same until it has."""
    sealed: bytes = await tx.fetchval(
        """INSERT INTO member_code AS c (partner_id, member_id, sealed) VALUES ($1, $2, $3)
           ON CONFLICT (partner_id, member_id) DO UPDATE SET sealed = c.sealed
           WHERE c.confirmed_at IS NULL RETURNING sealed""",
        *(partner_id, member_id, vault.seal(totp.new_secret())),
    )
    assert sealed is not None, "a secret that is confirmed is shown to nobody"
    return vault.open(sealed).decode()


async def accept(tx: Tx, vault: Vault, partner_id: int, member_id: int, code: str) -> bool:
    """Whether it is a code of the member's generator that was not used yet; from then on it is."""
    row = await tx.fetchrow(
        """SELECT sealed, last_step, confirmed_at FROM member_code
           WHERE partner_id = $1 AND member_id = $2 FOR UPDATE""",
        *(partner_id, member_id),
    )
    if row is None:
        return False
    step = totp.step_of(vault.open(row["sealed"]), code, after=row["last_step"])
    if step is not None:
        await tx.execute(
            """UPDATE member_code SET last_step = $3, confirmed_at = coalesce(confirmed_at, $4)
               WHERE partner_id = $1 AND member_id = $2""",
            *(partner_id, member_id, step, clock.wall_now()),
        )
    if step is not None and row["confirmed_at"] is None:
        await journal.note(tx, Kind.MEMBER_GENERATOR, partner_id=partner_id, member=member_id)
    return step is not None
