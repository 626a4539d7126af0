"""The history of the hot wallet: what is new in it since it was read last, and how far that was."""

from datetime import datetime

import structlog

from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.records import WalletHistory
from hashrail.db import Pool, Tx

log = structlog.get_logger()


async def read_history(pool: Pool, chain: Chain, depth: int) -> WalletHistory:
    """What is new in the wallet since it was read last; all of it where it has got what an older block had.

    A wallet that was made anew, or that looks through old blocks, has spends that lie before any cursor.
    """
    row = await pool.fetchrow("SELECT block_hash, wallet, size, told FROM payout_scan WHERE id = 1")
    assert row is not None, "the schema comes with it"
    if row["block_hash"] is None:
        return await chain.history(None, depth)
    history = await chain.history(row["block_hash"], depth)
    new = {entry.txid for entry in (*history.entries, *history.removed)} - {*row["told"]}
    if (history.wallet, history.size) == (row["wallet"], row["size"] + len(new)):
        return history
    log.info("the wallet's history is read anew", wallet=history.wallet, transactions=history.size)
    return await chain.history(None, depth)


async def move_cursor(tx: Tx, history: WalletHistory, depth: int, *, now: datetime, again: bool) -> None:
    """The history is written down: go on from there the next time, or with `again` read all of it once more."""
    entries = [*history.entries, *history.removed]
    read_again = {entry.txid for entry in entries if again or abs(entry.confirmations) < depth}
    await tx.execute(
        """UPDATE payout_scan SET block_hash = CASE WHEN $6 THEN block_hash ELSE $1 END, scanned_at = $2, wallet = $3,
                  size = $4, told = $5 WHERE id = 1""",
        history.last_block,
        now,
        history.wallet,
        history.size,
        sorted(read_again),
        again,
    )
