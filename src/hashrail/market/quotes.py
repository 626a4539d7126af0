"""The price of a day out of what several sources say: pure arithmetic.

The figure is the median of the sources that agree. One that lies further from the median of all than the bound is left
out and named, and so is one that said nothing. With fewer than the quorum left there is no figure, and the day waits: a
price that one source alone could have made up is none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hashrail.money import USD_DECIMALS, divide_half_even, plain


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said of a day: a price in USD, or why there is none.

    `url` and `sha256` are of the answer as it came. `left_out` says why the figure does not rest on it.
    """

    source: str
    price_usd: Decimal | None = None
    url: str | None = None
    sha256: str | None = None
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A price in USD with all that was asked for it; None where fewer than the quorum agree."""

    price_usd: Decimal | None
    answers: tuple[Answer, ...]

    @property
    def counted(self) -> tuple[Answer, ...]:
        """The sources that the figure rests on."""
        return tuple(each for each in self.answers if each.left_out is None)

    @property
    def left_out(self) -> tuple[Answer, ...]:
        """The sources that it does not rest on."""
        return tuple(each for each in self.answers if each.left_out is not None)


def figure(answers: Iterable[Answer], *, quorum: int, deviation: Decimal) -> Figure:
    """The median of the sources that agree within `deviation`, a fraction of the median of all that spoke."""
    given = tuple(answers)
    prices = [each.price_usd for each in given if each.left_out is None and each.price_usd is not None]
    if not prices:
        return Figure(None, given)
    middle = median(prices)
    judged = tuple(_judged(each, middle, deviation) for each in given)
    agreed = [each.price_usd for each in judged if each.left_out is None and each.price_usd is not None]
    return Figure(median(agreed) if len(agreed) >= quorum else None, judged)


def median(prices: Sequence[Decimal]) -> Decimal:
    """The middle one; of an even number the mean of the two in the middle. Rounded half to even, to 8 decimals."""
    ordered = sorted(prices)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return divide_half_even(low + high, Decimal(2), USD_DECIMALS)


def _judged(answer: Answer, middle: Decimal, deviation: Decimal) -> Answer:
    """The same, left out where it lies too far from the middle."""
    if answer.left_out is not None or answer.price_usd is None:
        return answer
    if abs(answer.price_usd - middle) <= middle * deviation:
        return answer
    return replace(answer, left_out=f"{plain(answer.price_usd)} is more than {plain(deviation)} off {plain(middle)}")
