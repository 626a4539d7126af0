"""hashrail init: make a deployment, and what it needs before it sells."""

import asyncio
import os
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import typer

from hashrail import bounds, business_clock, db, logs
from hashrail.cli import beginning_questions as questions
from hashrail.cli import shapes
from hashrail.cli.acting import ask
from hashrail.cli.beginning_questions import Given
from hashrail.cli.deployment import NetworkOption
from hashrail.cli.examples import example
from hashrail.cli.operators import NEW_PASSWORD
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, day, migrate, reached, refusals_shown, say, settings_for, warn
from hashrail.deployment import comparing, journal_file, opened
from hashrail.deployment.comparing import Difference, NodeNotNamedError
from hashrail.deployment.facts import Facts
from hashrail.money import ZERO
from hashrail.parties import operators, passwords
from hashrail.rewards import closing, fetching, node_words
from hashrail.selling import beginnings
from hashrail.selling.beginnings import Part, Standing, Wanted
from hashrail.settings import Mode, Network, Settings

app = typer.Typer()

ModeOption = Annotated[Mode | None, typer.Option(help="What it is for ever.", show_default="production")]
NodeOption = Annotated[
    bool | None,
    typer.Option("--node/--no-node", help="Whether the node of HASHRAIL_BITCOIN_RPC_URL pays.", show_default=False),
]
OffersOption = Annotated[
    str | None, typer.Option(metavar="FILE|sample", help="A CSV or JSON of offers, or the sample catalogue.")
]
CapacityOption = Annotated[
    str | None, typer.Option(metavar="TH", help="What you own, in TH; `none` sells without a cap.")
]
DayOption = Annotated[
    date | None,
    typer.Option(parser=day, metavar="DAY", help="The first mining day; default: the newest that is over."),
]
PriceOption = Annotated[str, typer.Option(metavar="USD", help="Price of a bitcoin that day.")]
PoolOption = Annotated[str, typer.Option(metavar="BTC", help="Pool reward per TH; or the next three.")]
DifficultyOption = Annotated[str, typer.Option(metavar="NUMBER", help="Network difficulty.")]
SubsidyOption = Annotated[str, typer.Option(metavar="BTC", help="Block subsidy.")]
FeesOption = Annotated[str, typer.Option(metavar="BTC", help="Mean fees per block.")]
FetchOption = Annotated[
    bool, typer.Option("--fetch", help="Fetch the first day's figures from the node and the exchanges; type none.")
]
KwhOption = Annotated[str, typer.Option(metavar="USD", help="Electricity per kWh; default from the settings.")]
ServiceOption = Annotated[str, typer.Option(metavar="USD", help="Service per TH a day; default likewise.")]
TokenOption = Annotated[str, typer.Option(metavar="USD", help="Token price; default likewise.")]
ConfirmOption = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="FIGURE", help="An unusual figure of the first day that is meant, each digit."),
]
AdminOption = Annotated[
    str | None, typer.Option(metavar="NAME", help=f"The first admin; the password is asked for, or {NEW_PASSWORD}.")
]
NEXT: dict[str, tuple[str, str]] = {
    "offers": ("hashrail init --offers sample", "something to sell"),
    "capacity": ("hashrail catalogue capacity TH", "no more is sold than you own"),
    "first day": ("hashrail init --btc-usd USD --difficulty NUMBER ...", "figures for the catalogue: a first day"),
    "admin": (
        "hashrail operator add NAME --role admin --generate",
        "who answers for it: from then on an admin says who they are",
    ),
}
AFTER = (
    ("hashrail partner create --name NAME", "who sells it"),
    ("hashrail partner key create --partner NAME", "what they sign with"),
    ("hashrail serve", "the API"),
    ("hashrail worker", "days and payouts"),
)


@app.command(
    "init",
    epilog=example(
        "hashrail init",
        "hashrail init --offers sample --capacity 5000 --btc-usd 78862.65 --difficulty 95.67e12 --subsidy-btc 3.125"
        " --fees-btc 0.04 --admin olga",
        "hashrail init --offers sample --capacity 5000 --fetch --admin olga",
        "hashrail init --mode sandbox --network signet --no-node",
    ),
)
@prints(shapes.Beginning)
def init(
    mode: ModeOption = None,
    network: NetworkOption = None,
    node: NodeOption = None,
    offers: OffersOption = None,
    capacity: CapacityOption = None,
    first_day: DayOption = None,
    btc_usd: PriceOption = "",
    pool_btc_per_th: PoolOption = "",
    difficulty: DifficultyOption = "",
    subsidy_btc: SubsidyOption = "",
    fees_btc: FeesOption = "",
    kwh_usd: KwhOption = "",
    service_usd_per_th: ServiceOption = "",
    gomining_usd: TokenOption = "",
    fetch: FetchOption = False,
    confirm: ConfirmOption = None,
    admin: AdminOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a deployment: the schema of its database, what it is, and what it needs before it sells.

    On a terminal it asks for what is lacking. What is there already is left as it is, so again does nothing, and one
    that was cut off goes on. A first day that is over gives the catalogue its figures; nobody earns by it. What is not
    said of the deployment is as the environment says; every process compares that before anything else.
    """
    settings = settings_for(data)
    logs.configure(command=True)
    figures = {
        "btc_usd": btc_usd,
        "pool_btc_per_th": pool_btc_per_th,
        "difficulty": difficulty,
        "subsidy_btc": subsidy_btc,
        "fees_btc": fees_btc,
        "kwh_usd": kwh_usd,
        "service_usd_per_th": service_usd_per_th,
        "gomining_usd": gomining_usd,
    }
    given = Given(offers, capacity, first_day, figures, admin, confirm or (), fetch)
    with refusals_shown():
        resolved = _resolved(settings, mode, network, node=node)
        questions.read(given, resolved)
        with reached(settings) as database:
            found = asyncio.run(_made(resolved, database.dsn, given, asks=questions.is_terminal() and not as_json))
    _show(*found, as_json=as_json)


async def _made(settings: Settings, dsn: str, given: Given, *, asks: bool) -> tuple[Facts, list[Part], Standing]:
    """What is lacking is asked for first, and written when everything is known."""
    pool = await db.open_pool(dsn, connections=2)
    try:
        there = await beginnings.standing(pool)
        if asks and there.admin is None:
            given = await asyncio.to_thread(questions.complete, given, there, settings)
        wanted = questions.read(given, settings)
        if there.first_entered is None:
            wanted = await _compared(settings, wanted)
        digest = None
        if given.admin is not None and there.admin is None:
            password = os.environ.get(NEW_PASSWORD) or ask("Password", NEW_PASSWORD, confirm=True)
            digest = await passwords.digest_of(password)
        _, known = await migrate(settings, dsn, asks_node=True)
        # The master key is made with the deployment, so that there is one to keep before the first backup.
        await opened.on_pool(pool, settings)
        if given.fetches and there.first_entered is None:
            wanted = await _fetched(pool, settings, wanted)
        done = await _filled(pool, settings, wanted)
        for each in wanted.words.notes:
            warn(each)
        if given.admin is not None and digest is not None:
            await _added(pool, settings, given.admin, digest)
            done.append("admin")
        return known, done, await beginnings.standing(pool)
    finally:
        await pool.close()


async def _fetched(pool: db.Pool, settings: Settings, wanted: Wanted) -> Wanted:
    """The first day as the node and the exchanges tell it, at the tariffs that are said. Raises why it cannot be."""
    assert wanted.day is not None, "the day is named, or the newest"
    async with aclosing(fetching.days(pool, settings, [wanted.day])) as found:
        async for each in found:
            if each.waits is not None:
                raise each.waits
            return replace(wanted, fetched=fetching.at_tariffs(each, wanted.tariffs))
    raise AssertionError("the day was asked for")


async def _compared(settings: Settings, wanted: Wanted) -> Wanted:
    """The figures of the first day with what the node tells of it. Raises ConfirmationNeededError."""
    if wanted.rates is None:
        return wanted
    words = await node_words.ask(settings, [wanted.rates.day])
    chain = words.told.get(wanted.rates.day)
    if chain is not None:
        bounds.assert_confirmed(node_words.doubts(wanted.rates, chain, ZERO), wanted.confirmed)
    return replace(wanted, words=words)


async def _filled(pool: db.Pool, settings: Settings, wanted: Wanted) -> list[Part]:
    """Offers, capacity and first day in one transaction, then the day's publication, which has its own."""
    journal_file.check(settings.journal_file)
    async with db.transaction(pool) as tx:
        before = await beginnings.standing(tx)
        done = await beginnings.fill(tx, wanted, at=await business_clock.now(tx))
        after = await beginnings.standing(tx)
        if done:
            await operators.note(tx, None, "init", ", ".join(done), None, before=_values(before), after=_values(after))
    if after.published_through is None and after.first_entered is not None:
        await closing.close_due(pool, through=after.first_entered)
    await journal_file.write_down(pool, settings.journal_file)
    return done


async def _added(pool: db.Pool, settings: Settings, name: str, digest: str) -> None:
    """The first admin, last of all. Raises OperatorNeededError where somebody else was faster."""
    async with db.transaction(pool) as tx:
        by = await operators.admit_manager(tx, None, "")
        await operators.assert_new(tx, name)
        await operators.add_digested(tx, name=name, role="admin", digest=digest, by=by)
    await journal_file.write_down(pool, settings.journal_file)


def _values(standing: Standing) -> dict[str, object]:
    """For the log."""
    return {
        "offers": standing.offers,
        "capacity_th": standing.capacity_th,
        "first_entered": standing.first_entered,
    }


def _resolved(settings: Settings, mode: Mode | None, network: Network | None, *, node: bool | None) -> Settings:
    """The settings with what the command line says; the environment may not say anything else."""
    given: dict[str, Any] = {"mode": mode, "bitcoin_network": network}
    said = {name: value for name, value in given.items() if value is not None}
    found = [
        Difference(name.removeprefix("bitcoin_"), str(value), str(getattr(settings, name)), f"HASHRAIL_{name.upper()}")
        for name, value in said.items()
        if name in settings.model_fields_set and getattr(settings, name) != value
    ]
    comparing.check(found, where="on the command line")
    if node and settings.bitcoin_rpc_url is None:
        raise NodeNotNamedError(f"--node asks for a node, and {comparing.NODE} is not set")
    if node is False and settings.bitcoin_rpc_url is not None:
        comparing.check([Difference("chain", "no node", "a node", comparing.NODE)], where="on the command line")
    return settings.model_copy(update=said)


def _show(known: Facts, done: list[Part], standing: Standing, *, as_json: bool) -> None:
    if as_json:
        show_json(
            shapes.Beginning(
                mode=known.mode,
                network=known.network,
                chain=known.chain,
                done=[*done],
                lacking=[*standing.lacking],
                is_selling=standing.is_selling,
                offers=standing.offers,
                capacity=standing.capacity_th,
                published_through=standing.published_through,
                admin=standing.admin,
            )
        )
        return
    say(f"The deployment is {known.words()}.")
    if done:
        say(f"It has now: {', '.join(done)}.")
    if standing.is_selling:
        say(f"It sells: {standing.offers} offers, at the figures of {standing.published_through}.")
    lines = [*(NEXT[part] for part in standing.lacking), *AFTER]
    wide = max(len(command) for command, _ in lines)
    say("Next:")
    for command, what in lines:
        say(f"  {command:<{wide}}  {what}")
