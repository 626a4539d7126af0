"""The Idempotency-Keys of withdrawals: they hold for ever.

A kept answer is forgotten after its retention. For most writes that is enough, because what they name holds by itself:
an order has its externalId, an upgrade the value that it begins from, a deposit its transaction. A withdrawal names
nothing of its own, so the same request would be a second payment: its key stays, and leads to the withdrawal.
"""

import asyncpg

from hashrail import db
from hashrail.access.idempotency import AnsweredMeanwhileError, IdempotencyKeyReusedError, Key
from hashrail.db import Tx


async def find(tx: Tx, partner_id: int, key: Key) -> int | None:
    """The withdrawal that was asked for with this key; None where there is none. Raises IdempotencyKeyReusedError."""
    row = await tx.fetchrow(
        "SELECT operation, body_hash, withdrawal_id FROM withdrawal_key WHERE partner_id = $1 AND key = $2",
        partner_id,
        key.text,
    )
    if row is None:
        return None
    if (row["operation"], row["body_hash"]) != (key.operation, key.body_hash):
        raise IdempotencyKeyReusedError("this Idempotency-Key was used for another request")
    # Whoever wrote it may have been cut off before a standby had it.
    await db.confirm(tx)
    withdrawal_id: int = row["withdrawal_id"]
    return withdrawal_id


async def keep(tx: Tx, partner_id: int, key: Key, withdrawal_id: int) -> None:
    """Let the key lead to a withdrawal that is made now. Raises AnsweredMeanwhileError: then roll back and look."""
    try:
        await tx.execute(
            """INSERT INTO withdrawal_key (partner_id, key, operation, body_hash, withdrawal_id)
               VALUES ($1, $2, $3, $4, $5)""",
            partner_id,
            key.text,
            key.operation,
            key.body_hash,
            withdrawal_id,
        )
    except asyncpg.UniqueViolationError as error:
        raise AnsweredMeanwhileError from error
