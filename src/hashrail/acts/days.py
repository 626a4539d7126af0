"""Mining days: published and closed, corrected, taken back, and stints that a clock had put too far ahead."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal

from hashrail import bounds, business_clock, clock
from hashrail.acts.acting import Acting
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.parties import partners
from hashrail.rewards import closing, entering, preview, rate_classes, rates, stints, taking_back, tariffs
from hashrail.rewards.closing import DayDone, Progress
from hashrail.rewards.node_words import Words
from hashrail.rewards.preview import Effect


@dataclass(frozen=True, slots=True)
class Meant:
    """An adjustment as it was typed: the inputs that change, and why."""

    day: date
    reason: str
    changes: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What an adjustment is, or would be: its number, what is said against it, what it comes to."""

    number: int | None
    doubts: tuple[Doubt, ...]
    effect: Effect
    words: Words


async def close(act: Acting, *, through: date | None, done: DayDone | None = None) -> Progress:
    """Publish every day that is due and has rates, and close it for all partners; again does nothing."""
    return await closing.close_due(act.deployment.pool, through=through, done=done)


def close_subject(through: date | None) -> str:
    """What the log calls the days that are to be closed."""
    return "all days that are due" if through is None else f"days through {through}"


async def adjusted(tx: Tx, meant: Meant, words: Words) -> Adjusted:
    """What an adjustment would come to. Raises what `rate_classes.corrected` and `entering.correct` do."""
    day = meant.day
    was = await rate_classes.published_inputs(tx, day)
    before = await rate_classes.in_force(tx, day)
    after = rate_classes.corrected(before, meant.changes, pool_fee=await tariffs.pool_fee(tx, day))
    doubts = await entering.correct(tx, after, was, words.told.get(day))
    return Adjusted(None, doubts, await preview.of_day(tx, after, before), words)


async def adjust(tx: Tx, act: Acting, meant: Meant, words: Words, *, confirm: Sequence[str]) -> Adjusted:
    """Correct a day whose doubtful figures are named; what takes two waits for another admin.

    Raises ConfirmationNeededError, DayUnclosableError, and what `adjusted` does.
    """
    day = meant.day
    made = await adjusted(tx, meant, words)
    before = await rate_classes.in_force(tx, day)
    act.told.extend([*words.sentences, f"{made.effect.words()}."])
    bounds.assert_confirmed(made.doubts, confirm, made.effect.words())
    stood, stands = {"day": day, "inputs": asdict(before)}, {"day": day, "reason": meant.reason, **meant.changes}
    if any(each.two for each in made.doubts) and await act.waits(tx, f"day {day}", before=stood, after=stands):
        return made
    at = await business_clock.now(tx)
    number = await rate_classes.adjust(tx, day, reason=meant.reason, at=at, tried=act.tries, **meant.changes)
    await entering.judge_again(tx, after=day, today=clock.day_of(at))
    await act.note(tx, f"day {day}", before=stood, after=stands, reason=meant.reason)
    return replace(made, number=number)


async def take_back(tx: Tx, act: Acting, day: date, *, reason: str) -> None:
    """Take back the newest published day, which is held then. Raises NotNewestError, DayClosedError."""
    found = await rates.find(tx, day)
    await taking_back.take_back(tx, day)
    before = {"published_at": found.published_at, "inputs": asdict(found.inputs)}
    await act.note(tx, f"day {day}", before=before, after={"published_at": None}, reason=reason)


async def bring_back(tx: Tx, act: Acting) -> int:
    """Let miners earn from tomorrow that would only begin later; answers how many stints were brought back."""
    counts = {partner_id: await stints.bring_back(tx, partner_id) for partner_id in await partners.ids(tx)}
    changed = sum(counts.values())
    found = [partner_id for partner_id, count in counts.items() if count]
    await act.note(tx, "stints", after={"broughtBack": changed, "partners": found})
    return changed
