"""What a day's figures come to in money and people, before they are final.

The same miners are reckoned at both figures, so that a difference is the figures' alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from hashrail.db import Reader, Row, Tx
from hashrail.money import ONE, ZERO, divide_half_even, plain
from hashrail.rewards import power, rates, tariffs
from hashrail.rewards.formula import (
    RATE_DECIMALS,
    DayInputs,
    class_rates,
    full_pay_per_share,
    total_discount,
    usd_of,
)
from hashrail.rewards.power import Crowd
from hashrail.rewards.tariffs import Kind, Tariff
from hashrail.settings import Settings


@dataclass(frozen=True, slots=True)
class Effect:
    """BTC that a day would credit to users, to whom, and what the figures before (of day `since`) would credit them."""

    day: date
    crowd: Crowd
    credits_btc: Decimal
    before_btc: Decimal | None
    since: date | None

    def words(self) -> str:
        """For people, in a line."""
        crowd = f"{self.crowd.miners} miners of {self.crowd.partners} partners, {plain(self.crowd.power_th)} TH"
        than = "" if self.before_btc is None else f", and {plain(self.before_btc)} BTC at the figures of {self.since}"
        return f"{self.day} would credit {plain(self.credits_btc)} BTC to {crowd}{than}"


@dataclass(frozen=True, slots=True)
class TariffEffect:
    """What a tariff comes to: what the newest published day would credit with it and without, and its price of bitcoin.

    `before` is what counts of its kind without it.
    """

    before: Decimal
    effect: Effect
    btc_usd: Decimal

    @property
    def change_btc(self) -> Decimal:
        """BTC a day that users are credited more."""
        assert self.effect.before_btc is not None, "something counts before any tariff"
        return self.effect.credits_btc - self.effect.before_btc

    @property
    def change_usd(self) -> Decimal:
        """The same in USD."""
        return usd_of(self.change_btc, self.btc_usd)

    def words(self) -> str:
        """For people, in a line."""
        return f"{plain(self.change_btc)} BTC a day, {plain(self.change_usd)} USD: {self.effect.words()}"


@dataclass(frozen=True, slots=True)
class LevelsEffect:
    """What levels come to once every user follows them, and how many `users` get another than they had."""

    users: int
    effect: Effect

    def words(self) -> str:
        """For people, in a line."""
        return f"{self.users} users get another level: {self.effect.words()}"


async def of_day(tx: Reader, inputs: DayInputs, before: DayInputs | None) -> Effect:
    """What a day's inputs would credit to those who have miners on it, and what other inputs would."""
    rows = await power.by_class(tx, inputs.day)
    fractions = await fractions_of(tx, inputs.day)
    return Effect(
        day=inputs.day,
        crowd=await power.crowd(tx, inputs.day),
        credits_btc=credited(rows, fractions, inputs),
        before_btc=None
        if before is None
        else credited(rows, fractions, replace(before, discount_cap=inputs.discount_cap)),
        since=None if before is None else before.day,
    )


async def of_discounts(tx: Tx, *, fractions: Mapping[int, Decimal], cap: Decimal | None = None) -> Effect | None:
    """What the newest published day would have credited with other discounts; None before the first."""
    inputs = await rates.latest_published(tx)
    if inputs is None:
        return None
    rows, usual = await power.by_class(tx, inputs.day), await fractions_of(tx, inputs.day)
    other = inputs if cap is None else replace(inputs, discount_cap=cap)
    return Effect(
        day=inputs.day,
        crowd=await power.crowd(tx, inputs.day),
        credits_btc=credited(rows, usual | dict(fractions), other),
        before_btc=credited(rows, usual, inputs),
        since=inputs.day,
    )


async def of_tariff(tx: Tx, tariff: Tariff, settings: Settings) -> TariffEffect | None:
    """What the newest published day would have credited with a tariff; None before the first day.

    The pool's fee is reckoned as if the day had been entered from its difficulty, with the fee that counted on it.
    """
    inputs = await rates.latest_published(tx)
    if inputs is None:
        return None
    before = (await tariffs.prices(tx, tariff.from_day, settings))[tariff.kind]
    fee = await tariffs.pool_fee(tx, inputs.day)
    rows, fractions = await power.by_class(tx, inputs.day), await fractions_of(tx, inputs.day)
    effect = Effect(
        day=inputs.day,
        crowd=await power.crowd(tx, inputs.day),
        credits_btc=credited(rows, fractions, with_tariff(inputs, tariff.kind, tariff.value, fee)),
        before_btc=credited(rows, fractions, with_tariff(inputs, tariff.kind, before, fee)),
        since=inputs.day,
    )
    return TariffEffect(before, effect, inputs.btc_usd)


async def of_levels(tx: Tx) -> LevelsEffect | None:
    """What the newest published day would have credited with the levels as they are now; None before the first day.

    Each user has the level of their TH of that day. It reads every miner, so this is for people who ask.
    """
    inputs = await rates.latest_published(tx)
    if inputs is None:
        return None
    rows = await tx.fetch(
        """WITH earning AS (
               SELECT partner_id, user_id, class_id, power FROM stint
               WHERE from_day <= $1 AND (to_day IS NULL OR to_day > $1)),
           holding AS (SELECT partner_id, user_id, sum(power) AS th FROM earning GROUP BY partner_id, user_id),
           levelled AS (
               SELECT h.partner_id, h.user_id, coalesce((
                          SELECT d.discount FROM discount_level d WHERE d.min_power <= h.th
                          ORDER BY d.min_power DESC LIMIT 1), 0) AS level
               FROM holding h),
           seen AS (
               SELECT e.partner_id, e.user_id, e.power, c.energy_efficiency, c.programmes, c.level_discount AS was,
                      l.level
               FROM earning e JOIN levelled l ON l.partner_id = e.partner_id AND l.user_id = e.user_id
               JOIN rate_class c ON c.id = e.class_id)
           SELECT energy_efficiency, programmes, level AS level_discount, sum(power) AS power,
                  (SELECT count(DISTINCT (partner_id, user_id)) FROM seen WHERE was <> level) AS users
           FROM seen GROUP BY energy_efficiency, programmes, level""",
        inputs.day,
    )
    fractions = await fractions_of(tx, inputs.day)
    effect = Effect(
        day=inputs.day,
        crowd=await power.crowd(tx, inputs.day),
        credits_btc=credited(rows, fractions, inputs),
        before_btc=credited(await power.by_class(tx, inputs.day), fractions, inputs),
        since=inputs.day,
    )
    return LevelsEffect(rows[0]["users"] if rows else 0, effect)


def with_tariff(inputs: DayInputs, kind: Kind, value: Decimal, fee: Decimal) -> DayInputs:
    """A day's inputs at a tariff; `fee` is what the pool has kept of them."""
    if kind == "kwh_usd":
        return replace(inputs, kwh_usd=value)
    if kind == "service_usd_per_th":
        return replace(inputs, service_usd_per_th=value)
    if inputs.difficulty is None or inputs.subsidy_btc is None or inputs.fees_btc is None:
        pool = divide_half_even(inputs.pool_btc_per_th * (ONE - value), ONE - fee, RATE_DECIMALS)
    else:
        pool = full_pay_per_share(inputs.difficulty, inputs.subsidy_btc, inputs.fees_btc, pool_fee=value)
    return replace(inputs, pool_btc_per_th=pool)


def credited(rows: Iterable[Row], fractions: dict[int, Decimal], inputs: DayInputs) -> Decimal:
    """BTC net of fees that the classes of `rows` are credited with at a day's inputs."""
    total = ZERO
    for row in rows:
        programmes = sum((fractions.get(each, ZERO) for each in row["programmes"]), ZERO)
        discount = total_discount(inputs, row["level_discount"], programmes)
        total += row["power"] * class_rates(inputs, row["energy_efficiency"], discount).net
    return total


async def fractions_of(tx: Reader, day: date) -> dict[int, Decimal]:
    """What each programme gives on a day, published or not."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (programme_id) programme_id, fraction FROM programme_fraction
           WHERE from_day <= $1 ORDER BY programme_id, from_day DESC""",
        day,
    )
    return {row["programme_id"]: row["fraction"] for row in rows}
