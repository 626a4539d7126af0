"""`hashrail sandbox`: a sandbox's clock, its scenarios, and customers who are played.

The commands call the API's sandbox operations over HTTP: as a profile says, or as `demo.json` of a sandbox on this
machine does where no profile is stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hashrail import clock
from hashrail.bitcoin import simulated_chain
from hashrail.cli import calling, profiles
from hashrail.cli.calling import Asked, Caller
from hashrail.cli.examples import example
from hashrail.cli.integrating import ProfileOption, refused_shown
from hashrail.cli.printing import Shape, about, prints, show_json, usage_error
from hashrail.cli.profiles import Profile
from hashrail.cli.shared import MAX_ID, JsonOption, amount, err, refusals_shown, say, table
from hashrail.sandbox.scenarios import ABOUT, Scenario

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True)
ROOT = "/api/sandbox"
STATISTICS = "/api/partner/s2s/user/get-statistics"
DEMO = Path(".hashrail/demo.json")
# What one request moves the clock by, so that a bar can show how far it is.
CHUNK = timedelta(days=7)
# Even a chunk may take its time: a sandbox may have many partners.
SECONDS = 600

FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from", help=f"Call as this demo.json says; without it and without a profile, {DEMO} if it is there."
    ),
]
ExternalId = Annotated[str, typer.Argument(metavar="EXTERNAL_ID", help="Your externalId of the order.")]
UserOption = Annotated[str | None, typer.Option("--user", help="Open the order for this user, by your own id.")]
OfferOption = Annotated[
    int | None, typer.Option("--offer", min=1, max=MAX_ID, help="And for this offer of the catalogue, by its number.")
]


class ClockShape(Shape, kw_only=True):
    """What a sandbox's clocks read, and how its days go on."""

    business_time: Annotated[str, about("the time of days, credits and orders")]
    wall_time: Annotated[str, about("the time of signatures and tokens")]
    offset_seconds: Annotated[int, about("how far business time is ahead of wall time")]
    published_through: Annotated[str | None, about("the newest published day")]
    closed_through: Annotated[str | None, about("the newest day that is closed in your books")]
    scenario: Annotated[str, about("how the days to come go")]
    chain_scenario: Annotated[str | None, about("what the simulated chain plays; null with a node")]


class AdvancedShape(Shape, kw_only=True):
    """Where a sandbox's clock came to."""

    business_time: Annotated[str, about("the time it is now")]
    published_through: Annotated[str | None, about("the newest published day")]
    closed_through: Annotated[str | None, about("the newest day that is closed in your books")]
    days_closed: Annotated[int, about("days closed on the way")]


class WaitingShape(Shape, kw_only=True):
    """A transaction in the mempool of the simulated chain."""

    txid: Annotated[str, about("its id")]
    fee: Annotated[Decimal, about("BTC")]


class ChainShape(Shape, kw_only=True):
    """The simulated chain."""

    simulated: Annotated[Literal[True], about("no bitcoin moves")]
    scenario: Annotated[str, about("what it plays")]
    height: Annotated[int, about("of its newest block")]
    mempool: Annotated[list[WaitingShape], about("what waits for a block")]


class PlayedOrderShape(Shape, kw_only=True):
    """An order as it stands once somebody was played."""

    external_id: Annotated[str, about("your own id of it")]
    user_id: Annotated[int, about("whose it is")]
    nft_collection_id: Annotated[int, about("of which offer")]
    state: Annotated[str, about("created, issued, expired, cancelled or refunded")]
    value: Annotated[Decimal, about("USD, fixed")]
    power: Annotated[Decimal, about("TH")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    nft_id: Annotated[int | None, about("the miner, once it is issued")]
    created_at: Annotated[str, about("business time")]
    expires_at: Annotated[str, about("business time")]
    paid_at: Annotated[str | None, about("business time")]
    refunded_at: Annotated[str | None, about("business time")]


class PlayedTakingShape(Shape, kw_only=True):
    """What a miner earned in a user's hands, and what of it was taken back."""

    partner_user_id: Annotated[str, about("who had it, by your own id")]
    earned: Annotated[Decimal, about("BTC")]
    taken: Annotated[Decimal, about("BTC")]


class ChargedBackShape(Shape, kw_only=True):
    """A refunded order."""

    external_id: Annotated[str, about("your own id of it")]
    nft_id: Annotated[int, about("the miner that has ended")]
    value: Annotated[Decimal, about("USD that are owed no more, upgrades included")]
    income: Annotated[Literal["keep", "take"], about("what becomes of what the miner has earned")]
    reason: Annotated[str, about("as the log has it")]
    refunded_at: Annotated[str, about("business time")]
    takings: Annotated[list[PlayedTakingShape], about("what was taken back of the income, by user")]


class OwedShape(Shape, kw_only=True):
    """What a partner owes."""

    owed: Annotated[Decimal, about("USD, for issued miners less what was paid")]
    reserved: Annotated[Decimal, about("USD, by open orders")]
    credit_limit: Annotated[Decimal, about("USD")]


@app.command("clock", epilog=example("hashrail sandbox clock", "hashrail sandbox clock --json"))
@prints(ClockShape)
def show_clock(profile: ProfileOption = None, demo: FromOption = None, as_json: JsonOption = False) -> None:
    """Show both clocks of a sandbox, how far its days are, and how they go on."""
    with _calling(profile, demo, as_json=as_json) as caller:
        _show_clock(_get(caller, "clock", ClockShape), as_json=as_json)


@app.command(
    "advance",
    epilog=example(
        "hashrail sandbox advance --days 30",
        "hashrail sandbox advance --days 3 --scenario crash",
        "hashrail sandbox advance --to 2027-01-01",
    ),
)
@prints(AdvancedShape)
def advance(
    days: Annotated[int, typer.Option(min=0, max=3660, help="How many days.")] = 0,
    hours: Annotated[int, typer.Option(min=0, max=87_840, help="And how many hours.")] = 0,
    seconds: Annotated[int, typer.Option(min=0, max=316_224_000, help="And how many seconds.")] = 0,
    to: Annotated[
        str | None, typer.Option("--to", help="To a day (00:05 UTC of it), or a moment as 2026-09-09T12:00:00Z.")
    ] = None,
    scenario: Annotated[Scenario | None, typer.Option(help="How the days on the way go.")] = None,
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let time pass, by days and hours or to a date; what is due on the way happens in its time."""
    step = timedelta(days=days, hours=hours, seconds=seconds)
    if (to is None) == (not step):
        raise usage_error("say how far: --days, --hours, --seconds, or --to")
    with _calling(profile, demo, as_json=as_json) as caller:
        reached = _advance(caller, step, to, {} if scenario is None else {"scenario": scenario.value})
    if as_json:
        show_json(reached)
        return
    columns = ("business time", "published through", "closed through", "days closed")
    row = (reached.business_time, reached.published_through, reached.closed_through, reached.days_closed)
    table("The clock has moved", columns, [row])


@app.command("scenario", epilog=example("hashrail sandbox scenario", "hashrail sandbox scenario growth"))
@prints(ClockShape)
def choose_scenario(
    scenario: Annotated[Scenario | None, typer.Argument(help="Let the days to come go like this.")] = None,
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show by which scenario the days to come go, after choosing one; days that are over stay as they were."""
    with _calling(profile, demo, as_json=as_json) as caller:
        if scenario is None:
            found = _get(caller, "clock", ClockShape)
        else:
            found = _post(caller, "scenario", {"scenario": scenario.value}, ClockShape)
    if as_json:
        show_json(found)
        return
    rows = [("now" if each.value == found.scenario else "", each.value, words) for each, words in ABOUT.items()]
    table("Scenarios", ("", "scenario", "how the days go"), rows)


@app.command(
    "chain",
    epilog=example(
        "hashrail sandbox chain",
        "hashrail sandbox chain --scenario stuck",
        "hashrail sandbox chain --deposit-to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --amount 0.01 --blocks 2",
    ),
)
@prints(ChainShape)
def chain(
    scenario: Annotated[str | None, typer.Option(help=", ".join(get_args(simulated_chain.Scenario)) + ".")] = None,
    blocks: Annotated[int | None, typer.Option(min=0, max=1000, help="Mine so many blocks at once.")] = None,
    deposit_to: Annotated[str | None, typer.Option(help="Let somebody pay this address.")] = None,
    paid: Annotated[Decimal | None, typer.Option("--amount", parser=amount, help="So much, in BTC.")] = None,
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the simulated chain, after telling it what to play, mine or bring."""
    if (deposit_to is None) != (paid is None):
        raise usage_error("a deposit has an address and an amount: --deposit-to and --amount")
    deposit = None if deposit_to is None else {"address": deposit_to, "amount": paid}
    fields = _given(scenario=scenario, blocks=blocks, deposit=deposit)
    with _calling(profile, demo, as_json=as_json) as caller:
        found = _post(caller, "chain", fields, ChainShape)
    if as_json:
        show_json(found)
        return
    table("The simulated chain", ("plays", "height", "waiting"), [(found.scenario, found.height, len(found.mempool))])
    if found.mempool:
        table("Waiting for a block", ("fee BTC", "txid"), [(one.fee, one.txid) for one in found.mempool])


@app.command(
    "pay",
    epilog=example(
        "hashrail sandbox pay order-1 --user alice --offer 3",
        "hashrail sandbox pay order-2 --user alice --offer 3 --outcome never",
    ),
)
@prints(PlayedOrderShape)
def pay(
    external_id: ExternalId,
    user: UserOption = None,
    offer: OfferOption = None,
    outcome: Annotated[Literal["paid", "paid_twice", "never"], typer.Option(help="What the customer does.")] = "paid",
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a customer who buys: open the order if it is not there, and tell its payment once, twice or never."""
    with _calling(profile, demo, as_json=as_json) as caller:
        fields = _opening(caller, external_id, user, offer) | {"outcome": outcome}
        _show_order(_post(caller, "pay", fields, PlayedOrderShape), as_json=as_json)


@app.command("late-notice", epilog=example("hashrail sandbox late-notice order-2 --late-seconds 600"))
@prints(PlayedOrderShape)
def late_notice(
    external_id: ExternalId,
    user: UserOption = None,
    offer: OfferOption = None,
    late_seconds: Annotated[
        int, typer.Option(min=1, max=316_224_000, help="How long after the order's end its payment is told.")
    ] = 60,
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a payment that is told late: move the clock past the order's end, and tell it then.

    In time for a late notice the order is taken up again; later it is refused with ORDER_EXPIRED.
    """
    with _calling(profile, demo, as_json=as_json) as caller:
        fields = _opening(caller, external_id, user, offer) | {"lateSeconds": late_seconds}
        _show_order(_post(caller, "late-notice", fields, PlayedOrderShape), as_json=as_json)


@app.command("chargeback", epilog=example('hashrail sandbox chargeback order-1 --reason "stolen card"'))
@prints(ChargedBackShape)
def chargeback(
    external_id: ExternalId,
    reason: Annotated[str | None, typer.Option(help="Why; it goes into the operator's log.")] = None,
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a customer whose bank takes the payment back: the order is refunded, and its miner ends with this day."""
    with _calling(profile, demo, as_json=as_json) as caller:
        found = _post(caller, "chargeback", {"externalId": external_id} | _given(reason=reason), ChargedBackShape)
    if as_json:
        show_json(found)
        return
    columns = ("order", "miner that ends", "USD owed no more", "its income", "at", "reason")
    row = (found.external_id, found.nft_id, found.value, found.income, found.refunded_at, found.reason)
    table("Charged back", columns, [row])
    if found.takings:
        rows = [(one.earned, one.taken, one.partner_user_id) for one in found.takings]
        table("Income of the miner", ("earned BTC", "taken BTC", "user"), rows)


@app.command("partner-payment", epilog=example('hashrail sandbox partner-payment 500.25 "SEPA 8821"'))
@prints(OwedShape)
def partner_payment(
    paid: Annotated[Decimal, typer.Argument(metavar="USD", parser=amount, help="What you paid.")],
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The bank's reference; recorded once.")],
    profile: ProfileOption = None,
    demo: FromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play your own payment to the operator, who records it: you owe less."""
    with _calling(profile, demo, as_json=as_json) as caller:
        found = _post(caller, "partner-payment", {"amount": paid, "reference": reference}, OwedShape)
    if as_json:
        show_json(found)
    else:
        table("What you owe, USD", ("owed", "reserved", "limit"), [(found.owed, found.reserved, found.credit_limit)])


@contextmanager
def _calling(name: str | None, demo: Path | None, *, as_json: bool) -> Iterator[Caller]:
    """A caller as a profile or a demo.json says; what is refused is said, and the program ends with 1."""
    with refusals_shown():
        profile = _profile(name, demo)
        with refused_shown(as_json_too=as_json), calling.calling(profile) as caller:
            yield caller


def _profile(name: str | None, demo: Path | None) -> Profile:
    """Who calls. Raises ProfilesUnreadableError for a file that is no demo.json, and what choosing a profile does."""
    if demo is None and DEMO.exists() and name is None and profiles.chosen_name(None) not in profiles.every():
        demo = DEMO
    if demo is None:
        return profiles.choose(name).profile
    try:
        return msgspec.json.decode(demo.read_bytes(), type=Profile)
    except OSError as error:
        raise profiles.ProfilesUnreadableError(f"{demo}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise profiles.ProfilesUnreadableError(f"{demo}: {error}") from error


def _get(caller: Caller, path: str, shape: type[T]) -> T:
    return _sent(caller, Asked("GET", f"{ROOT}/{path}"), shape)


def _post(caller: Caller, path: str, fields: dict[str, Any], shape: type[T]) -> T:
    return _sent(caller, Asked("POST", f"{ROOT}/{path}", members=fields), shape)


def _sent(caller: Caller, asked: Asked, shape: type[T]) -> T:
    """What stands in the envelope of a good answer, with every digit."""
    response = caller.send(asked, seconds=SECONDS)
    calling.check(response)
    answer = msgspec.json.decode(response.content, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(answer["data"], type=shape)


def _advance(caller: Caller, step: timedelta, to: str | None, how: dict[str, str]) -> AdvancedShape:
    """Move the clock chunk by chunk, with a bar where there are several."""
    left = step if to is None else _until(to) - _moment(_get(caller, "clock", ClockShape).business_time)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    closed = 0
    with Progress(*columns, console=err, transient=True, disable=left <= CHUNK) as progress:
        task = progress.add_task("time passes", total=max(left, CHUNK) / CHUNK)
        while left > CHUNK:
            reached = _post(caller, "advance", {"seconds": CHUNK // timedelta(seconds=1)} | how, AdvancedShape)
            closed, left = closed + reached.days_closed, left - CHUNK
            progress.update(task, advance=1, description=reached.business_time[:10])
        last = {"date": to} if to is not None else {"seconds": left // timedelta(seconds=1)}
        reached = _post(caller, "advance", last | how, AdvancedShape)
    return msgspec.structs.replace(reached, days_closed=closed + reached.days_closed)


def _until(text: str) -> datetime:
    """About the moment that the server takes a date for, which decides itself in the end."""
    try:
        return clock.start_of(date.fromisoformat(text)) + clock.CREDIT_DELAY
    except ValueError:
        return _moment(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise usage_error(f"{text!r} is no day and no moment") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _opening(caller: Caller, external_id: str, user: str | None, offer: int | None) -> dict[str, Any]:
    """The fields that name an order, and those that open it."""
    user_id = None
    if user is not None:
        asked = Asked("GET", STATISTICS, query=[("partnerUserId", user)])
        user_id = caller.data(asked)["user"]["id"]
    return {"externalId": external_id} | _given(userId=user_id, nftCollectionId=offer)


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _show_clock(found: ClockShape, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    ahead = timedelta(seconds=found.offset_seconds)
    rows = [
        ("business time", found.business_time),
        ("wall time", found.wall_time),
        ("business time is", f"ahead by {ahead}" if ahead >= timedelta(0) else f"behind by {-ahead}"),
        ("published through", found.published_through),
        ("closed through", found.closed_through),
        ("days to come", found.scenario),
        ("the chain plays", found.chain_scenario or "nothing: a node is the chain"),
    ]
    table("Clock", ("what", "how it stands"), rows)


def _show_order(found: PlayedOrderShape, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    columns = ("order", "is", "USD", "TH", "miner", "expires", "paid")
    row = (found.external_id, found.state, found.value, found.power, found.nft_id, found.expires_at, found.paid_at)
    table("Order", columns, [row])
    if found.state == "created":
        say("Nobody has paid. Let time pass, and it expires: hashrail sandbox advance --hours 2")
