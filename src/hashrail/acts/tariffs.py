"""Dated tariffs: letting what electricity, service or the pool costs count from a day on."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from hashrail import db
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import may_be_done
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.rewards import preview, tariffs
from hashrail.rewards.preview import TariffEffect
from hashrail.rewards.tariffs import Tariff


@dataclass(frozen=True, slots=True)
class SetTariff:
    """A tariff that was set, or would be: what stood there, what is said against it, what it comes to."""

    tariff: Tariff
    was: Tariff | None
    doubts: Sequence[Doubt]
    effect: TariffEffect | None


async def put(tx: Tx, act: Acting, wanted: Tariff, *, confirm: Collection[str] | None) -> SetTariff:
    """Let a tariff count; one that is far from what counts before takes two. The same kind and day replaces it.

    Raises BadDatedTariffError, ImplausibleFigureError, TariffPastError, ConfirmationNeededError.
    """
    settings = act.deployment.settings
    async with db.undone(tx):
        # What cannot be is refused first.
        was = await tariffs.put(tx, wanted)
    effect = await preview.of_tariff(tx, wanted, settings)
    made = SetTariff(wanted, was, await tariffs.doubts(tx, wanted, settings), effect)
    after, subject = asdict(wanted), f"{wanted.kind} from {wanted.from_day}"
    before = after | {"value": None if was is None else was.value}
    told = "" if effect is None else effect.words()
    if told:
        act.told.append(f"{told}.")
    if await may_be_done(tx, act, subject, made.doubts, confirm, before=before, after=after, effect=told):
        await tariffs.put(tx, wanted)
        await act.note(tx, subject, before=before, after=after)
    return made
