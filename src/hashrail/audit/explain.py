"""One income record with its whole calculation, from published figures to the last digit."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail.db import Row, Tx
from hashrail.errors import NotFoundError
from hashrail.money import ONE, ZERO, plain
from hashrail.rewards import rate_classes, rates
from hashrail.rewards.formula import ClassRates, DayInputs, class_rates, electricity_usd_per_th, total_discount


class RecordNotFoundError(NotFoundError):
    """The miner has no income record for that day."""

    code = "RECORD_NOT_FOUND"
    advice = "A miner earns from the day after it was bought, and a day shows once it is closed."


@dataclass(frozen=True, slots=True)
class Line:
    """One step: a name, how it is reckoned, the result and its unit."""

    name: str
    reckoning: str
    result: str
    unit: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A record: whose it is, the steps, and what was published for it."""

    miner_id: int
    partner_user_id: str
    day: date
    inputs: DayInputs
    rates: ClassRates
    net: Decimal
    lines: tuple[Line, ...]


async def income(tx: Tx, miner_id: int, day: date, *, with_reasons: bool = True) -> Explanation:
    """The record of a miner on a closed day. `with_reasons`: why operators adjusted it, which is theirs to read.

    Raises RecordNotFoundError.
    """
    row = await tx.fetchrow(
        """SELECT s.partner_id, s.power, s.class_id, u.partner_user_id, c.energy_efficiency, c.level_discount,
                  c.programmes, d.discount, d.pool, d.c1, d.c2, d.net
           FROM stint s JOIN rate_class c ON c.id = s.class_id
           JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
           JOIN partner_day p ON p.partner_id = s.partner_id AND p.closed_through >= $2
           JOIN class_day d ON d.day = $2 AND d.class_id = s.class_id
           WHERE s.miner_id = $1 AND s.from_day <= $2 AND (s.to_day IS NULL OR s.to_day > $2)""",
        miner_id,
        day,
    )
    if row is None:
        raise RecordNotFoundError(f"miner {miner_id} has no income record for {day}", field="day")
    inputs = await rates.of_day(tx, day)
    programmes = await _programmes(tx, day, row["programmes"])
    published = ClassRates(pool=row["pool"], c1=row["c1"], c2=row["c2"], net=row["net"])
    discount = total_discount(inputs, row["level_discount"], sum(programmes.values(), ZERO))
    assert discount == row["discount"], "the published discount follows from the published fractions"
    assert class_rates(inputs, row["energy_efficiency"], discount) == published, "the published rates follow"
    lines = [
        *_input_lines(inputs, row, programmes, discount),
        *_rate_lines(inputs, row["energy_efficiency"], discount, published),
        *_amount_lines(row["power"], published),
    ]
    lines += await _adjustment_lines(tx, day, row, with_reasons=with_reasons)
    return Explanation(
        miner_id, row["partner_user_id"], day, inputs, published, row["power"] * published.net, tuple(lines)
    )


async def _programmes(tx: Tx, day: date, ids: list[int]) -> dict[str, Decimal]:
    """Name and fraction of the class's programmes on the day."""
    rows = await tx.fetch(
        """SELECT g.name, coalesce(f.fraction, 0) AS fraction FROM discount_programme g
           LEFT JOIN published_fraction f ON f.programme_id = g.id AND f.day = $1
           WHERE g.id = ANY($2) ORDER BY g.id""",
        day,
        ids,
    )
    return {row["name"]: row["fraction"] for row in rows}


def _input_lines(inputs: DayInputs, row: Row, programmes: dict[str, Decimal], discount: Decimal) -> list[Line]:
    pool = f"published ({inputs.source})"
    if inputs.difficulty is not None:
        difficulty = plain(inputs.difficulty)
        pool = f"86400 x 10^12 x ({inputs.subsidy_btc} + {inputs.fees_btc}) / ({difficulty} x 2^32), 14 decimals"
    parts = [plain(row["level_discount"]), *(f"{plain(fraction)} ({name})" for name, fraction in programmes.items())]
    return [
        Line("pool reward", pool, plain(inputs.pool_btc_per_th), "BTC/TH/day"),
        Line("bitcoin price", "published", plain(inputs.btc_usd), "USD"),
        Line("electricity price", "published", plain(inputs.kwh_usd), "USD/kWh"),
        Line("service price", "published", plain(inputs.service_usd_per_th), "USD/TH/day"),
        Line("efficiency", "of the miner", plain(row["energy_efficiency"]), "W/TH"),
        Line("discount", f"min({plain(inputs.discount_cap)}, {' + '.join(parts)})", plain(discount), ""),
    ]


def _rate_lines(inputs: DayInputs, efficiency: Decimal, discount: Decimal, published: ClassRates) -> list[Line]:
    charged = plain(ONE - discount)
    electricity = plain(electricity_usd_per_th(inputs.kwh_usd, efficiency))
    lines = [
        Line(
            "C1 electricity",
            f"{plain(inputs.kwh_usd)} x 24 / 1000 x {plain(efficiency)} = {electricity} USD, "
            f"x {charged} / {plain(inputs.btc_usd)}",
            plain(published.c1),
            "BTC/TH",
        ),
        Line(
            "C2 service",
            f"{plain(inputs.service_usd_per_th)} x {charged} / {plain(inputs.btc_usd)}",
            plain(published.c2),
            "BTC/TH",
        ),
        Line("net per TH", "pool reward - C1 - C2", plain(published.net), "BTC/TH"),
    ]
    if published.pool == ZERO and inputs.pool_btc_per_th > ZERO:
        return [Line("idle", "pool reward < C1 + C2: reward and fees are 0", "0", "BTC/TH")]
    return lines


def _amount_lines(power: Decimal, published: ClassRates) -> list[Line]:
    by = f"{plain(power)} TH x "
    return [
        Line("gross", by + plain(published.pool), plain(power * published.pool), "BTC"),
        Line("c1Value", by + plain(published.c1), plain(power * published.c1), "BTC"),
        Line("c2Value", by + plain(published.c2), plain(power * published.c2), "BTC"),
        Line("value", by + plain(published.net), plain(power * published.net), "BTC"),
    ]


async def _adjustment_lines(tx: Tx, day: date, row: Row, *, with_reasons: bool) -> list[Line]:
    """What adjustments of the day gave or took, each credited with its own day."""
    rows = await tx.fetch(
        """SELECT a.id, a.reason, a.effective_day, d.net FROM adjustment a
           JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = $2 WHERE a.day = $1 ORDER BY a.id""",
        day,
        row["class_id"],
    )
    lines = [
        Line(
            f"adjustment {each['id']}",
            f"{plain(row['power'])} TH x {plain(each['net'])}{_why(each) if with_reasons else ''}, "
            f"credited with {each['effective_day']}",
            plain(row["power"] * each["net"]),
            "BTC",
        )
        for each in rows
    ]
    if lines:
        now = await rate_classes.in_force(tx, day)
        lines.append(Line("pool reward now", "after adjustments", plain(now.pool_btc_per_th), "BTC/TH/day"))
    return lines


def _why(adjusted: Row) -> str:
    return f": {adjusted['reason']}"
