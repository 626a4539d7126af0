"""The wallet that pays: the one that was read before, or none is believed.

A wallet that was made anew, or another one, does not know what the old one has paid. What the books have forgotten too,
because an older copy of them was restored, would be paid again, and addresses of users would be given to others. So the
books keep the wallet's keys, and since when it looks for each. While the wallet on the node lacks one of them, or looks
for it since a later day only, nothing is paid and no address is given out.

A wallet that was made anew from the same keys is believed as soon as it has looked through the chain since then. One
that is another on purpose is adopted by an admin.
"""

from collections.abc import Mapping
from datetime import datetime

from hashrail import clock, operators
from hashrail.db import Reader, Tx
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.chain import Chain
from hashrail.operators import Operator

OTHER = "WALLET_IS_ANOTHER"


async def look(tx: Reader, chain: Chain) -> list[Finding]:
    """Whether the wallet on the node is the one that was read before; empty means it is, or it is the first."""
    keys = await chain.keys()
    rows = await tx.fetch("SELECT descriptor, since FROM payout_wallet_key ORDER BY descriptor")
    missing = [row for row in rows if row["descriptor"] not in keys]
    if missing:
        return [Finding(OTHER, f"the wallet on the node lacks {len(missing)} of {len(rows)} keys that it had before")]
    younger = [row for row in rows if keys[row["descriptor"]] > row["since"]]
    if younger:
        since, before = clock.iso(keys[younger[0]["descriptor"]]), clock.iso(younger[0]["since"])
        return [Finding(OTHER, f"the wallet on the node knows the chain since {since}, the one before since {before}")]
    return []


async def remember(tx: Tx, keys: Mapping[str, datetime]) -> None:
    """The wallet was read with these keys; an earlier day counts."""
    await tx.executemany(
        """INSERT INTO payout_wallet_key AS k (descriptor, since) VALUES ($1, $2)
           ON CONFLICT (descriptor) DO UPDATE SET since = excluded.since WHERE excluded.since < k.since""",
        sorted(keys.items()),
    )


async def adopt(tx: Tx, operator: Operator, reason: str) -> None:
    """Whichever wallet is read next is the right one, from its beginning; again is a no-op.

    What the old one did after the books were saved is known to nobody then.
    """
    await tx.execute("DELETE FROM payout_wallet_key")
    await tx.execute("UPDATE payout_scan SET block_hash = NULL WHERE id = 1")
    await operators.note(tx, operator, "wallet adopted", "the next one that is read", reason)
