"""Looking after partners' webhook endpoints: stopping one, letting it go on, trying it, sending events again."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.events import deliveries, endpoints
from hashrail.events.deliveries import Range
from hashrail.events.endpoints import Endpoint
from hashrail.parties import operators


async def disable(tx: Tx, act: Acting, partner_id: int, number: int, *, reason: str) -> bool:
    """Send nothing there any more, and tell the partner; False where it was disabled before.

    Raises ReasonMissingError, WebhookNotFoundError.
    """

    async def verb() -> bool:
        return await endpoints.disable(tx, partner_id, number, "operator")

    return await _changed(tx, act, partner_id, number, reason, verb)


async def enable(tx: Tx, act: Acting, partner_id: int, number: int, *, reason: str) -> bool:
    """Send there again, whoever disabled it; False where it was enabled.

    Raises ReasonMissingError, WebhookNotFoundError.
    """

    async def verb() -> bool:
        return await endpoints.enable(tx, partner_id, number)

    return await _changed(tx, act, partner_id, number, reason, verb)


async def test(tx: Tx, act: Acting, partner_id: int, number: int) -> str:
    """Send an event that only this endpoint is sent; answers its type.

    Raises WebhookNotFoundError, WebhookDisabledError.
    """
    kind = await endpoints.test(tx, partner_id, number)
    await act.note(tx, subject(partner_id, number), after={"event": kind})
    return kind


async def replay(
    tx: Tx,
    act: Acting,
    partner_id: int,
    number: int,
    *,
    reason: str,
    first: int | None = None,
    last: int | None = None,
    since: datetime | None = None,
    only_given_up: bool = False,
) -> tuple[int, Range]:
    """Send events once more, under the ids that they had; answers how many, and the positions that were named.

    Raises ReasonMissingError, ReplayNothingError, WebhookNotFoundError, WebhookDisabledError.
    """
    operators.assert_reason(reason)
    wanted = await deliveries.range_of(tx, partner_id, first=first, last=last, since=since)
    events = await deliveries.replay(tx, partner_id, number, wanted, only_given_up=only_given_up)
    kept = {"events": events, "first": wanted.first, "last": wanted.last} | (
        {"given_up": True} if only_given_up else {}
    )
    await act.note(tx, subject(partner_id, number), after=kept, reason=reason)
    return events, wanted


def subject(partner_id: int, number: int) -> str:
    """What the log calls an endpoint."""
    return f"webhook {partner_id}:{number}"


async def _changed(
    tx: Tx, act: Acting, partner_id: int, number: int, reason: str, verb: Callable[[], Awaitable[bool]]
) -> bool:
    """What a verb does to an endpoint, noted; answers whether it changed."""
    operators.assert_reason(reason)
    was = await endpoints.lock(tx, partner_id, number)
    changed = await verb()
    is_ = await endpoints.get(tx, partner_id, number)
    await act.note(tx, subject(partner_id, number), before=_kept(was), after=_kept(is_), reason=reason)
    return changed


def _kept(one: Endpoint) -> dict[str, object]:
    """What the log keeps of an endpoint."""
    return {"url": one.url, "state": one.state, "because": one.reason}
