"""Forms of mining days: their figures, how long these wait, publishing and closing, and correcting a published day."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hashrail import business_clock, clock
from hashrail.acts import days as day_acts
from hashrail.acts import rates as acts
from hashrail.acts.acting import Acting
from hashrail.acts.days import Meant
from hashrail.bounds import BOUNDS
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages.console import days
from hashrail.pages.console.asking import Asked, Done, hand_over
from hashrail.pages.console.visit import Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.rewards import fetching, node_words, rate_classes, rates, standing, tariffs
from hashrail.rewards.formula import DayInputs
from hashrail.rewards.node_words import Words

# Every figure of a day with what people call it, as the form asks for them.
LABELS = {
    "btc_usd": "Price of a bitcoin",
    "difficulty": "Network difficulty, 95.67 T is 95.67e12",
    "subsidy_btc": "Block subsidy",
    "fees_btc": "Mean fees of a block",
    "pool_btc_per_th": "Pool reward, in place of the three above",
    "gomining_usd": "Price of a GOMINING",
    "kwh_usd": "Electricity",
    "service_usd_per_th": "Service",
}
ADJUSTABLE = ("difficulty", "subsidy_btc", "fees_btc", "pool_btc_per_th", "btc_usd", "kwh_usd", "service_usd_per_th")
SERIES_HELP = (
    "The first line names the columns: day, btc_usd, and either pool_btc_per_th or difficulty, subsidy_btc and "
    "fees_btc; perhaps kwh_usd, service_usd_per_th, gomining_usd, source. Commas part values, a point parts decimals."
)


async def ask_to_enter(tx: Tx, visit: Visit) -> Asked:
    """Figures of a day, with what stands there and what the day before had."""
    day = await _day(tx, visit)
    was, before = await _entered(tx, day), await _before(tx, day)
    prices = await tariffs.prices(tx, day, visit.deployment.settings)
    fields = [Field("day", "Mining day, UTC", "day", day), *(_figure(name, was, before, prices) for name in LABELS)]
    words = ["Give the price of a bitcoin, and either difficulty, subsidy and fees or the pool reward."]
    if was is not None:
        words.append(f"{day} is entered already: what you give takes its place.")
    words.append("They are held against the day before and, where there is one, against your node.")
    return Asked("Enter the figures of a day", "Enter them", link("/days"), fields, words)


async def enter(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Enter them."""
    day: date = values["day"]
    texts = {name: plain(values[name]) for name in LABELS if values[name] is not None}
    prices = await tariffs.prices(tx, day, act.deployment.settings)
    inputs = rates.parse({"day": day.isoformat()} | texts, prices, await rates.discount_cap(tx))
    await acts.enter(tx, act, inputs, visit.told, confirm=visit.confirmed)
    return Done(days.page(day, done="changed"))


async def node_of_day(visit: Visit, values: Values) -> Words:
    """What the node says of the day that is filled in."""
    return await acts.ask_node(visit.deployment, values["day"])


async def node_of_named(visit: Visit, _: Values) -> Words:
    """The same of a form that is about one day."""
    return await acts.ask_node(visit.deployment, days.asked(visit))


async def ask_for_series(_: Tx, __: Visit) -> Asked:
    """Days as lines of a sheet."""
    fields = (Field("lines", "Days, a line each", "lines", help=SERIES_HELP),)
    words = ["All of them are entered, or none. A day with figures in doubt is held for an operator."]
    return Asked("Enter many days", "Enter the days", link("/days"), fields, words)


async def enter_series(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Enter them all."""
    series = await acts.read_series(tx, values["lines"], act.deployment.settings)
    await acts.enter_series(tx, act, series, visit.told, confirm=visit.confirmed)
    return Done(link("/days", done="changed"))


async def node_of_series(visit: Visit, values: Values) -> Words:
    """What the node says of the days of a sheet."""
    pool, settings = visit.deployment.pool, visit.deployment.settings
    series = await acts.read_series(pool, values["lines"], settings)
    return await node_words.ask(settings, [inputs.day for inputs in series])


async def ask_to_confirm(tx: Tx, visit: Visit) -> Asked:
    """A day that is held."""
    found = await rates.find(tx, days.asked(visit))
    day = found.inputs.day
    words = [f"{each[:1].upper()}{each[1:]}." for each in found.held] or ["It is not held."]
    if found.held_for_two:
        words.append("It takes two admins.")
    return Asked(f"Let {day} be published", f"Let {day} be published", days.page(day), (), words)


async def confirm(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Let it be published with its figures as they are."""
    day = days.asked(visit)
    await acts.confirm(tx, act, day, visit.told, named=visit.confirmed)
    return Done(days.page(day, done="changed"))


async def ask_to_delete(tx: Tx, visit: Visit) -> Asked:
    """A day that is entered and not published."""
    day = (await rates.find(tx, days.asked(visit))).inputs.day
    words = [f"{day} has no figures then, and neither it nor a later day is published until somebody enters it again."]
    return Asked(f"Delete the figures of {day}", f"Delete {day}", days.page(day), (), words)


async def delete(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Take back what was entered."""
    await acts.delete(tx, act, days.asked(visit))
    return Done(link("/days", done="changed"))


async def ask_to_fetch(tx: Tx, visit: Visit) -> Asked:
    """Days that are due and have no figures, or one that is named."""
    due = await fetching.due(tx)
    words = [
        "Blocks come from your node, prices from the exchanges, the rest from your tariffs.",
        "Figures in doubt are entered and held. The worker does the same every ten minutes.",
        f"Due and without figures: {_few(due)}." if due else "No day is due without figures.",
    ]
    named = clock.day_from(visit.query["day"]) if visit.query.get("day") else None
    help_ = "Left empty: every day that is due. A day that is entered already gets other figures."
    fields = (Field("day", "Only this day", "day", named, needed=False, help=help_),)
    return Asked("Fetch figures", "Fetch them", link("/days"), fields, words)


async def fetch(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Let the worker fetch them."""
    day: date | None = values["day"]
    subject = "days that are due" if day is None else f"day {day}"
    return await hand_over(tx, act, "rates fetch", subject, day=day)


async def ask_to_close(tx: Tx, _: Visit) -> Asked:
    """What is due to be published and closed."""
    now = await standing.read(tx, now=await business_clock.now(tx))
    words = [
        f"Published through {now.published_through}; {now.open_days} days are due.",
        f"The partner that is furthest behind has {now.behind_days} published days to close.",
        "What is due and has figures is published, for ever, and closed in all partners' books: users are credited.",
        "The worker does the same every minute.",
    ]
    if now.waits_for is not None:
        words.append(f"{now.waits_for} has no figures, so it ends before that day.")
    if now.held:
        words.append(f"Held: {_few([each.inputs.day for each in now.held])}.")
    fields = (Field("through", "The last day to close", "day", needed=False, help="Left empty: all that are due."),)
    return Asked("Publish and close days", "Publish and close", link("/days"), fields, words)


async def close(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Let the worker publish and close them."""
    through: date | None = values["through"]
    return await hand_over(tx, act, "day close", day_acts.close_subject(through), through=through)


async def ask_for_policy(tx: Tx, _: Visit) -> Asked:
    """How long a day waits between entering and publishing."""
    seconds = await rates.delay(tx) // timedelta(seconds=1)
    fields = (
        Field(
            "publish_delay", "From entering to publishing", "number", seconds, unit="seconds", help="At most 172800."
        ),
    )
    words = ["In this time whoever looks can take a day's figures back. To shorten it takes two admins."]
    return Asked("How long figures wait", "Change it", link("/days"), fields, words)


async def set_policy(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Change it."""
    await acts.set_delay(tx, act, values["publish_delay"])
    return Done(link("/days", done="changed"))


async def ask_to_adjust(tx: Tx, visit: Visit) -> Asked:
    """What a published day's figures should have been."""
    day = days.asked(visit)
    await rate_classes.published_inputs(tx, day)
    now = await rate_classes.in_force(tx, day)
    figures = [
        Field(name, LABELS[name], "amount", None, unit=BOUNDS[name].unit, help=_stands(name, now), needed=False)
        for name in ADJUSTABLE
    ]
    reason = Field("reason", "Why? It is published with the adjustment", most=500)
    words = [
        "Give only what was wrong. What was published stays.",
        "The differences are credited with the next day that is published, to those who held miners on this day.",
    ]
    return Asked(f"Adjust {day}", f"Adjust {day}", days.page(day), [*figures, reason], words)


async def adjust(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Publish the adjustment."""
    day = days.asked(visit)
    changes = {name: values[name] for name in ADJUSTABLE if values[name] is not None}
    await day_acts.adjust(tx, act, Meant(day, values["reason"], changes), visit.told, confirm=visit.confirmed)
    return Done(days.page(day, done="changed"))


async def ask_to_take_back(tx: Tx, visit: Visit) -> Asked:
    """The newest published day, that nobody has closed."""
    day = (await rates.find(tx, days.asked(visit))).inputs.day
    words = [
        f"{day} is not published any more then, and held: the way out where a published day cannot be closed.",
        "A day by which users were credited is adjusted instead.",
    ]
    reason = Field("reason", "Why? The log keeps it", most=500)
    return Asked(f"Take {day} back", f"Take {day} back", days.page(day), (reason,), words)


async def take_back(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Take it back."""
    day = days.asked(visit)
    await day_acts.take_back(tx, act, day, reason=values["reason"])
    return Done(days.page(day, done="changed"))


async def ask_to_bring_back(_: Tx, __: Visit) -> Asked:
    """Stints that begin too late."""
    words = [
        "Where a clock was ahead when miners were sold, they begin to earn late. They earn from tomorrow on then.",
        "No closed day changes, and what was written at the right time neither.",
    ]
    return Asked("Bring stints back", "Let them earn from tomorrow", link("/days"), (), words)


async def bring_back(tx: Tx, act: Acting, _: Visit, __: Values) -> Done:
    """Bring them back."""
    count = await day_acts.bring_back(tx, act)
    act.told.append(f"{count} stints are brought back.")
    return Done(link("/days", done="changed"))


async def _day(tx: Tx, visit: Visit) -> date:
    """The day that is named, or the next one that needs figures."""
    if visit.query.get("day"):
        return days.asked(visit)
    now = await business_clock.now(tx)
    return (await standing.read(tx, now=now)).waits_for or clock.day_of(now)


async def _entered(tx: Tx, day: date) -> DayInputs | None:
    with suppress(rates.RatesMissingError):
        return await rates.of_day(tx, day)
    return None


async def _before(tx: Tx, day: date) -> DayInputs | None:
    return await _entered(tx, day - clock.ONE_DAY)


def _figure(name: str, was: DayInputs | None, before: DayInputs | None, prices: dict[str, Any]) -> Field:
    """A figure of a day, with what is in its place now."""
    value: Decimal | None = None if was is None else getattr(was, name)
    if name == "pool_btc_per_th" and was is not None and was.difficulty is not None:
        value = None
    stood: Decimal | None = None if before is None else getattr(before, name)
    helps = [] if stood is None else [f"{plain(stood)} on {before.day}" if before else ""]
    if name in prices:
        helps.append(f"left empty: {plain(prices[name])}")
    needed = name == "btc_usd"
    return Field(name, LABELS[name], "amount", value, unit=BOUNDS[name].unit, help="; ".join(helps), needed=needed)


def _stands(name: str, now: DayInputs) -> str:
    value = getattr(now, name)
    return "The day was entered without it." if value is None else f"It is {plain(value)}."


def _few(found: Sequence[date]) -> str:
    """Days in a line."""
    return ", ".join(map(str, found[:7])) + (f" and {len(found) - 7} more" if len(found) > 7 else "")
