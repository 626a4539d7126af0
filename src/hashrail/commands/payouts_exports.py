"""hashrail payouts export|record|acknowledge|cancel: paying with another program."""

import csv
import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hashrail import day_fence, db, operators, partners, payout_batches, payout_exports, payouts
from hashrail.commands import common
from hashrail.commands.common import MOST_ID, Books, DataOption, PartnerOption, in_transaction
from hashrail.commands.operators import AsOption, ask_password
from hashrail.db import Tx
from hashrail.errors import HashrailError
from hashrail.gateways.chains import open_for
from hashrail.money import plain
from hashrail.payout_batches import Batch, Due
from hashrail.payout_exports import Line
from hashrail.payouts import Desk
from hashrail.withdrawals import Withdrawal

# 18 digits are held by the books.
NUMBER = re.compile(r"(\d{1,18}):(\d{1,18})", re.ASCII)
TXID = re.compile("[0-9a-f]{64}")
COLUMNS = ("id", "partner", "partnerUserId", "address", "amountBtc")


def _txid(text: str) -> str:
    """A transaction's name, as the chain writes it."""
    if TXID.fullmatch(text.lower()) is None:
        raise typer.BadParameter(f"{text!r} is no txid: 64 characters of 0-9 and a-f")
    return text.lower()


TxidOption = Annotated[str, typer.Option(metavar="TXID", callback=_txid, help="The transaction.")]
UnpaidOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PARTNER:ID", help="A withdrawal to an address that it pays, and that it did not pay."),
]


class ExportNotWrittenError(HashrailError):
    """An export is in the books, and its files could not be written; nothing is lost."""

    status = 500
    code = "PAYOUT_EXPORT_NOT_WRITTEN"
    advice = "Write its files once more: hashrail payouts export --again ID --out FOLDER --as NAME"


def export(
    operator: AsOption,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    again: Annotated[
        int | None, typer.Option(metavar="ID", max=MOST_ID, help="Write the files of an export once more.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Take everything out of the queue, to be paid by another program: a CSV, and outputs for a PSBT.

    What is exported is never paid by a batch. Tell the outcome with: hashrail payouts record. Where a node is there,
    its wallet is looked at first: what the books may have forgotten is not paid again.

    Example: hashrail payouts export --out exports --as olga
    """
    password = ask_password()
    try:
        # Before anything is taken out of the queue.
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise typer.BadParameter(f"no file can be written in {out}: {error.strerror}") from error

    async def work(books: Books) -> tuple[int | None, list[Line]]:
        who = await operators.authenticate(books.pool, operator, password, least="approver")
        # With the signer, whose keys the wallet has to watch.
        chain = None if again is not None else open_for(books.pool, books.settings, signs=True)
        if chain is not None:
            try:
                await payouts.watch_believed(Desk(books.pool, chain, books.settings))
            finally:
                await chain.close()
        async with db.transaction(books.pool) as tx:
            export_id = await payout_exports.export(tx, who) if again is None else again
            return export_id, [] if export_id is None else await payout_exports.lines(tx, export_id)

    export_id, lines = common.run(data, work)
    if export_id is None:
        typer.echo("Nothing is due.")
        return
    try:
        paths = _write(out, export_id, lines)
    except OSError as error:
        common.fail(ExportNotWrittenError(f"export {export_id} is made, but not written: {error}", export=export_id))
    for path in paths:
        typer.echo(f"Wrote {path}")


def record(
    txid: TxidOption,
    operator: AsOption,
    export_id: Annotated[
        int | None, typer.Option("--export", metavar="ID", max=MOST_ID, help="Everything of this export.")
    ] = None,
    withdrawal: Annotated[list[str] | None, typer.Option(metavar="PARTNER:ID", help="One of them; repeat it.")] = None,
    unpaid: UnpaidOption = None,
    data: DataOption = None,
) -> None:
    """Note that a transaction pays exported withdrawals, or queued ones that a lost database had paid.

    With a node the transaction is compared to the satoshi and then watched; without one your word is final.
    Example: hashrail payouts record --txid 4a5e... --export 3 --as olga
    """
    if (export_id is None) == (not withdrawal):
        raise typer.BadParameter("give --export, or --withdrawal once or more")
    named = [_number(text) for text in unpaid or ()]
    password = ask_password()

    async def work(books: Books) -> Batch:
        who = await operators.authenticate(books.pool, operator, password, least="approver")
        paid = [_number(text) for text in withdrawal or ()]
        if export_id is not None:
            paid = [(line.partner_id, line.id) for line in await payout_exports.lines(books.pool, export_id)]
        chain, depth = open_for(books.pool, books.settings, signs=False), books.settings.bitcoin_final_depth
        try:
            return await payout_exports.record(books.pool, chain, who, txid, paid, final_depth=depth, unpaid=named)
        finally:
            if chain is not None:
                await chain.close()

    made = common.run(data, work)
    typer.echo(f"Batch {made.id} is {made.state}.")


def acknowledge(
    txid: Annotated[
        list[str],
        typer.Option(metavar="TXID", callback=lambda texts: [*map(_txid, texts)], help="The transaction; repeat it."),
    ],
    operator: AsOption,
    reason: Annotated[str, typer.Option(help="What it is; it is kept.")],
    unpaid: UnpaidOption = None,
    data: DataOption = None,
) -> None:
    """Let batches be made beside a spend of our coins that pays nobody of ours, like a sweep.

    Example: hashrail payouts acknowledge --txid 4a5e... --reason "to cold storage" --as olga
    """
    named = [_number(text) for text in unpaid or ()]
    password = ask_password()

    async def work(books: Books) -> None:
        who = await operators.authenticate(books.pool, operator, password, least="admin")
        for each in txid:
            await payout_exports.acknowledge(books.pool, who, each, reason, unpaid=named)

    common.run(data, work)
    typer.echo("Acknowledged.")


def cancel(
    withdrawal_id: Annotated[int, typer.Argument(metavar="ID", max=MOST_ID, help="The withdrawal's number.")],
    partner: PartnerOption,
    operator: AsOption,
    attest: Annotated[str, typer.Option(help="How you know that it was not and will not be paid.")],
    data: DataOption = None,
) -> None:
    """End an exported withdrawal that is not paid; what it held is the user's again.

    One that still waits here is ended by hashrail withdrawal cancel.

    Example: hashrail payouts cancel 12 --partner 1 --attest "the other wallet was never asked" --as olga
    """
    password = ask_password()

    async def work(tx: Tx, _: Books) -> Withdrawal:
        who = await operators.authenticate(tx, operator, password, least="approver")
        day = await day_fence.share(tx, (await partners.find(tx, partner)).id)
        return await payout_exports.cancel(tx, day, who, withdrawal_id, attest)

    typer.echo(f"Withdrawal {withdrawal_id} is {in_transaction(data, work).state}.")


def _number(text: str) -> tuple[int, int]:
    found = NUMBER.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not PARTNER:ID, like 1:12")
    return int(found[1]), int(found[2])


def _write(folder: Path, export_id: int, lines: list[Line]) -> list[Path]:
    """A CSV for people, and outputs as walletcreatefundedpsbt takes them, with the withdrawals behind them."""
    sheet, outputs = folder / f"export-{export_id}.csv", folder / f"export-{export_id}.json"
    with sheet.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for line in lines:
            writer.writerow((line.id, line.partner, line.partner_user_id, line.address, plain(line.amount_btc)))
    due = [Due(line.partner_id, line.id, line.address, line.amount_btc) for line in lines]
    merged = payout_batches.merged(due)
    facts = {
        "outputs": [{address: plain(amount)} for address, amount in merged.items()],
        "withdrawals": [asdict(line) | {"amount_btc": plain(line.amount_btc)} for line in lines],
    }
    outputs.write_text(json.dumps(facts, indent=2) + "\n")
    return [sheet, outputs]
