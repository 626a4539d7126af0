"""The tree over what is owed: built leaf by leaf in the order of owners, kept as its leaves, a row each 1,024 of them.

A row keeps the root of its leaves as well. So a proof reads one row of leaves, and of all others only their roots.
Building holds one row and the roots in memory, however many users there are.
"""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from hashrail.db import Tx
from hashrail.money import AMOUNT_DECIMALS, ZERO
from hashrail.proofs.owed import Owed
from hashrail_client import liabilities as rules
from hashrail_client.liabilities import Node

# A power of two, so that the root of a row is a node of the whole tree.
LEAVES_IN_ROW = 1024
OWNER_BYTES, UNITS_BYTES = 32, 16
LEAF_BYTES = OWNER_BYTES + UNITS_BYTES


class Leaf(NamedTuple):
    """What is owed to an owner, in units of 10^-18 BTC."""

    owner: bytes
    units: int


@dataclass(frozen=True, slots=True)
class Built:
    """A tree: its root, how many leaves it has, and BTC that users fall short of, who have none."""

    root: Node
    count: int
    shortfall: Decimal


@dataclass(frozen=True, slots=True)
class Found:
    """A leaf of a tree: its number, what it says, and its neighbours on the way to the root."""

    index: int
    units: int
    path: Sequence[Node]


async def build(tx: Tx, day: date, owed: AsyncIterable[Owed]) -> Built:
    """Keep the tree of a day over what is owed, which comes in the order of owners."""
    roots: list[Node] = []
    row: list[Leaf] = []
    count, shortfall = 0, ZERO
    async for owner, amount in owed:
        if amount < 0:
            shortfall -= amount
            continue
        row.append(Leaf(owner, int(amount.scaleb(AMOUNT_DECIMALS))))
        count += 1
        if len(row) == LEAVES_IN_ROW:
            roots.append(await _keep(tx, day, len(roots), row))
            row.clear()
    if row:
        roots.append(await _keep(tx, day, len(roots), row))
    return Built(_root(roots) if roots else Node(rules.EMPTY_ROOT, 0), count, shortfall)


async def find(tx: Tx, day: date, owner: bytes) -> Found | None:
    """The leaf of an owner in a tree that is kept."""
    row = await tx.fetchrow(
        """SELECT number, leaves FROM liability_leaves WHERE day = $1 AND first_owner <= $2
           ORDER BY first_owner DESC LIMIT 1""",
        day,
        owner,
    )
    if row is None:
        return None
    leaves = _read(row["leaves"])
    place = next((place for place, leaf in enumerate(leaves) if leaf.owner == owner), None)
    if place is None:
        return None
    kept = await tx.fetch("SELECT root, sum_btc FROM liability_leaves WHERE day = $1 ORDER BY number", day)
    roots = [Node(each["root"], int(each["sum_btc"].scaleb(AMOUNT_DECIMALS))) for each in kept]
    own = [rules.leaf(day.isoformat(), leaf.owner, leaf.units) for leaf in leaves]
    path = _path(own, place) + _path(roots, row["number"])
    return Found(row["number"] * LEAVES_IN_ROW + place, own[place].units, path)


async def forget(tx: Tx, *, keep: int) -> None:
    """Forget all trees but so many of the newest ones; what was signed of them stays."""
    await tx.execute(
        """DELETE FROM liability_leaves WHERE day < (
               SELECT min(day) FROM (SELECT day FROM liabilities_document ORDER BY day DESC LIMIT $1) AS newest)""",
        keep,
    )


async def _keep(tx: Tx, day: date, number: int, row: Sequence[Leaf]) -> Node:
    """Keep a row of leaves; answers its root."""
    root = _root([rules.leaf(day.isoformat(), owner, units) for owner, units in row])
    await tx.execute(
        """INSERT INTO liability_leaves (day, number, first_owner, leaves, root, sum_btc)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        day,
        number,
        row[0].owner,
        b"".join(owner + units.to_bytes(UNITS_BYTES, "big") for owner, units in row),
        root.hash,
        Decimal(root.units).scaleb(-AMOUNT_DECIMALS),
    )
    return root


def _read(leaves: bytes) -> list[Leaf]:
    return [
        Leaf(leaves[at : at + OWNER_BYTES], int.from_bytes(leaves[at + OWNER_BYTES : at + LEAF_BYTES], "big"))
        for at in range(0, len(leaves), LEAF_BYTES)
    ]


def _rows(row: Sequence[Node]) -> list[Sequence[Node]]:
    """All rows above some nodes, theirs first, the root last."""
    rows = [row]
    while len(rows[-1]) > 1:
        rows.append(rules.row_above(rows[-1]))
    return rows


def _root(row: Sequence[Node]) -> Node:
    (root,) = _rows(row)[-1]
    return root


def _path(row: Sequence[Node], place: int) -> list[Node]:
    """The neighbours of a node on the way to the root over its row."""
    path = []
    for each in _rows(row)[:-1]:
        beside = place ^ 1
        if beside < len(each):
            path.append(each[beside])
        place //= 2
    return path
