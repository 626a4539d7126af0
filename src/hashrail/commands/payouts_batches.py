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
from hashrail.payout_batches import Batch, Due, Version
from hashrail.payouts import Desk

T = TypeVar("T")
COLUMNS = ("id", "kind", "state", "withdrawals", "BTC", "confirmations", "txid", "created", "settled")


def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what waits, what is on its way, and what speaks against paying. Ends with 1 where anything does."""

    async def work(books: Books, chain: Chain | None) -> tuple[list[reconciliation.Standing], list[Finding]]:
        found = [] if chain is None else await payouts.findings(Desk(books.pool, chain, books.settings))
        return await reconciliation.standing(books.pool), found

    standing, findings = _with_chain(data, work, signs=True)
    if as_json:
        show_json({"standing": [asdict(one) for one in standing], "findings": [asdict(one) for one in findings]})
    else:
        table("Withdrawals", ("state", "speed", "count", "BTC"), [tuple(asdict(one).values()) for one in standing])
        rows = [(finding.code, finding.message) for finding in findings]
        table("Findings", ("code", "why"), rows or [("none", "nothing speaks against paying")])
    if findings:
        raise typer.Exit(1)


def batches(
    batch_id: Annotated[int | None, typer.Argument(metavar="[ID]", help="Show this one whole.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List batches, newest first; or show one with its versions and withdrawals."""

    async def work(books: Books) -> list[tuple[Batch, list[Version], list[Due]]]:
        pool = books.pool
        if batch_id is not None:
            found = [await payout_batches.get(pool, batch_id)]
        else:
            found = await payout_batches.newest(pool, limit)
        return [
            (one, await payout_batches.versions(pool, one.id), await payout_batches.members(pool, one.id))
            for one in found
        ]

    found = common.run(data, work)
    if as_json:
        show_json([_facts(*one) for one in found])
        return
    table("Batches", COLUMNS, [_row(batch, due) for batch, _, due in found])
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

    async def work(books: Books, chain: Chain | None) -> payouts.Turn:
        return await payouts.turn(_desk(books, chain))

    done = _with_chain(data, work, signs=True)
    if as_json:
        show_json(asdict(done))
        return
    rows: list[tuple[str, object]] = [
        ("new batches", done.batches),
        ("fees raised", done.bumped),
        ("batches posted", done.settled),
        ("findings", [f"{finding.code}: {finding.message}" for finding in done.findings]),
    ]
    table("A turn", ("what", "is"), rows)


def reconcile(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Compare wallet, chain and books to the satoshi, and explain every difference. Ends with 1 where one is left."""

    async def work(books: Books, chain: Chain | None) -> reconciliation.Report:
        return await reconciliation.reconcile(books.pool, _desk(books, chain).chain)

    report = _with_chain(data, work, signs=False)
    if as_json:
        show_json(asdict(report))
    else:
        table("Wallet", ("what", "BTC", "count"), [tuple(asdict(line).values()) for line in report.wallet])
        table("Books", ("what", "BTC", "count"), [tuple(asdict(line).values()) for line in report.books])
    if report.unexplained_btc != 0 or report.books_unexplained_btc != 0:
        raise typer.Exit(1)


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
