"""Days: which are entered, held, published and closed; one with all that it rests on; and what they came to, drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hashrail import business_clock, clock
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages import listing
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.proofs import day_documents
from hashrail.proofs.day_documents import DayNotSignedError
from hashrail.rewards import day_sources, day_sums, day_waits, entering, rate_classes, rates, standing
from hashrail.rewards.day_sums import DaySum

LISTED = 60
# Days that a chart may show.
RANGES = (30, 90, 365)
# Rate classes of a day that its page shows at once.
CLASSES = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: a figure for each day, in the chart's unit."""

    words: str
    of: Callable[[DaySum], Decimal | int | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines that share a unit."""

    name: str
    title: str
    unit: str
    lines: Sequence[Line]

    def drawn(self, found: Sequence[DaySum]) -> dict[str, object]:
        """What the script draws: exact figures by day."""
        return {
            "unit": self.unit,
            "days": [each.day.isoformat() for each in found],
            "lines": [{"label": line.words, "values": [_text(line.of(each)) for each in found]} for line in self.lines],
        }


CHARTS = (
    Chart(
        "per-th",
        "What a TH earned and cost, the mean of all, in satoshis",
        "BTC/TH",
        (
            Line("pool reward", lambda day: day.pool_btc_per_th),
            Line("electricity", lambda day: day.per_th(day.c1)),
            Line("service", lambda day: day.per_th(day.c2)),
            Line("net", lambda day: day.per_th(day.net)),
        ),
    ),
    Chart("difficulty", "Network difficulty", "difficulty", (Line("difficulty", lambda day: day.difficulty),)),
    Chart("price", "Price of a bitcoin, USD", "USD", (Line("bitcoin", lambda day: day.btc_usd),)),
    Chart(
        "clamped",
        "Rate classes that earned nothing",
        "classes",
        (Line("clamped", lambda day: day.clamped), Line("all classes", lambda day: day.classes)),
    ),
)


async def listed(tx: Tx, _: Visit) -> Shown:
    """The newest days that have figures, those that wait for some, and how far each partner is."""
    now = await business_clock.now(tx)
    state = await standing.read(tx, now=now)
    return Shown(
        {
            "found": await rates.newest(tx, LISTED),
            "waits_of": await day_waits.waiting(tx),
            "standing": state,
            "next_day": None if state.published_through is None else state.published_through + clock.ONE_DAY,
            "closed": await day_sums.closed(tx),
            "delay": await rates.delay(tx) // timedelta(seconds=1),
        }
    )


async def one(tx: Tx, visit: Visit) -> Shown:
    """Everything about a day: its inputs, what they were held against, what was published, and what it came to."""
    day = asked(visit)
    found = await rates.find(tx, day)
    guards, since = await entering.guards(tx, found.inputs)
    classes = await rate_classes.of_day(tx, day)
    first = visit.number("from_class") or 0
    return Shown(
        {
            "one": found,
            "sources": await day_sources.of_day(tx, day),
            "guards": guards,
            "guarded_by": since,
            "classes": classes[first : first + CLASSES],
            "first_class": first,
            "class_count": len(classes),
            "clamped": sum(each["pool"] == 0 for each in classes),
            "more_classes": link("/day", day=day, from_class=first + CLASSES)
            if first + CLASSES < len(classes)
            else None,
            "adjustments": await rate_classes.adjustments_of(tx, day),
            "partners": await day_sums.of_partners(tx, day),
            "document": await _document(tx, day),
            "has_node": visit.deployment.settings.bitcoin_rpc_url is not None,
        }
    )


async def figures(tx: Tx, visit: Visit) -> Shown:
    """What the newest published days came to, as charts and as a table."""
    span = visit.number("days") or RANGES[0]
    span = span if span in RANGES else RANGES[0]
    through = await rate_classes.published_through(tx)
    found = [] if through is None else await day_sums.series(tx, first=through - timedelta(days=span - 1), last=through)
    drawn = [(each, each.drawn(found)) for each in CHARTS]
    return Shown({"found": list(reversed(found)), "charts": drawn, "span": span, "ranges": RANGES})


def asked(visit: Visit) -> date:
    """The day of the query. Raises FieldEmptyError, DayNotReadError."""
    return listing.day(visit.asked("day"), "day")


def page(day: date, *, done: str | None = None) -> str:
    """The page of a day."""
    return link("/day", day=day, done=done)


async def _document(tx: Tx, day: date) -> day_documents.DayDocument | None:
    try:
        return await day_documents.find(tx, day)
    except DayNotSignedError:
        return None


def _text(value: Decimal | int | None) -> str | None:
    return plain(value) if isinstance(value, Decimal) else None if value is None else str(value)
