"""hashrail audit, explain, account: looking at the books."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import typer
from rich.progress import Progress

from hashrail import clock, db
from hashrail.audit import auditing, explain, invariants
from hashrail.audit.auditing import Audited
from hashrail.books import fence, ledger
from hashrail.books.chart import CURRENCY_OF, Account
from hashrail.cli import distribution, shapes
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import (
    DataOption,
    JsonOption,
    PartnerOption,
    day,
    err,
    in_transaction,
    run,
    table,
    warn,
)
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners, users
from hashrail.postgres import distributing
from hashrail.postgres.distributing import Cluster
from hashrail.rewards import settling
from hashrail.support import balances, income_periods
from hashrail.support.balances import Sight
from hashrail.support.income_change import Split

app = typer.Typer()
explain_app = typer.Typer()
account_app = typer.Typer()


@app.command("audit", epilog=example("hashrail audit", "hashrail audit --since-last", "hashrail audit --json"))
@prints(shapes.Audit)
def audit(
    whole: Annotated[
        bool,
        typer.Option(
            "--full/--since-last",
            help="Look at everything, or at what was written since an audit found everything in order.",
        ),
    ] = True,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every named invariant of the books in one snapshot.

    Ends with 1 at the first that is broken, naming the rows that break it.

    A full audit reads everything, two invariants at once, and finds whatever is wrong, also what somebody altered by
    hand. It takes the longer the more rows there are. Where everything is in order it leaves a mark.

    With --since-last it goes on from the newest mark: it looks at what was written since and what that concerns,
    usually within seconds, and finds whatever the program has written wrongly since. Without a mark it is a full one:
    after a restart of the database, in books that were restored, and while anything is broken.
    """

    async def work(deployment: Deployment) -> tuple[Audited, Cluster | None]:
        return await _audited(deployment, whole=whole), await distributing.find(deployment.pool)

    made, servers = run(data, work)
    findings, broken = made.findings, made.broken
    if as_json:
        show_json(
            shapes.Audit(
                ok=not broken,
                whole=made.since is None,
                since=made.since,
                written=made.looked_at,
                milliseconds=round(made.seconds * 1000),
                marked=made.marked,
                invariants=[
                    shapes.Invariant(name=f.name, rule=f.rule, holds=not f.rows, rows=[_texts(row) for row in f.rows])
                    for f in findings
                ],
                servers=distribution.shape(servers),
            )
        )
    else:
        scope = "everything" if made.since is None else f"what was written since {clock.iso(made.since)}"
        table(
            f"Audit of {scope}, {made.seconds:.1f} s",
            ("invariant", "holds", "rule"),
            [(f.name, "no" if f.rows else "yes", f.rule) for f in findings],
        )
        distribution.say_of(servers)
        for finding in broken:
            warn(f"{finding.name} is broken by these rows:", "red")
            for row in finding.rows:
                warn(f"  {_texts(row)}")
    if broken:
        raise typer.Exit(1)


async def _audited(deployment: Deployment, *, whole: bool) -> Audited:
    """An audit whose progress is shown, with what is being checked."""
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("auditing", total=len(invariants.names()))
        under_way: list[str] = []

        def begun(name: str) -> None:
            under_way.append(name)
            progress.update(task, description=", ".join(under_way))

        def done(name: str) -> None:
            under_way.remove(name)
            progress.update(task, advance=1, description=", ".join(under_way))

        return await auditing.audit(deployment.pool, whole=whole, first_only=True, begun=begun, done=done)


@explain_app.command(
    "income",
    epilog=example(
        "hashrail explain income --miner 1001 --day 2026-09-09",
        "hashrail explain income --partner 1 --user alice --from 2026-09-08 --to 2026-09-09",
        "hashrail explain income --miner 1001 --from 2026-08-01:2026-08-31 --to 2026-09-01:2026-09-30",
    ),
)
@prints(shapes.Income)
def explain_income(
    miner: Annotated[int | None, typer.Option(help="The miner's id (nftId).")] = None,
    of_day: Annotated[
        date | None, typer.Option("--day", parser=day, metavar="DAY", help="The day that was mined, for one record.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="Name, public id or number of the user's partner.")] = None,
    user: Annotated[str | None, typer.Option(help="The user in place of a miner, by the partner's own id.")] = None,
    before: Annotated[
        str | None, typer.Option("--from", metavar="DAY[:DAY]", help="A day, or its first and last: what it was.")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--to", metavar="DAY[:DAY]", help="A day, or its first and last: what it became.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the whole calculation of one income record, or split what changed from one day or period to another.

    One record is told from published inputs to the last digit. The parts of a change add up to the last digit as well:
    difficulty, subsidy, fees, pool fee, pool, price, costs, discounts, efficiency, power, days, adjustments, in this
    order.
    """
    if (before is None) != (after is None) or (before is None) == (of_day is None):
        raise typer.BadParameter("give --day for one record, or --from and --to for a change")
    if (
        (miner is None) == (user is None)
        or (user is None) != (partner is None)
        or (of_day is not None and miner is None)
    ):
        raise typer.BadParameter("name a miner with --miner, or for a change a user with --partner and --user")

    async def work(tx: Tx, _: Deployment) -> shapes.Income:
        if miner is not None and of_day is not None:
            return _record(await explain.income(tx, miner, of_day))
        assert before is not None, "it was asked for"
        assert after is not None, "it was asked for"
        was, is_ = income_periods.parse(before, "from"), income_periods.parse(after, "to")
        if miner is not None:
            partner_id, user_id = await income_periods.partner_of(tx, miner), None
        else:
            partner_id = (await partners.find(tx, partner or "")).id
            user_id = (await users.find(tx, partner_id, user or "")).id
        made = await income_periods.change(tx, partner_id, was, is_, user_id=user_id, miner_id=miner)
        return _change(made, miner, user)

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    elif found.day is not None:
        columns = ("step", "reckoning", "result", "unit")
        rows = [(line.name, line.reckoning, line.result, line.unit) for line in found.steps]
        table(f"Miner {found.nft_id} of {found.partner_user_id} on {found.day}", columns, rows)
    else:
        lines = [("before", found.before), *((one.name, one.value) for one in found.parts), ("after", found.after)]
        whose = found.partner_user_id if found.nft_id is None else f"miner {found.nft_id}"
        table(f"Income of {whose}, {before} and {after}", ("part", "BTC"), lines)


@account_app.command(
    "balance",
    epilog=example(
        "hashrail account balance --partner 1 --user alice",
        "hashrail account balance --partner 1 --user alice --at 2026-09-09T00:05:00Z",
    ),
)
@prints(shapes.Balance)
def balance(
    partner: PartnerOption,
    user: Annotated[str, typer.Option(help="The partner's id of the user.")],
    at: Annotated[str | None, typer.Option(help="A past moment, ISO 8601 with time zone; default now.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a user's BTC, with income that was credited and is not settled yet; what is held is in it.

    The user's own screen shows what can be spent: without what is held. hashrail user show takes it apart.
    """

    async def work(deployment: Deployment) -> tuple[datetime, Decimal, Sight | None]:
        moment = None if at is None else clock.parse_iso(at, "at")
        async with db.transaction(deployment.pool) as tx:
            books = await fence.share(tx, (await partners.find(tx, partner)).id)
            found = await users.find(tx, books.partner_id, user)
            when = moment or books.now
            btc = await settling.balance_at(tx, books.partner_id, found.id, when)
            seen = None if moment else (await balances.of_user(tx, books.partner_id, found.id))[0]
            return when, btc, seen

    when, btc, seen = run(data, work)
    held, spendable = (None, None) if seen is None else (seen.held, seen.spendable)
    if as_json:
        show_json(
            shapes.Balance(partner_user_id=user, at=when, currency="BTC", balance=btc, held=held, spendable=spendable)
        )
    else:
        columns = ("user", "at", "BTC", "of it held", "the user sees")
        table("Balance", columns, [(user, when, btc, held, spendable)])


@account_app.command("chart", epilog=example("hashrail account chart --partner 1"))
@prints(list[shapes.Account])
def chart(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the balances of a partner's chart of accounts: credits minus debits, posted."""

    async def work(tx: Tx, _: Deployment) -> list[shapes.Account]:
        partner_id = (await partners.find(tx, partner)).id
        return [
            shapes.Account(
                id=account.value,
                name=account.name.lower(),
                currency=CURRENCY_OF[account],
                balance=await ledger.balance(tx, partner_id, account),
            )
            for account in Account
        ]

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        columns = ("account", "name", "currency", "credits - debits")
        table("Chart of accounts", columns, [(one.id, one.name, one.currency, one.balance) for one in found])


def _texts(row: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}


def _record(found: explain.Explanation) -> shapes.Income:
    steps = [
        shapes.Step(name=one.name, reckoning=one.reckoning, result=one.result, unit=one.unit) for one in found.lines
    ]
    return shapes.Income(
        nft_id=found.miner_id,
        partner_user_id=found.partner_user_id,
        day=found.day,
        value=found.net,
        steps=steps,
        before=None,
        after=None,
        parts=[],
    )


def _change(found: Split, miner: int | None, user: str | None) -> shapes.Income:
    return shapes.Income(
        nft_id=miner,
        partner_user_id=user,
        day=None,
        value=found.difference_btc,
        steps=[],
        before=found.before_btc,
        after=found.after_btc,
        parts=[shapes.Part(name=name, value=value) for name, value in found.parts.items()],
    )
