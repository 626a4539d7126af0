"""Webhook endpoints of the partner: made, changed, tried, stopped and removed; the secret that signs is shown once."""

from collections.abc import Sequence
from datetime import timedelta

from hashrail.db import Tx
from hashrail.events import deliveries, delivery_log, endpoints, selection, standing
from hashrail.events.endpoints import Change, Endpoint, Wanted
from hashrail.events.targets import Rules
from hashrail.pages import hooks
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, FieldNotReadError, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import Shown

PAGE = "/webhooks"
MOST_OLD_HOURS = 168
TYPES = "One a line, as order.issued; order. means all that begin so. Without any, everything is sent."


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The endpoints, and how much waits for each."""
    after = (visit.partner_id, visit.number("after") or 0)
    found = await standing.of_all(tx, partner_id=visit.partner_id, after=after, limit=hooks.LISTED + 1)
    more = link(PAGE, after=found[hooks.LISTED - 1].id) if len(found) > hooks.LISTED else None
    counted = delivery_log.COUNTED
    return Shown({"found": found[: hooks.LISTED], "more": more, "counted": counted, "reasons": hooks.REASONS})


async def one(tx: Tx, visit: Visit) -> Shown:
    """An endpoint; its newest deliveries, for whoever may see whom they are about. Raises WebhookNotFoundError."""
    number = visit.numbers["webhook"]
    facts = await hooks.endpoint(tx, visit.partner_id, number)
    newest = await hooks.newest(tx, visit.partner_id, number) if visit.may("support") else []
    return Shown({**facts, "newest": newest, "ways": WAYS}, f"deliveries of endpoint {number}" if newest else None)


async def log(tx: Tx, visit: Visit) -> Shown:
    """The newest deliveries of all endpoints, or those that are like the filters."""

    def path(**query: object) -> str:
        return link("/deliveries", **query)

    facts = await hooks.log(tx, visit.partner_id, visit, path)
    known = await endpoints.every(tx, visit.partner_id)
    return Shown({**facts, "endpoints": known, "ways": WAYS, "path": path()}, "deliveries" if facts["found"] else None)


async def delivery(tx: Tx, visit: Visit) -> Shown:
    """An event at an endpoint. Raises WebhookNotFoundError, DeliveryNotFoundError, EventNotFoundError."""
    number, position = visit.numbers["webhook"], visit.numbers["position"]
    facts = await hooks.delivery(tx, visit.partner_id, number, position)
    return Shown({**facts, "ways": WAYS}, f"event {position} at endpoint {number}")


async def ask_to_create(_: Tx, __: Visit) -> Asked:
    """Where to send what."""
    words = [
        "What happens from now on is sent there. The secret that signs it is shown once, right after it is made.",
    ]
    return Asked("Make a webhook endpoint", "Make the endpoint", link(PAGE), _fields("", "", ()), words)


async def create(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Make it. It gets no number by being asked for, so that no number is missing later."""
    deployment, partner_id = visit.deployment, visit.partner_id
    wanted, rules = _wanted(values), Rules.of(deployment.settings)
    meant = _kept(wanted.url, wanted.description, wanted.types)
    if act.tries:
        endpoints.check(wanted, rules)
        await endpoints.assert_room(tx, partner_id)
        await act.note(tx, "endpoint made", "the new endpoint", after=meant)
        return Done(link(PAGE))
    made, secret = await endpoints.create(tx, deployment.vault, rules, partner_id, wanted)
    await act.note(tx, "endpoint made", _subject(made.id), after=meant)
    return Done(WAYS.webhook(made.id), {"Secret that signs webhooks": secret})


async def ask_to_change(tx: Tx, visit: Visit) -> Asked:
    """Where it is, and what it is sent."""
    present = await _named(tx, visit)
    words = ["What waits for it is sent to the new address; other types count for what happens from now on."]
    fields = _fields(present.url, present.description, present.types)
    return Asked(f"Change endpoint {present.id}", "Change it", WAYS.webhook(present.id), fields, words)


async def change(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Change it."""
    number, wanted = visit.numbers["webhook"], _wanted(values)
    was = await endpoints.lock(tx, visit.partner_id, number)
    changed = Change(wanted.url, wanted.description, wanted.types)
    is_ = await endpoints.change(tx, Rules.of(visit.deployment.settings), visit.partner_id, number, changed)
    before, after = (_kept(each.url, each.description, each.types) for each in (was, is_))
    await act.note(tx, "endpoint changed", _subject(number), before=before, after=after)
    return Done(_page(visit, "changed"))


async def ask_to_rotate(tx: Tx, visit: Visit) -> Asked:
    """What another secret comes to."""
    present = await _named(tx, visit)
    words = [
        "It gets another secret, shown once. For some hours both sign each webhook, so your server can change over.",
        "A secret that was rotated before signs no more at once.",
    ]
    fields = (Field("hours", "The secret of now signs too for", "number", 24, unit="hours", help="From 0 to 168."),)
    heading = f"Rotate the secret of endpoint {present.id}"
    return Asked(heading, "Make another secret", WAYS.webhook(present.id), fields, words)


async def rotate(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Give it another secret. Raises FieldNotReadError."""
    number, hours = visit.numbers["webhook"], values["hours"]
    if hours > MOST_OLD_HOURS:
        raise FieldNotReadError(f"the secret of now signs for at most {MOST_OLD_HOURS} hours", field="hours")
    life = timedelta(hours=hours)
    _, secret = await endpoints.rotate(tx, visit.deployment.vault, visit.partner_id, number, old_life=life)
    before, after = {"secret": "the one of now"}, {"secret": "another", "hours that both sign": hours}
    await act.note(tx, "endpoint rotated", _subject(number), before=before, after=after)
    return Done(WAYS.webhook(number), {"Secret that signs webhooks": secret})


async def ask_to_disable(tx: Tx, visit: Visit) -> Asked:
    """What stopping comes to."""
    present = await _named(tx, visit)
    words = ["Nothing is sent there any more. What happens meanwhile waits, and is sent once you enable it again."]
    return Asked(f"Disable endpoint {present.id}?", "Disable it", WAYS.webhook(present.id), (), words)


async def disable(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Stop it."""
    await _turn(tx, act, visit, "endpoint disabled", Change(enabled=False))
    return Done(_page(visit, "disabled"))


async def ask_to_enable(tx: Tx, visit: Visit) -> Asked:
    """What going on comes to."""
    present = await _named(tx, visit)
    words = [
        "What waits for it is sent at once, the oldest event of each object first, and then whatever happens.",
        "Does your server answer again? What fails is tried for some three days.",
    ]
    return Asked(f"Enable endpoint {present.id}?", "Enable it", WAYS.webhook(present.id), (), words)


async def enable(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Let it go on."""
    await _turn(tx, act, visit, "endpoint enabled", Change(enabled=True))
    return Done(_page(visit, "enabled"))


async def ask_to_remove(tx: Tx, visit: Visit) -> Asked:
    """What taking it away comes to."""
    present = await _named(tx, visit)
    words = [
        f"Nothing is sent to {present.url} any more, what waits for it is dropped. Its secret and its log are gone.",
        "Events stay in the feed. Nothing brings the endpoint back: you would make another one.",
    ]
    return Asked(f"Remove endpoint {present.id}?", "Remove the endpoint", WAYS.webhook(present.id), (), words)


async def remove(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Take it away."""
    present = await endpoints.lock(tx, visit.partner_id, visit.numbers["webhook"])
    await endpoints.delete(tx, visit.partner_id, present.id)
    before = {"url": present.url, "state": present.state}
    await act.note(tx, "endpoint removed", _subject(present.id), before=before, after={"state": "deleted"})
    return Done(link(PAGE, done="endpoint_removed"))


async def ask_to_test(tx: Tx, visit: Visit) -> Asked:
    """What a test is."""
    present = await _named(tx, visit)
    words = [f"An event of type webhook_endpoint.test is sent to {present.url}, and to no other endpoint."]
    return Asked(f"Try endpoint {present.id}", "Send the event", WAYS.webhook(present.id), (), words)


async def test(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Send an event. Raises WebhookDisabledError."""
    number = visit.numbers["webhook"]
    kind = await endpoints.test(tx, visit.partner_id, number)
    await act.note(tx, "endpoint tried", _subject(number), after={"event": kind})
    return Done(_page(visit, "tried"))


async def ask_to_replay(tx: Tx, visit: Visit) -> Asked:
    """What is to be sent again."""
    present = await _named(tx, visit)
    words = [
        "Events come once more under the ids that they had, so your server knows which it has worked on already.",
        f"At most {deliveries.REPLAYED_AT_ONCE} are sent, the first of those that are named.",
    ]
    heading, back = f"Send events to endpoint {present.id} again", WAYS.webhook(present.id)
    return Asked(heading, "Send them", back, hooks.REPLAY_FIELDS, words)


async def replay(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Send them. Raises ReplayNothingError, WebhookDisabledError."""
    first, last, since = hooks.first_of(values), values["last"], values["since"]
    wanted = await deliveries.range_of(tx, visit.partner_id, first=first, last=last, since=since)
    return await _replay(tx, act, visit, wanted, only_given_up=values["given_up"])


async def ask_to_replay_one(tx: Tx, visit: Visit) -> Asked:
    """What sending it once more comes to."""
    number, position = visit.numbers["webhook"], visit.numbers["position"]
    found = await delivery_log.one(tx, visit.partner_id, number, position)
    words = [
        f"{found.type} of {found.object_kind} {found.object_id} comes once more, with the id that it had: {found.name}."
    ]
    heading = f"Send event {position} to endpoint {number} again"
    subject = f"event {position} at endpoint {number}"
    return Asked(heading, "Send it", WAYS.delivery(number, position), (), words, subject)


async def replay_one(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Send it. Raises WebhookDisabledError."""
    position = visit.numbers["position"]
    await _replay(tx, act, visit, deliveries.Range(position, position), only_given_up=False)
    return Done(link(f"{PAGE}/{visit.numbers['webhook']}/deliveries/{position}", done="sent_again"))


async def _replay(tx: Tx, act: MemberActing, visit: Visit, wanted: deliveries.Range, *, only_given_up: bool) -> Done:
    number = visit.numbers["webhook"]
    events = await deliveries.replay(tx, visit.partner_id, number, wanted, only_given_up=only_given_up)
    kept = {"events": events, "from position": wanted.first, "to position": wanted.last, "given up": only_given_up}
    act.told.append(hooks.told_of_replay(events))
    await act.note(tx, "events sent again", _subject(number), after=kept)
    return Done(link("/deliveries", endpoint=number, done="sent_again"))


async def _turn(tx: Tx, act: MemberActing, visit: Visit, done: str, changed: Change) -> None:
    """Disable or enable it."""
    number = visit.numbers["webhook"]
    was = await endpoints.lock(tx, visit.partner_id, number)
    is_ = await endpoints.change(tx, Rules.of(visit.deployment.settings), visit.partner_id, number, changed)
    before, after = ({"state": each.state, "because": each.reason} for each in (was, is_))
    await act.note(tx, done, _subject(number), before=before, after=after)


async def _named(tx: Tx, visit: Visit) -> Endpoint:
    """The endpoint whose number the path has. Raises WebhookNotFoundError."""
    return await endpoints.get(tx, visit.partner_id, visit.numbers["webhook"])


def _fields(url: str, description: str, types: Sequence[str]) -> tuple[Field, ...]:
    return (
        Field("url", "Where webhooks are sent", value=url, help="Like https://hooks.example.com/events.", most=2000),
        Field("description", "What it is for", value=description, needed=False, help="Only your team reads it."),
        Field("types", "Types of events", "lines", list(types), needed=False, help=TYPES),
    )


def _wanted(values: Values) -> Wanted:
    """What the form asks for. Raises EventTypeUnknownError."""
    types = selection.named(values["types"]) if values["types"] else []
    return Wanted(values["url"], values["description"] or "", tuple(types))


def _kept(url: str, description: str, types: Sequence[str]) -> dict[str, object]:
    """What the log keeps of an endpoint."""
    return {"url": url, "description": description, "types": sorted(set(types)) or ["all"]}


def _subject(number: int) -> str:
    return f"endpoint {number}"


def _page(visit: Visit, done: str) -> str:
    return link(f"{PAGE}/{visit.numbers['webhook']}", done=done)
