"""What the pool has paid: recorded by a transaction, a file or by word, and taken back; and where it pays to."""

from collections.abc import Iterable, Sequence
from datetime import date

from hashrail import business_clock, clock
from hashrail.accounting import pool_files, pool_payments, pool_receipts
from hashrail.accounting.pool_receipts import Entered, Receipt
from hashrail.acts.acting import Acting
from hashrail.db import Reader, Tx
from hashrail.deployment.opened import Deployment, on_chain
from hashrail.money import ZERO, plain
from hashrail.parties import operators
from hashrail.parties.alone import Kind


async def prove(deployment: Deployment, *, txid: str, day: date, block: str | None) -> Entered:
    """What a transaction pays to named addresses, as the node proves it. Raises what `pool_payments.prove` does."""
    depth = deployment.settings.bitcoin_final_depth
    async with on_chain(deployment, signs=False) as opened:
        return await pool_payments.prove(
            opened.pool, opened.chain, opened.facts.network, txid=txid, day=day, depth=depth, block_hash=block
        )


async def record_by_word(tx: Tx, act: Acting, said: Entered) -> list[Receipt]:
    """Record what an operator says, or let a second confirm it; nothing where it was recorded before.

    Raises PoolReceiptError, PoolReceiptConflictError.
    """
    subject = f"pool receipt {said.reference}"
    after = {"day": said.day, "amount_btc": said.amount_btc, "reference": said.reference, "reason": said.reason}
    of = (Kind.POOL_RECEIPT, "BTC", said.amount_btc)
    known = not await pool_receipts.unrecorded(tx, [said])
    if known or await act.waits_beyond(tx, subject, of, before={"recorded": False}, after=after):
        return []
    return await record(tx, act, [said])


async def import_lines(tx: Tx, act: Acting, lines: Iterable[str]) -> list[Receipt]:
    """Record the payments of a file of the pool, all or none, or let a second confirm them.

    Raises BadPoolFileError, PoolReceiptError, PoolReceiptConflictError.
    """
    new = await pool_receipts.unrecorded(tx, pool_files.read(lines))
    whole = sum((each.amount_btc for each in new), ZERO)
    before, after = {"recorded": 0}, {"amount_btc": whole, "lines": [line_facts(each) for each in new]}
    of, subject = (Kind.POOL_RECEIPT, "BTC", whole), f"pool receipts of a file with {len(new)} new lines"
    if not new or await act.waits_beyond(tx, subject, of, before=before, after=after):
        return []
    return await record(tx, act, new)


async def record(tx: Tx, act: Acting, entered: Sequence[Entered]) -> list[Receipt]:
    """Record what was not recorded yet. Raises PoolReceiptError, PoolReceiptConflictError."""
    made = await pool_receipts.add(tx, entered, tried=act.tries)
    for one in made:
        values = {"day": one.day, "amount_btc": one.amount_btc, "txid": one.txid, "reference": one.reference}
        subject = f"pool receipt {one.reference or one.txid or one.day}" if act.tries else f"pool receipt {one.id}"
        await act.note(tx, subject, after=values, reason=one.reason)
    if made:
        act.told.append(divided(made))
    return made


async def reverse(tx: Tx, act: Acting, receipt_id: int, *, reason: str) -> bool:
    """Take a receipt back; False when it was before, or it waits for a second. Raises PoolReceiptNotFoundError."""
    operators.assert_reason(reason)
    was = await pool_receipts.lock(tx, receipt_id)
    before, subject = receipt_facts(was), f"pool receipt {receipt_id}"
    after, of = before | {"reversed": True, "reason": reason}, (Kind.POOL_RECEIPT, "BTC", was.amount_btc)
    if was.reversed_at is not None or await act.waits_beyond(tx, subject, of, before=before, after=after):
        return False
    await pool_receipts.reverse(tx, receipt_id, reason=reason)
    await act.note(tx, subject, before=before, after=after, reason=reason)
    return True


async def add_address(tx: Tx, act: Acting, address: str) -> bool:
    """Name an address that the pool pays to; False when it was. Raises AddressInvalidError, PoolAddressError."""
    was = await pool_payments.addresses(tx)
    network, now = act.deployment.facts.network, await business_clock.now(tx)
    made = await pool_payments.add_address(tx, address, network, at=now)
    await _note_addresses(tx, act, was)
    return made


async def remove_address(tx: Tx, act: Acting, address: str) -> bool:
    """Name an address no more; False when it was not."""
    was = await pool_payments.addresses(tx)
    gone = await pool_payments.remove_address(tx, address)
    await _note_addresses(tx, act, was)
    return gone


async def yesterday(reader: Reader) -> date:
    """The mined day that a receipt is for where nobody says another."""
    return clock.day_of(await business_clock.now(reader)) - clock.ONE_DAY


def divided(made: Sequence[Receipt]) -> str:
    """What receipts pay, in a sentence."""
    whole, left = sum((one.amount_btc for one in made), ZERO), sum((one.undivided_btc for one in made), ZERO)
    return f"{plain(whole)} BTC: {plain(whole - left)} pays days that are open, {plain(left)} waits for days to come."


def line_facts(one: Entered) -> dict[str, object]:
    """What a line of a pool's file says, as a change keeps it."""
    return {"day": one.day, "amount_btc": one.amount_btc, "txid": one.txid, "reference": one.reference}


def receipt_facts(one: Receipt) -> dict[str, object]:
    """What taking a receipt back begins with."""
    reversed_before = one.reversed_at is not None
    return {"receipt": one.id, "reversed": reversed_before, "amount_btc": one.amount_btc, "day": one.day}


async def _note_addresses(tx: Tx, act: Acting, was: list[str]) -> None:
    named = await pool_payments.addresses(tx)
    await act.note(tx, "pool addresses", before={"addresses": was}, after={"addresses": named})
