"""Fetching the figures of a day: from the operator's node, the exchanges, and the operator's tariffs.

Nothing is entered where a part is missing: the day waits, with the reason kept, and is asked for again. What is entered
goes the way of everything that is entered (`entering`), with its sources beside it. The reward is that of full pay
per share less the pool's fee.

A run takes the days in their order and stops at the first that has to wait, since those after it wait for it anyway.
So a deployment that stood still for weeks is filled up by one run.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from hashrail import business_clock, clock, db
from hashrail.db import Reader, Tx
from hashrail.errors import HashrailError, UnavailableError
from hashrail.market import chain_days, quotes
from hashrail.market.chain_days import ChainDay
from hashrail.market.exchanges import Exchanges
from hashrail.market.quotes import Figure
from hashrail.money import plain
from hashrail.rewards import day_sources, day_waits, entering, rate_classes, rates, tariffs
from hashrail.rewards.day_sources import DaySource
from hashrail.rewards.entering import Judgement
from hashrail.rewards.formula import DayInputs, full_pay_per_share
from hashrail.rewards.rate_classes import DayNotOverError
from hashrail.rewards.tariffs import KINDS, Kind
from hashrail.settings import Settings


class QuorumError(UnavailableError):
    """Fewer exchanges than the quorum agree on a price."""

    code = "MARKET_QUORUM"
    advice = "See each source with: hashrail rates fetch --dry-run; name others in HASHRAIL_MARKET_BTC_SOURCES."


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was asked for a day, and what came of it: its inputs, or the error for which it waits."""

    day: date
    sources: tuple[DaySource, ...]
    inputs: DayInputs | None
    waits: HashrailError | None = None
    chain: ChainDay | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did: the days that it entered, the one that it stopped at, and why."""

    entered: tuple[date, ...]
    stopped: date | None
    why: HashrailError | None


async def days(pool: db.Pool, settings: Settings, asked_for: Iterable[date]) -> AsyncGenerator[Fetched, None]:
    """Ask for everything that days need, one after the other, up to the first that has to wait; nothing is written.

    Whoever stops before its end closes it (`aclosing`). Raises DayNotOverError.
    """
    last = clock.last_creditable_day(await business_clock.now(pool))
    async with Exchanges(settings) as exchanges:
        for day in asked_for:
            if day > last:
                raise DayNotOverError(f"{day} is not over; the newest day that is, is {last}", field="day")
            fetched = await _fetched(pool, settings, exchanges, day)
            yield fetched
            if fetched.waits is not None:
                return


async def enter(tx: Tx, fetched: Fetched, *, at: datetime) -> Judgement:
    """Enter what was fetched, with its sources; what is in doubt is held.

    Raises what the day waits for, and what `entering.enter` does.
    """
    if fetched.inputs is None:
        assert fetched.waits is not None, "a day without inputs says why"
        raise fetched.waits
    judged = await entering.enter(tx, fetched.inputs, at=at, chain=fetched.chain)
    await day_sources.keep(tx, fetched.day, fetched.sources, entered_at=at)
    await day_waits.end(tx, fetched.day)
    return judged


def at_tariffs(fetched: Fetched, prices: Mapping[Kind, Decimal]) -> Fetched:
    """The same at what electricity and service are said to cost from this day on."""
    assert fetched.inputs is not None, "a day that does not wait has its figures"
    others = [each for each in fetched.sources if each.figure not in prices]
    said = [DaySource(kind, f"tariff from {fetched.day}", value) for kind, value in prices.items()]
    inputs = replace(
        fetched.inputs,
        kwh_usd=prices.get("kwh_usd", fetched.inputs.kwh_usd),
        service_usd_per_th=prices.get("service_usd_per_th", fetched.inputs.service_usd_per_th),
    )
    return replace(fetched, sources=(*others, *said), inputs=inputs)


async def note_wait(pool: db.Pool, day: date, why: HashrailError) -> None:
    """Keep why a day could not be entered; one that has figures does not wait."""
    async with db.transaction(pool) as tx:
        if not await rates.has_rates(tx, day):
            await day_waits.note(tx, day, code=why.code, reason=why.message, at=await business_clock.now(tx))


async def fetch_due(pool: db.Pool, settings: Settings) -> Run:
    """Enter every day that is due and has no figures, up to the first that has to wait; again does nothing."""
    entered: list[date] = []
    async with aclosing(days(pool, settings, await due(pool))) as found:
        async for fetched in found:
            try:
                async with db.transaction(pool) as tx:
                    # Somebody may have entered or published the day since.
                    if not await rates.has_rates(tx, fetched.day):
                        await enter(tx, fetched, at=await business_clock.now(tx))
                        entered.append(fetched.day)
            except HashrailError as why:
                await note_wait(pool, fetched.day, why)
                return Run(tuple(entered), fetched.day, why)
    return Run(tuple(entered), None, None)


async def due(tx: Reader) -> list[date]:
    """The days that are over and have no figures, the oldest first; none before the first day was entered.

    Where the books begin is the operator's word.
    """
    last = clock.last_creditable_day(await business_clock.now(tx))
    published = await rate_classes.published_through(tx)
    first = await tx.fetchval("SELECT min(day) FROM mining_day") if published is None else published + clock.ONE_DAY
    if first is None or first > last:
        return []
    rows = await tx.fetch("SELECT day FROM mining_day WHERE day BETWEEN $1 AND $2", first, last)
    there = {row["day"] for row in rows}
    every = (first + clock.ONE_DAY * count for count in range((last - first).days + 1))
    return [day for day in every if day not in there]


async def _fetched(pool: db.Pool, settings: Settings, asked: Exchanges, day: date) -> Fetched:
    """Everything that a day needs. The node first: while it cannot tell the day, no exchange is asked."""
    try:
        async with chain_days.opened(settings) as (node, witness):
            chain = await chain_days.told(node, witness, day, settings)
            witnessed = witness is not None
    except HashrailError as error:
        return Fetched(day, (), None, error)
    sources = [_chain_source("node", chain)]
    if witnessed:
        sources.append(_chain_source("second node", chain))
    known = await tariffs.of_day(pool, day)
    prices = tariffs.resolved(known, settings)
    for kind in KINDS:
        origin = f"tariff from {known[kind].from_day}" if kind in known else "settings"
        sources.append(DaySource(kind, origin, prices[kind]))
    btc = await _price(asked, settings, settings.market_btc_sources, day)
    sources += _sources("btc_usd", btc)
    token = await _price(asked, settings, settings.market_gomining_sources, day)
    sources += _sources("gomining_usd", token) or [DaySource("gomining_usd", "settings", prices["gomining_usd"])]
    missing = _missing(settings, day, btc, token)
    if missing is not None:
        return Fetched(day, tuple(sources), None, missing)
    assert btc.price_usd is not None, "what is missing was told"
    if token.price_usd is not None:
        prices["gomining_usd"] = token.price_usd
    cap = await rates.discount_cap(pool)
    return Fetched(day, tuple(sources), _inputs(chain, btc, token, prices, cap), chain=chain)


async def _price(asked: Exchanges, settings: Settings, names: list[str], day: date) -> Figure:
    answers = await asked.daily_closes(names, day)
    return quotes.figure(answers, quorum=settings.market_quorum, deviation=settings.market_deviation)


def _missing(settings: Settings, day: date, btc: Figure, token: Figure) -> QuorumError | None:
    """Which price has too few sources, with what each of the others said."""
    for what, figure, names in (
        ("btc_usd", btc, settings.market_btc_sources),
        ("gomining_usd", token, settings.market_gomining_sources),
    ):
        if names and figure.price_usd is None:
            told = "; ".join(f"{each.source}: {each.left_out}" for each in figure.left_out)
            agree = f"{len(figure.counted)} of {len(names)} sources agree on {what} of {day}"
            return QuorumError(f"{agree}, {settings.market_quorum} have to: {told}", field=what)
    return None


def _inputs(
    chain: ChainDay, btc: Figure, token: Figure, prices: dict[str, Decimal], discount_cap: Decimal
) -> DayInputs:
    assert btc.price_usd is not None, "a day has a price"
    return DayInputs(
        day=chain.day,
        pool_btc_per_th=full_pay_per_share(
            chain.difficulty, chain.subsidy_btc, chain.fees_btc, pool_fee=prices["pool_fee"]
        ),
        btc_usd=btc.price_usd,
        gomining_usd=prices["gomining_usd"],
        kwh_usd=prices["kwh_usd"],
        service_usd_per_th=prices["service_usd_per_th"],
        discount_cap=discount_cap,
        difficulty=chain.difficulty,
        subsidy_btc=chain.subsidy_btc,
        fees_btc=chain.fees_btc,
        source=_told(chain, btc, token, prices["pool_fee"]),
    )


def _told(chain: ChainDay, btc: Figure, token: Figure, pool_fee: Decimal) -> str:
    """Where the figures come from, in a line."""
    parts = [
        f"blocks {chain.first_height} to {chain.last_height} ({chain.blocks})",
        f"BTC by {len(btc.counted)} of {len(btc.answers)} exchanges",
    ]
    if token.answers:
        parts.append(f"GOMINING by {len(token.counted)} of {len(token.answers)}")
    if pool_fee:
        parts.append(f"pool fee {plain(pool_fee)}")
    return f"fetched: {', '.join(parts)}"


def _chain_source(who: str, chain: ChainDay) -> DaySource:
    return DaySource("chain", f"{who}, blocks {chain.first_height} to {chain.last_height}", sha256=chain.sha256)


def _sources(what: Literal["btc_usd", "gomining_usd"], figure: Figure) -> list[DaySource]:
    return [
        DaySource(what, each.source, each.price_usd, each.url, each.sha256, each.left_out) for each in figure.answers
    ]
