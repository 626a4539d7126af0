"""Dated tariffs: what the operator's own contracts say of electricity, service and the pool's fee.

A tariff counts from its day on until another of its kind begins. Before the first, electricity and service cost what
the settings say, and the pool takes nothing. A day has its own when its figures are entered; what is entered or
published already does not change, so a tariff begins after the newest published day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from hashrail import bounds
from hashrail.bounds import Doubt
from hashrail.clock import ONE_DAY
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.money import ZERO, decimals
from hashrail.settings import Settings

Kind = Literal["kwh_usd", "service_usd_per_th", "pool_fee"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FEE_DECIMALS = 6
MOST_FEE = Decimal("0.5")


class BadDatedTariffError(BadRequestError):
    """The pool's fee is none."""

    code = "BAD_DATED_TARIFF"
    advice = "It is a fraction from 0 to 0.5 with at most 6 decimals, like 0.02 for 2 %."


class TariffPastError(ConflictError):
    """A tariff would begin on a day whose figures are fixed."""

    code = "TARIFF_PAST"
    advice = "Let it begin after the newest published day, and correct what is published with: hashrail day adjust"


@dataclass(frozen=True, slots=True)
class Tariff:
    """What counts from a day on: USD per kWh, USD per TH a day, or the fraction that the pool keeps."""

    kind: Kind
    from_day: date
    value: Decimal


def check(tariff: Tariff) -> None:
    """A tariff is what it can be. Raises BadDatedTariffError, ImplausibleFigureError."""
    if tariff.kind != "pool_fee":
        bounds.check(tariff.kind, tariff.value)
    elif not ZERO <= tariff.value <= MOST_FEE or decimals(tariff.value) > FEE_DECIMALS:
        raise BadDatedTariffError(f"{tariff.kind} cannot be {tariff.value}", field="value")


async def put(tx: Tx, tariff: Tariff) -> Tariff | None:
    """Let a tariff count; answers the one of the same kind and day that stood there before.

    Raises BadDatedTariffError, ImplausibleFigureError, TariffPastError.
    """
    check(tariff)
    await assert_ahead(tx, tariff.from_day)
    was = await find(tx, tariff.kind, tariff.from_day)
    await tx.execute(
        """INSERT INTO tariff (kind, from_day, value) VALUES ($1, $2, $3)
           ON CONFLICT (kind, from_day) DO UPDATE SET value = excluded.value""",
        tariff.kind,
        tariff.from_day,
        tariff.value,
    )
    return was


async def assert_ahead(tx: Tx, from_day: date) -> None:
    """No day from this one on has figures that are fixed. Raises TariffPastError."""
    # Publishing holds this row, so no day becomes fixed in between.
    through = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1 FOR SHARE")
    if through is not None and from_day <= through:
        raise TariffPastError(f"{from_day} is published, days are through {through}", field="from")


async def find(tx: Reader, kind: Kind, from_day: date) -> Tariff | None:
    """The tariff of a kind that begins on a day, if there is one."""
    value = await tx.fetchval("SELECT value FROM tariff WHERE kind = $1 AND from_day = $2", kind, from_day)
    return None if value is None else Tariff(kind, from_day, value)


async def doubts(tx: Reader, tariff: Tariff, settings: Settings) -> list[Doubt]:
    """Why somebody should look at a tariff again, given what counts until it does, and what counts by now.

    So a row of tariffs, each a little more than the one before, is looked at like one that is much more.
    """
    published: date | None = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1")
    found = await _against(tx, tariff, settings, tariff.from_day - ONE_DAY, f"until {tariff.from_day}")
    if published is not None:
        found = bounds.graver(found, await _against(tx, tariff, settings, published, f"on {published}"))
    return list(found)


async def _against(tx: Reader, tariff: Tariff, settings: Settings, day: date, since: str) -> tuple[Doubt, ...]:
    found = bounds.compare(tariff.kind, tariff.value, (await prices(tx, day, settings))[tariff.kind], since)
    return () if found is None else (found,)


async def listed(tx: Reader) -> list[Tariff]:
    """Every tariff, by kind and day."""
    rows = await tx.fetch("SELECT kind, from_day, value FROM tariff ORDER BY kind, from_day")
    return [Tariff(**dict(row)) for row in rows]


async def of_day(tx: Reader, day: date) -> dict[Kind, Tariff]:
    """The tariffs that count on a day."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (kind) kind, from_day, value FROM tariff WHERE from_day <= $1
           ORDER BY kind, from_day DESC""",
        day,
    )
    return {row["kind"]: Tariff(**dict(row)) for row in rows}


async def pool_fee(tx: Reader, day: date) -> Decimal:
    """The fraction that the pool keeps of what is mined on a day."""
    found = (await of_day(tx, day)).get("pool_fee")
    return ZERO if found is None else found.value


def by_day(known: Sequence[Tariff]) -> Callable[[date], dict[str, Decimal]]:
    """What counts on a day out of all tariffs, by kind and day; a kind of which none counts yet is left out."""

    def on_day(day: date) -> dict[str, Decimal]:
        return {each.kind: each.value for each in known if each.from_day <= day}

    return on_day


async def prices(tx: Reader, day: date, settings: Settings) -> dict[str, Decimal]:
    """What a day costs where its rates name nothing else: the tariffs over the settings."""
    found = await of_day(tx, day)
    return resolved(found, settings)


def resolved(found: Mapping[Kind, Tariff], settings: Settings) -> dict[str, Decimal]:
    """The settings' prices with a day's tariffs in their place; the token's price and the pool's fee with them."""
    constants = {
        "kwh_usd": settings.kwh_usd,
        "service_usd_per_th": settings.service_usd_per_th,
        "pool_fee": ZERO,
        "gomining_usd": settings.gomining_usd,
    }
    return {**constants, **{kind: each.value for kind, each in found.items()}}
