"""A second look at figures that become final: named again by who gives them, and by two where they are far off."""

from collections.abc import Collection, Mapping, Sequence

from hashrail import bounds
from hashrail.acts.acting import Acting
from hashrail.bounds import Doubt
from hashrail.db import Tx


async def may_be_done(
    tx: Tx,
    act: Acting,
    subject: str,
    doubts: Sequence[Doubt],
    confirm: Collection[str] | None,
    *,
    before: Mapping[str, object],
    after: Mapping[str, object],
    effect: str = "",
) -> bool:
    """Whether it is done now: every figure in doubt is named, and what takes two does not wait for a second.

    What it comes to is told with either. Raises ConfirmationNeededError.
    """
    bounds.assert_confirmed(doubts, confirm or (), effect)
    kept = with_effect(after, effect)
    return not any(each.two for each in doubts) or not await act.waits(tx, subject, before=before, after=kept)


def with_effect(after: Mapping[str, object], effect: str) -> dict[str, object]:
    """What is meant, with what it comes to in words, for the second who looks at it."""
    return {**after, "effect": effect} if effect else dict(after)
