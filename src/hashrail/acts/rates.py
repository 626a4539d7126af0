"""Figures of mining days: entered, confirmed, taken back and fetched, and how long they wait to be published."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from hashrail import bounds, business_clock, clock, db
from hashrail.acts.acting import Acting
from hashrail.db import Reader, Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import HashrailError
from hashrail.parties import changes
from hashrail.rewards import entering, fetching, node_words, preview, rates, tariffs
from hashrail.rewards.entering import Judgement
from hashrail.rewards.fetching import Fetched
from hashrail.rewards.formula import DayInputs
from hashrail.rewards.node_words import Words
from hashrail.rewards.preview import Effect
from hashrail.rewards.rates import MiningDay
from hashrail.settings import Settings


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered, or would be: its figures, what is said against them, what they come to, and when they count."""

    inputs: DayInputs
    judged: Judgement
    effect: Effect
    publishes_at: datetime
    words: Words


@dataclass(frozen=True, slots=True)
class Tried:
    """A day that was fetched, with what is said against its figures, or why it has to wait; tried, what it comes to."""

    fetched: Fetched
    judged: Judgement | None
    why: HashrailError | None
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class FetchRun:
    """The days that were fetched, in order; the last one has `stopped` the rest, if it had to wait."""

    tried: Sequence[Tried]

    @property
    def stopped(self) -> HashrailError | None:
        """For what the last day waits."""
        return self.tried[-1].why if self.tried else None


async def seen(tx: Tx, inputs: DayInputs, words: Words) -> Entered:
    """What entering a day would come to. Raises what `entering.judge` does."""
    at = await business_clock.now(tx)
    judged = await entering.judge(tx, inputs, today=clock.day_of(at), chain=words.told.get(inputs.day))
    effect = await preview.of_day(tx, inputs, judged.before)
    return Entered(inputs, judged, effect, rates.published_from(inputs.day, at, await rates.delay(tx)), words)


async def enter(tx: Tx, act: Acting, inputs: DayInputs, words: Words, *, confirm: Sequence[str]) -> Entered:
    """Enter a day's inputs whose doubtful figures are named; what takes two is held until another admin confirms.

    Raises ConfirmationNeededError, and what `entering.judge` does.
    """
    at = await business_clock.now(tx)
    made = await seen(tx, inputs, words)
    act.told.extend([*words.sentences, f"{made.effect.words()}."])
    bounds.assert_confirmed(made.judged.doubts, confirm, made.effect.words())
    await _enter(tx, act, [inputs], words, f"day {inputs.day}", at)
    if made.judged.needs_two and await _waits_for_second(tx, act, inputs.day):
        return made
    if made.judged.doubts:
        await entering.confirm(tx, inputs.day, today=clock.day_of(at))
    act.told.append(f"It is published from {clock.iso(made.publishes_at)} on.")
    return made


async def enter_series(
    tx: Tx, act: Acting, series: Sequence[DayInputs], words: Words, *, confirm: Sequence[str]
) -> list[date]:
    """Enter the days of a series; answers those that are held. A first day in doubt has to be named.

    Raises ConfirmationNeededError, and what `entering.judge` does.
    """
    at = await business_clock.now(tx)
    ordered = sorted(series, key=lambda inputs: inputs.day)
    first = await entering.judge(tx, ordered[0], today=clock.day_of(at))
    bounds.assert_confirmed([each for each in first.doubts if each.field == "day"], confirm)
    await _enter(tx, act, ordered, words, f"{len(ordered)} days", at)
    held = [inputs.day for inputs in ordered if (await rates.find(tx, inputs.day)).held]
    act.told.extend(words.sentences)
    if held:
        act.told.append(f"Held for an operator: {', '.join(map(str, held))}.")
    return held


async def read_series(reader: Reader, lines: Iterable[str], settings: Settings) -> list[DayInputs]:
    """The days of a CSV series, with what its days cost. Raises BadRatesError."""
    cap, on_day = await rates.discount_cap(reader), tariffs.by_day(await tariffs.listed(reader))
    return rates.parse_series(lines, rates.prices(settings), cap, on_day=on_day)


async def confirm(tx: Tx, act: Acting, day: date, words: Words, *, named: Sequence[str]) -> Effect | None:
    """Let a day be published that is held; None where that waits for a second.

    Raises ConfirmationNeededError, NotHeldError, RatesMissingError, DayPublishedError.
    """
    found = await entering.assert_held(tx, day)
    today = clock.day_of(await business_clock.now(tx))
    judged = await entering.judge(tx, found.inputs, today=today, chain=words.told.get(day))
    effect = await preview.of_day(tx, found.inputs, judged.before)
    act.told.extend([*words.sentences, f"{effect.words()}."])
    before, after = confirmation(found)
    if found.held_for_two:
        if await act.waits(tx, f"day {day}", before=before, after=after):
            return None
        bounds.assert_confirmed([each for each in judged.doubts if each.two], named, effect.words())
    await entering.confirm(tx, day, today=today)
    await act.note(tx, f"day {day}", before=before, after=after)
    return effect


async def delete(tx: Tx, act: Acting, day: date) -> MiningDay:
    """Take back what was entered for a day; answers what it was. Raises RatesMissingError, DayPublishedError."""
    was = await entering.delete(tx, day, today=clock.day_of(await business_clock.now(tx)))
    await act.note(tx, f"day {day}", before=asdict(was.inputs), after={})
    return was


async def set_delay(tx: Tx, act: Acting, seconds: int) -> None:
    """Change how long a day waits between entering and publishing; to shorten it takes two. Raises BadDelayError."""
    before = {"delay_seconds": await rates.delay(tx) // timedelta(seconds=1)}
    after = {"delay_seconds": seconds}
    if before == after:
        return
    rates.check_delay(seconds)
    if seconds < before["delay_seconds"] and await act.waits(tx, "rates", before=before, after=after):
        return
    await rates.set_delay(tx, seconds)
    await act.note(tx, "rates", before=before, after=after)


async def fetch(act: Acting, day: date | None, *, done: Callable[[date], None] | None = None) -> FetchRun:
    """Fetch and enter the day that is named, or all that are due, each in a transaction of its own.

    What is refused stops the rest, and why is kept. `done` hears of each day that was entered.
    """

    async def enter_one(tx: Tx, fetched: Fetched) -> Tried:
        await act.admit(tx)
        return Tried(fetched, await _enter_fetched(tx, act, fetched), None)

    made = await _each(act.deployment, day, enter_one, done=done)
    for each in made.tried:
        if each.why is not None:
            await fetching.note_wait(act.deployment.pool, each.fetched.day, each.why)
    return made


async def fetch_tried(deployment: Deployment, day: date | None) -> FetchRun:
    """What fetching would enter: of the day that is named, or of the next that is due."""
    return await _each(deployment, day, _judged, first_only=True)


def confirmation(found: MiningDay) -> tuple[dict[str, object], dict[str, object]]:
    """What a confirmation of a held day begins with, and what it makes of it."""
    facts: dict[str, object] = {"day": found.inputs.day, "inputs": asdict(found.inputs)}
    return facts | {"held": list(found.held)}, facts | {"held": []}


async def ask_node(deployment: Deployment, day: date) -> Words:
    """What the node says of a day, before a transaction begins."""
    return await node_words.ask(deployment.settings, [day])


async def _waits_for_second(tx: Tx, act: Acting, day: date) -> bool:
    """Let a second confirm a day that is entered, and held until then."""
    before, after = confirmation(await rates.find(tx, day))
    if act.tries:
        return await act.waits(tx, f"day {day}", before=before, after=after)
    asked = await changes.ask(tx, act.operator, "rates confirm", f"day {day}", before=before, after=after)
    if asked is not None:
        act.asked.append(asked)
    return asked is not None


async def _enter(tx: Tx, act: Acting, series: Sequence[DayInputs], words: Words, subject: str, at: datetime) -> None:
    """Enter days, noted with what stood there before."""
    before, after = {}, {}
    for inputs in series:
        with suppress(rates.RatesMissingError):
            before[inputs.day.isoformat()] = asdict(await rates.of_day(tx, inputs.day))
        await entering.enter(tx, inputs, at=at, chain=words.told.get(inputs.day))
        after[inputs.day.isoformat()] = asdict(inputs)
    await act.note(tx, subject, before=before, after=after)


async def _each(
    deployment: Deployment,
    day: date | None,
    do: Callable[[Tx, Fetched], Awaitable[Tried]],
    *,
    first_only: bool = False,
    done: Callable[[date], None] | None = None,
) -> FetchRun:
    """Fetch the day that is named or those that are due, and do something with each in a transaction of its own."""
    pool, tried = deployment.pool, list[Tried]()
    due = [day] if day else await fetching.due(pool)
    async with aclosing(fetching.days(pool, deployment.settings, due[:1] if first_only else due)) as found:
        async for fetched in found:
            try:
                async with db.transaction(pool) as tx:
                    tried.append(await do(tx, fetched))
            except HashrailError as why:
                tried.append(Tried(fetched, None, why))
                break
            if done is not None:
                done(fetched.day)
    return FetchRun(tried)


async def _judged(tx: Tx, fetched: Fetched) -> Tried:
    """What would be said of a day if it were entered, and what it comes to. Raises what the day waits for."""
    if fetched.waits is not None:
        raise fetched.waits
    assert fetched.inputs is not None, "a day that does not wait has its figures"
    today = clock.day_of(await business_clock.now(tx))
    judged = await entering.judge(tx, fetched.inputs, today=today, chain=fetched.chain)
    return Tried(fetched, judged, None, await preview.of_day(tx, fetched.inputs, judged.before))


async def _enter_fetched(tx: Tx, act: Acting, fetched: Fetched) -> Judgement:
    """Enter a day, noted with what stood there before."""
    before = None
    with suppress(rates.RatesMissingError):
        before = asdict(await rates.of_day(tx, fetched.day))
    judged = await fetching.enter(tx, fetched, at=await business_clock.now(tx))
    after = None if fetched.inputs is None else asdict(fetched.inputs)
    await act.note(tx, f"day {fetched.day}", before=before, after=after)
    return judged
