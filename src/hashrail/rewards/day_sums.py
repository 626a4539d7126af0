"""What days came to: what each credited and charged, of all partners and of each, as closing has posted it.

Nothing here writes. What a day paid for a TH is the mean over all TH that earned, rounded as rates are.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail.books.chart import Account
from hashrail.db import Reader, Row, record
from hashrail.money import ZERO, divide_half_even
from hashrail.rewards import power
from hashrail.rewards.formula import RATE_DECIMALS

_SIDES = """
    sum(CASE WHEN t.leg = 1 THEN x.sign * t.amount END) AS net,
    sum(CASE WHEN t.leg = 2 THEN x.sign * t.amount END) AS c1,
    sum(CASE WHEN t.leg = 3 THEN x.sign * t.amount END) AS c2
    FROM partner p
    JOIN transfer t ON t.partner_id = p.id AND t.kind = 'day'
    CROSS JOIN LATERAL (SELECT CASE WHEN t.debit_account = $1 THEN 1 ELSE -1 END AS sign) AS x"""
_SERIES = f"""
    WITH th AS (
        SELECT day, sum(sum(power)) OVER (ORDER BY day) AS power FROM class_power_delta WHERE day <= $3 GROUP BY day),
    posted AS (
        SELECT '0001-01-01'::date + (t.object_id - 1)::integer AS day, {_SIDES}
        WHERE t.object_id BETWEEN $2::date - DATE '0001-01-01' + 1 AND $3::date - DATE '0001-01-01' + 1 GROUP BY 1),
    classed AS (
        SELECT day, count(*) AS classes, count(*) FILTER (WHERE pool = 0) AS clamped FROM class_day
        WHERE day BETWEEN $2 AND $3 GROUP BY day)
    SELECT m.day, m.pool_btc_per_th, m.btc_usd, m.difficulty, coalesce(s.net, 0) AS net, coalesce(s.c1, 0) AS c1,
           coalesce(s.c2, 0) AS c2, coalesce(c.classes, 0) AS classes, coalesce(c.clamped, 0) AS clamped,
           coalesce((SELECT th.power FROM th WHERE th.day <= m.day ORDER BY th.day DESC LIMIT 1), 0) AS power_th
    FROM mining_day m LEFT JOIN posted s ON s.day = m.day LEFT JOIN classed c ON c.day = m.day
    WHERE m.published_at IS NOT NULL AND m.day BETWEEN $2 AND $3 ORDER BY m.day"""  # noqa: S608
_PARTNERS = f"""
    SELECT p.id AS partner_id, {_SIDES}
    WHERE t.object_id = $2::date - DATE '0001-01-01' + 1 GROUP BY p.id"""


@dataclass(frozen=True, slots=True)
class DaySum:
    """A published day: its figures, and what it credited (`net`) and charged (`c1`, `c2`) in BTC, of all partners.

    Of its `classes` so many were `clamped`: they earned nothing, since their costs were higher than the reward.
    """

    day: date
    pool_btc_per_th: Decimal
    btc_usd: Decimal
    difficulty: Decimal | None
    net: Decimal
    c1: Decimal
    c2: Decimal
    classes: int
    clamped: int
    power_th: Decimal

    def per_th(self, amount_btc: Decimal) -> Decimal | None:
        """BTC a TH, the mean of all TH that earned; None where none did."""
        return divide_half_even(amount_btc, self.power_th, RATE_DECIMALS) if self.power_th else None


@dataclass(frozen=True, slots=True)
class PartnerDay:
    """What a day is to a partner: TH that earned, and what was posted; None before the partner has closed it."""

    partner_id: int
    name: str
    closed_through: date | None
    power_th: Decimal
    net: Decimal | None
    c1: Decimal | None
    c2: Decimal | None


@dataclass(frozen=True, slots=True)
class Closed:
    """How far a partner's books are closed."""

    partner_id: int
    name: str
    closed_through: date | None


async def series(tx: Reader, *, first: date, last: date) -> list[DaySum]:
    """The published days from `first` to `last`, both included, the oldest first."""
    return [record(DaySum, row) for row in await tx.fetch(_SERIES, Account.POOL_RECEIVABLE.value, first, last)]


async def of_partners(tx: Reader, day: date) -> list[PartnerDay]:
    """A day by partner, in the order of their numbers. What was posted adds up power times rate over classes."""
    posted = {row["partner_id"]: row for row in await tx.fetch(_PARTNERS, Account.POOL_RECEIVABLE.value, day)}
    held: dict[int, Decimal] = {}
    for row in await power.by_class(tx, day):
        held[row["partner_id"]] = held.get(row["partner_id"], ZERO) + row["power"]
    return [
        PartnerDay(
            *(one.partner_id, one.name, one.closed_through, held.get(one.partner_id, ZERO)),
            *_sides(posted.get(one.partner_id), is_closed=one.closed_through is not None and day <= one.closed_through),
        )
        for one in await closed(tx)
    ]


async def closed(tx: Reader) -> list[Closed]:
    """Every partner with the last day that it has closed."""
    rows = await tx.fetch(
        """SELECT p.id AS partner_id, p.name, d.closed_through FROM partner p
           LEFT JOIN partner_day d ON d.partner_id = p.id ORDER BY p.id"""
    )
    return [record(Closed, row) for row in rows]


def _sides(row: Row | None, *, is_closed: bool) -> list[Decimal | None]:
    if not is_closed:
        return [None, None, None]
    return [ZERO if row is None or row[name] is None else row[name] for name in ("net", "c1", "c2")]
