"""What the blocks of a day paid: difficulty, subsidy and fees of a UTC day, from the operator's own node.

A block belongs to the day in which the time of its header falls, from 00:00 UTC on and before 24:00. Those times are
not in order, so the blocks are looked for along the best chain: up to the first whose median time (the median of eleven
headers) has reached the end of the day, behind which no block can say an earlier time, and from 144 blocks before the
first whose median time has reached its beginning. Each block so belongs to one day, whoever asks, and whenever.

A day is told when it is over by the median time and the block that ended it is buried as deeply as a payment that is
final. Before that it waits.

The pool reward of a day is that of full pay per share: what a hash was worth, block by block. Every block of the day
weighs the same. Subsidy and fees are the means over its blocks. Difficulty is the one at which these means pay what the
blocks paid each at its own: `sum(w) / sum(w / difficulty)` with `w` what a block paid. Within an epoch this is the
epoch's own difficulty, and where an epoch turns within the day the reward is still the exact mean over the blocks.
Each of the three is rounded once, half to even, to 18 decimals.
"""

import hashlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from hashrail import clock
from hashrail.bitcoin.node import BitcoinNode, open_node, open_witness
from hashrail.bitcoin.node_checks import Terms, check_node
from hashrail.errors import ConflictError, UnavailableError
from hashrail.money import AMOUNT_DECIMALS
from hashrail.settings import Settings

# A day's usual number of blocks: no time of a header is a day ahead of the median of those after it.
BEFORE = 144
HEADERS_AT_ONCE = 100
# Each makes the node read a block and what it spent.
STATS_AT_ONCE = 12
SAT = 100_000_000
# What stops a payment and says nothing of the blocks that are there.
OF_PAYMENTS = frozenset({"NODE_BLOCKS_ONLY"})


class ChainNotReadyError(UnavailableError):
    """The node cannot tell a day's blocks yet: the day is not over by its blocks, or not buried."""

    code = "CHAIN_NOT_READY"
    advice = "Wait for further blocks; the worker asks again by itself. hashrail payouts node shows where the node is."


class NoBlocksError(ConflictError):
    """The best chain has no block with a time within the day."""

    code = "NO_BLOCKS"
    advice = "Enter the day by hand: hashrail rates set DAY"


class NodeDoubtedError(ConflictError):
    """Something speaks against believing the node, or the second one says otherwise."""

    code = "NODE_DOUBTED"
    advice = "Find out which node is right before anything is entered; hashrail payouts node shows what each says."


class _Header(msgspec.Struct):
    hash: str
    height: int
    time: int
    confirmations: int
    median_time: int = msgspec.field(name="mediantime")
    difficulty: Decimal
    previous: str | None = msgspec.field(name="previousblockhash", default=None)


class _Stats(msgspec.Struct):
    height: int
    subsidy: int
    total_fee: int = msgspec.field(name="totalfee")


@dataclass(frozen=True, slots=True)
class DayBlock:
    """A block of a day: its difficulty, and what it paid, in satoshi."""

    height: int
    hash: str
    time: int
    difficulty: Decimal
    subsidy_sat: int
    fees_sat: int


@dataclass(frozen=True, slots=True)
class ChainDay:
    """The figures of a UTC day. `sha256` is of a line a block with all that they were reckoned from."""

    day: date
    difficulty: Decimal
    subsidy_btc: Decimal
    fees_btc: Decimal
    blocks: int
    first_height: int
    last_height: int
    last_hash: str
    epochs: int
    sha256: str


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[BitcoinNode, BitcoinNode | None]]:
    """The node and the second one, if there is one, closed at the end of the block. Raises NoNodeError."""
    async with open_node(settings) as node:
        witness = open_witness(settings)
        try:
            yield node, witness
        finally:
            if witness is not None:
                await witness.close()


async def told(node: BitcoinNode, witness: BitcoinNode | None, day: date, settings: Settings) -> ChainDay:
    """The figures of a day, as both nodes tell them.

    Raises ChainNotReadyError, NoBlocksError, NodeDoubtedError, and what the calls of a node do.
    """
    found = await read(node, day, settings)
    if witness is None:
        return found
    second = await read(witness, day, settings)
    for each in fields(ChainDay):
        first, other = getattr(found, each.name), getattr(second, each.name)
        if first != other:
            raise NodeDoubtedError(f"{each.name} of {day} is {first} at the node and {other} at the second one")
    return found


async def read(node: BitcoinNode, day: date, settings: Settings) -> ChainDay:
    """The figures of a day, as one node tells them. Raises what `told` does."""
    terms = Terms.of(settings)
    info = await node.chain_info(terms.pinned_height)
    for finding in check_node(info, terms, now=clock.wall_now()):
        if finding.stops and finding.code not in OF_PAYMENTS:
            raise NodeDoubtedError(finding.message, finding=finding.code)
    headers = await _headers_around(node, day, tip=info.blocks, depth=settings.bitcoin_final_depth)
    start, end = _seconds(day), _seconds(day + clock.ONE_DAY)
    own = [each for each in headers if start <= each.time < end]
    if not own:
        raise NoBlocksError(f"no block has a time within {day}")
    return day_of(day, await _blocks(node, own))


def day_of(day: date, blocks: Sequence[DayBlock]) -> ChainDay:
    """The figures of a day out of its blocks, in the order of the chain."""
    count = len(blocks)
    subsidy, fees = sum(each.subsidy_sat for each in blocks), sum(each.fees_sat for each in blocks)
    paid: dict[Decimal, int] = {}
    for each in blocks:
        # Where no block pays anything, their number counts.
        weight = each.subsidy_sat + each.fees_sat if subsidy + fees else 1
        paid[each.difficulty] = paid.get(each.difficulty, 0) + weight
    shares = sum((weight / Fraction(difficulty) for difficulty, weight in paid.items()), Fraction(0))
    lines = "".join(
        f"{each.height} {each.hash} {each.time} {each.difficulty} {each.subsidy_sat} {each.fees_sat}\n"
        for each in blocks
    )
    return ChainDay(
        day=day,
        difficulty=_rounded(sum(paid.values()) / shares),
        subsidy_btc=_rounded(Fraction(subsidy, count * SAT)),
        fees_btc=_rounded(Fraction(fees, count * SAT)),
        blocks=count,
        first_height=blocks[0].height,
        last_height=blocks[-1].height,
        last_hash=blocks[-1].hash,
        epochs=len(paid),
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
    )


async def _headers_around(node: BitcoinNode, day: date, *, tip: int, depth: int) -> list[_Header]:
    """Every header that may belong to a day, one linked to the next, the last one buried."""
    last = await _first_reaching(node, _seconds(day + clock.ONE_DAY), tip)
    if last is None:
        raise ChainNotReadyError(f"{day} is not over by the node's blocks", height=tip)
    if tip - last + 1 < depth:
        missing = depth - (tip - last + 1)
        raise ChainNotReadyError(f"{day} is not buried: {missing} blocks are missing", height=tip)
    begun = await _first_reaching(node, _seconds(day), last)
    assert begun is not None, "a block has reached the end of the day"
    headers: list[_Header] = []
    for start in range(max(0, begun - BEFORE), last + 1, HEADERS_AT_ONCE):
        headers += await _headers(node, range(start, min(start + HEADERS_AT_ONCE, last + 1)))
    linked = all(each.previous == before.hash for before, each in itertools.pairwise(headers))
    if not linked or headers[-1].confirmations < depth:
        raise ChainNotReadyError("the node changed its best chain while it was asked", height=tip)
    return headers


async def _first_reaching(node: BitcoinNode, seconds: int, tip: int) -> int | None:
    """The first height up to `tip` whose median time has reached a moment; median times never go back."""
    low, high = 0, tip + 1
    while low < high:
        middle = (low + high) // 2
        if (await _headers(node, [middle]))[0].median_time >= seconds:
            high = middle
        else:
            low = middle + 1
    return low if low <= tip else None


async def _headers(node: BitcoinNode, heights: Sequence[int]) -> list[_Header]:
    hashes = await node.call_many([("getblockhash", (height,)) for height in heights], kind=str)
    return await node.call_many([("getblockheader", (each,)) for each in hashes], kind=_Header)


async def _blocks(node: BitcoinNode, headers: Sequence[_Header]) -> list[DayBlock]:
    """What the blocks paid, asked by their hashes."""
    found: list[DayBlock] = []
    for start in range(0, len(headers), STATS_AT_ONCE):
        some = headers[start : start + STATS_AT_ONCE]
        calls = [("getblockstats", (each.hash, ["height", "subsidy", "totalfee"])) for each in some]
        for header, stats in zip(some, await node.call_many(calls, kind=_Stats), strict=True):
            found.append(
                DayBlock(header.height, header.hash, header.time, header.difficulty, stats.subsidy, stats.total_fee)
            )
    return found


def _seconds(day: date) -> int:
    return int(clock.start_of(day).timestamp())


def _rounded(value: Fraction) -> Decimal:
    """Half to even, as `round` does with a fraction."""
    return Decimal(round(value * 10**AMOUNT_DECIMALS)).scaleb(-AMOUNT_DECIMALS)
