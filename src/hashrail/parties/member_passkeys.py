"""Passkeys of a partner's members, each with the name that its owner gave it (`passkeys.py`).

They end with the account, like the code generator.
"""

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.parties import passkeys
from hashrail.parties.passkeys import Made, Passkey, PasskeyError, PasskeyNotFoundError


async def of_member(tx: Reader, partner_id: int, member_id: int) -> list[Passkey]:
    """A member's passkeys, the oldest first."""
    rows = await tx.fetch(
        """SELECT id, name, host, credential, made_at, used_at FROM member_passkey
           WHERE partner_id = $1 AND member_id = $2 ORDER BY id""",
        *(partner_id, member_id),
    )
    return [record(Passkey, row) for row in rows]


async def owners(tx: Reader, partner_id: int) -> set[int]:
    """The members of a partner who have a passkey."""
    rows = await tx.fetch("SELECT DISTINCT member_id FROM member_passkey WHERE partner_id = $1", partner_id)
    return {row["member_id"] for row in rows}


async def add(tx: Tx, partner_id: int, member_id: int, made: Made, *, name: str, host: str) -> None:
    """Keep a new one; who calls holds the partner's members alone. Raises PasskeysFullError, PasskeyError."""
    passkeys.assert_room(await of_member(tx, partner_id, member_id))
    kept = await tx.fetchval(
        """INSERT INTO member_passkey (partner_id, member_id, name, host, credential, public_key, signed, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (partner_id, credential) DO NOTHING RETURNING id""",
        *(partner_id, member_id, passkeys.name_of(name), host),
        *(made.credential, made.public_key, made.signed, clock.wall_now()),
    )
    if kept is None:
        raise PasskeyError("this passkey is there already", field="credential")
    told = passkeys.digest_of(made.credential)
    await journal.note(tx, Kind.MEMBER_PASSKEY_ADDED, partner_id=partner_id, member=member_id, passkey=told)


async def remove(tx: Tx, partner_id: int, member_id: int, number: int) -> str:
    """Take one away; answers its name. Raises PasskeyNotFoundError."""
    gone = await tx.fetchrow(
        """DELETE FROM member_passkey WHERE partner_id = $1 AND member_id = $2 AND id = $3
           RETURNING name, credential""",
        *(partner_id, member_id, number),
    )
    if gone is None:
        raise PasskeyNotFoundError(f"no passkey {number}", field="passkey")
    told = passkeys.digest_of(gone["credential"])
    await journal.note(tx, Kind.MEMBER_PASSKEY_REMOVED, partner_id=partner_id, member=member_id, passkey=told)
    name: str = gone["name"]
    return name


async def drop(tx: Tx, partner_id: int, member_id: int, digest: str) -> bool:
    """Take the one away that the journal calls so; answers whether there was one."""
    for one in await of_member(tx, partner_id, member_id):
        if passkeys.digest_of(one.credential) == digest:
            await remove(tx, partner_id, member_id, one.id)
            return True
    return False


async def accept(tx: Tx, partner_id: int, member_id: int, answer: str, *, site: str, asked: bytes) -> None:
    """An answer counts that a passkey of the member has signed. Raises PasskeyError."""
    row = await tx.fetchrow(
        """SELECT id, host, public_key, signed FROM member_passkey
           WHERE partner_id = $1 AND member_id = $2 AND credential = $3 FOR UPDATE""",
        *(partner_id, member_id, passkeys.named(answer)),
    )
    number, signed = passkeys.signed_by(row, answer, site=site, asked=asked)
    await tx.execute(
        "UPDATE member_passkey SET signed = $3, used_at = $4 WHERE partner_id = $1 AND id = $2",
        *(partner_id, number, signed, clock.wall_now()),
    )
