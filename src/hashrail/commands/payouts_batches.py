"""hashrail payouts status|batches|bump|run|reconcile: how payouts stand, batch by batch."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hashrail import clock, payout_batches, payout_exports, payouts, reconciliation
from hashrail.commands import common
from hashrail.commands.common import MOST_ID, Books, DataOption, JsonOption, in_camel_case, show_json, table
from hashrail.gateways.bitcoin import NoNodeError
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.chain import Chain
from hashrail.gateways.chains import open_for
from hashrail.money import decimals, plain
from hashrail.payout_batches import Batch, Due, Standing, Version
from hashrail.payout_exports import OpenExport
from hashrail.payouts import Desk, Told

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
    told: Told
    simulated: bool

    @property
    def parts(self) -> dict[str, Sequence[Standing | OpenExport | Finding]]:
        """Lists, by their names in JSON."""
        return {"standing": self.standing, "exported": self.exported, "findings": self.stops}


def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what waits, what is on its way, what stops new batches, and what the last turn had to tell.

    Ends with 1 where anything stops, or was told; without a node only while something waits for an export.

    Example: hashrail payouts status --json
    """

    async def work(books: Books, chain: Chain | None) -> _Status:
        pool = books.pool
        standing, told = await payout_batches.standing(pool), await payouts.told(pool)
        exported = await payout_exports.open_exports(pool)
        if chain is not None:
            stops = await payouts.findings(Desk(pool, chain, books.settings))
            return _Status(standing, exported, stops, told, chain.simulated)
        waits = any(one.state == "queued" for one in standing)
        return _Status(standing, exported, [WITHOUT_A_NODE] if waits else [], told, simulated=False)

    found = _with_chain(data, work, signs=True)
    if as_json:
        last = {"endedAt": found.told.ended_at, "findings": [asdict(one) for one in found.told.findings]}
        parts = {name: [asdict(one) for one in part] for name, part in found.parts.items()}
        show_json(in_camel_case({"simulated": found.simulated, "lastTurn": last} | parts))
    else:
        rows = [tuple(asdict(one).values()) for one in found.standing]
        table(_title("Withdrawals", found.simulated), ("state", "speed", "count", "BTC"), rows)
        if found.exported:
            rows = [tuple(asdict(one).values()) for one in found.exported]
            table("Exported, not recorded yet", ("export", "exported", "withdrawals", "BTC"), rows)
        _show_findings("Now", found.stops, "nothing stops a new batch")
        ended = "never" if found.told.ended_at is None else clock.iso(found.told.ended_at)
        _show_findings(f"The last turn, {ended}", found.told.findings, "nothing to tell")
    if found.stops or found.told.findings:
        raise typer.Exit(1)


def batches(
    batch_id: Annotated[int | None, typer.Argument(metavar="[ID]", max=MOST_ID, help="Show this one whole.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List batches, newest first; or show one with its versions and withdrawals.

    Example: hashrail payouts batches 7
    """

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
        show_json(in_camel_case([_facts(*one) | {"simulated": simulated} for one in found]))
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


def bump(
    batch_id: Annotated[int, typer.Argument(metavar="ID", max=MOST_ID, help="The batch.")],
    sat_per_vb: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="The rate in sat/vB; without it what the node thinks, within the budget."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Raise the fee of a batch that waits for a block; one that pays the rate already stays as it is.

    Example: hashrail payouts bump 7 --sat-per-vb 40
    """
    rate = None if sat_per_vb is None else common.amount(sat_per_vb)
    if rate is not None and (rate <= 0 or decimals(rate) > payout_batches.RATE_DECIMALS):
        raise typer.BadParameter(f"{sat_per_vb} is no rate: sat/vB above 0, with at most 3 decimals")

    async def work(books: Books, chain: Chain | None) -> Version:
        return await payouts.bump(_desk(books, chain), batch_id, rate)

    made = _with_chain(data, work, signs=True)
    cost = f"{plain(made.sat_per_vb)} sat/vB, a fee of {plain(made.fee_btc)} BTC"
    typer.echo(f"Batch {batch_id} waits with {cost}, as {made.txid}.")


def run_turn(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Make one turn, as the worker does every minute. Ends with 1 where it has anything to tell.

    Example: hashrail payouts run
    """

    async def work(books: Books, chain: Chain | None) -> tuple[payouts.Turn, bool]:
        desk = _desk(books, chain)
        return await payouts.turn(desk), desk.chain.simulated

    done, simulated = _with_chain(data, work, signs=True)
    if as_json:
        show_json(in_camel_case(asdict(done) | {"simulated": simulated}))
    else:
        rows = [
            ("batches made", len(done.batches), done.batches),
            ("fees raised", len(done.bumped), done.bumped),
            ("batches posted", done.settled, None),
        ]
        table(_title("A turn", simulated), ("what", "count", "batches"), rows)
        _show_findings("Findings", done.findings, "nothing to tell")
    if done.findings:
        raise typer.Exit(1)


def reconcile(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Compare wallet, chain and books to the satoshi, and explain every difference. Ends with 1 where one is left.

    Example: hashrail payouts reconcile --json
    """

    async def work(books: Books, chain: Chain | None) -> reconciliation.Report:
        return await reconciliation.reconcile(books.pool, _desk(books, chain).chain)

    report = _with_chain(data, work, signs=False)
    if as_json:
        show_json(in_camel_case(asdict(report)))
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


def _facts(batch: Batch, versions: list[Version], due: list[Due]) -> dict[str, object]:
    shown = [
        {name: value for name, value in asdict(one).items() if name != "raw"} | {"sat_per_vb": one.sat_per_vb}
        for one in versions
    ]
    return asdict(batch) | {"versions": shown, "withdrawals": [asdict(one) for one in due]}
