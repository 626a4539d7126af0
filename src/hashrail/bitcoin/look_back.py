"""Looking back: a wallet that was made anew finds what the chain has for it since a day.

It counts when it has ended well and has reached that day, never because it was asked for. So the wallet is marked
before it begins and once it has ended (`wallet_marks`): a look-back that was cut off, or that the node could not carry
out, leaves a wallet that is not believed.
"""

from datetime import datetime

from hashrail import clock
from hashrail.bitcoin import wallet_marks
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.records import ChainInfo, WalletMark
from hashrail.errors import ConflictError
from hashrail.settings import Network

# Blocks may say that they were made two hours before the ones below them.
WINDOW_SECONDS = 7200


class LookBackError(ConflictError):
    """The wallet has not looked through the chain since the day that was asked for; `details.reason` says why."""

    code = "LOOK_BACK_FAILED"
    advice = "The wallet is not believed until a look-back to that day has ended: use a node that has all blocks."


def unfinished(mark: WalletMark) -> list[Finding]:
    """What a wallet is not believed for that was told to look back, and has not come to the end of it."""
    if mark.looks_back_to is None or mark.ended:
        return []
    since = clock.iso(clock.from_seconds(mark.looks_back_to))
    return [Finding("WALLET_LOOK_BACK", f"looking back to {since} has not come to its end: begin it once more")]


async def watch(
    node: BitcoinNode,
    network: Network,
    external: str,
    internal: str,
    *,
    since: datetime | None,
    first_index: int = 0,
    last_index: int = 999,
) -> None:
    """Let the wallet watch two public descriptors, from now on or since a day; again is a no-op, or looks once more.

    Raises LookBackError, NodeWalletError, and what a node's call may raise.
    """
    marks = None if since is None else await _begin(node, network, since)
    await node.import_descriptors(external, internal, since=since, first_index=first_index, last_index=last_index)
    if marks is not None:
        await _end(node, network, *marks)


async def rescan(node: BitcoinNode, network: Network, *, since: datetime) -> None:
    """Let a wallet with keys look through the chain since a day. Raises like `watch`."""
    begun, before = await _begin(node, network, since)
    tip = (await node.chain_info()).blocks
    first = await _first_block(node, tip, int(since.timestamp()) - WINDOW_SECONDS)
    start, stop = await node.rescan(first)
    if start > first or stop is None or stop < tip:
        raise LookBackError(f"the wallet looked through blocks {start} to {stop}, not {first} to {tip}", reason="part")
    await _end(node, network, begun, before)


async def _begin(node: BitcoinNode, network: Network, since: datetime) -> tuple[WalletMark, WalletMark]:
    """Write down that it begins, where the node has the blocks; answers that mark, and the one before it."""
    await _assert_blocks(node, await node.chain_info(), since)
    before = await wallet_marks.read(node, network)
    begun = WalletMark(before.instance, int(since.timestamp()))
    await wallet_marks.write(node, network, begun)
    return begun, before


async def _end(node: BitcoinNode, network: Network, begun: WalletMark, before: WalletMark) -> None:
    """It came to its end without a word against it."""
    if (await node.wallet_info()).scanning:
        raise LookBackError("the wallet is still looking through old blocks", reason="scanning")
    reached = [begun.looks_back_to, before.looks_back_to if before.ended else None]
    earliest = min(each for each in reached if each is not None)
    await wallet_marks.write(node, network, WalletMark(begun.instance, earliest, ended=True))


async def _assert_blocks(node: BitcoinNode, info: ChainInfo, since: datetime) -> None:
    if info.unvalidated:
        message = "the node began from a copy of the coins, and has not looked through the blocks before it"
        raise LookBackError(message, reason="unvalidated")
    if info.pruned_below is not None:
        oldest = clock.from_seconds(await node.block_time(info.pruned_below))
        if oldest > since:
            message = f"the node has pruned its blocks: the oldest that it has is of {clock.iso(oldest)}"
            raise LookBackError(message, reason="pruned")


async def _first_block(node: BitcoinNode, tip: int, seconds: int) -> int:
    """The height of a block before which all are older; times may go back by two hours, which the caller allows for."""
    low, high = 0, tip
    while low < high:
        middle = (low + high) // 2
        if await node.block_time(middle) < seconds:
            low = middle + 1
        else:
            high = middle
    return low
