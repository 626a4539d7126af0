"""hashrail alarms: what rings, what was told of it, whether those who are told can be reached, and silences."""

import asyncio
import secrets
from typing import Annotated

import typer

from hashrail import business_clock, clock
from hashrail.acts import alarms as acts
from hashrail.acts.acting import Acting
from hashrail.alarms import delivery, messages, silences, states
from hashrail.alarms.delivery import Receivers
from hashrail.alarms.messages import Message, Told
from hashrail.alarms.silences import Silence
from hashrail.alarms.states import Ringing
from hashrail.cli import alarm_shapes as shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, in_transaction, run, say, table, warn
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment

app = typer.Typer()
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="The alarm's code, as hashrail alarms shows it.")]


@app.command("list", epilog=example("hashrail alarms", "hashrail alarms --json"))
@prints(list[shapes.Alarm])
def list_alarms(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List what rings now, the gravest first, and what to do. Ends with 1 while something critical rings unsilenced.

    It is read from the books at this moment, so it also tells that no worker lives, or that no worker was told.
    """
    found = run(data, states.ringing)
    if as_json:
        show_json([_shape(one) for one in found])
    elif found:
        columns = ("severity", "alarm", "of", "since", "told", "silenced until", "what", "what to do")
        table("What rings", columns, [_row(one) for one in found])
        say(f"More on each: {states.PAGE}")
    else:
        say("Nothing rings.")
    if any(one.severity == "critical" and one.silenced_until is None for one in found):
        raise typer.Exit(1)


@app.command("test", epilog=example("hashrail alarms test"))
@prints(list[shapes.Delivery])
def try_receivers(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Send a test message to everybody in HASHRAIL_ALARM_URLS, and say of each what came of it.

    Ends with 1 where one of them fails, or there is nobody. Nothing is written. Whoever wants only grave alarms gets it
    too: it is the way that is tried.
    """

    async def work(deployment: Deployment) -> list[shapes.Delivery]:
        settings = deployment.settings
        delivery.check(settings)
        receivers = Receivers(settings.alarm_urls)
        title = f"[Hashrail {settings.issuer}] test"
        message = Message(secrets.token_hex(16), "test", "info", title, "This is a test: alarms reach you here.")
        causes = await asyncio.gather(*(receivers.send(name, message) for name in settings.alarm_urls))
        return [
            shapes.Delivery(target=name, delivered=cause is None, cause=cause)
            for name, cause in zip(settings.alarm_urls, causes, strict=True)
        ]

    found = run(data, work)
    if as_json:
        show_json(found)
    else:
        if not found:
            warn("Nobody is told of alarms: HASHRAIL_ALARM_URLS names nobody.")
        for one in found:
            say(f"{one.target}: {'delivered' if one.cause is None else one.cause}")
    if not found or any(one.cause is not None for one in found):
        raise typer.Exit(1)


@app.command("history", epilog=example("hashrail alarms history --limit 20"))
@prints(list[shapes.Told])
def history(
    limit: Annotated[int, typer.Option(help="How many messages, newest first.", min=1, max=1000)] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was told of alarms, newest first, and whom it has reached."""

    async def work(tx: Tx, _: Deployment) -> list[Told]:
        return await messages.history(tx, limit=limit)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            [
                shapes.Told(
                    written_at=one.written_at,
                    code=one.code,
                    subject=one.subject,
                    what=one.what,
                    severity=one.severity,
                    body=one.body,
                    delivered=one.delivered,
                    waiting=one.waiting,
                    given_up=one.given_up,
                )
                for one in found
            ]
        )
        return
    rows = [
        (one.written_at, one.severity, one.code, one.subject, one.what, one.delivered, one.waiting, one.given_up)
        for one in found
    ]
    columns = ("at", "severity", "alarm", "of", "what", "delivered to", "on its way to", "given up for")
    table("What was told", columns, rows)


@app.command("silence", epilog=example('hashrail alarms silence HOT_WALLET_LOW --hours 8 --reason "funded tonight"'))
def silence(
    code: CodeArgument,
    reason: Annotated[str, typer.Option(help="Why nobody needs to be told.")],
    hours: Annotated[int, typer.Option(help="For how long.", min=1, max=720)] = 8,
    subject: Annotated[str | None, typer.Option(help="Of this only: a partner, a job, a finding.")] = None,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Do not tell of an alarm for a while. It rings on, is shown, and is told afterwards if it still does."""

    async def work(tx: Tx, act: Acting) -> Silence:
        return await acts.silence(tx, act, code=code, subject=subject, reason=reason, hours=hours)

    made = acting(data, "alarms silence", operator, work)
    say(f"Silence {made.id}: {made.code} is not told until {clock.iso(made.until)}.")


@app.command("unsilence", epilog=example("hashrail alarms unsilence 3"))
def unsilence(
    number: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The silence's number.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """End a silence now: what rings is told within a minute."""

    async def work(tx: Tx, act: Acting) -> Silence:
        return await acts.unsilence(tx, act, number)

    ended = acting(data, "alarms unsilence", operator, work)
    say(f"{ended.code} is told again.")


@app.command("silences")
@prints(list[shapes.Silence])
def list_silences(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List what is not told at the moment, why, and until when."""

    async def work(tx: Tx, _: Deployment) -> list[Silence]:
        return await silences.in_force(tx, at=(await business_clock.read(tx)).database_now)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            [
                shapes.Silence(
                    id=one.id,
                    code=one.code,
                    subject=one.subject,
                    reason=one.reason,
                    silenced_by=one.silenced_by,
                    silenced_at=one.silenced_at,
                    until=one.until,
                )
                for one in found
            ]
        )
        return
    rows = [(one.id, one.code, one.subject, one.until, one.silenced_by, one.reason) for one in found]
    table("Silences", ("id", "alarm", "of", "until", "by", "reason"), rows)


def _row(one: Ringing) -> tuple[object, ...]:
    told = "no" if one.told_at is None else one.told_at
    return (one.severity, one.code, one.subject, one.since, told, one.silenced_until, one.message, one.todo)


def _shape(one: Ringing) -> shapes.Alarm:
    return shapes.Alarm(
        code=one.code,
        subject=one.subject,
        severity=one.severity,
        message=one.message,
        since=one.since,
        rings_at=one.rings_at,
        quiet_at=one.quiet_at,
        told_at=one.told_at,
        silenced_until=one.silenced_until,
        todo=one.todo,
        page=one.page,
    )
