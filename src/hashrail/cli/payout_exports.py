"""hashrail payouts export|record|acknowledge|cancel: paying with another program."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hashrail import db, private_files
from hashrail.acts import payouts as acts
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.cli import payout_shapes as shapes
from hashrail.cli.acting import NamedOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import as_json
from hashrail.cli.shared import MAX_ID, DataOption, PartnerOption, say
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.deployment.opened import on_chain
from hashrail.errors import HashrailError
from hashrail.parties import partners
from hashrail.payouts import exports, recorded_payments, watch
from hashrail.payouts.batches import Batch
from hashrail.payouts.exports import Line
from hashrail.payouts.recorded_payments import Payment

app = typer.Typer()


def _txid(text: str) -> str:
    """A transaction's name, as the chain writes it."""
    try:
        return acts.txid(text)
    except acts.TxidNotReadError as error:
        raise typer.BadParameter(error.message) from error


TxidOption = Annotated[str, typer.Option(metavar="TXID", callback=_txid, help="The transaction.")]
UnpaidOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PARTNER:ID", help="A withdrawal to an address that it pays, and that it did not pay."),
]


class ExportNotWrittenError(HashrailError):
    """An export is in the books, and its files did not get their names; nothing is lost."""

    status = 500
    code = "PAYOUT_EXPORT_NOT_WRITTEN"
    advice = "Write its files once more: hashrail payouts export --again ID --out FOLDER --as NAME"


@app.command("export", epilog=example("hashrail payouts export --out exports --as olga"))
def export(
    operator: NamedOption,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    again: Annotated[
        int | None, typer.Option(metavar="ID", max=MAX_ID, help="Write the files of an export once more.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Take everything out of the queue, to be paid by another program: a CSV, and outputs for a PSBT.

    What is exported is never paid by a batch. Tell the outcome with: hashrail payouts record. Where a node is there,
    its wallet is looked at first: what the books may have forgotten is not paid again.

    The files are on the disk before anything leaves the queue. Once more they tell only what is not recorded or
    cancelled yet.
    """
    try:
        # Before anything is taken out of the queue.
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise typer.BadParameter(f"no file can be written in {out}: {error.strerror}") from error

    async def work(act: Acting) -> list[Path]:
        deployment = act.deployment
        if again is None:
            # With the signer, whose keys the wallet has to watch.
            async with on_chain(deployment, signs=True) as opened:
                if opened.chain_if_any is not None:
                    await watch.everything_believed(opened)
        with private_files.Drafts() as drafts:
            async with db.transaction(deployment.pool) as tx:
                export_id = await exports.export(tx, act.named) if again is None else again
                if export_id is None:
                    return []
                _draft(drafts, out, export_id, await exports.lines(tx, export_id))
            try:
                return drafts.keep()
            except OSError as error:
                told = f"export {export_id} is made, but not written: {error.filename2 or error.filename}"
                raise ExportNotWrittenError(f"{told}: {error.strerror}", export=export_id) from error

    paths = acting_in_steps(data, "payouts export", operator, work)
    for path in paths:
        say(f"Wrote {path}")
    if not paths:
        say("Nothing is due.")


@app.command("record", epilog=example("hashrail payouts record --txid 4a5e... --export 3 --as olga"))
def record(
    txid: TxidOption,
    operator: NamedOption,
    export_id: Annotated[
        int | None, typer.Option("--export", metavar="ID", max=MAX_ID, help="Everything of this export.")
    ] = None,
    withdrawal: Annotated[list[str] | None, typer.Option(metavar="PARTNER:ID", help="One of them; repeat it.")] = None,
    unpaid: UnpaidOption = None,
    data: DataOption = None,
) -> None:
    """Note that a transaction pays exported withdrawals, or queued ones that a lost database had paid.

    With a node the transaction is compared to the satoshi and then watched; without one your word is final. Then, and
    with --unpaid, it takes two admins.
    """
    if (export_id is None) == (not withdrawal):
        raise typer.BadParameter("give --export, or --withdrawal once or more")
    named = [_number(text) for text in unpaid or ()]

    async def work(act: Acting) -> Batch | None:
        deployment = act.deployment
        paid = [_number(text) for text in withdrawal or ()]
        if export_id is not None:
            paid = [(line.partner_id, line.id) for line in await exports.lines(deployment.pool, export_id)]
        payment = Payment(txid, sorted(set(paid)), sorted(set(named)))
        async with on_chain(deployment, signs=False) as opened:
            seen = await recorded_payments.look(opened, payment.txid)
        async with act.step() as tx:
            batch_id = await acts.record(tx, act, payment, seen)
        return None if batch_id is None else await recorded_payments.settled(deployment.pool, batch_id)

    made = acting_in_steps(data, "payouts record", operator, work)
    if made is not None:
        say(f"Batch {made.id} is {made.state}.")


@app.command(
    "acknowledge", epilog=example('hashrail payouts acknowledge --txid 4a5e... --reason "to cold storage" --as olga')
)
def acknowledge(
    txid: Annotated[
        list[str],
        typer.Option(metavar="TXID", callback=lambda texts: [*map(_txid, texts)], help="The transaction; repeat it."),
    ],
    operator: NamedOption,
    reason: Annotated[str, typer.Option(help="What it is; it is kept.")],
    unpaid: UnpaidOption = None,
    data: DataOption = None,
) -> None:
    """Let batches be made beside a spend of our coins that pays nobody of ours, like a sweep. It takes two admins."""
    named = sorted({_number(text) for text in unpaid or ()})

    async def work(tx: Tx, act: Acting) -> None:
        await acts.acknowledge(tx, act, txids=txid, reason=reason, unpaid=named)

    acting(data, "payouts acknowledge", operator, work)
    say("Acknowledged.")


@app.command(
    "cancel",
    epilog=example('hashrail payouts cancel 12 --partner 1 --attest "the other wallet was never asked" --as olga'),
)
def cancel(
    withdrawal_id: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The withdrawal's number.")],
    partner: PartnerOption,
    operator: NamedOption,
    attest: Annotated[str, typer.Option(help="How you know that it was not and will not be paid.")],
    data: DataOption = None,
) -> None:
    """End an exported withdrawal that is not paid; what it held is the user's again. It takes two admins.

    One that still waits here is ended by hashrail withdrawal cancel.
    """

    async def work(tx: Tx, act: Acting) -> Withdrawal:
        books = await fence.share(tx, (await partners.find(tx, partner)).id)
        return await acts.cancel_exported(tx, act, books, withdrawal_id, attested=attest)

    say(f"Withdrawal {withdrawal_id} is {acting(data, 'payouts cancel', operator, work).state}.")


def _number(text: str) -> tuple[int, int]:
    try:
        return acts.number(text)
    except acts.WithdrawalNotNamedError as error:
        raise typer.BadParameter(error.message) from error


def _draft(drafts: private_files.Drafts, folder: Path, export_id: int, lines: list[Line]) -> None:
    """A CSV for people, and outputs as walletcreatefundedpsbt takes them, with the withdrawals behind them.

    What is recorded or cancelled by now is paid by nobody again: it only stands among the withdrawals, with its state.
    """
    drafts.write(folder / f"export-{export_id}.csv", exports.sheet(lines))
    facts = shapes.Export(outputs=exports.outputs(lines), withdrawals=[_exported(line) for line in lines])
    drafts.write(folder / f"export-{export_id}.json", f"{as_json(facts)}\n")


def _exported(line: Line) -> shapes.ExportedWithdrawal:
    return shapes.ExportedWithdrawal(
        partner=line.partner_id,
        partner_name=line.partner,
        id=line.id,
        partner_user_id=line.partner_user_id,
        wallet_address=line.address,
        amount=line.amount_btc,
        state=line.state,
    )
