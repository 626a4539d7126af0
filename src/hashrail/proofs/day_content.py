"""What stands in a day's document: everything that its rates follow from, so that anybody can reckon them again."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from hashrail.db import Row, Tx
from hashrail.proofs import power
from hashrail.proofs.documents import Part
from hashrail.proofs.keys import SigningKey
from hashrail.proofs.power import Line, Opening
from hashrail.rewards import day_sources, rates

KIND, VERSION = "hashrail day", 1


class Inputs(Part, frozen=True):
    """What fixes a day's rates. BTC, USD, TH, kWh as their names say; `discountCap` is a fraction."""

    pool_btc_per_th: Decimal
    btc_usd: Decimal
    kwh_usd: Decimal
    service_usd_per_th: Decimal
    discount_cap: Decimal
    difficulty: Decimal | None
    subsidy_btc: Decimal | None
    fees_btc: Decimal | None
    source: str


class Source(Part, frozen=True):
    """Who was asked for a figure, what they said, and the SHA-256 of their answer."""

    figure: str
    source: str
    value: Decimal | None
    url: str | None
    sha256: str | None
    left_out: str | None


class Fraction(Part, frozen=True):
    """What a discount programme gave on the day."""

    programme: int
    fraction: Decimal


class Class(Part, frozen=True):
    """A rate class in which somebody held power: its discount, and BTC per TH."""

    energy_efficiency: Decimal
    level_discount: Decimal
    programmes: list[int]
    discount: Decimal
    pool: Decimal
    c1: Decimal
    c2: Decimal
    net: Decimal


class Change(Part, frozen=True):
    """What an adjustment gives to a class, or takes, in BTC per TH."""

    energy_efficiency: Decimal
    level_discount: Decimal
    programmes: list[int]
    pool: Decimal
    c1: Decimal
    c2: Decimal
    net: Decimal


class Adjustment(Part, frozen=True):
    """A correction of an earlier day that is credited with this one: the inputs as they should have been."""

    id: int
    day: date
    reason: str
    pool_btc_per_th: Decimal
    btc_usd: Decimal
    kwh_usd: Decimal
    service_usd_per_th: Decimal
    classes: list[Change]


class Content(Part, frozen=True, kw_only=True):
    """A day's document. `power` holds a commitment a partner, in no order that tells who is who."""

    document: str = KIND
    version: int = VERSION
    day: date
    previous: str | None
    kid: str
    inputs: Inputs
    sources: list[Source]
    fractions: list[Fraction]
    classes: list[Class]
    adjustments: list[Adjustment]
    power: list[str]


async def gather(tx: Tx, key: SigningKey, day: date, *, previous: str | None) -> Content:
    """The content of a day that every partner has closed."""
    public_ids = {row["id"]: row["public_id"] for row in await tx.fetch("SELECT id, public_id FROM partner")}
    held = await power.on_day(tx, day, list(public_ids))
    classes = await _classes(tx, day, {one.class_id for one in held})
    lines: dict[int, list[Line]] = {partner_id: [] for partner_id in public_ids}
    for one in held:
        lines[one.partner_id].append(_line(classes[one.class_id], one.power))
    openings = [power.opening(key, day, public_ids[partner_id], lines[partner_id]) for partner_id in public_ids]
    return Content(
        day=day,
        previous=previous,
        kid=key.kid,
        inputs=await _inputs(tx, day),
        sources=[Source(**asdict(one)) for one in await day_sources.of_day(tx, day)],
        fractions=await _fractions(tx, day),
        classes=list(classes.values()),
        adjustments=await _adjustments(tx, day),
        power=sorted(one.commitment for one in openings),
    )


async def open_power(tx: Tx, key: SigningKey, day: date, *, partner_id: int, public_id: str) -> Opening:
    """The opening of one partner's commitment, as `gather` has made it."""
    held = await power.on_day(tx, day, [partner_id])
    classes = await _classes(tx, day, {one.class_id for one in held})
    return power.opening(key, day, public_id, [_line(classes[one.class_id], one.power) for one in held])


def _line(found: Class, held: Decimal) -> Line:
    return Line(
        energy_efficiency=found.energy_efficiency,
        level_discount=found.level_discount,
        programmes=found.programmes,
        power=held,
    )


async def _inputs(tx: Tx, day: date) -> Inputs:
    found = (await rates.find(tx, day)).inputs
    return Inputs(**{name: getattr(found, name) for name in Inputs.__struct_fields__})


async def _fractions(tx: Tx, day: date) -> list[Fraction]:
    rows = await tx.fetch(
        "SELECT programme_id AS programme, fraction FROM published_fraction WHERE day = $1 ORDER BY programme_id", day
    )
    return [Fraction(**row) for row in rows]


async def _classes(tx: Tx, day: date, class_ids: set[int]) -> dict[int, Class]:
    """These classes on a day, by their numbers."""
    rows = await tx.fetch(
        """SELECT c.id, c.energy_efficiency, c.level_discount, c.programmes, d.discount, d.pool, d.c1, d.c2, d.net
           FROM class_day d JOIN rate_class c ON c.id = d.class_id
           WHERE d.day = $1 AND d.class_id = ANY ($2) ORDER BY c.id""",
        day,
        sorted(class_ids),
    )
    return {row["id"]: Class(**_without(row, "id")) for row in rows}


async def _adjustments(tx: Tx, day: date) -> list[Adjustment]:
    """Those that are credited with a day."""
    rows = await tx.fetch(
        """SELECT id, day, reason, pool_btc_per_th, btc_usd, kwh_usd, service_usd_per_th FROM adjustment
           WHERE effective_day = $1 ORDER BY id""",
        day,
    )
    changes = await tx.fetch(
        """SELECT a.adjustment_id, c.energy_efficiency, c.level_discount, c.programmes, a.pool, a.c1, a.c2, a.net
           FROM class_adjustment a JOIN rate_class c ON c.id = a.class_id
           WHERE a.adjustment_id = ANY ($1) ORDER BY a.adjustment_id, c.id""",
        [row["id"] for row in rows],
    )
    by_id: dict[int, list[Change]] = {row["id"]: [] for row in rows}
    for each in changes:
        by_id[each["adjustment_id"]].append(Change(**_without(each, "adjustment_id")))
    return [Adjustment(**row, classes=by_id[row["id"]]) for row in rows]


def _without(row: Row, name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
