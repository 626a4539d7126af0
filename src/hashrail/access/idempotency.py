"""Every write can be sent twice: the answer is kept beside its effect, in the same transaction.

Two keys lead to a kept answer: the request's signature (a repetition of the very same request) and the
`Idempotency-Key` header (a repetition that was signed anew). The same key with another operation or body is an error.
Answers are sealed, since some hold tokens, and are forgotten after the retention time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from hashrail import clock, db
from hashrail.db import Row, Tx
from hashrail.errors import HashrailError, UnauthorizedError
from hashrail.vault import Vault

SIGNATURE = "signature"
IDEMPOTENCY_KEY = "idempotency"
# Longer than any signature is valid.
SIGNATURE_LIFE = timedelta(minutes=2)
_WRITE = """
    INSERT INTO answered_write (partner_id, scope, key, operation, body_hash, answer, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (partner_id, scope, key) DO NOTHING"""

_WRITE_ALL = """
    INSERT INTO answered_write (partner_id, scope, key, operation, body_hash, answer, created_at, expires_at)
    SELECT e.partner_id, e.scope, e.key, e.operation, e.body_hash, e.answer, $7, $8
    FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[])
             WITH ORDINALITY AS e (partner_id, scope, key, operation, body_hash, answer, number)
    ORDER BY e.number"""


class ReplayError(UnauthorizedError):
    """The signature was used before, for another operation."""

    code = "REPLAY"
    advice = "Sign every request anew, with a fresh timestamp."


class IdempotencyKeyReusedError(HashrailError):
    """The Idempotency-Key was used before, for another request."""

    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    advice = "Use a new Idempotency-Key for a new request."


class AnsweredMeanwhileError(Exception):
    """Another transaction has answered the same request; ours is to be rolled back."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a repetition is recognised by: `text` within `scope`, for one operation and body."""

    scope: str
    text: bytes
    operation: str
    body_hash: bytes


def signature_scope(key_id: int | None) -> str:
    """Signatures of one API key."""
    return f"{SIGNATURE}:{key_id}"


async def recall(tx: Tx, vault: Vault, partner_id: int, keys: list[Key]) -> bytes | None:
    """The answer kept under one of the keys, the first that has one. Raises ReplayError, IdempotencyKeyReusedError.

    The other keys are remembered with it: whoever sends a repetition once more, without its Idempotency-Key or signed
    anew with it, must not get a second effect. The transaction commits when standbys have the answer as well: whoever
    wrote it may have been cut off while they waited for them, and said that nobody knows.
    """
    for number, key in enumerate(keys):
        row = await tx.fetchrow(
            """SELECT operation, body_hash, answer, expires_at FROM answered_write
               WHERE partner_id = $1 AND scope = $2 AND key = $3""",
            partner_id,
            key.scope,
            key.text,
        )
        if row is None:
            continue
        if key.scope.startswith(SIGNATURE):
            if row["operation"] != key.operation:
                raise ReplayError("this signature was used for another operation")
        elif (row["operation"], row["body_hash"]) != (key.operation, key.body_hash):
            raise IdempotencyKeyReusedError("this Idempotency-Key was used for another request")
        await _remember(tx, partner_id, [*keys[:number], *keys[number + 1 :]], row)
        await db.confirm(tx)
        return vault.open(row["answer"])
    return None


async def is_known(tx: Tx, partner_id: int, scope: str, text: bytes) -> bool:
    """Whether an answer is kept under this text."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM answered_write WHERE partner_id = $1 AND scope = $2 AND key = $3)",
        partner_id,
        scope,
        text,
    )
    return found


async def keep(tx: Tx, vault: Vault, partner_id: int, keys: list[Key], answer: bytes, *, retention: timedelta) -> None:
    """Keep the answer under all keys. Raises AnsweredMeanwhileError: then roll back and recall.

    Where another transaction is about to keep one under the same key, this waits for its end.
    """
    now = clock.wall_now()
    sealed = vault.seal(answer)
    # Two that keep several of the same wait for one another in one order, here and in `keep_all`.
    for key in sorted(keys, key=lambda each: (each.scope, each.text)):
        row = (partner_id, key.scope, key.text, key.operation, key.body_hash, sealed, now, now + retention)
        if await tx.execute(_WRITE, *row) != "INSERT 0 1":
            raise AnsweredMeanwhileError


async def keep_all(
    tx: Tx, vault: Vault, partner_id: int, answers: Sequence[tuple[list[Key], bytes]], *, retention: timedelta
) -> None:
    """Keep several answers, each under its keys; as `keep`."""
    now = clock.wall_now()
    sealed = [(keys, vault.seal(answer)) for keys, answer in answers]
    rows = [
        (partner_id, key.scope, key.text, key.operation, key.body_hash, one) for keys, one in sealed for key in keys
    ]
    if not rows:
        return
    # Two that keep several of the same wait for one another in one order.
    rows.sort(key=lambda row: (row[1], row[2]))
    try:
        await tx.execute(_WRITE_ALL, *(list(column) for column in zip(*rows, strict=True)), now, now + retention)
    except asyncpg.UniqueViolationError as error:
        raise AnsweredMeanwhileError from error


async def _remember(tx: Tx, partner_id: int, keys: list[Key], answered: Row) -> None:
    """Let further keys lead to a kept answer, for as long as it is kept and they are valid."""
    now = clock.wall_now()
    expires_at = max(answered["expires_at"], now + SIGNATURE_LIFE)
    await tx.executemany(
        _WRITE,
        [
            (partner_id, key.scope, key.text, key.operation, key.body_hash, answered["answer"], now, expires_at)
            for key in keys
        ],
    )


async def forget_expired(tx: Tx, partner_id: int) -> int:
    """Delete answers past their retention; answers how many."""
    rows = await tx.fetch(
        "DELETE FROM answered_write WHERE partner_id = $1 AND expires_at <= $2 RETURNING key",
        partner_id,
        clock.wall_now(),
    )
    return len(rows)


async def forget_operations(tx: Tx, operations: Sequence[str]) -> int:
    """Delete what was answered to these operations, whoever called them; answers how many."""
    rows = await tx.fetch("DELETE FROM answered_write WHERE operation = ANY ($1) RETURNING key", list(operations))
    return len(rows)
