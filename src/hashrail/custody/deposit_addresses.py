"""Addresses at which users top up their accounts: each user has one, which is kept for ever.

The wallet hands it out, and where a signer has the keys it must be the signer's, at an index that nobody was given. The
wallet also keeps whose it is, as the address's label: where the books were restored from an older copy, the user gets
the address that they had, and what has arrived there is still theirs. From then on the books know that address again.

What arrives there: `deposits`.
"""

from collections.abc import Sequence

import msgspec
import structlog

from hashrail import business_clock, db
from hashrail.bitcoin.chain import Chain, Receiving
from hashrail.bitcoin.public_descriptors import AddressNotOursError
from hashrail.bitcoin.records import WalletHistory
from hashrail.custody import address_owners, hot_wallet
from hashrail.custody.address_owners import LABEL
from hashrail.db import Pool, Reader
from hashrail.errors import UnavailableError
from hashrail.parties import users

# An address that somebody has already is passed over; a wallet that was made anew begins with those of all users.
MAX_TRIES = 10_000
# What the wallet calls an address that may have been told to somebody whom the books have forgotten.
PASSED_OVER = "passed over"
log = structlog.get_logger()


class DepositsNotAvailableError(UnavailableError):
    """This deployment has no chain on which anything could arrive."""

    code = "DEPOSITS_NOT_AVAILABLE"
    advice = "Ask the operator whether deposits are meant to be possible: they need a Bitcoin node."


async def of_user(pool: Pool, chain: Chain | None, partner_id: int, user_id: int) -> str:
    """The user's address, made when they have none; two at once get the same.

    Raises DepositsNotAvailableError, UserBlockedError (for a new one), and what a node's call may raise.
    """
    address = await known(pool, partner_id, user_id)
    if address is not None:
        return address
    if chain is None:
        raise DepositsNotAvailableError("there is no Bitcoin node")
    async with db.transaction(pool) as tx:
        users.assert_active((await users.lock(tx, partner_id, [user_id]))[user_id], field="partnerUserId")
    doubts = await hot_wallet.look(pool, chain)
    if doubts:
        log.error("no deposit address is given out", code=doubts[0].code, why=doubts[0].message)
        raise DepositsNotAvailableError("the wallet of the node is in doubt")
    try:
        return await _new_address(pool, chain, partner_id, user_id)
    except AddressNotOursError as error:
        doubt = error
    log.error("no deposit address is given out", code=doubt.code, why=doubt.message)
    raise DepositsNotAvailableError("the wallet of the node is in doubt") from doubt


async def _new_address(pool: Pool, chain: Chain, partner_id: int, user_id: int) -> str:
    label = (await address_owners.labels_of(pool, [(partner_id, user_id)]))[partner_id, user_id]
    receive = await hot_wallet.receive_descriptor(pool, chain)
    for _ in range(MAX_TRIES):
        receiving = None if receive is None else await _receiving(pool, receive)
        made = await chain.address_for(label, receiving)
        index = None if receive is None else await chain.index_of(made, receive)
        first = await _give(pool, partner_id, user_id, made, index)
        if first is not None:
            return first
        # It could not be written, so it is there.
        await chain.put_label(made, (await address_owners.labels(pool, [made]))[made])
    raise DepositsNotAvailableError("the wallet gives out only addresses that others have")


async def _receiving(pool: Pool, receive: str) -> Receiving:
    async def labels(addresses: Sequence[str]) -> list[str]:
        whose = await address_owners.labels(pool, addresses)
        return [whose.get(address, PASSED_OVER) for address in addresses]

    return Receiving(receive, await hot_wallet.next_index(pool), labels)


async def believed_labels(pool: Pool, chain: Chain, history: WalletHistory) -> WalletHistory:
    """The history without labels at addresses that neither the books know nor the signer's descriptor gives.

    Whoever has the node could call any address a user's, and show somebody else's payment to it.
    """
    labelled = {each.address for each in history.entries if each.address and LABEL.fullmatch(each.label or "")}
    receive = await hot_wallet.receive_descriptor(pool, chain) if labelled else None
    if receive is None:
        return history
    rows = await pool.fetch("SELECT address FROM deposit_address WHERE address = ANY($1)", sorted(labelled))
    unknown = labelled - {row["address"] for row in rows}
    strange = {each for each in sorted(unknown) if await chain.index_of(each, receive) is None}
    if not strange:
        return history
    log.error("the node calls addresses users' that are not the signer's", addresses=sorted(strange))
    entries = (
        msgspec.structs.replace(each, label=None) if each.address in strange else each for each in history.entries
    )
    return msgspec.structs.replace(history, entries=tuple(entries))


async def _give(pool: Pool, partner_id: int, user_id: int, made: str, index: int | None) -> str | None:
    """The user's address: `made`, or one that they have got meanwhile; None where `made` is another one's.

    That happens where the wallet was made anew and begins again.
    """
    async with db.transaction(pool) as tx:
        await users.lock(tx, partner_id, [user_id])
        address = await known(tx, partner_id, user_id)
        if address is not None:
            return address
        await tx.execute(
            """INSERT INTO deposit_address AS a (address, partner_id, user_id, given, created_at)
               VALUES ($1, $2, $3, true, $4)
               ON CONFLICT (address) DO UPDATE SET given = true
               WHERE a.partner_id = excluded.partner_id AND a.user_id = excluded.user_id""",
            made,
            partner_id,
            user_id,
            await business_clock.now(tx),
        )
        if index is not None:
            await hot_wallet.note_index(tx, index)
        return await known(tx, partner_id, user_id)


async def known(tx: Reader, partner_id: int, user_id: int) -> str | None:
    """The address that was given to the user; None while they have none."""
    address: str | None = await tx.fetchval(
        "SELECT address FROM deposit_address WHERE partner_id = $1 AND user_id = $2 AND given", partner_id, user_id
    )
    return address
