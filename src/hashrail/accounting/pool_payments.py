"""What the chain shows of the pool: a transaction that pays addresses which the operator has named as their own.

Nothing is taken on the word of the node: it shows the transaction, the way to its block and the headers on top, as for
a deposit (`bitcoin.evidence`), as deep as one is final. An address that a user was given is never the pool's, and what
spends our own coins is never a payment of the pool: the change of a payout, or what the operator moves.
"""

import re
from collections.abc import Sequence, Set
from datetime import date, datetime
from decimal import Decimal

from hashrail.accounting.pool_receipts import Entered
from hashrail.bitcoin.addresses import parse
from hashrail.bitcoin.amounts import to_btc
from hashrail.bitcoin.block_proofs import Body
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.records import Outpoint
from hashrail.custody import foreign_spends, wallet_history
from hashrail.db import Pool, Reader, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.money import ZERO
from hashrail.settings import Network

TXID = re.compile(r"[0-9a-f]{64}")


class PoolAddressError(ConflictError):
    """An address of a user's, at which whatever arrives is theirs."""

    code = "POOL_ADDRESS_TAKEN"
    advice = "Let the pool pay to an address that nobody was given, and name that."


class BadTxidError(BadRequestError):
    """Not the id of a transaction."""

    code = "BAD_POOL_TXID"
    advice = "Give 64 hexadecimal digits, as the node and explorers show them."


class PoolPaymentUnprovenError(ConflictError):
    """The chain does not show that the transaction pays a named address, deep enough."""

    code = "POOL_PAYMENT_UNPROVEN"
    advice = "Wait until it is deep enough, name the address (hashrail pool address add), or give --block."


class PoolPaymentOursError(ConflictError):
    """The transaction spends coins of our own, so it is no payment of the pool."""

    code = "POOL_PAYMENT_OURS"
    advice = "Nothing was received: it is a payout's change, or coins that you moved. Name addresses of the pool alone."


async def add_address(tx: Tx, address: str, network: Network, *, at: datetime) -> bool:
    """Name an address that the pool pays to; False when it was. Raises AddressInvalidError and PoolAddressError."""
    parse(address, network, field="address")
    if await tx.fetchval("SELECT EXISTS (SELECT 1 FROM deposit_address WHERE address = $1)", address):
        raise PoolAddressError(f"{address} was given to a user", field="address")
    made = await tx.execute(
        "INSERT INTO pool_address (address, added_at) VALUES ($1, $2) ON CONFLICT (address) DO NOTHING", address, at
    )
    return made == "INSERT 0 1"


async def remove_address(tx: Tx, address: str) -> bool:
    """Name it no more; what was recorded stays. False when it was not."""
    return await tx.execute("DELETE FROM pool_address WHERE address = $1", address) == "DELETE 1"


async def addresses(tx: Reader) -> list[str]:
    """The named addresses."""
    rows = await tx.fetch("SELECT address FROM pool_address ORDER BY added_at, address")
    return [row["address"] for row in rows]


async def _not_of_users(tx: Reader) -> list[str]:
    """The named addresses but for those that a user was given since: what arrives there is a deposit."""
    rows = await tx.fetch(
        """SELECT p.address FROM pool_address p
           WHERE NOT EXISTS (SELECT 1 FROM deposit_address d WHERE d.address = p.address) ORDER BY p.address"""
    )
    return [row["address"] for row in rows]


async def prove(
    pool: Pool,
    chain: Chain,
    network: Network,
    *,
    txid: str,
    day: date,
    depth: int,
    block_hash: str | None = None,
) -> Entered:
    """What a transaction pays to named addresses, with what proves it, for a mined day.

    Raises BadTxidError, PoolPaymentUnprovenError, PoolPaymentOursError, and what a node's call may raise.
    """
    if not TXID.fullmatch(txid):
        raise BadTxidError(f"{txid!r} is no txid", field="txid")
    if block_hash is None:
        block_hash = (await chain.transaction(txid)).block_hash
    if block_hash is None:
        raise PoolPaymentUnprovenError("the node knows no block that has it", field="txid")
    shown = (await chain.evidence([Claim(txid, block_hash, depth)]))[txid]
    if isinstance(shown, Doubt):
        raise PoolPaymentUnprovenError(shown.reason, field="txid")
    if shown.depth < depth:
        raise PoolPaymentUnprovenError(f"it is {shown.depth} blocks deep, not {depth}", field="txid")
    ours = {parse(each, network, field="address").script.hex() for each in await _not_of_users(pool)}
    paid: Decimal = sum((to_btc(each.amount_sat) for each in shown.body.outputs if each.script in ours), ZERO)
    if paid == 0:
        raise PoolPaymentUnprovenError("it pays none of the named addresses", field="txid")
    if await _is_ours(pool, chain, ours, shown.body, depth):
        raise PoolPaymentOursError(f"{txid} spends coins of our own", field="txid")
    return Entered("chain", f"tx {txid}", day, paid, txid=txid, proof=shown)


async def _is_ours(pool: Pool, chain: Chain, ours: Set[str], body: Body, depth: int) -> bool:
    """Whether a transaction spends what was ours, as the books, the wallet or the outputs that it spends say.

    `ours` are the scripts of the named addresses.
    """
    outpoints = sorted(body.spends)
    if await foreign_spends.is_ours(pool, body.txid, [f"{each.txid}:{each.vout}" for each in outpoints]):
        return True
    # What the wallet has sent since the books have looked at its history.
    history = await wallet_history.read_history(pool, chain, depth)
    if any(entry.txid == body.txid and entry.category == "send" for entry in history.entries):
        return True
    named = set(await addresses(pool))
    for each in outpoints:
        parent = await chain.raw_transaction(each.txid)
        if parent is not None and (await chain.decode(parent)).outputs[each.vout].address in named:
            return True
    return not body.spends.isdisjoint(await _received(pool, chain, ours, [each.txid for each in outpoints]))


async def _received(pool: Pool, chain: Chain, ours: Set[str], txids: Sequence[str]) -> set[Outpoint]:
    """What of these transactions was recorded as paid by the pool: a node without index shows it by its block."""
    rows = await pool.fetch(
        "SELECT DISTINCT txid, block_hash FROM pool_receipt WHERE source = 'chain' AND txid = ANY($1)", list(txids)
    )
    shown = await chain.evidence([Claim(row["txid"], row["block_hash"], 1) for row in rows])
    return {
        Outpoint(txid, vout)
        for txid, found in shown.items()
        if isinstance(found, Evidence)
        for vout, paid in enumerate(found.body.outputs)
        if paid.script in ours
    }
