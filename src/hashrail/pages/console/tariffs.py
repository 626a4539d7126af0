"""Tariffs of days: what electricity, service and the pool cost from which day on; `hashrail tariff set`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

from hashrail import business_clock, clock
from hashrail.acts import tariffs as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.money import ONE, ZERO, divide_half_even
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.rewards import rates, tariffs
from hashrail.rewards.tariffs import Kind, Tariff

WORDS: dict[Kind, tuple[str, str]] = {
    "kwh_usd": ("Electricity", "USD per kWh"),
    "service_usd_per_th": ("Service", "USD per TH a day"),
    "pool_fee": ("What the pool keeps", "a fraction: 0.02 is two percent"),
}
# A line of time begins so long before its first change, and ends so long after its last one or today.
MARGIN = timedelta(days=30)
WIDTH, HEIGHT = 1000, 48


@dataclass(frozen=True, slots=True)
class Step:
    """A value that counts from a day on, as it is drawn; None of both is what the settings say."""

    tariff: Tariff | None
    value: Decimal
    x: int
    width: int
    height: int
    is_ahead: bool


@dataclass(frozen=True, slots=True)
class Line:
    """What one kind costs: on the newest day (`now`), and on a line of time."""

    kind: Kind
    words: str
    unit: str
    now: Decimal
    steps: Sequence[Step]
    first: date
    last: date


async def listed(tx: Tx, visit: Visit) -> Shown:
    """Each kind with what counts when."""
    settings = visit.deployment.settings
    today = clock.day_of(await business_clock.now(tx))
    known, present = await tariffs.listed(tx), await tariffs.prices(tx, today, settings)
    before = tariffs.resolved({}, settings)
    lines = [
        line(kind, [each for each in known if each.kind == kind], before[kind], present[kind], today)
        for kind in tariffs.KINDS
    ]
    newest = await rates.latest_published(tx)
    return Shown({"lines": lines, "box": (WIDTH, HEIGHT), "newest": newest, "today": today})


def line(kind: Kind, known: Sequence[Tariff], before: Decimal, now: Decimal, today: date) -> Line:
    """A kind's line of time; `before` is what counts before its first tariff."""
    first = min([today, *(each.from_day for each in known)]) - MARGIN
    last = max([today, *(each.from_day for each in known)]) + MARGIN
    whole, highest = (last - first).days, max([before, *(each.value for each in known)]) or ONE
    values: list[tuple[Tariff | None, date, Decimal]] = [(None, first, before)]
    values += [(each, each.from_day, each.value) for each in known]
    drawn = []
    for (tariff, begins, value), ends in zip(values, [each.from_day for each in known] + [last], strict=True):
        x = (begins - first).days * WIDTH // whole
        width = max(2, (ends - first).days * WIDTH // whole - x - 1)
        height = 2 if value == ZERO else max(4, int(divide_half_even(value * HEIGHT, highest, 0)))
        drawn.append(Step(tariff, value, x, width, height, begins > today))
    words, unit = WORDS[kind]
    return Line(kind, words, unit, now, drawn, first, last)


async def ask_to_set(tx: Tx, _: Visit) -> Asked:
    """Let a tariff count."""
    tomorrow = clock.day_of(await business_clock.now(tx)) + clock.ONE_DAY
    choices = [(kind, f"{words}: {unit}") for kind, (words, unit) in WORDS.items()]
    fields = (
        Field("kind", "What", "choice", choices=choices),
        Field("value", "The figure", "amount"),
        Field("from_day", "The first mining day that it counts for", "day", tomorrow),
    )
    told = [
        "The same again from the same day replaces it. Days that are entered already keep their figures.",
        "What is far from what counts before is named once more, and takes two admins where it is further still.",
    ]
    return Asked("Let a tariff count", "Let it count", link("/tariffs"), fields, told)


async def put(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Let it count."""
    wanted = Tariff(cast("Kind", values["kind"]), values["from_day"], values["value"])
    await acts.put(tx, act, wanted, confirm=visit.confirmed)
    return Done(link("/tariffs", done="changed"))
