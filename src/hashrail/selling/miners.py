"""Miners: a named share of hashrate in a user's hands, with constant power and efficiency between changes.

What a miner earns follows from its stints (`rewards/stints.py`); whoever changes a miner synchronises them. One that
was refunded has ended: its row stays, for what it earned, and it is nobody's any more.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from hashrail.books import lost_numbers
from hashrail.db import Reader, Tx, record, tuples
from hashrail.errors import NotFoundError
from hashrail.money import ZERO, divide_half_even


class MinerNotFoundError(NotFoundError):
    """The user has no such miner."""

    code = "MINER_NOT_FOUND"
    advice = "Read the user's miners (#7); a miner belongs to one user of one partner."


class Miner(NamedTuple):
    """`power` TH/s at `energy_efficiency` W/TH. A tuple, since a list of them is what is read most."""

    id: int
    user_id: int
    name: str
    power: Decimal
    energy_efficiency: Decimal
    created_at: datetime


class Sum(NamedTuple):
    """How many miners a user has, their TH/s together, and W/TH weighted by power, to 4 decimals; 0 without a miner."""

    miners: int
    power: Decimal
    energy_efficiency: Decimal


@dataclass(frozen=True, slots=True)
class Ended:
    """A miner that has ended, whose it was, and its TH."""

    id: int
    user_id: int
    power: Decimal


async def create(
    tx: Tx, partner_id: int, *, user_id: int, name: str, power: Decimal, energy_efficiency: Decimal, at: datetime
) -> int:
    """Make a miner; answers its id."""
    miner_id: int = await tx.fetchval(
        """INSERT INTO miner (partner_id, user_id, name, power, energy_efficiency, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
        partner_id,
        user_id,
        name,
        power,
        energy_efficiency,
        at,
    )
    return miner_id


async def create_all(
    tx: Tx, partner_id: int, wanted: Sequence[tuple[int, str, Decimal, Decimal]], *, at: datetime
) -> list[int]:
    """Make miners, each of a user, with a name, TH and W/TH; answers their ids, in the same order."""
    rows = await tx.fetch(
        """INSERT INTO miner (partner_id, user_id, name, power, energy_efficiency, created_at)
           SELECT e.partner_id, e.user_id, e.name, e.power, e.energy_efficiency, $6
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[], $5::numeric[])
                    WITH ORDINALITY AS e (partner_id, user_id, name, power, energy_efficiency, number)
           ORDER BY e.number RETURNING id, user_id, name, power, energy_efficiency""",
        [partner_id] * len(wanted),
        [user_id for user_id, _, _, _ in wanted],
        [name for _, name, _, _ in wanted],
        [power for _, _, power, _ in wanted],
        [energy_efficiency for _, _, _, energy_efficiency in wanted],
        at,
    )
    # Miners that are alike may change places, and others may not: no order of what is answered is relied on.
    ids: dict[tuple[int, str, Decimal, Decimal], list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda each: each["id"], reverse=True):
        ids[row["user_id"], row["name"], row["power"], row["energy_efficiency"]].append(row["id"])
    return [ids[one].pop() for one in wanted]


async def of_user(
    tx: Reader, partner_id: int, user_id: int, *, limit: int, offset: int = 0, after: int = 0
) -> list[Miner]:
    """A page of the user's miners, by id: of those whose id is above `after`."""
    rows = await tx.fetch(
        """SELECT id, user_id, name, power, energy_efficiency, created_at FROM miner
           WHERE partner_id = $1 AND user_id = $2 AND id > $5 AND ended_at IS NULL ORDER BY id LIMIT $3 OFFSET $4""",
        partner_id,
        user_id,
        limit,
        offset,
        after,
    )
    return tuples(Miner, rows)


async def sum_of_user(tx: Reader, partner_id: int, user_id: int) -> Sum:
    """All of the user's miners together."""
    row = await tx.fetchrow(
        """SELECT count(*) AS miners, coalesce(sum(power), 0) AS power,
                  coalesce(sum(power * energy_efficiency), 0) AS watts
           FROM miner WHERE partner_id = $1 AND user_id = $2 AND ended_at IS NULL""",
        partner_id,
        user_id,
    )
    assert row is not None, "an aggregate is one row"
    average = divide_half_even(row["watts"], row["power"], 4) if row["power"] else ZERO
    return Sum(row["miners"], row["power"], average)


async def of_partner_user(
    tx: Reader, partner_id: int, partner_user_id: str, *, limit: int, offset: int = 0, after: int = 0
) -> list[Miner] | None:
    """As `of_user` by the partner's own user id, in one query; None when there is no such user."""
    rows = await tx.fetch(
        """SELECT m.id, u.id AS user_id, m.name, m.power, m.energy_efficiency, m.created_at
           FROM app_user u LEFT JOIN LATERAL (
               SELECT id, name, power, energy_efficiency, created_at FROM miner
               WHERE partner_id = $1 AND user_id = u.id AND id > $5 AND ended_at IS NULL
               ORDER BY id LIMIT $3 OFFSET $4) m ON true
           WHERE u.partner_id = $1 AND u.partner_user_id = $2 ORDER BY m.id""",
        partner_id,
        partner_user_id,
        limit,
        offset,
        after,
    )
    if not rows:
        return None
    return tuples(Miner, [row for row in rows if row["id"] is not None])


async def get(tx: Reader, partner_id: int, miner_id: int) -> Miner:
    """One miner of the partner. Raises MinerNotFoundError."""
    row = await tx.fetchrow(
        """SELECT id, user_id, name, power, energy_efficiency, created_at FROM miner
           WHERE partner_id = $1 AND id = $2 AND ended_at IS NULL""",
        partner_id,
        miner_id,
    )
    if row is None:
        lost = await lost_numbers.told(tx, "miner_id_seq", miner_id)
        raise MinerNotFoundError(f"no miner {miner_id}", field="nftId", **lost)
    return record(Miner, row)


async def lock(tx: Tx, partner_id: int, miner_id: int) -> Miner:
    """As `get`, with the row locked, so that its changes come one at a time."""
    row = await tx.fetchrow(
        """SELECT id, user_id, name, power, energy_efficiency, created_at FROM miner
           WHERE partner_id = $1 AND id = $2 AND ended_at IS NULL FOR NO KEY UPDATE""",
        partner_id,
        miner_id,
    )
    if row is None:
        lost = await lost_numbers.told(tx, "miner_id_seq", miner_id)
        raise MinerNotFoundError(f"no miner {miner_id}", field="nftId", **lost)
    return record(Miner, row)


async def give(tx: Tx, partner_id: int, miner_id: int, *, from_user: int, to_user: int) -> None:
    """Change a miner's owner, if it is still its owner's. Raises MinerNotFoundError."""
    given = await tx.fetchval(
        """UPDATE miner SET user_id = $4
           WHERE partner_id = $1 AND id = $2 AND user_id = $3 AND ended_at IS NULL RETURNING true""",
        partner_id,
        miner_id,
        from_user,
        to_user,
    )
    if given is None:
        raise MinerNotFoundError(f"user has no miner {miner_id}", field="nftId")


async def improve(
    tx: Tx, partner_id: int, miner_id: int, *, power: Decimal | None = None, energy_efficiency: Decimal | None = None
) -> None:
    """Change a miner's power or efficiency. Raises MinerNotFoundError."""
    changed = await tx.fetchval(
        """UPDATE miner SET power = coalesce($3, power), energy_efficiency = coalesce($4, energy_efficiency)
           WHERE partner_id = $1 AND id = $2 AND ended_at IS NULL RETURNING true""",
        partner_id,
        miner_id,
        power,
        energy_efficiency,
    )
    if changed is None:
        lost = await lost_numbers.told(tx, "miner_id_seq", miner_id)
        raise MinerNotFoundError(f"no miner {miner_id}", field="nftId", **lost)


async def end_all(tx: Tx, partner_id: int, *, at: datetime) -> list[Ended]:
    """Let all of the partner's miners be nobody's any more; whoever ends them ends their stints."""
    rows = await tx.fetch(
        """UPDATE miner SET ended_at = $2 WHERE partner_id = $1 AND ended_at IS NULL RETURNING id, user_id, power""",
        partner_id,
        at,
    )
    return [record(Ended, row) for row in rows]


async def running(tx: Reader, partner_id: int) -> tuple[int, Decimal]:
    """How many miners of the partner are somebody's, and their TH."""
    row = await tx.fetchrow(
        """SELECT count(*) AS miners, coalesce(sum(power), 0) AS th FROM miner
           WHERE partner_id = $1 AND ended_at IS NULL""",
        partner_id,
    )
    assert row is not None, "sums are there in any case"
    return row["miners"], row["th"]


async def end(tx: Tx, partner_id: int, miner_id: int, *, at: datetime) -> None:
    """Let a locked miner be nobody's any more; whoever ends one ends its stints."""
    await tx.execute("UPDATE miner SET ended_at = $3 WHERE partner_id = $1 AND id = $2", partner_id, miner_id, at)
