"""Passkeys of operators, each with the name that its owner gave it (`passkeys.py`).

They go with a password that somebody else gives, like the code generator.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.errors import ConflictError, NotFoundError
from hashrail.parties import passkeys
from hashrail.parties.passkeys import Made, PasskeyError

MAX_PASSKEYS, MAX_NAME = 10, 100


class PasskeyNotFoundError(NotFoundError):
    """The operator has no passkey of that number."""

    code = "PASSKEY_NOT_FOUND"
    advice = "Look at the list again."


class PasskeysFullError(ConflictError):
    """The operator has as many passkeys as anybody may."""

    code = "PASSKEYS_FULL"
    advice = "Remove one that you do not use any more."


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey: for which host it was made, and when it was used last; times are wall times."""

    id: int
    name: str
    host: str
    credential: bytes
    made_at: datetime
    used_at: datetime | None


async def of_operator(tx: Reader, operator_id: int) -> list[Passkey]:
    """An operator's passkeys, the oldest first."""
    rows = await tx.fetch(
        """SELECT id, name, host, credential, made_at, used_at FROM operator_passkey
           WHERE operator_id = $1 ORDER BY id""",
        operator_id,
    )
    return [record(Passkey, row) for row in rows]


async def add(tx: Tx, operator_id: int, made: Made, *, name: str, host: str) -> None:
    """Keep a new one. Raises PasskeysFullError, PasskeyError."""
    await tx.fetchval("SELECT id FROM operator_account WHERE id = $1 FOR NO KEY UPDATE", operator_id)
    if len(await of_operator(tx, operator_id)) >= MAX_PASSKEYS:
        raise PasskeysFullError(f"{MAX_PASSKEYS} passkeys are the most")
    kept = await tx.fetchval(
        """INSERT INTO operator_passkey (operator_id, name, host, credential, public_key, signed, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (credential) DO NOTHING RETURNING id""",
        *(operator_id, name[:MAX_NAME], host, made.credential, made.public_key, made.signed, clock.wall_now()),
    )
    if kept is None:
        raise PasskeyError("this passkey is there already", field="credential")


async def remove(tx: Tx, operator_id: int, number: int) -> str:
    """Take one away; answers its name. Raises PasskeyNotFoundError."""
    gone: str | None = await tx.fetchval(
        "DELETE FROM operator_passkey WHERE operator_id = $1 AND id = $2 RETURNING name", operator_id, number
    )
    if gone is None:
        raise PasskeyNotFoundError(f"no passkey {number}", field="passkey")
    return gone


async def forget(tx: Tx, operator_id: int) -> None:
    """All of them are lost."""
    await tx.execute("DELETE FROM operator_passkey WHERE operator_id = $1", operator_id)


async def accept(tx: Tx, operator_id: int, answer: str, *, site: str, asked: bytes) -> None:
    """An answer counts that a passkey of the operator has signed. Raises PasskeyError."""
    row = await tx.fetchrow(
        """SELECT id, host, public_key, signed FROM operator_passkey
           WHERE operator_id = $1 AND credential = $2 FOR UPDATE""",
        *(operator_id, passkeys.named(answer)),
    )
    if row is None or row["host"] != passkeys.host_of(site):
        raise PasskeyError("this passkey opens nothing here", field="credential")
    signed = passkeys.used(answer, site=site, asked=asked, public_key=row["public_key"], signed=row["signed"])
    await tx.execute(
        "UPDATE operator_passkey SET signed = $2, used_at = $3 WHERE id = $1", row["id"], signed, clock.wall_now()
    )
