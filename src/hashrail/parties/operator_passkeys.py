"""Passkeys of operators, each with the name that its owner gave it (`passkeys.py`).

They go with a password that somebody else gives, like the code generator.
"""

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.parties import passkeys
from hashrail.parties.passkeys import Made, Passkey, PasskeyError, PasskeyNotFoundError


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
    owner = await tx.fetchval("SELECT name FROM operator_account WHERE id = $1 FOR NO KEY UPDATE", operator_id)
    passkeys.assert_room(await of_operator(tx, operator_id))
    kept = await tx.fetchval(
        """INSERT INTO operator_passkey (operator_id, name, host, credential, public_key, signed, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (credential) DO NOTHING RETURNING id""",
        *(operator_id, passkeys.name_of(name), host, made.credential, made.public_key, made.signed, clock.wall_now()),
    )
    if kept is None:
        raise PasskeyError("this passkey is there already", field="credential")
    told = passkeys.digest_of(made.credential)
    await journal.note(tx, Kind.OPERATOR_PASSKEY_ADDED, operator=owner, passkey=told)


async def remove(tx: Tx, operator_id: int, number: int) -> str:
    """Take one away; answers its name. Raises PasskeyNotFoundError."""
    gone = await tx.fetchrow(
        "DELETE FROM operator_passkey WHERE operator_id = $1 AND id = $2 RETURNING name, credential",
        *(operator_id, number),
    )
    if gone is None:
        raise PasskeyNotFoundError(f"no passkey {number}", field="passkey")
    owner = await tx.fetchval("SELECT name FROM operator_account WHERE id = $1", operator_id)
    told = passkeys.digest_of(gone["credential"])
    await journal.note(tx, Kind.OPERATOR_PASSKEY_REMOVED, operator=owner, passkey=told)
    name: str = gone["name"]
    return name


async def drop(tx: Tx, operator_id: int, digest: str) -> bool:
    """Take the one away that the journal calls so; answers whether there was one."""
    for one in await of_operator(tx, operator_id):
        if passkeys.digest_of(one.credential) == digest:
            await remove(tx, operator_id, one.id)
            return True
    return False


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
    number, signed = passkeys.signed_by(row, answer, site=site, asked=asked)
    await tx.execute(
        "UPDATE operator_passkey SET signed = $2, used_at = $3 WHERE id = $1", *(number, signed, clock.wall_now())
    )
