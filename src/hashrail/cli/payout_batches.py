"""hashrail payouts status|batches|bump|run|reconcile: how payouts stand, batch by batch."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hashrail import clock
from hashrail.acts.acting import Acting
from hashrail.alarms import noting
from hashrail.audit import reconciliation
from hashrail.audit.reconciliation_lines import Line
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import NoNodeError
from hashrail.cli import payout_shapes as shapes
from hashrail.cli import shared
from hashrail.cli.acting import AsOption, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, say, table
from hashrail.custody import regime
from hashrail.deployment.opened import Deployment, on_chain
from hashrail.errors import UnavailableError
from hashrail.money import decimals, plain
from hashrail.payouts import batches as batches_module
from hashrail.payouts import exports, fee_bumps, processor, run_report, stops
from hashrail.payouts.batches import Batch, Due, Standing, Version
from hashrail.payouts.exports import OpenExport
from hashrail.payouts.run_report import Run, RunReport

app = typer.Typer()
T = TypeVar("T")
COLUMNS = ("id", "kind", "state", "withdrawals", "BTC", "confirmations", "txid", "created", "settled")
WITHOUT_A_NODE = Finding(
    NoNodeError.code, "no batch is made without a Bitcoin node: HASHRAIL_BITCOIN_RPC_URL, or hashrail payouts export"
)


@dataclass(frozen=True, slots=True)
class _Status:
    """Everything that is shown."""

    standing: list[Standing]
    exported: list[OpenExport]
    stops: list[Finding]
    report: RunReport
    warnings: list[Finding]
    simulated: bool


@app.command("status", epilog=example("hashrail payouts status --json"))
@prints(shapes.PayoutStatus)
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what waits, what is on its way, what stops new batches, what the last run found, and what one can do alone.

    Ends with 1 where anything stops, or was found; without a node only while something waits for an export.
    """

    async def work(deployment: Deployment) -> _Status:
        pool = deployment.pool
        standing, report = await batches_module.standing(pool), await run_report.last(pool)
        exported = await exports.open_exports(pool)
        warnings = await regime.warnings(pool, is_sandbox=deployment.is_sandbox)
        if deployment.chain_if_any is not None:
            found = await stops.findings(deployment)
            return _Status(standing, exported, found, report, warnings, deployment.simulates_chain)
        waits = any(one.state == "queued" for one in standing)
        return _Status(standing, exported, [WITHOUT_A_NODE] if waits else [], report, warnings, simulated=False)

    found = _on_chain(data, work, signs=True)
    if as_json:
        show_json(_status(found))
    else:
        rows = [tuple(asdict(one).values()) for one in found.standing]
        table(_title("Withdrawals", found.simulated), ("state", "speed", "count", "BTC"), rows)
        if found.exported:
            rows = [tuple(asdict(one).values()) for one in found.exported]
            table("Exported, not recorded yet", ("export", "exported", "withdrawals", "BTC"), rows)
        if found.warnings:
            _show_findings("All the time", found.warnings, "")
        _show_findings("Now", found.stops, "nothing stops a new batch")
        ended = "never" if found.report.ended_at is None else clock.iso(found.report.ended_at)
        _show_findings(f"The last run, {ended}", found.report.findings, "nothing was found")
    if found.stops or found.report.findings:
        raise typer.Exit(1)


@app.command("batches", epilog=example("hashrail payouts batches 7"))
@prints(list[shapes.Batch])
def batches(
    batch_id: Annotated[int | None, typer.Argument(metavar="[ID]", max=MAX_ID, help="Show this one whole.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List batches, newest first; or show one with its versions and withdrawals."""

    async def work(deployment: Deployment) -> tuple[list[tuple[Batch, list[Version], list[Due]]], bool]:
        pool = deployment.pool
        if batch_id is not None:
            found = [await batches_module.get(pool, batch_id)]
        else:
            found = await batches_module.newest(pool, limit)
        whole = [
            (one, await batches_module.versions(pool, one.id), await batches_module.members(pool, one.id))
            for one in found
        ]
        return whole, deployment.simulates_chain

    found, simulated = shared.run(data, work)
    if as_json:
        show_json([_batch(*one, simulated=simulated) for one in found])
        return
    table(_title("Batches", simulated), COLUMNS, [_row(*one) for one in found])
    if batch_id is not None:
        _, versions, due = found[0]
        rows = [
            (
                one.version,
                one.txid,
                one.fee_btc,
                one.vsize,
                one.sat_per_vb,
                one.created_at,
                one.broadcast_at,
                one.refusal,
            )
            for one in versions
        ]
        table("Versions", ("version", "txid", "fee BTC", "vB", "sat/vB", "stored", "sent", "refused"), rows)
        table("Withdrawals", ("partner", "id", "address", "BTC"), [tuple(asdict(one).values()) for one in due])


@app.command("bump", epilog=example("hashrail payouts bump 7 --sat-per-vb 40"))
def bump(
    batch_id: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The batch.")],
    sat_per_vb: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="The rate in sat/vB; without it what the node thinks, within the budget."),
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Raise the fee of a batch that waits for a block; one that pays the rate already stays as it is."""
    rate = None if sat_per_vb is None else shared.amount(sat_per_vb)
    if rate is not None and (rate <= 0 or decimals(rate) > batches_module.RATE_DECIMALS):
        raise typer.BadParameter(f"{sat_per_vb} is no rate: sat/vB above 0, with at most 3 decimals")

    async def work(act: Acting) -> Version:
        async with on_chain(act.deployment, signs=True) as opened:
            return await fee_bumps.bump(opened, batch_id, rate)

    meant = {"sat_per_vb": rate or "what the node thinks"}
    made = acting_in_steps(data, "payouts bump", operator, work, subject=f"batch {batch_id}", after=meant)
    cost = f"{plain(made.sat_per_vb)} sat/vB, a fee of {plain(made.fee_btc)} BTC"
    say(f"Batch {batch_id} waits with {cost}, as {made.txid}.")


@app.command("run", epilog=example("hashrail payouts run"))
@prints(shapes.Run)
def run(operator: AsOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Make one run, as the worker does every minute. Ends with 1 where it finds anything."""

    async def work(act: Acting) -> tuple[Run, bool]:
        async with on_chain(act.deployment, signs=True) as opened:
            return await processor.run(opened), opened.chain.simulated

    done, simulated = acting_in_steps(data, "payouts run", operator, work, subject="a run")
    if as_json:
        show_json(
            shapes.Run(
                batches=done.batches,
                bumped=done.bumped,
                settled=done.settled,
                findings=_findings(done.findings),
                simulated=simulated,
            )
        )
    else:
        rows = [
            ("batches made", len(done.batches), done.batches),
            ("fees raised", len(done.bumped), done.bumped),
            ("batches posted", done.settled, None),
        ]
        table(_title("A run", simulated), ("what", "count", "batches"), rows)
        _show_findings("Findings", done.findings, "nothing was found")
    if done.findings:
        raise typer.Exit(1)


@app.command("reconcile", epilog=example("hashrail payouts reconcile --json"))
@prints(shapes.Reconciliation)
def reconcile(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Compare wallet, chain and books to the satoshi, and explain every difference. Ends with 1 where one is left.

    What is left over is noted for the alarms.
    """

    async def work(deployment: Deployment) -> reconciliation.Report:
        report = await reconciliation.reconcile(deployment.pool, deployment.chain)
        with suppress(UnavailableError):  # books that take no write can be looked at
            await noting.reconciled(deployment.pool, report)
        return report

    report = _on_chain(data, work, signs=False)
    if as_json:
        show_json(
            shapes.Reconciliation(
                wallet=_lines(report.wallet),
                unexplained_btc=report.unexplained_btc,
                bridge=_lines(report.bridge),
                bridge_unexplained_btc=report.bridge_unexplained_btc,
                books=_lines(report.books),
                books_unexplained_btc=report.books_unexplained_btc,
                simulated=report.simulated,
            )
        )
    else:
        for what, lines, unexplained_btc in (
            ("Wallet", report.wallet, report.unexplained_btc),
            ("From the wallet to the books", report.bridge, report.bridge_unexplained_btc),
            ("Books", report.books, report.books_unexplained_btc),
        ):
            rows: list[tuple[object, ...]] = [(line.what, line.amount_btc, line.count) for line in lines]
            rows.append(("unexplained", unexplained_btc, None))
            table(_title(what, report.simulated), ("what", "BTC", "count"), rows)
    if report.alarm:
        raise typer.Exit(1)


def _title(what: str, simulated: bool) -> str:
    return f"{what} (simulated)" if simulated else what


def _show_findings(title: str, findings: list[Finding], otherwise: str) -> None:
    rows = [(finding.code, finding.message) for finding in findings]
    table(title, ("code", "why"), rows or [("none", otherwise)])


def _on_chain(data: Path | None, work: Callable[[Deployment], Awaitable[T]], *, signs: bool) -> T:
    """What is done with a deployment and its chain, if it has one."""

    async def whole(deployment: Deployment) -> T:
        async with on_chain(deployment, signs=signs) as opened:
            return await work(opened)

    return shared.run(data, whole, pays=True)


def _row(batch: Batch, versions: list[Version], due: list[Due]) -> tuple[object, ...]:
    return (
        batch.id,
        batch.kind,
        batch.state,
        len(due),
        sum(one.amount_btc for one in due),
        batch.confirmations,
        batch.txid or versions[-1].txid,
        batch.created_at,
        batch.settled_at,
    )


def _status(found: _Status) -> shapes.PayoutStatus:
    return shapes.PayoutStatus(
        simulated=found.simulated,
        last_turn=shapes.LastRun(ended_at=found.report.ended_at, findings=_findings(found.report.findings)),
        standing=[
            shapes.Standing(state=one.state, speed=one.speed, count=one.count, amount_btc=one.amount_btc)
            for one in found.standing
        ],
        exported=[
            shapes.OpenExport(id=one.id, created_at=one.created_at, count=one.count, amount_btc=one.amount_btc)
            for one in found.exported
        ],
        findings=_findings(found.stops),
        warnings=_findings(found.warnings),
    )


def _batch(batch: Batch, versions: list[Version], due: list[Due], *, simulated: bool) -> shapes.Batch:
    return shapes.Batch(
        id=batch.id,
        kind=batch.kind,
        state=batch.state,
        max_fee_btc=batch.max_fee_btc,
        txid=batch.txid,
        confirmations=batch.confirmations,
        block_hash=batch.block_hash,
        created_at=batch.created_at,
        changed_at=batch.changed_at,
        settled_at=batch.settled_at,
        simulated=simulated,
        versions=[_version(one) for one in versions],
        withdrawals=[
            shapes.WithdrawalPart(partner=one.partner_id, id=one.id, wallet_address=one.address, amount=one.amount_btc)
            for one in due
        ],
    )


def _version(one: Version) -> shapes.BatchVersion:
    return shapes.BatchVersion(
        txid=one.txid,
        version=one.version,
        fee_btc=one.fee_btc,
        vsize=one.vsize,
        sat_per_vb=one.sat_per_vb,
        created_at=one.created_at,
        broadcast_at=one.broadcast_at,
        refusal=one.refusal,
    )


def _findings(found: list[Finding]) -> list[shapes.Finding]:
    return [shapes.Finding.of(one) for one in found]


def _lines(lines: list[Line]) -> list[shapes.ReconciliationLine]:
    return [shapes.ReconciliationLine(what=one.what, amount_btc=one.amount_btc, count=one.count) for one in lines]
