"""What `hashrail init` is given, as flags or on the terminal, and what that means; nothing is written here."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import typer

from hashrail import bounds, clock
from hashrail.cli.shared import amount, say, table, warn
from hashrail.errors import BadRequestError, HashrailError
from hashrail.money import ZERO, decimals, plain
from hashrail.parties import operators
from hashrail.rewards import rates, tariffs
from hashrail.rewards.formula import POWER_DECIMALS, class_rates
from hashrail.selling import beginnings, offer_files, samples
from hashrail.selling.beginnings import Standing, Wanted
from hashrail.selling.offer_files import Offer
from hashrail.settings import Settings

# What is said of them on the first day is a contract, and counts on later days too.
DATED: tuple[tariffs.Kind, ...] = ("kwh_usd", "service_usd_per_th")
SAMPLE, NONE = "sample", "none"
SUBSIDY_BTC = "3.125"
# What the books hold.
MOST_TH = Decimal(10) ** 14
FIGURES = (
    ("difficulty", "Network difficulty", ""),
    ("subsidy_btc", "Block subsidy, BTC", SUBSIDY_BTC),
    ("fees_btc", "Mean fees per block, BTC", "0"),
)


@dataclass(frozen=True, slots=True)
class Given:
    """What was said, as texts; None and empty texts are not said."""

    offers: str | None = None
    capacity: str | None = None
    first_day: date | None = None
    figures: Mapping[str, str] = field(default_factory=dict)
    admin: str | None = None
    confirmed: Sequence[str] = ()
    fetches: bool = False


class FetchedOrTypedError(BadRequestError):
    """The first day is fetched and typed at once."""

    code = "FETCHED_OR_TYPED"
    advice = "Beside --fetch only --kwh-usd and --service-usd-per-th are typed; or leave it out, and type all of them."


def is_terminal() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def read(given: Given, settings: Settings) -> Wanted:
    """What is given, all of it looked at. Raises the refusals of each part, by field."""
    now = clock.wall_now()
    if given.first_day is not None and settings.mode == "production":
        beginnings.check_day(given.first_day, now)
    if given.admin is not None:
        operators.check_name(given.admin)
    figures = {name: text for name, text in given.figures.items() if text}
    if given.fetches:
        return _to_fetch(given, figures, now)
    named = None
    if figures or given.first_day is not None:
        shown_day = given.first_day or clock.last_creditable_day(now)
        # The cap of discounts is the books', and nobody's to say here.
        named = rates.parse({"day": shown_day.isoformat(), **figures}, rates.prices(settings), ZERO)
        bounds.assert_confirmed(beginnings.doubts(named), given.confirmed)
    return Wanted(
        offers=_offers(given.offers),
        with_levels=given.offers == SAMPLE,
        capacity_th=_capacity(given.capacity),
        rates=named,
        day=given.first_day,
        confirmed=given.confirmed,
        tariffs={} if named is None else {kind: getattr(named, kind) for kind in DATED if figures.get(kind)},
    )


def _to_fetch(given: Given, figures: Mapping[str, str], now: datetime) -> Wanted:
    """What is said beside figures that are fetched: the tariffs. Raises FetchedOrTypedError, ImplausibleFigureError."""
    typed = next((name for name in figures if name not in DATED), None)
    if typed is not None:
        raise FetchedOrTypedError(f"{typed} is typed, and the day is to be fetched", field=typed)
    said = {kind: amount(figures[kind]) for kind in DATED if kind in figures}
    for kind, value in said.items():
        bounds.check(kind, value)
    return Wanted(
        offers=_offers(given.offers),
        with_levels=given.offers == SAMPLE,
        capacity_th=_capacity(given.capacity),
        day=given.first_day or clock.last_creditable_day(now),
        confirmed=given.confirmed,
        tariffs=said,
    )


def complete(given: Given, there: Standing, settings: Settings) -> Given:
    """Ask for what is lacking and not said. An answer that cannot be is asked for again; an empty one leaves it out."""
    lacking = there.lacking
    if "offers" in lacking and given.offers is None:
        said = _asked(f"What is on sale: {SAMPLE}, the path of a CSV or JSON, or {NONE}", SAMPLE, _offers)
        given = replace(given, offers=said)
    if "capacity" in lacking and given.capacity is None:
        given = replace(given, capacity=_asked("Capacity that you own, in TH", NONE, _capacity))
    if there.first_entered is None and not any(given.figures.values()) and not given.fetches:
        given = _with_figures(given, settings)
    if "admin" in lacking and given.admin is None:
        name = _asked("Name of the first admin (empty: later)", "", _admin)
        given = replace(given, admin=name or None)
    return given


def _with_figures(given: Given, settings: Settings) -> Given:
    """The figures of the first day, shown with what a TH earns by them before they are taken."""
    of_day = given.first_day or clock.last_creditable_day(clock.wall_now())
    say(f"The first day is {of_day}: nobody earns by it, and the catalogue shows its figures.")
    while True:
        price = _asked("Price of a bitcoin that day, USD (empty: later)", "", lambda text: text and _positive(text))
        if not price:
            return given
        usual = {name: plain(value) for name, value in rates.prices(settings).items()}
        asked = (
            *FIGURES,
            ("kwh_usd", "Electricity, USD per kWh", usual["kwh_usd"]),
            ("service_usd_per_th", "Service, USD per TH a day", usual["service_usd_per_th"]),
            ("gomining_usd", "Price of the token, USD", usual["gomining_usd"]),
        )
        figures = {"btc_usd": price} | {name: _asked(words, default, amount) for name, words, default in asked}
        whole = replace(given, figures=figures)
        try:
            whole = replace(whole, confirmed=_typed_again(whole, settings))
            _show_first_day(read(whole, settings))
        except HashrailError as error:
            warn(error.message)
            continue
        if typer.confirm("Is that right?"):
            return whole


def _typed_again(given: Given, settings: Settings) -> list[str]:
    """The unusual figures that are meant: each is typed once more, since no slip does that twice."""
    try:
        read(given, settings)
    except bounds.ConfirmationNeededError as error:
        warn(error.message)
        figures = error.details["confirm"]
        assert isinstance(figures, list), "it names them"
        return [_asked(f"Type {figure} again, if it is meant", "", str) for figure in figures]
    return []


def _show_first_day(wanted: Wanted) -> None:
    inputs = wanted.rates
    assert inputs is not None, "its figures were asked for"
    rows = []
    for efficiency in sorted({one[1] for one in wanted.offers}) or [Decimal(20)]:
        made = class_rates(inputs, efficiency, ZERO)
        rows.append((efficiency, made.pool, made.c1, made.c2, made.net, made.net * inputs.btc_usd))
    table("What a TH earns a day, BTC", ("W/TH", "pool", "electricity", "service", "net", "net in USD"), rows)


def _asked(words: str, default: str, check: Callable[[str], object]) -> str:
    """An answer that the check does not refuse."""
    while True:
        text = str(typer.prompt(words, default=default, show_default=bool(default))).strip()
        try:
            check(text)
        except (HashrailError, typer.BadParameter) as error:
            warn(error.message)
        else:
            return text


def _admin(text: str) -> None:
    if text:
        operators.check_name(text)


def _offers(text: str | None) -> Sequence[Offer]:
    if text is None or text == NONE:
        return ()
    return samples.sample_collections() if text == SAMPLE else offer_files.read(Path(text))


def _capacity(text: str | None) -> Decimal | None:
    if text is None or text == NONE:
        return None
    th = _positive(text)
    if decimals(th) > POWER_DECIMALS or th >= MOST_TH:
        raise typer.BadParameter(f"a capacity has at most {POWER_DECIMALS} decimals, and is below {MOST_TH} TH")
    return th


def _positive(text: str) -> Decimal:
    number = amount(text)
    if number <= 0:
        raise typer.BadParameter(f"{text} is not above 0")
    return number
