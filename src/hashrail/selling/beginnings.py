"""What a new deployment lacks before it sells, and how it gets it.

The catalogue and every figure of the API are told at the rates of the newest published day. So a deployment begins
with a day that is over: the newest one that can be published at once. Nobody earns by it, since whoever buys earns from
the next day on. Offers and capacity come in the same transaction; what is there already is left as it is. It is done
while there is no admin: from then on operators change each by its own command, in their names.

Accounts touched: none; closing a day without miners posts nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import asyncpg

from hashrail import bounds, clock
from hashrail.bounds import Doubt
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.parties import operators
from hashrail.rewards import discounts, entering, fetching, tariffs
from hashrail.rewards.entering import Judgement
from hashrail.rewards.fetching import Fetched
from hashrail.rewards.formula import DayInputs
from hashrail.rewards.node_words import Words
from hashrail.rewards.tariffs import Kind, Tariff
from hashrail.selling import capacity, catalogue, samples, upgrade_tariff
from hashrail.selling.offer_files import Offer

Part = Literal["offers", "capacity", "first day", "admin"]
# Later days wait for their rates from the first one on: whoever names one long past has mistaken the year.
FIRST_DAY_WITHIN = timedelta(days=7)


class FirstDayError(BadRequestError):
    """A deployment begins with a day that is over, and not long ago."""

    code = "FIRST_DAY"
    advice = "Leave the day out: it is the newest one that is over. Another one is entered by: hashrail rates set"


class BegunAlreadyError(ConflictError):
    """The deployment has an admin: what it lacks is set in their name, each by its own command."""

    code = "BEGUN_ALREADY"
    advice = "Use hashrail catalogue put, hashrail catalogue capacity and hashrail rates set, each with --as ADMIN."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a deployment is to begin with; without a `day` of its own the rates are of the newest day that is over.

    `with_levels` sets the sample's discount levels beside its offers; `confirmed` are unusual figures that are meant.
    What electricity and service cost is in `tariffs` where it was said: it counts on later days as well.
    `words` is what the node told of the day. Where the day was `fetched` its figures are in place of rates.
    """

    offers: Sequence[Offer] = ()
    with_levels: bool = False
    capacity_th: Decimal | None = None
    rates: DayInputs | None = None
    day: date | None = None
    confirmed: Sequence[str] = ()
    tariffs: Mapping[Kind, Decimal] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    fetched: Fetched | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a deployment is; `capacity_th` None sells without a cap."""

    offers: int = 0
    capacity_th: Decimal | None = None
    first_entered: date | None = None
    published_through: date | None = None
    admin: str | None = None

    @property
    def lacking(self) -> list[Part]:
        """What it has not got yet; without a capacity it sells all the same."""
        found: dict[Part, bool] = {
            "offers": self.offers == 0,
            "capacity": self.capacity_th is None,
            "first day": self.published_through is None,
            "admin": self.admin is None,
        }
        return [part for part, lacks in found.items() if lacks]

    @property
    def is_selling(self) -> bool:
        """Whether the catalogue and the figures have an answer."""
        return not {"offers", "first day"} & {*self.lacking}


async def standing(reader: Reader) -> Standing:
    """How far a deployment is; of a database without its tables nothing is there."""
    try:
        row = await reader.fetchrow(
            """SELECT (SELECT count(*) FROM collection WHERE active) AS offers,
                      (SELECT cap_th FROM capacity WHERE id = 1) AS capacity_th,
                      (SELECT min(day) FROM mining_day) AS first_entered,
                      (SELECT published_through FROM publication WHERE id = 1) AS published_through"""
        )
        admins = [one.name for one in await operators.every(reader) if one.role == "admin" and one.disabled_at is None]
    except asyncpg.UndefinedTableError:
        return Standing()
    assert row is not None, "it is one row of sub-selects"
    return Standing(**row, admin=next(iter(admins), None))


def check_day(day: date, now: datetime) -> None:
    """Raises FirstDayError unless the day is over, and not long ago."""
    newest = clock.last_creditable_day(now)
    if not newest - FIRST_DAY_WITHIN < day <= newest:
        raise FirstDayError(
            f"{day} is no day to begin with: {newest} is the newest that is over", field="first_day", newest=str(newest)
        )


def doubts(inputs: DayInputs) -> list[Doubt]:
    """What somebody should look at again in the figures of a first day. Raises ImplausibleFigureError."""
    entering.check(inputs)
    given = {field: getattr(inputs, field) for field in entering.COMPARED}
    found = (bounds.compare(field, value, None, "") for field, value in given.items() if value is not None)
    return [each for each in found if each is not None]


async def fill(tx: Tx, wanted: Wanted, *, at: datetime) -> list[Part]:
    """Write what is wanted and lacking; answers which parts. The first day is entered, and published by `closing`.

    Raises BegunAlreadyError, FirstDayError, and what the verbs of each part do.
    """
    await operators.hold(tx)
    there = await standing(tx)
    done: list[Part] = []
    if wanted.offers and there.offers == 0:
        for offer in wanted.offers:
            bounds.assert_confirmed(catalogue.doubt_offer(*offer, None), ())
        await catalogue.put(tx, wanted.offers)
        if wanted.with_levels:
            await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
        if await upgrade_tariff.find(tx) is None:
            # Without one what upgrades cost is 503.
            await upgrade_tariff.put(tx, samples.SAMPLE)
        done.append("offers")
    if wanted.capacity_th is not None and there.capacity_th is None:
        bounds.assert_confirmed(capacity.doubt_capacity(None, wanted.capacity_th), ())
        await capacity.set_capacity(tx, wanted.capacity_th)
        done.append("capacity")
    if (wanted.rates is not None or wanted.fetched is not None) and there.first_entered is None:
        day = wanted.day or clock.last_creditable_day(at)
        check_day(day, at)
        for kind, value in wanted.tariffs.items():
            await tariffs.put(tx, Tariff(kind, day, value))
        judged = await _entered(tx, wanted, day, at)
        bounds.assert_confirmed(judged.doubts, wanted.confirmed)
        if judged.doubts:
            await entering.confirm(tx, day, today=clock.day_of(at))
        done.append("first day")
    if done and there.admin is not None:
        raise BegunAlreadyError(f"{there.admin} is an admin of this deployment, which lacks {', '.join(done)}")
    return done


async def _entered(tx: Tx, wanted: Wanted, day: date, at: datetime) -> Judgement:
    """Enter the first day as it was typed, or fetched."""
    if wanted.fetched is not None:
        return await fetching.enter(tx, wanted.fetched, at=at)
    assert wanted.rates is not None, "there are figures"
    return await entering.enter(tx, replace(wanted.rates, day=day), at=at, chain=wanted.words.told.get(day))
