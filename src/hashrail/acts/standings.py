"""Suspending a partner, letting it go on, and closing it for good."""

from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.parties import operators, standings
from hashrail.selling import partner_closing
from hashrail.selling.partner_closing import Closed


async def suspend(tx: Tx, act: Acting, partner_id: int, *, reason: str) -> None:
    """Stop what is new for a partner, at once; again is a no-op. Raises ReasonMissingError, PartnerClosedError."""
    before = await standings.hold(tx, partner_id)
    made = await standings.suspend(tx, partner_id, reason=reason)
    was, is_ = {"standing": before.standing}, {"standing": made.standing}
    await act.note(tx, _subject(partner_id), before=was, after=is_, reason=reason)


async def reopen(tx: Tx, act: Acting, partner_id: int, *, reason: str) -> None:
    """Let a suspended partner go on, which takes two. Raises ReasonMissingError, PartnerClosedError."""
    operators.assert_reason(reason)
    present = await standings.hold(tx, partner_id)
    before = {"partner": partner_id, "standing": present.standing}
    after = {"partner": partner_id, "standing": "open", "reason": reason}
    subject = _subject(partner_id)
    if present.standing == "suspended" and await act.waits(tx, subject, before=before, after=after):
        return
    made = await standings.reopen(tx, partner_id, reason=reason)
    was, is_ = {"standing": present.standing}, {"standing": made.standing}
    await act.note(tx, subject, before=was, after=is_, reason=reason)


async def close(tx: Tx, act: Acting, partner_id: int, *, reason: str) -> Closed | None:
    """Close a partner for good, which takes two; None while it waits. Again is a no-op. Raises ReasonMissingError."""
    operators.assert_reason(reason)
    present = await standings.hold(tx, partner_id)
    before = {"partner": partner_id, "standing": present.standing}
    after = {"partner": partner_id, "standing": "closed", "reason": reason}
    subject = _subject(partner_id)
    is_closed = present.standing == "closed"
    if act.tries and not is_closed:
        # What would end is counted: nobody's miners are ended, and begun again, to see it.
        act.told.append(words(await partner_closing.outlook(tx, partner_id)))
    if not is_closed and await act.waits(tx, subject, before=before, after=after):
        return None
    if act.tries:
        made = await partner_closing.outlook(tx, partner_id)
        if is_closed:
            return made
    else:
        made = await partner_closing.close(tx, partner_id, reason=reason)
    await act.note(tx, subject, before=before, after=before | ended(made), reason=reason)
    return made


def ended(made: Closed) -> dict[str, object]:
    """What ended with a partner, for the log."""
    return {"standing": "closed", "miners": made.miners, "th": made.power_th, "orders": made.orders, "keys": made.keys}


def words(made: Closed) -> str:
    """The same for people, before it is done."""
    return (
        f"{made.miners} miners with {plain(made.power_th)} TH earn this day for the last time, {made.orders} open "
        f"orders are cancelled, {made.keys} keys and {made.sessions} sessions end."
    )


def _subject(partner_id: int) -> str:
    return f"partner {partner_id}"
