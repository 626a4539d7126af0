"""hashrail payouts status|batches|bump|run|reconcile: how payouts stand, batch by batch."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hashrail import payout_batches, payouts, reconciliation
from hashrail.commands import common
from hashrail.commands.common import Books, DataOption, JsonOption, show_json, table
from hashrail.gateways.bitcoin import NoNodeError
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.chain import Chain
from hashrail.gateways.chains import open_for
from hashrail.payout_batches import Batch, Due, Standing, Version
from hashrail.payouts import Desk, Told

T = TypeVar("T")
COLUMNS = ("id", "kind", "state", "withdrawals", "BTC", "confirmations", "txid", "created", "settled")


def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what waits, what is on its way, what stops new batches, and what the last turn had to tell.

    Ends with 1 where anything stops, or was told.
    """

    async def work(books: Books, chain: Chain | None) -> tuple[list[Standing], list[Finding], Told, bool]:
        found = [] if chain is None else await payouts.findings(Desk(books.pool, chain, books.settings))
        simulated = chain is not None and chain.simulated
        return await payout_batches.standing(books.pool), found, await payouts.told(books.pool), simulated

    standing, stops, told, simulated = _with_chain(data, work, signs=True)
    if as_json:
        last = {"endedAt": told.ended_at, "findings": [asdict(one) for one in told.findings]}
        found = {"standing": [asdict(one) for one in standing], "findings": [asdict(one) for one in stops]}
        show_json({"simulated": simulated, "lastTurn": last} | found)
    else:
        rows = [tuple(asdict(one).values()) for one in standing]
        table(_title("Withdrawals", simulated), ("state", "speed", "count", "BTC"), rows)
        _show_findings("Now", stops, "nothing stops a new batch")
        _show_findings(f"The last turn, {told.ended_at or 'never'}", told.findings, "nothing to tell")
    if stops or told.findings:
        raise typer.Exit(1)


def batches(
    batch_id: Annotated[int | None, typer.Argument(metavar="[ID]", help="Show this one whole.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List batches, newest first; or show one with its versions and withdrawals."""

    async def work(books: Books) -> tuple[list[tuple[Batch, list[Version], list[Due]]], bool]:
        pool = books.pool
        if batch_id is not None:
            found = [await payout_batches.get(pool, batch_id)]
        else:
            found = await payout_batches.newest(pool, limit)
        whole = [
            (one, await payout_batches.versions(pool, one.id), await payout_batches.members(pool, one.id))
            for one in found
        ]
        return whole, books.settings.simulates_chain

    found, simulated = common.run(data, work)
    if as_json:
        show_json([_facts(*one) | {"simulated": simulated} for one in found])
        return
    table(_title("Batches", simulated), COLUMNS, [_row(batch, due) for batch, _, due in found])
    if batch_id is not None:
        _, versions, due = found[0]
        rows = [(v.version, v.txid, v.fee_btc, v.vsize, v.created_at, v.broadcast_at, v.refusal) for v in versions]
        table("Versions", ("version", "txid", "fee BTC", "vB", "stored", "sent", "refused"), rows)
        table("Withdrawals", ("partner", "id", "address", "BTC"), [tuple(asdict(one).values()) for one in due])


def bump(
    batch_id: Annotated[int, typer.Argument(metavar="ID", help="The batch.")],
    sat_per_vb: Annotated[str | None, typer.Option(help="The rate in sat/vB; without it what the node thinks.")] = None,
    data: DataOption = None,
) -> None:
    """Raise the fee of a batch that waits for a block.

    Example: hashrail payouts bump 7 --sat-per-vb 40
    """
    rate = None if sat_per_vb is None else common.amount(sat_per_vb)

    async def work(books: Books, chain: Chain | None) -> str:
        return (await payouts.bump(_desk(books, chain), batch_id, rate)).txid

    typer.echo(f"Batch {batch_id} now waits as {_with_chain(data, work, signs=True)}.")


def run_turn(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Make one turn, as the worker does every minute."""

    async def work(books: Books, chain: Chain | None) -> tuple[payouts.Turn, bool]:
        desk = _desk(books, chain)
        return await payouts.turn(desk), desk.chain.simulated

    done, simulated = _with_chain(data, work, signs=True)
    if as_json:
        show_json(asdict(done) | {"simulated": simulated})
        return
    rows: list[tuple[str, object]] = [
        ("new batches", done.batches),
        ("fees raised", done.bumped),
        ("batches posted", done.settled),
        ("findings", [f"{finding.code}: {finding.message}" for finding in done.findings]),
    ]
    table(_title("A turn", simulated), ("what", "is"), rows)


def reconcile(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Compare wallet, chain and books to the satoshi, and explain every difference. Ends with 1 where one is left."""

    async def work(books: Books, chain: Chain | None) -> reconciliation.Report:
        return await reconciliation.reconcile(books.pool, _desk(books, chain).chain)

    report = _with_chain(data, work, signs=False)
    if as_json:
        show_json(asdict(report))
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


def _with_chain(data: Path | None, work: Callable[[Books, Chain | None], Awaitable[T]], *, signs: bool) -> T:
    async def whole(books: Books) -> T:
        chain = open_for(books.pool, books.settings, signs=signs)
        try:
            return await work(books, chain)
        finally:
            if chain is not None:
                await chain.close()

    return common.run(data, whole)


def _desk(books: Books, chain: Chain | None) -> Desk:
    if chain is None:
        raise NoNodeError("no Bitcoin node is configured")
    return Desk(books.pool, chain, books.settings)


def _row(batch: Batch, due: list[Due]) -> tuple[object, ...]:
    return (
        batch.id,
        batch.kind,
        batch.state,
        len(due),
        sum(one.amount_btc for one in due),
        batch.confirmations,
        batch.txid,
        batch.created_at,
        batch.settled_at,
    )


def _facts(batch: Batch, versions: list[Version], due: list[Due]) -> dict[str, object]:
    shown = [{name: value for name, value in asdict(one).items() if name != "raw"} for one in versions]
    return asdict(batch) | {"versions": shown, "withdrawals": [asdict(one) for one in due]}
