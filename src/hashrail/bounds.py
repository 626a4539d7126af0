"""Bounds of the field: what a figure can be, and how far it may be from what stood before.

Whoever types a figure that becomes final slips now and then: a point that parts thousands, difficulty as pages show
it, a digit too many. Each figure has therefore three sorts of bounds, here and nowhere else:

- outside `least` to `most` nobody means it, and it is refused;
- beyond `alone` times what stood before (or outside `usual`, where nothing did) somebody looks again and says so;
- beyond `two` times it takes two people.

A figure that is looked at again is confirmed by naming it, with every digit: no slip does that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hashrail.errors import BadRequestError, ConflictError
from hashrail.money import divide_half_even, plain


class ImplausibleFigureError(BadRequestError):
    """A figure is outside what it can be in this field, so it is a slip; details say its bounds."""

    code = "IMPLAUSIBLE_FIGURE"
    advice = "Look at the figure's unit, decimal point and column: a point parts decimals, nothing parts thousands."


class ConfirmationNeededError(ConflictError):
    """A figure is further from what stood before than one types by chance; `details.confirm` has what to name."""

    code = "CONFIRMATION_NEEDED"
    advice = "If it is meant, run it again with --confirm and the figure for each, as the refusal writes it."


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure can be, in its `unit`. `slips` are factors by which it is often typed wrongly, and how."""

    unit: str
    least: Decimal
    most: Decimal
    usual: tuple[Decimal, Decimal]
    alone: Decimal
    two: Decimal
    slips: tuple[tuple[Decimal, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """A figure that somebody has to look at again: `figure` is how it is named; `two` asks for two people."""

    field: str
    figure: str
    why: str
    two: bool


def _bound(
    unit: str,
    least: str,
    most: str,
    *,
    usual: tuple[str, str],
    alone: str,
    two: str,
    slips: Mapping[str, str] | None = None,
) -> Bound:
    """A bound from texts; `slips` says what is likely meant by the factor that the figure lacks."""
    factors = tuple((Decimal(factor), words) for factor, words in (slips or {}).items())
    return Bound(
        unit,
        Decimal(least),
        Decimal(most),
        (Decimal(usual[0]), Decimal(usual[1])),
        Decimal(alone),
        Decimal(two),
        factors,
    )


_T = {"1e12": "pages show it in T, 95.67 T is 95.67e12", "1e9": "it has no unit, and this looks like G"}
_THOUSANDS = {"1000": "a point parts decimals, not thousands"}
_SATOSHI, _CENTS = {"1e-8": "this looks like satoshi"}, {"0.01": "this looks like cents"}
BOUNDS: dict[str, Bound] = {
    # 1.2e14 in 2026. It was below 1e12 until 2017; a hundred times the hashrate of 2026 makes 1e16. One retarget
    # changes it by a factor of 4 at the very most, and by a third in the hardest week there was.
    "difficulty": _bound(
        "as the network counts it", "1e12", "1e16", usual=("2e13", "1e15"), alone="1.4", two="4", slips=_T
    ),
    # 3.125 until 2028, then halved every four years. The mean of a day lies between two of them where it is halved
    # within the day, and nothing makes it rise, so any change is looked at.
    "subsidy_btc": _bound("BTC a block", "0.01", "6.25", usual=("0.39", "3.125"), alone="1", two="2"),
    # A mean of 9 BTC was seen on the day of the halving of 2024; 0.02 to 0.5 is what most days have. They jump, so a
    # day's are not held against those of the day before; what they do to the pool reward is.
    "fees_btc": _bound("BTC a block", "0", "20", usual=("0", "1"), alone="20", two="200", slips=_SATOSHI),
    # What difficulty, subsidy and fees within their usual range give; 0 is a day on which the pool was off.
    "pool_btc_per_th": _bound(
        "BTC per TH a day", "0", "1e-5", usual=("2e-8", "4e-6"), alone="1.5", two="3", slips=_SATOSHI
    ),
    # Below 1,000 it was until 2017; 10,000,000 is a hundred times the price of 2026. Its hardest days were 40 percent.
    "btc_usd": _bound("USD", "1000", "1e7", usual=("1e4", "1e6"), alone="1.25", two="2", slips=_THOUSANDS),
    # Tokens fall and rise by more than bitcoin does.
    "gomining_usd": _bound("USD", "0.0001", "1000", usual=("0.001", "10"), alone="2", two="10"),
    # Industry pays 0.03 to 0.10, households in the dearest countries 0.50. Free electricity is 0.
    "kwh_usd": _bound("USD per kWh", "0", "1", usual=("0", "0.3"), alone="1.5", two="3", slips=_CENTS),
    # 0.0089 in 2026; a TH earns some cents a day, so more than one dollar leaves nobody anything.
    "service_usd_per_th": _bound("USD per TH a day", "0", "1", usual=("0", "0.1"), alone="1.5", two="3", slips=_CENTS),
    # Pools of 2026 keep 0 to 4 percent of full pay per share.
    "pool_fee": _bound("of what is mined", "0", "0.5", usual=("0", "0.04"), alone="2", two="5"),
    # The catalogues of 2026 ask 12 to 19 dollars.
    "usd_per_th": _bound("USD per TH", "0.1", "1000", usual=("2", "100"), alone="1.5", two="3"),
    # What a TH costs more at fewer W/TH, and a step to fewer; the sample asks 0.3 to 3 dollars.
    "upgrade_step_usd": _bound("USD per TH", "0", "1000", usual=("0", "20"), alone="1.5", two="3"),
    # The best machines of 2026 take 12, the oldest that anybody runs 100.
    "energy_efficiency": _bound("W/TH", "1", "500", usual=("5", "100"), alone="2", two="5"),
    # All miners of the world have 1e9 TH.
    "capacity_th": _bound("TH", "0", "1e10", usual=("0", "1e8"), alone="2", two="10"),
    # To raise a limit takes two in any case, so only a digit too many is doubted.
    "credit_limit_usd": _bound("USD", "0", "1e8", usual=("0", "1e6"), alone="10", two="1e9"),
    "payment_usd": _bound("USD", "0", "1e8", usual=("0", "1e6"), alone="10", two="1e9"),
}
# How far a figure may be from what the operator's node says before somebody looks again, and before it takes two: a
# part of the node's own figure, and of fees of all that a block pays. Pages round difficulty, and some show the old one
# on the day on which it changes; pools reckon a day's fees each in their own way, and keep some per cent.
OF_NODE: dict[str, tuple[Decimal, Decimal]] = {
    "difficulty": (Decimal("0.02"), Decimal("0.5")),
    "subsidy_btc": (Decimal("0.001"), Decimal("0.5")),
    "fees_btc": (Decimal("0.02"), Decimal("0.5")),
    "pool_btc_per_th": (Decimal("0.1"), Decimal("0.5")),
}
BY_NODE = "by the node"
# Against what small steps within a day are held, all together.
DAY_AGO = "24 hours ago"
# A discount that takes off more than half of the fees is looked at, and by two: it costs the operator every day.
USUAL_DISCOUNT = Decimal("0.5")


def is_possible(field: str, value: Decimal) -> bool:
    """Whether a figure is what it can be."""
    bound = BOUNDS[field]
    return bound.least <= value <= bound.most


def check(field: str, value: Decimal) -> None:
    """A figure is what it can be. Raises ImplausibleFigureError, with what is likely meant."""
    bound = BOUNDS[field]
    if is_possible(field, value):
        return
    likely = next(
        (words for factor, words in bound.slips if bound.least <= value * factor <= bound.most), "this is a slip"
    )
    raise ImplausibleFigureError(
        f"{field} {plain(value)} is not {plain(bound.least)} to {plain(bound.most)} {bound.unit}: {likely}",
        field=field,
        least=bound.least,
        most=bound.most,
    )


def compare(field: str, value: Decimal, before: Decimal | None, since: str) -> Doubt | None:
    """Why somebody should look at a figure again, given what stood `since` then; None where nobody need.

    Where nothing stood before, or 0 or what cannot be did, it is held against what is usual.
    """
    bound = BOUNDS[field]
    if before is None or before == 0 or not bound.least <= before <= bound.most:
        least, most = bound.usual
        if least <= value <= most:
            return None
        return Doubt(field, plain(value), f"{plain(least)} to {plain(most)} {bound.unit} is usual", two=False)
    if value == 0:
        return Doubt(field, "0", f"{plain(before)} {since}", two=False)
    less, more = sorted((value, before))
    if more <= less * bound.alone:
        return None
    times = plain(divide_half_even(more, less, 2))
    return Doubt(field, plain(value), f"{plain(before)} {since}, {times} times", two=more > less * bound.two)


def graver(doubts: Sequence[Doubt], others: Sequence[Doubt]) -> tuple[Doubt, ...]:
    """Of doubts about the same figures, held against different ones, the graver of each; the first where both are."""
    found = {each.field: each for each in doubts}
    for each in others:
        if each.field not in found or (each.two and not found[each.field].two):
            found[each.field] = each
    return tuple(found.values())


def compare_with_node(field: str, value: Decimal, told: Decimal, *, of: Decimal) -> Doubt | None:
    """Why somebody should look again at a figure of which the node `told` another; the limits are parts `of` what."""
    alone, two = OF_NODE[field]
    off = abs(value - told)
    if off <= of * alone:
        return None
    return Doubt(field, plain(value), f"{plain(told)} {BY_NODE}", two=off > of * two)


def doubt_discount(fraction: Decimal) -> tuple[Doubt, ...]:
    """Why somebody should look at a discount again."""
    if fraction <= USUAL_DISCOUNT:
        return ()
    return (Doubt("fraction", plain(fraction), f"at most {plain(USUAL_DISCOUNT)} is usual", two=True),)


def assert_confirmed(doubts: Sequence[Doubt], named: Collection[str], effect: str = "") -> None:
    """Each figure in doubt is named, digit by digit. Raises ConfirmationNeededError, which says what it comes to."""
    left = [each for each in doubts if each.figure not in named]
    if left:
        told = "; ".join(f"{each.field} {each.figure} ({each.why}): --confirm {each.figure}" for each in left)
        coming = f". {effect}" if effect else ""
        raise ConfirmationNeededError(
            f"not done: {told}{coming}", field=left[0].field, confirm=[each.figure for each in left]
        )
