"""Lines of a reconciliation: parts of an explanation, which add up."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from hashrail.money import ZERO


@dataclass(frozen=True, slots=True)
class Line:
    """A part of the explanation: what it is, signed BTC, and of how many things."""

    what: str
    amount_btc: Decimal
    count: int


class Tally:
    """Amounts by what they are; nothing counts nothing."""

    def __init__(self) -> None:
        self._amounts: dict[str, list[Decimal]] = defaultdict(list)

    def add(self, what: str, amount_btc: Decimal) -> None:
        """One thing more of a kind, signed BTC; zero is none."""
        if amount_btc != 0:
            self._amounts[what].append(amount_btc)

    def line(self, what: str) -> Line:
        """The sum of a kind, also when there is none."""
        amounts = self._amounts[what]
        return Line(what, sum(amounts, ZERO), len(amounts))

    def lines(self, names: Iterable[str]) -> list[Line]:
        """Those that are of something."""
        return [line for line in map(self.line, names) if line.count > 0]


def left_over(lines: list[Line]) -> Decimal:
    """The first line is what is there, the others what should be."""
    return lines[0].amount_btc - sum((line.amount_btc for line in lines[1:]), ZERO)
