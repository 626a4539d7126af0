"""Whether a published day can be closed: tried in the transaction that publishes or adjusts it, for every partner.

What closing would post is summed up by partner from class power, not from miners, and held against what the books can
hold, with room for what else goes through the same accounts. A day that fails stays entered, and can be deleted.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from hashrail.books.chart import Account
from hashrail.db import Row, Tx
from hashrail.errors import ConflictError
from hashrail.money import AMOUNT_LIMIT, ZERO, plain
from hashrail.rewards import power

MOST = AMOUNT_LIMIT / 10
LEGS = ("net", "c1", "c2")


class DayUnclosableError(ConflictError):
    """What closing the day would post is more than the books can hold, so it is not published."""

    code = "DAY_CANNOT_CLOSE"
    advice = "A figure of the day is far too large or too small: enter the day again, or: hashrail rates delete DAY"


async def assert_closable(tx: Tx, day: date) -> None:
    """Every partner could close a day that was just published, with what is credited with it.

    Raises DayUnclosableError naming the day and the figure.
    """
    adjustments = await tx.fetch("SELECT id, day FROM adjustment WHERE effective_day = $1 ORDER BY id", day)
    booked = await _booked(tx)
    if not adjustments and await _surely_fits(tx, day, booked):
        return
    due: dict[int, Decimal] = defaultdict(Decimal)
    published = await tx.fetch("SELECT class_id, c1, c2, net FROM class_day WHERE day = $1", day)
    await _add(tx, due, day, day, published)
    for adjustment in adjustments:
        changes = await tx.fetch(
            "SELECT class_id, c1, c2, net FROM class_adjustment WHERE adjustment_id = $1", adjustment["id"]
        )
        await _add(tx, due, day, adjustment["day"], changes)
    for row in booked:
        _assert_fits(day, row["partner_id"], "all that the pool owes", row["booked"] + due[row["partner_id"]])


def assert_figures_fit(day: date, figures: dict[str, Decimal]) -> None:
    """What a day pays for a TH, and its running sums, are figures that the books hold. Raises DayUnclosableError."""
    for name, figure in figures.items():
        if abs(figure) >= MOST:
            raise DayUnclosableError(f"{day} cannot be closed: {name} is {plain(figure)} BTC", field=name)


async def _surely_fits(tx: Tx, day: date, booked: list[Row]) -> bool:
    """Whether even all the TH of a partner at the whole pool reward fit: no class is paid more than that for a TH."""
    pool: Decimal | None = await tx.fetchval(
        "SELECT pool_btc_per_th FROM mining_day WHERE day = $1 AND published_at IS NOT NULL", day
    )
    powers = await power.by_partner(tx, day)
    most = {row["partner_id"]: row["power"] * (ZERO if pool is None else pool) for row in powers}
    return all(row["booked"] + most.get(row["partner_id"], ZERO) < MOST for row in booked)


async def _add(tx: Tx, due: dict[int, Decimal], day: date, earned: date, paid: list[Row]) -> None:
    """Add what classes are `paid` for the TH of the day on which it was earned, by partner."""
    by_class = {row["class_id"]: row for row in paid}
    sums: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for row in await power.by_class(tx, earned):
        for leg in LEGS:
            rate = by_class[row["class_id"]][leg] if row["class_id"] in by_class else ZERO
            sums[row["partner_id"], leg] += row["power"] * rate
    for (partner_id, leg), amount in sums.items():
        _assert_fits(day, partner_id, leg, amount)
        due[partner_id] += abs(amount)


async def _booked(tx: Tx) -> list[Row]:
    """What each partner's books say that the pool owes or has owed."""
    return await tx.fetch(
        """SELECT a.partner_id, coalesce(c.debits, 0)
                  + coalesce((SELECT sum(t.amount) FROM transfer t WHERE t.partner_id = a.partner_id
                              AND t.debit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)), 0) AS booked
           FROM account a LEFT JOIN account_checkpoint c ON c.partner_id = a.partner_id AND c.account_id = a.id
           WHERE a.id = $1 ORDER BY a.partner_id""",
        Account.POOL_RECEIVABLE.value,
    )


def _assert_fits(day: date, partner_id: int, figure: str, amount: Decimal) -> None:
    if abs(amount) >= MOST:
        raise DayUnclosableError(
            f"{day} cannot be closed: {figure} of partner {partner_id} would be {plain(amount)} BTC", field=figure
        )
