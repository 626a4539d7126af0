"""Transactions and blocks of the simulated chain, as its tables hold them. Whoever writes holds the chain's row."""

import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Literal

import msgspec

from hashrail.bitcoin.amounts import to_sat
from hashrail.bitcoin.block_proofs import Body, Paid
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.records import Outpoint, WalletEntry
from hashrail.db import Reader, Row, Tx

State = Literal["mempool", "mined", "absent"]


class Content(msgspec.Struct):
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
    body = Content(list(spent), list(outputs), fee_btc, vsize, nonce or secrets.token_hex(8))
    return msgspec.json.encode(body).hex()


def read(raw: str) -> Content:
    """What stands in a transaction."""
    return msgspec.json.decode(bytes.fromhex(raw), type=Content)


def txid_of(raw: str) -> str:
    """The txid of a transaction."""
    return sha256(bytes.fromhex(raw)).hexdigest()


def outpoint_of(text: str) -> Outpoint:
    """The output that txid:vout names."""
    txid, _, vout = text.partition(":")
    return Outpoint(txid, int(vout))


async def state_of(tx: Reader, txid: str) -> State | None:
    """Where a transaction is; None for what was never sent."""
    state: State | None = await tx.fetchval("SELECT state FROM sandbox_transaction WHERE txid = $1", txid)
    return state


async def block_hash(tx: Reader, height: int) -> str:
    """Hash of the block at a height: it ends with the height, and changes with every reorg below it."""
    reorgs = await tx.fetchval("SELECT count(*) FROM sandbox_reorg WHERE from_height <= $1", height)
    return sha256(b"block %d %d" % (height, reorgs)).hexdigest()[:56] + f"{height:08x}"


async def evidence(
    tx: Reader, claims: Sequence[Claim], height: int, script_of: Callable[[str], str]
) -> dict[str, Evidence | Doubt]:
    """What blocks up to a height have of what is claimed; the chain's own word."""
    rows = await tx.fetch(
        "SELECT txid, raw, height FROM sandbox_transaction WHERE state = 'mined' AND txid = ANY($1)",
        [claim.txid for claim in claims],
    )
    hashes = {each: await block_hash(tx, each) for each in {row["height"] for row in rows}}
    found: dict[str, Evidence | Doubt] = {claim.txid: Doubt("no block has it") for claim in claims}
    for row in rows:
        made = read(row["raw"])
        paid = tuple(Paid(script_of(address), to_sat(amount)) for address, amount in made.outputs)
        body = Body(row["txid"], frozenset(map(outpoint_of, made.inputs)), paid, coinbase=False)
        depth = height - row["height"] + 1
        found[row["txid"]] = Evidence(body, hashes[row["height"]], row["height"], (), depth, simulated=True)
    return found


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
    await tx.execute(
        "INSERT INTO sandbox_reorg (id, from_height) SELECT count(*) + 1, $1 FROM sandbox_reorg", max(first, 1)
    )
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
        "SELECT inputs FROM sandbox_transaction WHERE state = 'absent' AND txid = ANY($1)",
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
        WalletEntry(
            txid=row["txid"],
            category=category,
            amount_btc=amount,
            vout=row["vout"],
            confirmations=confirmations,
            address=row["address"],
            block_hash=block,
        )
        for category, amount in lines
    ]


def own_script(number: int) -> bytes:
    """The script of an address of the wallet: P2WPKH of twenty bytes that begin with its number."""
    return b"\x00\x14" + number.to_bytes(4) + sha256(b"hashrail sandbox address %d" % number).digest()[:16]


def is_own(script: bytes, given: int) -> bool:
    """Whether the wallet has given a script out, of those that it numbered up to `given`."""
    number = int.from_bytes(script[2:6]) if len(script) == 22 else 0
    return 1 <= number <= given and script == own_script(number)
