"""Stints: one miner in one owner's hands with constant power in one rate class, `[from_day, to_day)`.

Whatever changes a miner, its owner's level or their programmes calls `sync_stints`, which ends stints and begins others
from the next UTC day; changes of one day collapse into one. A miner that has ended has no stint from that day on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from hashrail import business_clock, clock
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.db import Row, Tx
from hashrail.errors import UnavailableError
from hashrail.parties import users
from hashrail.parties.users import User
from hashrail.rewards import discounts, rate_classes

# What follows from a locked user's miners that are there, beside the time.
_STANDING = f"""
    SELECT t.programmes, c.offset_us, {clock.DATABASE_NOW} AS database_now,
           {discounts.LEVEL} AS level
    FROM (SELECT (SELECT coalesce(sum(m.power), 0) FROM miner m
                  WHERE m.partner_id = $1 AND m.user_id = $2 AND m.ended_at IS NULL) AS total,
                 ARRAY(SELECT p.programme_id FROM user_programme p WHERE p.partner_id = $1 AND p.user_id = $2
                       ORDER BY p.programme_id) AS programmes) t
    CROSS JOIN business_clock c WHERE c.id = 1"""  # noqa: S608
# The same of several locked users, with the class of each of their new miners: one that does not reach back is none.
# How many there are the planner is not told, or it would plan anew each time, which takes longer than to look.
_BEGINNINGS = f"""
    SELECT n.miner_id, s.user_id, n.power, s.level, s.programmes, k.id AS class_id, NULL::bigint AS stint_id,
           k.first_day, c.offset_us, {clock.DATABASE_NOW} AS database_now
    FROM (SELECT t.user_id, t.programmes, {discounts.LEVEL} AS level
          FROM (SELECT o.user_id,
                       (SELECT coalesce(sum(m.power), 0) FROM miner m
                        WHERE m.partner_id = $1 AND m.user_id = o.user_id AND m.ended_at IS NULL) AS total,
                       ARRAY(SELECT p.programme_id FROM user_programme p
                             WHERE p.partner_id = $1 AND p.user_id = o.user_id
                             ORDER BY p.programme_id) AS programmes
                FROM unnest((SELECT $2::bigint[])) AS o (user_id)) t) s
    JOIN unnest((SELECT $3::bigint[]), (SELECT $4::bigint[]), (SELECT $5::numeric[]), (SELECT $6::numeric[]))
             AS n (miner_id, user_id, power, energy_efficiency) ON n.user_id = s.user_id
    LEFT JOIN rate_class k
      ON k.energy_efficiency = n.energy_efficiency AND k.level_discount = s.level AND k.programmes = s.programmes
    CROSS JOIN business_clock c WHERE c.id = 1
    ORDER BY n.miner_id"""  # noqa: S608
# Miners without a class that reaches back to a day are among them; without a day, whatever is there is enough.
# Each open stint is looked up by its miner: joined plainly, a table without statistics is read for all of a partner's.
_DIFFERENCES = """
    SELECT m.id AS miner_id, m.user_id, m.power, m.energy_efficiency, k.id AS class_id,
           k.id IS NOT NULL AND coalesce(k.first_day <= $6, true) AS has_class,
           s.id AS stint_id, s.from_day, s.power AS old_power, s.class_id AS old_class_id
    FROM miner m
    LEFT JOIN rate_class k
      ON k.energy_efficiency = m.energy_efficiency AND k.level_discount = $4 AND k.programmes = $5
    LEFT JOIN LATERAL (
        SELECT o.id, o.user_id, o.class_id, o.power, o.from_day FROM stint o
        WHERE o.partner_id = $1 AND o.miner_id = m.id AND o.to_day IS NULL LIMIT 1) s ON true
    WHERE m.partner_id = $1 AND m.user_id = $2 AND m.ended_at IS NULL
      AND ($3::bigint[] IS NULL OR m.id = ANY($3))
      AND (k.id IS NULL OR k.first_day > $6 OR s.id IS NULL
           OR s.user_id <> m.user_id OR s.power <> m.power OR s.class_id <> k.id)
    ORDER BY m.id"""

_OPEN = """
    SELECT m.id AS miner_id, s.user_id, NULL::power_th AS power, NULL::bigint AS class_id,
           s.id AS stint_id, s.from_day, s.power AS old_power, s.class_id AS old_class_id
    FROM unnest($2::bigint[]) AS m (id)
    CROSS JOIN LATERAL (
        SELECT o.id, o.user_id, o.class_id, o.power, o.from_day FROM stint o
        WHERE o.partner_id = $1 AND o.miner_id = m.id AND o.to_day IS NULL LIMIT 1) s
    ORDER BY m.id"""


class StintAheadError(UnavailableError):
    """A stint begins later than tomorrow: a clock that was wrong wrote it, and it has to be brought back."""

    code = "STINT_AHEAD"
    advice = "Ask the operator, who brings back what a wrong clock wrote: hashrail day bring-back"


async def bring_back(tx: Tx, partner_id: int) -> int:
    """Let everything of a partner's that begins or ends later than tomorrow do so tomorrow; answers how many stints.

    A clock that was ahead wrote it. Nothing was earned by it and no closed day is touched, since all of it is to come.
    What would have come and gone again within that time is gone. Holds the partner's fence: nobody else writes stints
    meanwhile.
    """
    closed = await fence.hold(tx, [partner_id])
    day = OpenBooks(partner_id, await business_clock.now(tx), closed[partner_id]).next_day
    rows = [
        *await tx.fetch(
            "DELETE FROM stint WHERE partner_id = $1 AND from_day >= $2 AND to_day IS NOT NULL RETURNING id",
            partner_id,
            day,
        ),
        *await tx.fetch(
            "UPDATE stint SET from_day = $2 WHERE partner_id = $1 AND from_day > $2 RETURNING id", partner_id, day
        ),
        *await tx.fetch(
            "UPDATE stint SET to_day = $2 WHERE partner_id = $1 AND to_day > $2 RETURNING id", partner_id, day
        ),
    ]
    await _have_classes(tx, partner_id, day)
    ahead = await tx.fetch(
        "DELETE FROM class_power_delta WHERE partner_id = $1 AND day > $2 RETURNING class_id, power", partner_id, day
    )
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for row in ahead:
        sums[row["class_id"]] += row["power"]
    await _add_deltas(tx, partner_id, day, sums)
    return len({row["id"] for row in rows})


async def _have_classes(tx: Tx, partner_id: int, day: date) -> None:
    """The classes of stints that begin on a day have their rows from it on."""
    rows = await tx.fetch(
        """SELECT DISTINCT c.energy_efficiency, c.level_discount, c.programmes
           FROM stint s JOIN rate_class c ON c.id = s.class_id
           WHERE s.partner_id = $1 AND s.from_day = $2 ORDER BY 1, 2, 3""",
        partner_id,
        day,
    )
    for row in rows:
        await rate_classes.ensure(tx, from_day=day, **row)


async def sync_stints(
    tx: Tx,
    books: OpenBooks,
    user_ids: list[int],
    *,
    miner_ids: list[int] | None = None,
    ended: list[int] | None = None,
    locked: Mapping[int, User] | None = None,
) -> int:
    """Make stints agree with miners, levels and programmes of these users, from the next day on.

    `miner_ids` are the miners that changed, `ended` those that these users have no more; None means every miner of the
    users, and none that has ended. A changed level counts for all of a user's miners in any case. Answers how many
    stints were written. Locks the users, unless the caller has them `locked`.
    """
    held = await users.lock(tx, books.partner_id, sorted(set(user_ids))) if locked is None else locked
    standings = [await _standing(tx, user) for user in held.values()]
    for one in standings:
        # The clock was read once more: whoever had these users before us may have begun stints of a later day than
        # ours.
        books = replace(books, now=one.now)
    changed: list[Row] = []
    for one in standings:
        only = miner_ids
        if one.level != one.user.level_discount:
            only = None
            await users.set_level(tx, one.user, one.level)
        changed += await _differences(tx, books, one, only)
    if ended:
        changed += await _open_stints(tx, books.partner_id, ended)
    await _write_stints(tx, books, changed)
    return len(changed)


class NewMiner(NamedTuple):
    """A miner that was made just now and has no stint yet: `power` TH/s at `energy_efficiency` W/TH."""

    id: int
    user_id: int
    power: Decimal
    energy_efficiency: Decimal


async def begin(tx: Tx, books: OpenBooks, made: Sequence[NewMiner], locked: Mapping[int, User]) -> None:
    """Let new miners of locked users earn from the next day on, and their users' levels follow.

    As `sync_stints` of each, by one look at all of them. Where a level changes, or a class appears, it goes user by
    user.
    """
    rows = await tx.fetch(
        _BEGINNINGS,
        books.partner_id,
        sorted({one.user_id for one in made}),
        [one.id for one in made],
        [one.user_id for one in made],
        [one.power for one in made],
        [one.energy_efficiency for one in made],
    )
    books = replace(books, now=max(business_clock.at_offset(row["offset_us"], row["database_now"]) for row in rows))
    changed = [row for row in rows if _goes_on(row, locked[row["user_id"]], books.next_day)]
    begun = {row["miner_id"] for row in changed}
    others: dict[int, Row] = {row["user_id"]: row for row in rows if row["miner_id"] not in begun}
    for user_id, row in sorted(others.items()):
        one = _Standing(locked[user_id], row["level"], row["programmes"], books.now)
        only: list[int] | None = [each.id for each in made if each.user_id == user_id and each.id not in begun]
        if one.level != one.user.level_discount:
            only = None
            await users.set_level(tx, one.user, one.level)
        changed += await _differences(tx, books, one, only)
    await _write_stints(tx, books, changed)


def _goes_on(row: Row, user: User, next_day: date) -> bool:
    """Whether a new miner changes no level, and its class is there from that day on."""
    if row["level"] != user.level_discount or row["class_id"] is None:
        return False
    first_day: date | None = row["first_day"]
    return first_day is None or first_day <= next_day


@dataclass(frozen=True, slots=True)
class _Standing:
    """A locked user, the level that their TH give and their programmes, and the business time when this was read."""

    user: User
    level: Decimal
    programmes: list[int]
    now: datetime


async def _standing(tx: Tx, user: User) -> _Standing:
    row = await tx.fetchrow(_STANDING, user.partner_id, user.id)
    assert row is not None, "the schema comes with a clock"
    now = business_clock.at_offset(row["offset_us"], row["database_now"])
    return _Standing(user, row["level"], row["programmes"], now)


async def _differences(tx: Tx, books: OpenBooks, one: _Standing, miner_ids: list[int] | None) -> list[Row]:
    """The user's miners whose open stint is missing or is not what it should be, with both sides."""
    terms = (books.partner_id, one.user.id, miner_ids, one.level, one.programmes)
    found = await tx.fetch(_DIFFERENCES, *terms, books.next_day)
    lacking = {row["energy_efficiency"] for row in found if not row["has_class"]}
    if not lacking:
        return found
    for efficiency in sorted(lacking):
        await rate_classes.ensure(
            tx,
            energy_efficiency=efficiency,
            level_discount=one.level,
            programmes=one.programmes,
            from_day=books.next_day,
        )
    return await tx.fetch(_DIFFERENCES, *terms, None)


async def _open_stints(tx: Tx, partner_id: int, miner_ids: list[int]) -> list[Row]:
    """The open stints of miners that have ended, as differences that nothing comes after."""
    return await tx.fetch(_OPEN, partner_id, miner_ids)


async def _write_stints(tx: Tx, books: OpenBooks, changed: list[Row]) -> None:
    """End, replace, drop and begin stints, and keep the class power deltas of the next day in step."""
    from_day = books.next_day
    going_on = [row for row in changed if row["class_id"] is not None]
    open_ones = [row for row in changed if row["stint_id"] is not None]
    not_begun = [row for row in going_on if row["stint_id"] is not None and row["from_day"] >= from_day]
    dropped = [r["stint_id"] for r in open_ones if r["class_id"] is None and r["from_day"] >= from_day]
    ending = [row["stint_id"] for row in open_ones if row["from_day"] < from_day]
    beginning = [row for row in going_on if row["stint_id"] is None or row["from_day"] < from_day]
    if any(row["from_day"] > from_day for row in open_ones):
        raise StintAheadError("a miner of this user begins later than tomorrow", nextDay=from_day.isoformat())
    # By a whole key each: a list is planned as if to read all stints of the partner were as good.
    if ending:
        await tx.executemany(
            "UPDATE stint SET to_day = $3 WHERE partner_id = $1 AND id = $2",
            [(books.partner_id, stint_id, from_day) for stint_id in ending],
        )
    if dropped:
        await tx.executemany(
            "DELETE FROM stint WHERE partner_id = $1 AND id = $2", [(books.partner_id, each) for each in dropped]
        )
    if not_begun:
        await tx.executemany(
            "UPDATE stint SET user_id = $3, class_id = $4, power = $5 WHERE partner_id = $1 AND id = $2",
            [(books.partner_id, r["stint_id"], r["user_id"], r["class_id"], r["power"]) for r in not_begun],
        )
    if beginning:
        await tx.execute(
            """INSERT INTO stint (partner_id, miner_id, user_id, class_id, power, from_day)
               SELECT e.partner_id, e.miner_id, e.user_id, e.class_id, e.power, $6
               FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::numeric[])
                        AS e (partner_id, miner_id, user_id, class_id, power)""",
            [books.partner_id] * len(beginning),
            *([row[name] for row in beginning] for name in ("miner_id", "user_id", "class_id", "power")),
            from_day,
        )
    deltas: dict[int, Decimal] = defaultdict(Decimal)
    for row in going_on:
        deltas[row["class_id"]] += row["power"]
    for row in open_ones:
        deltas[row["old_class_id"]] -= row["old_power"]
    await _add_deltas(tx, books.partner_id, from_day, deltas)


async def _add_deltas(tx: Tx, partner_id: int, day: date, deltas: Mapping[int, Decimal]) -> None:
    """From that day on a class has so many TH more or less."""
    await tx.executemany(
        """INSERT INTO class_power_delta AS old (partner_id, day, class_id, power) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id, day, class_id) DO UPDATE SET power = old.power + excluded.power""",
        [(partner_id, day, class_id, power) for class_id, power in sorted(deltas.items()) if power != 0],
    )
