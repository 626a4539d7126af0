"""Transactions and blocks of the simulated chain, as its tables hold them. Whoever writes holds the chain's row."""

import secrets
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Literal

import msgspec

from hashrail.db import Reader, Row, Tx
from hashrail.gateways.bitcoin_records import Outpoint, WalletEntry


class Body(msgspec.Struct):
    """What stands in a transaction: `inputs` as txid:vout, `outputs` as address and BTC."""

    inputs: list[str]
    outputs: list[tuple[str, Decimal]]
    fee: Decimal
    vsize: int
    nonce: str
    simulated: Literal[True] = True


def made(
    spent: Sequence[str], outputs: Sequence[tuple[str, Decimal]], fee_btc: Decimal, vsize: int, nonce: str | None = None
) -> str:
    """What stands for the bytes of a transaction: a text in hexadecimal that says what it is."""
    body = Body(list(spent), list(outputs), fee_btc, vsize, nonce or secrets.token_hex(8))
    return msgspec.json.encode(body).hex()


def read(raw: str) -> Body:
    """What stands in a transaction."""
    return msgspec.json.decode(bytes.fromhex(raw), type=Body)


def txid_of(raw: str) -> str:
    """The txid of a transaction."""
    return sha256(bytes.fromhex(raw)).hexdigest()


def outpoint_of(text: str) -> Outpoint:
    """The output that txid:vout names."""
    txid, _, vout = text.partition(":")
    return Outpoint(txid, int(vout))


async def state_of(tx: Reader, txid: str) -> str | None:
    """mempool, mined or absent; None for what was never sent."""
    state: str | None = await tx.fetchval("SELECT state FROM sandbox_transaction WHERE txid = $1", txid)
    return state


async def block_hash(tx: Reader, height: int) -> str:
    """Hash of the block at a height: it ends with the height, and changes with every reorg below it."""
    reorgs = await tx.fetchval("SELECT count(*) FROM sandbox_reorg WHERE from_height <= $1", height)
    return sha256(b"block %d %d" % (height, reorgs)).hexdigest()[:56] + f"{height:08x}"


async def fork_point(tx: Reader, known: str) -> int:
    """Height of a block, or of the last one below every reorg where it is not in the chain any more."""
    height = int(known[56:], 16)
    if await block_hash(tx, height) == known:
        return height
    first: int = await tx.fetchval("SELECT min(from_height) FROM sandbox_reorg")
    return first - 1


async def confirm(tx: Tx, txids: Sequence[str], height: int) -> None:
    """The block at `height` has these."""
    await tx.execute(
        "UPDATE sandbox_transaction SET state = 'mined', height = $2 WHERE txid = ANY($1)", list(txids), height
    )


async def leave(tx: Tx, spent: Sequence[str]) -> bool:
    """What waits and spends one of these leaves the mempool; whether anything did."""
    rows = await tx.fetch(
        "SELECT txid FROM sandbox_transaction WHERE state = 'mempool' AND inputs && $1::text[]", list(spent)
    )
    await forget(tx, [row["txid"] for row in rows])
    return bool(rows)


async def forget(tx: Tx, txids: Sequence[str]) -> None:
    """Take transactions out of the mempool, and what waits and spends from them."""
    while txids:
        await tx.execute(
            "UPDATE sandbox_transaction SET state = 'absent' WHERE state = 'mempool' AND txid = ANY($1)", list(txids)
        )
        rows = await tx.fetch(
            """SELECT DISTINCT t.txid FROM sandbox_output o
               JOIN sandbox_transaction t ON t.inputs @> ARRAY[o.txid || ':' || o.vout]
               WHERE o.txid = ANY($1) AND t.state = 'mempool'""",
            list(txids),
        )
        txids = [row["txid"] for row in rows]


async def replace_blocks(tx: Tx, height: int, depth: int, *, drop: bool) -> None:
    """Replace the last `depth` blocks: what they held waits again."""
    if depth < 1:
        return
    first = height - depth + 1
    await tx.execute("INSERT INTO sandbox_reorg SELECT count(*) + 1, $1 FROM sandbox_reorg", max(first, 1))
    rows = await tx.fetch(
        """UPDATE sandbox_transaction SET state = 'mempool', height = NULL
           WHERE state = 'mined' AND height >= $1 AND height > 0 RETURNING txid""",
        first,
    )
    if drop:
        await forget(tx, [row["txid"] for row in rows])


async def conflict_depth(tx: Reader, row: Row, height: int) -> int:
    """How deep the chain has a spend of the same outputs, or of those that an ancestor needs; 0 where it has none."""
    rival: int | None = await tx.fetchval(
        "SELECT min(height) FROM sandbox_transaction WHERE state = 'mined' AND inputs && $1::text[]", row["inputs"]
    )
    if rival is not None:
        return height - rival + 1
    parents = await tx.fetch(
        "SELECT * FROM sandbox_transaction WHERE state = 'absent' AND txid = ANY($1)",
        [outpoint_of(each).txid for each in row["inputs"]],
    )
    return max([await conflict_depth(tx, parent, height) for parent in parents], default=0)


async def entries(tx: Reader, row: Row, height: int) -> list[WalletEntry]:
    """The lines of one output: sent, received, or both."""
    confirmations = height - row["height"] + 1 if row["state"] == "mined" else 0
    block = await block_hash(tx, row["height"]) if row["state"] == "mined" else None
    lines = []
    if row["from_us"]:
        lines.append(("send", -row["amount_btc"]))
    if row["ours"]:
        lines.append(("receive", row["amount_btc"]))
    return [
        WalletEntry(row["txid"], category, amount, row["vout"], confirmations, row["address"], None, block)
        for category, amount in lines
    ]
