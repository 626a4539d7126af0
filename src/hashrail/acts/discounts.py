"""Discounts on maintenance: levels, the cap, programmes with their fractions, and who takes part."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail import bounds, db
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import may_be_done
from hashrail.books import fence
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.parties import users
from hashrail.rewards import discounts, preview, rates, stints
from hashrail.rewards.preview import Effect, LevelsEffect

SUBJECT = "discounts"


@dataclass(frozen=True, slots=True)
class Discounted:
    """A discount that was set, or would be: what it comes to (None before the first day), what is said against it."""

    effect: Effect | None
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class Levelled:
    """Levels that were set, or would be, likewise."""

    effect: LevelsEffect | None
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class Joining:
    """Who is to take part in a programme, or no longer; None is everybody of the partner, and who registers later."""

    partner_id: int
    programme: str
    user: str | None
    member: bool


async def create_programme(tx: Tx, act: Acting, name: str) -> int | None:
    """Open a programme, which gives nothing until a fraction is set; answers its number, None where it is only tried.

    Raises ProgrammeExistsError.
    """
    if act.tries:
        # It gets no number by being asked for.
        await discounts.assert_free(tx, name)
        await act.note(tx, f"programme {name}", after={"programme": name})
        return None
    made = await discounts.create_programme(tx, name)
    await act.note(tx, f"programme {name}", after={"number": made})
    return made


async def set_fraction(
    tx: Tx, act: Acting, name: str, *, from_day: date, fraction: Decimal, confirm: Collection[str] | None
) -> Discounted:
    """Set what a programme gives from a day on; more than half takes two.

    Raises ProgrammeNotFoundError, FractionFixedError, BadDiscountError, ConfirmationNeededError.
    """
    programme = await discounts.find_programme(tx, name)
    async with db.undone(tx):
        # What cannot be is refused first.
        await discounts.set_fraction(tx, programme, from_day=from_day, fraction=fraction)
    effect = await preview.of_discounts(tx, fractions={programme: fraction})
    was = {"programme": name, "fractions": await fractions_of(tx, name)}
    meant = {"programme": name, "fraction": fraction, "from": from_day}
    doubts, subject, told = bounds.doubt_discount(fraction), f"programme {name}", _told(act, effect)
    if await may_be_done(tx, act, subject, doubts, confirm, before=was, after=meant, effect=told):
        await discounts.set_fraction(tx, programme, from_day=from_day, fraction=fraction)
        await act.note(tx, subject, before=was, after=meant)
    return Discounted(effect, doubts)


async def set_cap(tx: Tx, act: Acting, cap: Decimal, *, confirm: Collection[str] | None) -> Discounted:
    """Set the most that discounts add up to, on days published from now on; more than half takes two.

    Raises BadDiscountError, ConfirmationNeededError.
    """
    discounts.check(cap)
    effect = await preview.of_discounts(tx, fractions={}, cap=cap)
    was, meant = {"cap": await rates.discount_cap(tx)}, {"cap": cap}
    doubts, told = bounds.doubt_discount(cap), _told(act, effect)
    if await may_be_done(tx, act, SUBJECT, doubts, confirm, before=was, after=meant, effect=told):
        await discounts.set_cap(tx, cap)
        await act.note(tx, SUBJECT, before=was, after=meant)
    return Discounted(effect, doubts)


async def set_levels(
    tx: Tx, act: Acting, levels: Mapping[Decimal, Decimal], *, confirm: Collection[str] | None
) -> Levelled:
    """Replace the levels by a user's total TH; more than half takes two. Raises BadDiscountError,
    ConfirmationNeededError.
    """
    before = levels_facts(await discounts.levels(tx))
    async with db.undone(tx):
        await discounts.set_levels(tx, levels)
        effect, after = await preview.of_levels(tx), levels_facts(await discounts.levels(tx))
    doubts = [doubt for each in levels.values() for doubt in bounds.doubt_discount(each)]
    told = _told(act, effect)
    if await may_be_done(tx, act, SUBJECT, doubts, confirm, before=before, after=after, effect=told):
        await discounts.set_levels(tx, levels)
        await act.note(tx, SUBJECT, before=before, after=after)
    return Levelled(effect, doubts)


async def begin_joining(tx: Tx, act: Acting, meant: Joining) -> list[int]:
    """Note who is to change and let who registers later follow; answers the users for `join_one`.

    Raises ProgrammeNotFoundError, UserNotFoundError.
    """
    programme = await discounts.find_programme(tx, meant.programme)
    after = {"partner": meant.partner_id, "user": meant.user or "everybody", "member": meant.member}
    if meant.user is not None:
        one = await users.find(tx, meant.partner_id, meant.user)
        await act.note(tx, f"programme {meant.programme}", after=after)
        return [one.id]
    await act.note(tx, f"programme {meant.programme}", after=after)
    await discounts.set_partner_programme(tx, meant.partner_id, programme, member=meant.member)
    return await users.ids(tx, meant.partner_id)


async def join_one(tx: Tx, meant: Joining, user_id: int) -> None:
    """Let a user take part in a programme, or no longer; it counts from the next UTC day."""
    books = await fence.share(tx, meant.partner_id)
    programme = await discounts.find_programme(tx, meant.programme)
    if await discounts.set_membership(tx, meant.partner_id, user_id, programme, member=meant.member):
        await stints.sync_stints(tx, books, [user_id])


async def fractions_of(tx: Tx, name: str) -> dict[str, object]:
    """What a programme gives, by the first day."""
    found = [one for one in await discounts.programmes(tx) if one.name == name and one.from_day is not None]
    return {str(one.from_day): one.fraction for one in found}


def levels_facts(levels: Mapping[Decimal, Decimal]) -> dict[str, object]:
    """Fractions by the TH from which they are given, for the log and for a change that waits."""
    return {"levels": {plain(from_th): fraction for from_th, fraction in levels.items()}}


def _told(act: Acting, effect: Effect | LevelsEffect | None) -> str:
    """What it comes to in words, told with the act."""
    if effect is None:
        return ""
    act.told.append(f"{effect.words()}.")
    return effect.words()
