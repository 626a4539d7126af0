"""hashrail webhook: the endpoints that partners' events are sent to, and what became of what was sent.

Partners make their endpoints themselves; an operator sees what they see, and stops, lets go on, tries and replays.
"""

from typing import Annotated, TypeAlias

import typer

from hashrail import clock
from hashrail.acts import webhooks
from hashrail.acts.acting import Acting
from hashrail.cli import webhook_shapes as shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.events import deliveries, endpoints
from hashrail.events.deliveries import Attempt, Delivery
from hashrail.events.endpoints import Endpoint
from hashrail.parties import partners

app = typer.Typer()
# Of a page of deliveries, with the attempts of each.
Sent: TypeAlias = list[tuple[Delivery, list[Attempt]]]
ENDPOINTS = ("id", "url", "is", "because", "waiting", "failures", "failing since", "events", "description")
DELIVERIES = ("position", "type", "of", "is", "attempts", "next", "last", "status", "error", "event id")

IdArgument = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=MAX_ID, help="The endpoint's number, from: webhook list.")
]
ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the log.")]
Position = Annotated[int | None, typer.Option(min=1, max=MAX_ID, help="From this position of the feed on.")]


@app.command("list", epilog=example("hashrail webhook list --partner 1", "hashrail webhook list --partner 1 --json"))
@prints(list[shapes.Webhook])
def list_webhooks(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List a partner's endpoints: where they are, whether they are sent anything, and how much waits for each."""

    async def work(tx: Tx, _: Deployment) -> list[shapes.Webhook]:
        partner_id = (await partners.find(tx, partner)).id
        waiting = await deliveries.waiting(tx, partner_id)
        return [_shape(one, waiting.get(one.id, 0)) for one in await endpoints.every(tx, partner_id)]

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("Webhook endpoints", ENDPOINTS, [_row(one) for one in found])


@app.command("show", epilog=example("hashrail webhook show 7 --partner 1"))
@prints(shapes.Webhook)
def show_webhook(
    number: IdArgument, partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show one endpoint. Its secret was shown once, to the partner, and is nowhere to be seen."""

    async def work(tx: Tx, _: Deployment) -> shapes.Webhook:
        partner_id = (await partners.find(tx, partner)).id
        found = await endpoints.get(tx, partner_id, number)
        return _shape(found, (await deliveries.waiting(tx, partner_id)).get(number, 0))

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("Webhook endpoint", ENDPOINTS, [_row(found)])


@app.command(
    "deliveries",
    epilog=example(
        "hashrail webhook deliveries 7 --partner 1 --state given_up",
        "hashrail webhook deliveries 7 --partner 1 --before 1200 --json",
    ),
)
@prints(list[shapes.WebhookDelivery])
def list_deliveries(
    number: IdArgument,
    partner: PartnerOption,
    state: Annotated[str | None, typer.Option(help="Only those: waiting, delivered or given_up.")] = None,
    before: Annotated[int | None, typer.Option(min=1, max=MAX_ID, help="The last position of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what became of the events at an endpoint, the newest first. What is done is listed for 30 days.

    The table has the last attempt of each; --json has all of them, with how the endpoint's answers begin.
    """
    wanted = _state(state)

    async def work(tx: Tx, _: Deployment) -> Sent:
        partner_id = (await partners.find(tx, partner)).id
        present = await endpoints.get(tx, partner_id, number)
        found = await deliveries.newest(tx, partner_id, present.id, state=wanted, before=before, limit=limit)
        log = await deliveries.attempts(tx, partner_id, present.id, [one.position for one in found])
        return [(one, log[one.position]) for one in found]

    found = in_transaction(data, work)
    if as_json:
        show_json([_delivery_shape(one, log) for one, log in found])
        return
    table("Deliveries", DELIVERIES, [_delivery_row(one) for one, _ in found])
    if len(found) == limit:
        say(f"There may be more: --before {found[-1][0].position} goes on.")


@app.command(
    "replay",
    epilog=example(
        'hashrail webhook replay 7 --partner 1 --since 2026-09-09T12:00:00Z --reason "they lost a disk"',
        'hashrail webhook replay 7 --partner 1 --from-position 1 --given-up --reason "their server is back"',
        'hashrail webhook replay 7 --partner 1 --from-position 100 --to-position 200 --reason "case 88"',
    ),
)
@prints(shapes.Replayed)
def replay(
    number: IdArgument,
    partner: PartnerOption,
    reason: ReasonOption,
    from_position: Position = None,
    to_position: Annotated[
        int | None, typer.Option(min=1, max=MAX_ID, help="Up to this one, included. Without: all that follow.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="What happened since then, by business time, ISO 8601 with time zone.")
    ] = None,
    given_up: Annotated[bool, typer.Option("--given-up", help="Of these only what was given up.")] = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send events once more, under the ids that they had: at most 10,000, the first of those that are named.

    Name a first position, or a time. Receivers know by the id what they have worked on already.
    """
    if (from_position is None) == (since is None):
        raise typer.BadParameter("name either --from-position or --since")

    async def work(tx: Tx, act: Acting) -> shapes.Replayed:
        partner_id = (await partners.find(tx, partner)).id
        events, wanted = await webhooks.replay(
            tx,
            act,
            partner_id,
            number,
            reason=reason,
            first=from_position,
            last=to_position,
            since=None if since is None else clock.parse_iso(since, "--since"),
            only_given_up=given_up,
        )
        return shapes.Replayed(events=events, first=wanted.first, last=wanted.last)

    done = acting(data, "webhook replay", operator, work)
    if as_json:
        show_json(done)
    else:
        say(f"{done.events} events are sent again to endpoint {number}.")


@app.command("disable", epilog=example('hashrail webhook disable 7 --partner 1 --reason "it floods their server"'))
def disable(
    number: IdArgument,
    partner: PartnerOption,
    reason: ReasonOption,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Send nothing to an endpoint any more; what happens meanwhile waits. Again is a no-op.

    The partner is told by an event, which its other endpoints are sent.
    """

    async def work(tx: Tx, act: Acting) -> bool:
        return await webhooks.disable(tx, act, (await partners.find(tx, partner)).id, number, reason=reason)

    changed = acting(data, "webhook disable", operator, work)
    say(f"Endpoint {number} is disabled." if changed else f"Endpoint {number} was disabled before; nothing changed.")


@app.command("enable", epilog=example('hashrail webhook enable 7 --partner 1 --reason "their server is back"'))
def enable(
    number: IdArgument,
    partner: PartnerOption,
    reason: ReasonOption,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Send to an endpoint again, whoever disabled it, beginning with what waits. For an enabled one a no-op."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await webhooks.enable(tx, act, (await partners.find(tx, partner)).id, number, reason=reason)

    changed = acting(data, "webhook enable", operator, work)
    say(f"Endpoint {number} is enabled." if changed else f"Endpoint {number} was enabled before; nothing changed.")


@app.command("test", epilog=example("hashrail webhook test 7 --partner 1"))
def try_endpoint(
    number: IdArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None
) -> None:
    """Send an event of type webhook_endpoint.test to an endpoint; its deliveries tell what came of it.

    Nothing leaves while no worker runs.
    """

    async def work(tx: Tx, act: Acting) -> str:
        return await webhooks.test(tx, act, (await partners.find(tx, partner)).id, number)

    kind = acting(data, "webhook test", operator, work)
    say(f"{kind} is on its way to endpoint {number}. See: hashrail webhook deliveries {number} --partner {partner}")


def _state(given: str | None) -> deliveries.State | None:
    """The state that was asked for, if it is one."""
    for known in deliveries.STATES:
        if given == known:
            return known
    if given is not None:
        raise typer.BadParameter(f"{given!r} is no state of it: {', '.join(deliveries.STATES)}")
    return None


def _shape(one: Endpoint, waiting: int) -> shapes.Webhook:
    return shapes.Webhook(
        id=one.id,
        url=one.url,
        description=one.description,
        types=list(one.types),
        state=one.state,
        reason=one.reason,
        created_at=one.created_at,
        planned_through=one.planned_through,
        failing_since=one.failing_since,
        failures=one.failures,
        paused_until=one.paused_until,
        old_secret_until=one.old_secret_until,
        waiting=waiting,
    )


def _row(one: shapes.Webhook) -> tuple[object, ...]:
    events = ", ".join(one.types) or "all"
    return (
        *(one.id, one.url, one.state, one.reason, one.waiting, one.failures, one.failing_since, events),
        one.description,
    )


def _delivery_shape(one: Delivery, log: list[Attempt]) -> shapes.WebhookDelivery:
    return shapes.WebhookDelivery(
        position=one.position,
        event_id=one.name,
        type=one.type,
        object_kind=one.object_kind,
        object_id=one.object_id,
        state=one.state,
        attempts=one.attempts,
        next_attempt_at=one.next_attempt_at,
        log=[shapes.WebhookAttempt.of(each) for each in log],
    )


def _delivery_row(one: Delivery) -> tuple[object, ...]:
    what = f"{one.object_kind} {one.object_id}"
    last = (one.attempted_at, one.status, one.error)
    return (one.position, one.type, what, one.state, one.attempts, one.next_attempt_at, *last, one.name)
