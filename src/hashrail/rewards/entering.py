"""Entering a day's rates: what somebody typed or fetched is looked at before it is there.

    typed or fetched -> refused   a figure is outside what it can be, or the day cannot be meant
                     -> entered   like the days before; published by itself when the delay is over (`rates.py`)
                     -> held      further from the day before than anybody lets pass unseen: it waits for an operator,
                                  or for two, and so do the days after it

A figure is held against the newest earlier day that nobody doubts, as its adjustments leave it, and against the
operator's node where that told the day (`node_words`). A subsidy that the node says is in no doubt, and neither is what
it alone does to the reward, so a halving passes without hands; also when it is looked at again without the node, where
the figures were fetched from it (`day_sources`). Who types a figure in doubt names it again
(`bounds.assert_confirmed`); what a machine fetched is entered, and held.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from hashrail import bounds, clock
from hashrail.bounds import Doubt
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.market.chain_days import ChainDay
from hashrail.rewards import day_sources, node_words, rate_classes, rates, tariffs
from hashrail.rewards.formula import DayInputs

# The first day is the first that anybody earns, and every day since has to have rates.
FIRST_DAY_WITHIN = timedelta(days=7)
# Nobody knows the rates of a day that is further ahead.
MOST_AHEAD = timedelta(days=366)
COMPARED = ("difficulty", "subsidy_btc", "pool_btc_per_th", "btc_usd", "gomining_usd", "kwh_usd", "service_usd_per_th")
FIELDS = ("fees_btc", *COMPARED)


class DayFarError(BadRequestError):
    """The day cannot be meant: it is before the first that was published, or more than a year ahead."""

    code = "DAY_FAR"
    advice = "Look at the year. Days are published one after the other, from the first one on."


class NotHeldError(ConflictError):
    """The day waits for nobody."""

    code = "DAY_NOT_HELD"
    advice = "See which days wait, and for what: hashrail rates list"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why somebody should look at a day's figures again, and the day against which they were held, if there is one."""

    doubts: tuple[Doubt, ...]
    before: DayInputs | None

    @property
    def needs_two(self) -> bool:
        """Whether one person is not enough."""
        return any(each.two for each in self.doubts)

    @property
    def reasons(self) -> list[str]:
        """Each doubt in words."""
        return [f"{each.field} {each.figure} ({each.why})" for each in self.doubts]


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of a day beside what it is held against: beyond `alone` times that it is in doubt, beyond `two` for two.

    `value` is None where the day has none, and `stood` where nothing stood before.
    """

    field: str
    unit: str
    value: Decimal | None
    stood: Decimal | None
    alone: Decimal
    two: Decimal
    doubt: Doubt | None


async def enter(tx: Tx, inputs: DayInputs, *, at: datetime, chain: ChainDay | None = None) -> Judgement:
    """Enter a day's inputs, held where they are in doubt. Raises what `judge` does."""
    await rates.hold_all(tx)
    judged = await judge(tx, inputs, today=clock.day_of(at), chain=chain)
    await rates.enter(tx, inputs, at=at, held=judged.reasons, for_two=judged.needs_two)
    await judge_again(tx, after=inputs.day, today=clock.day_of(at))
    return judged


async def delete(tx: Tx, day: date, *, today: date) -> rates.MiningDay:
    """Take back what was entered for a day; answers what it was. Raises RatesMissingError, DayPublishedError."""
    await rates.hold_all(tx)
    was = await rates.delete(tx, day)
    await judge_again(tx, after=day, today=today)
    return was


async def judge(tx: Tx, inputs: DayInputs, *, today: date, chain: ChainDay | None = None) -> Judgement:
    """What there is to say against a day's inputs; `chain` is what the node told of the day, if it did.

    Raises DayPublishedError, ImplausibleFigureError, DayFarError.
    """
    with suppress(rates.RatesMissingError):
        rates.assert_not_published(await rates.find(tx, inputs.day))
    check(inputs)
    judged = await _judged(tx, inputs, today, is_subsidy_known=node_words.confirms_subsidy(inputs, chain))
    return replace(judged, doubts=(*judged.doubts, *await _of_node(tx, inputs, chain)))


async def guards(tx: Tx, inputs: DayInputs) -> tuple[list[Compared], date | None]:
    """What each figure of a day is held against, and of which day that is; the node is not asked."""
    before = await _before(tx, inputs.day)
    is_subsidy_known = await day_sources.are_of_node(tx, inputs.day)
    doubts = {each.field: each for each in _of_figures(inputs, before, is_subsidy_known=is_subsidy_known)}
    compared = [
        Compared(
            field=field,
            unit=bounds.BOUNDS[field].unit,
            value=getattr(inputs, field),
            stood=None if before is None else getattr(before, field),
            alone=bounds.BOUNDS[field].alone,
            two=bounds.BOUNDS[field].two,
            doubt=doubts.get(field),
        )
        for field in COMPARED
    ]
    return compared, None if before is None else before.day


async def _judged(tx: Tx, inputs: DayInputs, today: date, *, is_subsidy_known: bool) -> Judgement:
    """What there is to say against figures that can be, beside what the node says now."""
    before = await _before(tx, inputs.day)
    of_figures = _of_figures(inputs, before, is_subsidy_known=is_subsidy_known)
    return Judgement((*await _doubts_of_day(tx, inputs.day, today), *of_figures), before)


async def correct(tx: Reader, inputs: DayInputs, was: DayInputs, chain: ChainDay | None = None) -> tuple[Doubt, ...]:
    """Why somebody should look again at what is meant to stand in the place of what `was` published for the day.

    Raises ImplausibleFigureError for what cannot be. What stays as it is is not looked at.
    """
    moved = {field for field in FIELDS if getattr(inputs, field) != getattr(was, field)}
    of_node = [each for each in await _of_node(tx, inputs, chain) if each.field in moved]
    is_confirmed = node_words.confirms_subsidy(inputs, chain)
    of_figures = [each for each in compare(inputs, was) if each.field != "subsidy_btc" or not is_confirmed]
    return (*of_figures, *of_node)


def compare(inputs: DayInputs, before: DayInputs) -> tuple[Doubt, ...]:
    """The same without the node."""
    changed = {field: getattr(inputs, field) for field in FIELDS if getattr(inputs, field) != getattr(before, field)}
    given = {field: value for field, value in changed.items() if value is not None}
    for field, value in given.items():
        bounds.check(field, value)
    compared = {field: value for field, value in given.items() if field in COMPARED}
    found = (bounds.compare(field, value, getattr(before, field), "as published") for field, value in compared.items())
    return tuple(each for each in found if each is not None)


def _of_figures(inputs: DayInputs, before: DayInputs | None, *, is_subsidy_known: bool) -> list[Doubt]:
    """What the day before has to say against a day's figures; a subsidy that the node has said is in no doubt."""
    given = {field: getattr(inputs, field) for field in COMPARED if getattr(inputs, field) is not None}
    found = {field: bounds.compare(field, value, *_stood(before, field)) for field, value in given.items()}
    if is_subsidy_known:
        del found["subsidy_btc"]
        if before is not None:
            usual = node_words.reward_at(inputs.subsidy_btc, before)
            at_subsidy = bounds.compare("pool_btc_per_th", inputs.pool_btc_per_th, usual, f"at {before.day}'s figures")
            found["pool_btc_per_th"] = found["pool_btc_per_th"] and at_subsidy
    return [each for each in found.values() if each is not None]


async def _of_node(tx: Reader, inputs: DayInputs, chain: ChainDay | None) -> list[Doubt]:
    """What the node has to say against a day's figures."""
    if chain is None:
        return []
    return node_words.doubts(inputs, chain, await tariffs.pool_fee(tx, inputs.day))


def _stood(before: DayInputs | None, field: str) -> tuple[Decimal | None, str]:
    """What a field was before, and when."""
    return (None, "") if before is None else (getattr(before, field), f"on {before.day}")


def check(inputs: DayInputs) -> None:
    """Every figure is what it can be. Raises ImplausibleFigureError."""
    for field in FIELDS:
        value = getattr(inputs, field)
        if value is not None:
            bounds.check(field, value)


async def confirm(tx: Tx, day: date, *, today: date) -> None:
    """Let a day be published that was held, and with it those after it that were in doubt only because it was.

    Raises RatesMissingError, DayPublishedError, NotHeldError.
    """
    await rates.hold_all(tx)
    await assert_held(tx, day)
    await rates.let_go(tx, day)
    await judge_again(tx, after=day, today=today)


async def judge_again(tx: Tx, *, after: date, today: date) -> None:
    """Hold or let go of later days whose figures are held against others now that a day before them has changed.

    Nobody leads a figure up by days in between that are taken back or entered again. The first day that nobody doubted,
    and nobody doubts now, is what those after it are held against as before. What the node said against a day stays,
    and a subsidy that was fetched from it is known as before.
    """
    for later in await rates.waiting_after(tx, after):
        is_subsidy_known = await day_sources.are_of_node(tx, later.inputs.day)
        judged = await _judged(tx, later.inputs, today, is_subsidy_known=is_subsidy_known)
        of_node = [reason for reason in later.held if bounds.BY_NODE in reason]
        if judged.doubts or of_node:
            for_two = judged.needs_two or (bool(of_node) and later.held_for_two)
            await rates.hold(tx, later.inputs.day, [*judged.reasons, *of_node], for_two=for_two)
        elif later.held:
            await rates.let_go(tx, later.inputs.day)
        else:
            return


async def assert_held(tx: Reader, day: date) -> rates.MiningDay:
    """A day that waits for an operator. Raises RatesMissingError, DayPublishedError, NotHeldError."""
    found = await rates.find(tx, day)
    rates.assert_not_published(found)
    if not found.held:
        raise NotHeldError(f"{day} is not held", field="day")
    return found


async def _before(tx: Tx, day: date) -> DayInputs | None:
    """The newest earlier day that nobody doubts, as its adjustments leave it."""
    found: date | None = await tx.fetchval("SELECT max(day) FROM mining_day WHERE day < $1 AND held = '{}'", day)
    return None if found is None else await rate_classes.in_force(tx, found)


async def _doubts_of_day(tx: Reader, day: date, today: date) -> list[Doubt]:
    """Whether the day itself can be meant. Raises DayFarError."""
    first: date | None = await tx.fetchval("SELECT first_day FROM publication WHERE id = 1")
    if day > today + MOST_AHEAD:
        raise DayFarError(f"{day} is more than a year ahead", field="day")
    if first is not None:
        if day < first:
            raise DayFarError(f"{day} is before {first}, the first day that was published", field="day")
        return []
    earliest: date | None = await tx.fetchval("SELECT min(day) FROM mining_day")
    if (earliest is not None and earliest <= day) or abs(day - today) <= FIRST_DAY_WITHIN:
        return []
    why = f"the first day of all would be {abs((day - today).days)} days from today, and every day since needs rates"
    return [Doubt("day", day.isoformat(), why, two=False)]
