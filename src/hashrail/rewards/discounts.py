"""Discounts on maintenance: levels by a user's total TH, and programmes with dated fractions.

A level or a membership that changes on day D counts from D+1; a programme's own fraction of day D is the one in its
table for D. Both add up, at most to the operator's cap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import asyncpg

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.money import ONE, decimals, is_amount
from hashrail.rewards.formula import DISCOUNT_DECIMALS, POWER_DECIMALS

# The fraction that a user with a total of `t.total` TH gets, within a statement that knows it.
LEVEL = """
    coalesce((SELECT l.discount FROM discount_level l WHERE l.min_power <= t.total
              ORDER BY l.min_power DESC LIMIT 1), 0)"""


class ProgrammeNotFoundError(NotFoundError):
    """No discount programme has that name."""

    code = "PROGRAMME_NOT_FOUND"
    advice = "List the programmes with: hashrail programme list"


class ProgrammeExistsError(ConflictError):
    """A discount programme has that name already."""

    code = "PROGRAMME_EXISTS"
    advice = "Choose another name, or set a fraction of the programme that exists."


class FractionFixedError(ConflictError):
    """The day is published: what the programme gave on it is fixed."""

    code = "FRACTION_FIXED"
    advice = "Set the fraction from a day that is not published yet."


class BadDiscountError(BadRequestError):
    """A discount, or the TH from which a level gives it, is out of range."""

    code = "BAD_DISCOUNT"
    advice = (
        "A discount is a fraction from 0 to 1 (0.05 takes off 5 %), TH are 0 or more; both have at most 4 decimals."
    )


@dataclass(frozen=True, slots=True)
class DatedFraction:
    """What a programme gives from a day on; a programme that has no fraction yet stands there without."""

    name: str
    from_day: date | None
    fraction: Decimal | None


async def set_levels(tx: Tx, levels: Mapping[Decimal, Decimal]) -> None:
    """Replace the level table: total TH from which -> fraction. A user's level follows at their next change.

    Raises BadDiscountError.
    """
    for min_power, discount in levels.items():
        if not is_amount(min_power) or min_power < 0 or decimals(min_power) > POWER_DECIMALS:
            raise BadDiscountError(f"{min_power} TH is out of range", field="min_power")
        check(discount)
    await tx.execute("DELETE FROM discount_level")
    await tx.executemany("INSERT INTO discount_level (min_power, discount) VALUES ($1, $2)", list(levels.items()))


async def levels(tx: Reader) -> dict[Decimal, Decimal]:
    """The level table: total TH from which -> fraction."""
    rows = await tx.fetch("SELECT min_power, discount FROM discount_level ORDER BY min_power")
    return {row["min_power"]: row["discount"] for row in rows}


async def of_user(tx: Tx, partner_id: int, user_id: int, *, today: date) -> Decimal:
    """The whole discount of a user on the newest closed day: level and programmes, at most the cap.

    Whoever had no miner on that day gets what the day's programmes and their level now would have given.
    """
    charged: Decimal | None = await tx.fetchval(
        """SELECT max(d.discount) FROM partner_day p
           JOIN stint s ON s.partner_id = p.partner_id AND s.user_id = $2
                       AND s.from_day <= p.closed_through AND (s.to_day IS NULL OR s.to_day > p.closed_through)
           JOIN class_day d ON d.class_id = s.class_id AND d.day = p.closed_through WHERE p.partner_id = $1""",
        partner_id,
        user_id,
    )
    if charged is not None:
        return charged
    cap: Decimal = await tx.fetchval("SELECT discount_cap FROM publication WHERE id = 1")
    whole: Decimal = await tx.fetchval(
        """SELECT u.level_discount + coalesce((
                      SELECT sum(f.fraction) FROM user_programme m
                      CROSS JOIN LATERAL (
                          SELECT fraction FROM programme_fraction
                          WHERE programme_id = m.programme_id AND from_day <= coalesce(d.closed_through, $3::date)
                          ORDER BY from_day DESC LIMIT 1) AS f
                      WHERE m.partner_id = $1 AND m.user_id = $2), 0)
           FROM app_user u LEFT JOIN partner_day d ON d.partner_id = u.partner_id
           WHERE u.partner_id = $1 AND u.id = $2""",
        partner_id,
        user_id,
        today,
    )
    return min(cap, whole)


async def set_cap(tx: Tx, cap: Decimal) -> None:
    """The most that discounts add up to, on days that are published from now on. Raises BadDiscountError."""
    check(cap)
    await tx.execute("UPDATE publication SET discount_cap = $1 WHERE id = 1", cap)


async def create_programme(tx: Tx, name: str) -> int:
    """Open a discount programme; it gives nothing until a fraction is set. Raises ProgrammeExistsError."""
    try:
        programme_id: int = await tx.fetchval(
            "INSERT INTO discount_programme (name, created_at) VALUES ($1, $2) RETURNING id", name, clock.wall_now()
        )
    except asyncpg.UniqueViolationError as error:
        raise ProgrammeExistsError(f"a programme named {name!r} exists", field="name") from error
    return programme_id


async def assert_free(tx: Reader, name: str) -> None:
    """No programme has that name. Raises ProgrammeExistsError."""
    if await tx.fetchval("SELECT EXISTS (SELECT 1 FROM discount_programme WHERE name = $1)", name):
        raise ProgrammeExistsError(f"a programme named {name!r} exists", field="name")


async def find_programme(tx: Tx, name: str) -> int:
    """The programme's number. Raises ProgrammeNotFoundError."""
    programme_id: int | None = await tx.fetchval("SELECT id FROM discount_programme WHERE name = $1", name)
    if programme_id is None:
        raise ProgrammeNotFoundError(f"no programme {name!r}", field="programme")
    return programme_id


async def programmes(tx: Reader) -> list[DatedFraction]:
    """Every programme with its fractions, the oldest programme first, its fractions by day."""
    rows = await tx.fetch(
        """SELECT g.name, f.from_day, f.fraction FROM discount_programme g
           LEFT JOIN programme_fraction f ON f.programme_id = g.id ORDER BY g.id, f.from_day"""
    )
    return [DatedFraction(name=row["name"], from_day=row["from_day"], fraction=row["fraction"]) for row in rows]


async def followed(tx: Reader) -> list[tuple[str, int, str]]:
    """The partners whose newcomers all take part: the programme, and the partner's number and name."""
    rows = await tx.fetch(
        """SELECT g.name AS programme, p.id, p.name FROM partner_programme f
           JOIN discount_programme g ON g.id = f.programme_id JOIN partner p ON p.id = f.partner_id
           ORDER BY g.id, p.id"""
    )
    return [(row["programme"], row["id"], row["name"]) for row in rows]


async def set_fraction(tx: Tx, programme_id: int, *, from_day: date, fraction: Decimal) -> None:
    """What the programme gives from a day on, until its next entry. Raises FractionFixedError,
    BadDiscountError.

    Costs the same for one user and for a million: no stint is touched.
    """
    check(fraction)
    published = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1 FOR SHARE")
    if published is not None and from_day <= published:
        raise FractionFixedError(f"{published} is published already", field="from_day")
    await tx.execute(
        """INSERT INTO programme_fraction (programme_id, from_day, fraction) VALUES ($1, $2, $3)
           ON CONFLICT (programme_id, from_day) DO UPDATE SET fraction = excluded.fraction""",
        programme_id,
        from_day,
        fraction,
    )


async def set_membership(tx: Tx, partner_id: int, user_id: int, programme_id: int, *, member: bool) -> bool:
    """Let a user take part or not; False when nothing changed. The caller then synchronises their stints."""
    if member:
        changed = await tx.fetchval(
            """INSERT INTO user_programme (partner_id, user_id, programme_id) VALUES ($1, $2, $3)
               ON CONFLICT (partner_id, user_id, programme_id) DO NOTHING RETURNING true""",
            partner_id,
            user_id,
            programme_id,
        )
    else:
        changed = await tx.fetchval(
            """DELETE FROM user_programme WHERE partner_id = $1 AND user_id = $2 AND programme_id = $3
               RETURNING true""",
            partner_id,
            user_id,
            programme_id,
        )
    return changed is not None


async def set_partner_programme(tx: Tx, partner_id: int, programme_id: int, *, member: bool) -> None:
    """Let every user who registers from now on take part, or not."""
    if member:
        await tx.execute(
            "INSERT INTO partner_programme (partner_id, programme_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            partner_id,
            programme_id,
        )
    else:
        await tx.execute(
            "DELETE FROM partner_programme WHERE partner_id = $1 AND programme_id = $2", partner_id, programme_id
        )


def check(discount: Decimal) -> None:
    """A discount is a fraction. Raises BadDiscountError."""
    if not is_amount(discount) or not 0 <= discount <= ONE or decimals(discount) > DISCOUNT_DECIMALS:
        raise BadDiscountError(f"{discount} is no fraction of at most {DISCOUNT_DECIMALS} decimals", field="discount")
