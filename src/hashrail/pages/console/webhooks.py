"""Webhook endpoints of all partners, what they were sent, and looking after them: `hashrail webhook` as pages."""

from hashrail.acts import webhooks as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.events import deliveries, delivery_log, endpoints, standing
from hashrail.events.endpoints import Endpoint
from hashrail.pages import forms, hooks, listing
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partner_rules import REASON
from hashrail.pages.console.partners import whose
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.pages.forms import Values
from hashrail.parties import partners
from hashrail.support import histories

PAGE = "/webhooks"
LISTED = 50
HISTORY = 20


async def listed(tx: Tx, visit: Visit) -> Shown:
    """Endpoints of all partners, or of one, by how they stand. Raises StateUnknownError."""
    kind, partner = listing.state(visit.query, standing.KINDS), visit.number("partner")
    after = visit.number("after")
    cursor = None if after is None else (after, forms.number("at", visit.query.get("at") or "0"))
    found = await standing.of_all(tx, kind=kind, partner_id=partner, after=cursor, limit=LISTED + 1)
    more = None
    if len(found) > LISTED:
        last = found[LISTED - 1]
        more = link(PAGE, state=kind, partner=partner, after=last.partner_id, at=last.id)
    return Shown(
        {
            "found": found[:LISTED],
            "more": more,
            "counts": await standing.counts(tx),
            "counted": delivery_log.COUNTED,
            "reasons": hooks.REASONS,
            "partners": await partners.every(tx),
            "partner_asked": partner,
            "state_asked": kind,
            "states": standing.KINDS,
        }
    )


async def one(tx: Tx, visit: Visit) -> Shown:
    """An endpoint of a partner; with its log, for whoever may see whom that is about. Raises WebhookNotFoundError."""
    partner, number = await whose(tx, visit), visit.numbers["webhook"]
    facts = await hooks.endpoint(tx, partner.id, number)
    subject = acts.subject(partner.id, number)
    if visit.may("support"):

        def path(**query: object) -> str:
            return link(f"{PAGE}/{partner.id}/{number}", **query)

        facts |= await hooks.log(tx, partner.id, visit, path, endpoint_id=number)
        facts["history_of"] = await histories.about(tx, [subject], limit=HISTORY)
    facts |= {"partner": partner, "ways": ConsoleWays(partner.id)}
    return Shown(facts, f"deliveries of {subject}" if facts.get("found") else None)


async def delivery(tx: Tx, visit: Visit) -> Shown:
    """An event at an endpoint. Raises WebhookNotFoundError, DeliveryNotFoundError, EventNotFoundError."""
    partner, number, position = await whose(tx, visit), visit.numbers["webhook"], visit.numbers["position"]
    facts = await hooks.delivery(tx, partner.id, number, position)
    facts |= {"partner": partner, "ways": ConsoleWays(partner.id)}
    return Shown(facts, f"event {partner.id}:{position} at webhook {number}")


async def ask_to_disable(tx: Tx, visit: Visit) -> Asked:
    """Send nothing there any more."""
    present = await _named(tx, visit)
    told = [
        f"Nothing is sent to {present.url} any more; what happens meanwhile waits.",
        "The partner is told by an event, which its other endpoints are sent. It may enable the endpoint itself.",
    ]
    return Asked(f"Disable endpoint {present.id}?", "Disable it", _page(visit), (REASON,), told)


async def disable(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Stop it."""
    await acts.disable(tx, act, visit.numbers["partner"], visit.numbers["webhook"], reason=values["reason"])
    return Done(_page(visit, "webhook_disabled"))


async def ask_to_enable(tx: Tx, visit: Visit) -> Asked:
    """Send there again."""
    present = await _named(tx, visit)
    told = ["What waits is sent at once, the oldest event of each object first, whoever has disabled the endpoint."]
    return Asked(f"Enable endpoint {present.id}?", "Enable it", _page(visit), (REASON,), told)


async def enable(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Let it go on."""
    await acts.enable(tx, act, visit.numbers["partner"], visit.numbers["webhook"], reason=values["reason"])
    return Done(_page(visit, "webhook_enabled"))


async def ask_to_test(tx: Tx, visit: Visit) -> Asked:
    """Send an event that only tries it."""
    present = await _named(tx, visit)
    told = [f"An event of type webhook_endpoint.test is sent to {present.url}, and to no other endpoint."]
    return Asked(f"Try endpoint {present.id}", "Send the event", _page(visit), (), told)


async def test(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Send it."""
    await acts.test(tx, act, visit.numbers["partner"], visit.numbers["webhook"])
    return Done(_page(visit, "webhook_tried"))


async def ask_to_replay(tx: Tx, visit: Visit) -> Asked:
    """Which events are to be sent once more."""
    present = await _named(tx, visit)
    fields = (*hooks.REPLAY_FIELDS, REASON)
    told = [
        "Events come once more under the ids that they had: receivers know by them what they have worked on already.",
        f"At most {deliveries.REPLAYED_AT_ONCE} are sent, the first of those that are named.",
    ]
    return Asked(f"Send events to endpoint {present.id} again", "Send them", _page(visit), fields, told)


async def replay(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Send them. Raises ReplayNothingError."""
    events, _ = await acts.replay(
        tx,
        act,
        visit.numbers["partner"],
        visit.numbers["webhook"],
        reason=values["reason"],
        first=hooks.first_of(values),
        last=values["last"],
        since=values["since"],
        only_given_up=values["given_up"],
    )
    act.told.append(hooks.told_of_replay(events))
    return Done(_page(visit, "webhook_replayed"))


async def ask_to_replay_one(tx: Tx, visit: Visit) -> Asked:
    """Send one event once more."""
    partner, number, position = await whose(tx, visit), visit.numbers["webhook"], visit.numbers["position"]
    found = await delivery_log.one(tx, partner.id, number, position)
    told = [f"{found.type} of {found.object_kind} {found.object_id} comes once more, as {found.name}."]
    back = ConsoleWays(partner.id).delivery(number, position)
    subject = f"event {partner.id}:{position} at webhook {number}"
    return Asked(f"Send event {position} to endpoint {number} again", "Send it", back, (REASON,), told, subject)


async def replay_one(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Send it."""
    partner, number, position = (visit.numbers[name] for name in ("partner", "webhook", "position"))
    await acts.replay(tx, act, partner, number, reason=values["reason"], first=position, last=position)
    return Done(_page(visit, "webhook_replayed"))


async def _named(tx: Tx, visit: Visit) -> Endpoint:
    """The endpoint of the path. Raises WebhookNotFoundError."""
    return await endpoints.get(tx, visit.numbers["partner"], visit.numbers["webhook"])


def _page(visit: Visit, done: str | None = None) -> str:
    return link(f"{PAGE}/{visit.numbers['partner']}/{visit.numbers['webhook']}", done=done)
