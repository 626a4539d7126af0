"""The wallet that pays: the one that was read before, or none is believed.

A wallet that was made anew, or another one, does not know what the old one has paid. What the books have forgotten too,
because an older copy of them was restored, would be paid again, and addresses of users would be given to others. So the
books keep the wallet's keys, and since when it looks for each, and a mark is written into the wallet, by which it is
known again. While the wallet on the node lacks a key or the mark, nothing is paid and no address is given out.

A wallet that was made anew from the same keys is believed as soon as it has looked through the chain since then: a
look-back that has ended and reached that day, and not one that was asked for (`bitcoin.look_back`). One that is another
on purpose is adopted by an admin.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from hashrail import clock
from hashrail.bitcoin import look_back, public_descriptors
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.public_descriptors import AddressNotOursError
from hashrail.bitcoin.records import WalletMark
from hashrail.db import Reader, Tx
from hashrail.parties import operators
from hashrail.parties.operators import Operator

OTHER = "WALLET_IS_ANOTHER"


async def look(tx: Reader, chain: Chain) -> list[Finding]:
    """Whether the wallet on the node is the one that was read before; empty means it is, or it is the first."""
    # The books first: whoever reads a wallet for the first time marks it before they write that down, so a mark that
    # is asked for after the books is there if they know of it.
    rows = await tx.fetch("SELECT descriptor, since FROM payout_wallet_key ORDER BY descriptor")
    keys, mark = await chain.keys(), await chain.mark()
    unfinished = look_back.unfinished(mark)
    if unfinished:
        return unfinished
    missing = [row for row in rows if row["descriptor"] not in keys]
    if missing:
        return [Finding(OTHER, f"the wallet on the node lacks {len(missing)} of {len(rows)} keys that it had before")]
    if rows and not await _is_known(tx, mark, min(row["since"] for row in rows)):
        before = clock.iso(min(row["since"] for row in rows))
        return [Finding(OTHER, f"the wallet on the node was never read, and has not looked back to {before}")]
    reached = None if mark.looks_back_to is None else clock.from_seconds(mark.looks_back_to)
    younger = [
        row for row in rows if keys[row["descriptor"]] > row["since"] and (reached is None or reached > row["since"])
    ]
    if younger:
        since, before = clock.iso(keys[younger[0]["descriptor"]]), clock.iso(younger[0]["since"])
        return [Finding(OTHER, f"the wallet on the node knows the chain since {since}, the one before since {before}")]
    return []


async def mark(tx: Reader, chain: Chain) -> str | None:
    """Mark the wallet that is read, so that it is known again; answers by what. Again is a no-op."""
    if chain.simulated:
        return None
    found = await chain.mark()
    if found.instance is not None:
        return found.instance
    instance: str = await tx.fetchval("SELECT instance FROM hot_wallet WHERE id = 1")
    # The same for all who mark at once, and for whoever is killed before it is remembered.
    await chain.put_mark(replace(found, instance=instance))
    return instance


async def remember(tx: Tx, keys: Mapping[str, datetime], instance: str | None) -> None:
    """The wallet was read with this mark and these keys; an earlier day counts."""
    if instance is not None:
        await tx.execute(
            """UPDATE hot_wallet SET instance = $1, marked = true
               WHERE id = 1 AND (NOT marked OR instance <> $1)""",
            instance,
        )
    await tx.executemany(
        """INSERT INTO payout_wallet_key AS k (descriptor, since) VALUES ($1, $2)
           ON CONFLICT (descriptor) DO UPDATE SET since = excluded.since WHERE excluded.since < k.since""",
        sorted(keys.items()),
    )


async def receive_descriptor(tx: Reader, chain: Chain) -> str | None:
    """The signer's descriptor of addresses to receive with: this process' own, or what one with the signer wrote down.

    None where the wallet on the node has the keys. Raises AddressNotOursError where nobody has written it down yet.
    """
    signer = chain.signer()
    kept = signer[0] if signer is not None else await public_descriptors.receive(tx)
    if kept is None and chain.signs_elsewhere:
        raise AddressNotOursError("the signer's public keys are not in the books yet: hashrail payouts run")
    return kept


async def next_index(tx: Reader) -> int:
    """The first index of the signer's addresses that nobody was given, as far as the books know."""
    index: int = await tx.fetchval("SELECT next_index FROM deposit_index WHERE id = 1")
    return index


async def note_index(tx: Tx, index: int) -> None:
    """The address at an index was given to somebody."""
    await tx.execute("UPDATE deposit_index SET next_index = greatest(next_index, $1) WHERE id = 1", index + 1)


async def pass_over(tx: Tx, count: int) -> int:
    """Give out none of the next addresses: books that were restored do not know who was told them.

    Answers the first index that is given out from then on.
    """
    assert count >= 0, "nothing that was given is given again"
    index: int = await tx.fetchval(
        "UPDATE deposit_index SET next_index = next_index + $1 WHERE id = 1 RETURNING next_index", count
    )
    return index


async def kept(tx: Reader) -> dict[str, object]:
    """The wallet that is the right one until another is adopted: its mark, and its keys with the day of each."""
    row = await tx.fetchrow("SELECT instance, marked FROM hot_wallet WHERE id = 1")
    assert row is not None, "the schema comes with it"
    rows = await tx.fetch("SELECT descriptor, since FROM payout_wallet_key ORDER BY descriptor")
    keys = {each["descriptor"]: each["since"] for each in rows}
    return {"instance": row["instance"] if row["marked"] else None, "keys": keys}


async def adopt(tx: Tx, operator: Operator, reason: str) -> None:
    """Whichever wallet is read next is the right one, from its beginning; again is a no-op.

    What the old one did after the books were saved is known to nobody then.
    """
    await tx.execute("DELETE FROM payout_wallet_key")
    await tx.execute("UPDATE hot_wallet SET marked = false WHERE id = 1")
    await tx.execute("UPDATE payout_scan SET block_hash = NULL WHERE id = 1")
    await operators.note(tx, operator, "wallet adopted", "the next one that is read", reason)


async def _is_known(tx: Reader, found: WalletMark, since: datetime) -> bool:
    """Whether it is the one that was read, or has looked back far enough; books that have marked none compare keys."""
    row = await tx.fetchrow("SELECT instance, marked FROM hot_wallet WHERE id = 1")
    assert row is not None, "the schema comes with it"
    if not row["marked"] or found.instance == row["instance"]:
        return True
    return found.looks_back_to is not None and clock.from_seconds(found.looks_back_to) <= since
