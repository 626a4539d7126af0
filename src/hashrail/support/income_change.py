"""Why income changed between two days or two periods, split into parts that add up to the last digit: pure arithmetic.

Income of a day is a function of what was published and of what was held. So one thing after the other is put in the
place of what it was, in one fixed order, and the day is reckoned anew each time; what changes by a step is that step's
part. The steps lead from one day's income to the other's, so the parts add up exactly, whatever was rounded and
whatever miner was idle in between:

    difficulty, subsidy, fees, pool fee, pool, price, electricity, service, discounts, efficiency, power

`pool fee` is the fraction that the pool keeps, of a reward that was reckoned with it. `pool` is a reward that was
entered by hand, or differs from what its inputs and the fee give. `efficiency` and `discounts` are
those of miners that were held on both days; `power` is what was added, gone, or upgraded, at the second day's rates.
The order matters where two things change at once: what both do together counts for the later one.

Of two periods, the first day is compared with the first, the second with the second. Days that are left over on one
side are the part `days`. What adjustments credited within a period is the part `adjustments`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from hashrail.money import ZERO
from hashrail.rewards.formula import DayInputs, class_rates, full_pay_per_share

STEPS = (
    *("difficulty", "subsidy", "fees", "pool fee", "pool", "price", "electricity", "service"),
    *("discounts", "efficiency", "power"),
)
PARTS = (*STEPS, "days", "adjustments")


@dataclass(frozen=True, slots=True)
class Held:
    """A miner on a day: TH, W/TH, and the whole discount of that day."""

    power: Decimal
    energy_efficiency: Decimal
    discount: Decimal


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What a day's income follows from, and BTC that adjustments credited with it.

    `pool_fee` is the fraction that the pool kept of what was mined that day, by the tariffs.
    """

    inputs: DayInputs
    held: Mapping[int, Held]
    adjusted_btc: Decimal
    pool_fee: Decimal = ZERO

    @property
    def day(self) -> date:
        """Which day."""
        return self.inputs.day

    @property
    def mined_btc(self) -> Decimal:
        """Net income, without adjustments."""
        return mined(self.inputs, self.held)


@dataclass(frozen=True, slots=True)
class Split:
    """BTC of both sides, and what each part has changed. The parts add up to the difference."""

    before_btc: Decimal
    after_btc: Decimal
    parts: Mapping[str, Decimal]

    @property
    def difference_btc(self) -> Decimal:
        """What the parts add up to."""
        return self.after_btc - self.before_btc


@dataclass(frozen=True, slots=True)
class _Rewards:
    """A pool reward: what it was reckoned from, if it was, at which fee, and what it has beside that."""

    inputs: DayInputs
    fee: Decimal
    own_btc: Decimal

    @classmethod
    def of(cls, facts: DayFacts) -> "_Rewards":
        """With the day's fee, unless the reward is not what that leaves: it may be from before the fee was entered."""
        inputs = facts.inputs
        fee = facts.pool_fee if inputs.pool_btc_per_th == _reckoned(inputs, facts.pool_fee) else ZERO
        return cls(inputs, fee, inputs.pool_btc_per_th - _reckoned(inputs, fee))

    def filled(self) -> DayInputs:
        return replace(self.inputs, pool_btc_per_th=_reckoned(self.inputs, self.fee) + self.own_btc)


def split(before: Sequence[DayFacts], after: Sequence[DayFacts]) -> Split:
    """Split what income changed from the days before to the days after; both in order, and at least one each."""
    parts = dict.fromkeys(PARTS, ZERO)
    for was, is_ in zip(before, after, strict=False):
        for step, changed_btc in _steps(was, is_):
            parts[step] += changed_btc
    both = min(len(before), len(after))
    parts["days"] = _mined(after[both:]) - _mined(before[both:])
    parts["adjustments"] = _adjusted(after) - _adjusted(before)
    made = Split(_mined(before) + _adjusted(before), _mined(after) + _adjusted(after), parts)
    assert sum(parts.values(), ZERO) == made.difference_btc, "the steps lead from one side to the other"
    return made


def mined(inputs: DayInputs, held: Mapping[int, Held]) -> Decimal:
    """BTC net of what was held on a day with these inputs."""
    return sum(
        (each.power * class_rates(inputs, each.energy_efficiency, each.discount).net for each in held.values()), ZERO
    )


def _steps(was: DayFacts, is_: DayFacts) -> Iterator[tuple[str, Decimal]]:
    """Each step, and what it changes."""
    before_btc = was.mined_btc
    for step, inputs, held in _states(was, is_):
        after_btc = mined(inputs, held)
        yield step, after_btc - before_btc
        before_btc = after_btc
    assert before_btc == is_.mined_btc, "the last step is the other day"


def _states(was: DayFacts, is_: DayFacts) -> Iterator[tuple[str, DayInputs, Mapping[int, Held]]]:
    """The day as it becomes the other one, step by step."""
    reward, then = _Rewards.of(was), _Rewards.of(is_)
    if _is_reckoned(was.inputs) and _is_reckoned(is_.inputs):
        for step, field in (("difficulty", "difficulty"), ("subsidy", "subsidy_btc"), ("fees", "fees_btc")):
            reward = replace(reward, inputs=replace(reward.inputs, **{field: getattr(is_.inputs, field)}))
            yield step, reward.filled(), was.held
        reward = replace(reward, fee=then.fee)
        yield "pool fee", reward.filled(), was.held
    inputs = replace(reward.inputs, pool_btc_per_th=then.inputs.pool_btc_per_th)
    yield "pool", inputs, was.held
    for step, field in (("price", "btc_usd"), ("electricity", "kwh_usd"), ("service", "service_usd_per_th")):
        inputs = replace(inputs, **{field: getattr(is_.inputs, field)})
        yield step, inputs, was.held
    kept = dict(was.held)
    for miner in was.held.keys() & is_.held.keys():
        kept[miner] = replace(kept[miner], discount=is_.held[miner].discount)
    yield "discounts", inputs, kept
    for miner in was.held.keys() & is_.held.keys():
        kept[miner] = replace(kept[miner], energy_efficiency=is_.held[miner].energy_efficiency)
    yield "efficiency", inputs, kept
    yield "power", is_.inputs, is_.held


def _is_reckoned(inputs: DayInputs) -> bool:
    return None not in (inputs.difficulty, inputs.subsidy_btc, inputs.fees_btc)


def _reckoned(inputs: DayInputs, fee: Decimal) -> Decimal:
    """The pool reward that difficulty, subsidy and fees leave after the pool's fee; 0 where one of them is missing."""
    if inputs.difficulty is None or inputs.subsidy_btc is None or inputs.fees_btc is None:
        return ZERO
    return full_pay_per_share(inputs.difficulty, inputs.subsidy_btc, inputs.fees_btc, pool_fee=fee)


def _mined(days: Sequence[DayFacts]) -> Decimal:
    return sum((each.mined_btc for each in days), ZERO)


def _adjusted(days: Sequence[DayFacts]) -> Decimal:
    return sum((each.adjusted_btc for each in days), ZERO)
