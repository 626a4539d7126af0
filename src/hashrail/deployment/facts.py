"""What a deployment is: one row of its database, written once, and the same for every process and command.

Mode, network, chain, and the epoch: random, a part of what the deployment gives out, and new after a restore, so that
nothing is taken for what another life of the same database gave.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import asyncpg

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.errors import UnavailableError
from hashrail.settings import Mode, Network

ChainKind = Literal["none", "simulated", "node"]
EPOCH_BYTES = 24
DIGEST_LENGTH = 12
EPOCH_BEGINS = "hashrail_epoch_begins"


class NoFactsError(UnavailableError):
    """The database does not say what deployment it is of."""

    code = "DEPLOYMENT_UNKNOWN"
    advice = "Run: hashrail migrate"


@dataclass(frozen=True, slots=True)
class Nature:
    """What a deployment is, however it came to be.

    `wallet` is the name of the wallet on its node; `signer` the digest of an external signer's public descriptors,
    None where that wallet signs.
    """

    mode: Mode
    network: Network
    chain: ChainKind
    wallet: str | None = None
    signer: str | None = None

    def words(self) -> str:
        """For people."""
        signs = "an external signer" if self.signer else "its own keys"
        chains = {
            "none": "without a node",
            "simulated": "on a simulated chain",
            "node": f"on a node with the wallet {self.wallet!r}, and {signs}",
        }
        return f"a {self.mode} one, on the network {self.network}, {chains[self.chain]}"

    def shown(self) -> dict[str, str]:
        """For a log; it leaves out what there is none of."""
        every = {"mode": self.mode, "network": self.network, "chain": self.chain, "wallet": self.wallet}
        return {name: text for name, text in every.items() if text is not None}


@dataclass(frozen=True, slots=True)
class Facts(Nature):
    """What stands in the row; `epoch` is a text of 128 random bits or more, `created_at` wall time."""

    epoch: str = field(kw_only=True, repr=False)
    created_at: datetime = field(kw_only=True)

    @property
    def nature(self) -> Nature:
        """Without what no environment can say."""
        return Nature(self.mode, self.network, self.chain, self.wallet, self.signer)


def epoch_digest(epoch: str) -> str:
    """What tokens show of their epoch: enough to tell two apart."""
    return hashlib.sha256(epoch.encode()).hexdigest()[:DIGEST_LENGTH]


async def find(reader: Reader) -> Facts | None:
    """The facts, or None where nobody has written them yet, or there is no table for them."""
    try:
        row = await reader.fetchrow(
            "SELECT mode, network, chain, wallet, signer, epoch, created_at FROM deployment WHERE id = 1"
        )
    except asyncpg.UndefinedTableError:
        return None
    return None if row is None else record(Facts, row)


async def read(reader: Reader) -> Facts:
    """The facts. Raises NoFactsError where nobody has written them yet."""
    found = await find(reader)
    if found is None:
        raise NoFactsError("the database does not say what deployment it is of")
    return found


async def epochs(reader: Reader) -> set[str]:
    """The present epoch, and those that restores have ended. Raises NoFactsError."""
    rows = await reader.fetch("SELECT DISTINCT old_epoch FROM restoration")
    return {(await read(reader)).epoch, *(row["old_epoch"] for row in rows)}


async def begin_epoch(tx: Tx) -> str:
    """A new epoch: nothing that was given out in the one before is taken for the new one's. Raises NoFactsError."""
    epoch = secrets.token_urlsafe(EPOCH_BYTES)
    if await tx.fetchval("UPDATE deployment SET epoch = $1 WHERE id = 1 RETURNING true", epoch) is None:
        raise NoFactsError("the database does not say what deployment it is of")
    await tx.execute("SELECT pg_notify($1, '')", EPOCH_BEGINS)
    return epoch


async def establish(tx: Tx, nature: Nature) -> Facts:
    """Write the facts, once: what stands there already stays. Answers what stands there."""
    await tx.execute(
        """INSERT INTO deployment (id, mode, network, chain, wallet, signer, epoch, created_at)
           VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING""",
        nature.mode,
        nature.network,
        nature.chain,
        nature.wallet,
        nature.signer,
        secrets.token_urlsafe(EPOCH_BYTES),
        clock.wall_now(),
    )
    return await read(tx)
