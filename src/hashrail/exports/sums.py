"""What the rows of a kind add up to: by another way than the rows were written where there is one.

Income is added up from running sums, two of them for all miners that a class had from one day to another, so that a
month of a million miners costs no more than a day. The other kinds are added up row by row.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from hashrail.db import Row, Tx
from hashrail.exports.export import Total
from hashrail.exports.kinds import Kind

_INCOME = """
    SELECT 'BTC' AS currency, coalesce(sum(e.row_count), 0)::bigint AS row_count,
           ARRAY[coalesce(sum(e.net), 0), coalesce(sum(e.c1), 0), coalesce(sum(e.c2), 0)] AS totals
    FROM (SELECT g.miners * (g.last - g.first + 1) AS row_count,
                 g.power * (hi.net_sum - lo.net_sum + lo.net) AS net,
                 g.power * (hi.c1_sum - lo.c1_sum + lo.c1) AS c1,
                 g.power * (hi.c2_sum - lo.c2_sum + lo.c2) AS c2
          FROM (SELECT s.class_id, span.first, span.last, sum(s.power) AS power, count(*) AS miners
                FROM partner_day p JOIN stint s ON s.partner_id = p.partner_id JOIN rate_class c ON c.id = s.class_id
                CROSS JOIN LATERAL (SELECT greatest(s.from_day, c.first_day, $2::date) AS first,
                                           least(s.to_day - 1, p.closed_through, $3::date) AS last) AS span
                WHERE p.partner_id = $1 AND p.closed_through IS NOT NULL AND span.first <= span.last
                GROUP BY s.class_id, span.first, span.last) AS g
          JOIN class_day lo ON lo.class_id = g.class_id AND lo.day = g.first
          JOIN class_day hi ON hi.class_id = g.class_id AND hi.day = g.last
          UNION ALL
          SELECT 1, s.power * d.net, s.power * d.c1, s.power * d.c2
          FROM partner_day p
          JOIN adjustment a ON a.effective_day BETWEEN $2::date AND least(p.closed_through, $3::date)
          JOIN stint s ON s.partner_id = p.partner_id
                      AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
          JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
          WHERE p.partner_id = $1 AND p.closed_through IS NOT NULL) AS e"""


@dataclass(slots=True)
class Sums:
    """How many rows there are, and what their columns add up to, by currency and column."""

    row_count: int = 0
    totals: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def by_column(self) -> dict[str, Decimal]:
        """The totals of each column over all currencies: nothing but a checksum where there are several."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for (_, name), total in self.totals.items():
            found[name] += total
        return found

    def listed(self) -> list[Total]:
        """The totals in order."""
        return [Total(currency, name, total) for (currency, name), total in sorted(self.totals.items())]


async def of(tx: Tx, kind: Kind, partner_id: int, spans: Iterable[tuple[date, date]]) -> Sums:
    """The sums of the rows of some spans of days that follow one another, as `kind.query` reads them.

    Those of income are differences of running sums, which one look gives for all days.
    """
    found, read = Sums(), list(spans)
    if kind.name == "income" and read:
        query, read = _INCOME, [(read[0][0], read[-1][1])]
    else:
        query = row_by_row(kind)
    for first, last in read:
        for row in await tx.fetch(query, partner_id, first, last):
            add(found, kind, row)
    return found


def add(found: Sums, kind: Kind, row: Row) -> None:
    """Add what one row of sums tells."""
    found.row_count += row["row_count"]
    for column, total in zip(kind.amounts, row["totals"], strict=True):
        found.totals[row["currency"], column.name] += total


def row_by_row(kind: Kind) -> str:
    """The query of sums that adds up the rows themselves, as `kind.query` reads them."""
    values = ", ".join(f"{column.value} AS v{number}" for number, column in enumerate(kind.amounts))
    added = ", ".join(f"sum(x.v{number})" for number in range(len(kind.amounts)))
    # All its parts are constants of the kinds.
    return f"""SELECT x.currency, count(*) AS row_count, ARRAY[{added}] AS totals
               FROM (SELECT {kind.currency} AS currency, {values} {kind.source}) AS x GROUP BY x.currency"""  # noqa: S608
