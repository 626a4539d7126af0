"""Whether the master keys at hand are the deployment's: told when it is opened, not when a secret is needed.

A text that the keys have sealed is kept with the deployment's facts. Where there is none yet, the keys are those that
open a secret of the books; where there is no secret either, they are the first.
"""

from hashrail import db
from hashrail.db import Reader, Tx
from hashrail.settings import Settings
from hashrail.vault import Vault, open_vault

CHECK = b"hashrail"


async def open_checked(pool: db.Pool, settings: Settings) -> Vault:
    """The vault with the deployment's master keys. Raises VaultError for others, or where none are at hand.

    The check is kept by whoever opens it first on the server that writes; who reads from a standby keeps none.
    """
    check: bytes | None = await pool.fetchval("SELECT master_key_check FROM deployment WHERE id = 1")
    sealed = await _any_secret(pool) if check is None else check
    vault = open_vault(settings.data, settings.master_keys, make=sealed is None)
    if sealed is not None:
        vault.open(sealed)
    if check is None and not await pool.fetchval("SELECT pg_is_in_recovery()"):
        async with db.transaction(pool) as tx:
            await keep_check(tx, vault)
    return vault


async def keep_check(tx: Tx, vault: Vault) -> None:
    """Later processes need keys that open what these have sealed; the first check stays."""
    await tx.execute(
        "UPDATE deployment SET master_key_check = $1 WHERE id = 1 AND master_key_check IS NULL", vault.seal(CHECK)
    )


async def _any_secret(reader: Reader) -> bytes | None:
    """The newest thing that was sealed: keys are put in front, and the old ones are taken away some day."""
    found: bytes | None = await reader.fetchval(
        """SELECT sealed FROM (SELECT sealed, created_at FROM signing_key UNION ALL
                               SELECT sealed, created_at FROM api_secret WHERE revoked_at IS NULL) AS every
           ORDER BY created_at DESC LIMIT 1"""
    )
    return found
