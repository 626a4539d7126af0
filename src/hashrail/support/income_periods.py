"""What the income of a period follows from, read from what was published and held, for `income_change.split`."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail import clock
from hashrail.books import fence, lost_numbers
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError
from hashrail.money import ZERO
from hashrail.rewards import rates, tariffs
from hashrail.selling.miners import MinerNotFoundError
from hashrail.support import income_change
from hashrail.support.income_change import DayFacts, Held, Split

MAX_DAYS = 366


class PeriodError(BadRequestError):
    """A period has a first and a last day, both closed, and at most 366 days."""

    code = "BAD_INCOME_PERIOD"
    advice = "Give a day like 2026-09-09, or a first and a last one like 2026-09-01:2026-09-30, all of them closed."


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Each of them, in order."""
        return [self.first + clock.ONE_DAY * number for number in range((self.last - self.first).days + 1)]


def parse(text: str, field: str) -> Period:
    """A period from its text. Raises PeriodError."""
    first, _, last = text.partition(":")
    try:
        made = Period(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError as error:
        raise PeriodError(f"{text!r} is no day and no period", field=field) from error
    if not 1 <= (made.last - made.first).days + 1 <= MAX_DAYS:
        raise PeriodError(f"{text} has not 1 to {MAX_DAYS} days", field=field)
    return made


async def partner_of(tx: Reader, miner_id: int) -> int:
    """Whose partner's a miner is. Raises MinerNotFoundError."""
    found: int | None = await tx.fetchval(
        "SELECT m.partner_id FROM partner p JOIN miner m ON m.partner_id = p.id AND m.id = $1", miner_id
    )
    if found is None:
        lost = await lost_numbers.told(tx, "miner_id_seq", miner_id)
        raise MinerNotFoundError(f"no miner {miner_id}", field="miner", **lost)
    return found


async def change(
    tx: Tx, partner_id: int, before: Period, after: Period, *, user_id: int | None = None, miner_id: int | None = None
) -> Split:
    """What changed in the income of a user, or of a miner in whosever hands. Raises PeriodError for open days."""
    closed = await fence.closed_through(tx, partner_id)
    for field, period in (("from", before), ("to", after)):
        if closed is None or period.last > closed:
            raise PeriodError(f"{period.last} is not closed", field=field)
    whose = (user_id, miner_id)
    return income_change.split(
        await _facts(tx, partner_id, before.days, whose), await _facts(tx, partner_id, after.days, whose)
    )


async def _facts(tx: Tx, partner_id: int, days: Sequence[date], whose: tuple[int | None, int | None]) -> list[DayFacts]:
    """What was held on each day that was published."""
    held: dict[date, dict[int, Held]] = defaultdict(dict)
    published_btc: dict[date, Decimal] = defaultdict(lambda: ZERO)
    rows = await tx.fetch(
        """SELECT d.day, s.miner_id, s.power, c.energy_efficiency, d.discount, d.net
           FROM stint s JOIN rate_class c ON c.id = s.class_id
           JOIN class_day d ON d.class_id = s.class_id AND d.day BETWEEN greatest(s.from_day, $2) AND $3
                           AND (s.to_day IS NULL OR d.day < s.to_day)
           WHERE s.partner_id = $1 AND ($4::bigint IS NULL OR s.user_id = $4)
             AND ($5::bigint IS NULL OR s.miner_id = $5)
             AND s.from_day <= $3 AND (s.to_day IS NULL OR s.to_day > $2)""",
        *(partner_id, days[0], days[-1], *whose),
    )
    for row in rows:
        held[row["day"]][row["miner_id"]] = Held(row["power"], row["energy_efficiency"], row["discount"])
        published_btc[row["day"]] += row["power"] * row["net"]
    adjusted = await _adjusted(tx, partner_id, days, whose)
    found = []
    for day in days:
        if await rates.has_rates(tx, day):
            fee = await tariffs.pool_fee(tx, day)
            facts = DayFacts((await rates.of_day(tx, day)), held[day], adjusted.get(day, ZERO), fee)
            assert facts.mined_btc == published_btc[day], "what was published follows from its inputs"
            found.append(facts)
    return found


async def _adjusted(
    tx: Reader, partner_id: int, days: Sequence[date], whose: tuple[int | None, int | None]
) -> dict[date, Decimal]:
    """BTC that adjustments gave or took, by the day that they were credited with."""
    rows = await tx.fetch(
        """SELECT a.effective_day, sum(s.power * d.net) AS btc FROM adjustment a
           JOIN class_adjustment d ON d.adjustment_id = a.id
           JOIN stint s ON s.class_id = d.class_id AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
           WHERE s.partner_id = $1 AND a.effective_day BETWEEN $2 AND $3
             AND ($4::bigint IS NULL OR s.user_id = $4) AND ($5::bigint IS NULL OR s.miner_id = $5)
           GROUP BY a.effective_day""",
        *(partner_id, days[0], days[-1], *whose),
    )
    return {row["effective_day"]: row["btc"] for row in rows}
