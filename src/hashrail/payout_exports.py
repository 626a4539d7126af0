"""Paying with another program: withdrawals leave the queue for good, and a txid brings them to their end.

    queued -> exported                taken out of every batch for ever
    exported (or queued) -> signed    `record`: this transaction pays them; from here on a batch like any other
    exported -> cancelled             an operator attests that they were not and will not be paid

Nobody but the operator knows what the other program did, so nothing here happens by itself. `record` also brings a lost
database up to date: what the chain has paid already is recorded, not paid again.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import (
    business_clock,
    db,
    foreign_spends,
    operators,
    payout_batches,
    payout_policy,
    payout_queue,
    payout_settlement,
    withdrawals,
)
from hashrail.day_fence import OpenDay
from hashrail.db import Pool, Reader, Tx
from hashrail.errors import ConflictError, NotFoundError
from hashrail.gateways.bitcoin_records import Outpoint, Output, RawTransaction
from hashrail.gateways.chain import Chain, spent
from hashrail.operators import Operator
from hashrail.payout_batches import Batch, Due, Number
from hashrail.payout_queue import Rhythm
from hashrail.withdrawals import Withdrawal, WithdrawalUnderWayError

EVERYTHING = Rhythm(timedelta(0), 0, everything=True)


class ExportNotFoundError(NotFoundError):
    """There is no such export."""

    code = "PAYOUT_EXPORT_NOT_FOUND"
    advice = "hashrail payouts status names what is exported."


class NotExportedError(ConflictError):
    """The withdrawal was not exported: it waits for a batch, and nobody has to attest anything."""

    code = "WITHDRAWAL_NOT_EXPORTED"
    advice = "Cancel it for its user: hashrail withdrawal cancel; or refuse it: hashrail payouts refuse"


class PaymentNotFoundError(NotFoundError):
    """The node does not know the transaction."""

    code = "PAYMENT_NOT_FOUND"
    advice = "Wait until the node has seen it; a transaction of another wallet needs txindex=1."


class PaymentNotFollowedError(ConflictError):
    """The node knows the transaction only while it waits, so its confirmations could not be watched."""

    code = "PAYMENT_NOT_FOLLOWED"
    advice = "Set txindex=1 on the node: the transaction is not of its wallet."


class PaymentMismatchError(ConflictError):
    """The transaction does not pay these withdrawals to the satoshi; `details.withdrawalId` names the first."""

    code = "PAYMENT_MISMATCH"
    advice = "Name exactly the withdrawals that the transaction pays."


class AlreadyRecordedError(ConflictError):
    """A withdrawal is not waiting to be recorded, or the transaction stands for others already."""

    code = "PAYMENT_ALREADY_RECORDED"
    advice = "Read the withdrawals: hashrail withdrawal show."


class ForeignSpendNotFoundError(NotFoundError):
    """No transaction of that txid spends our coins besides the batches."""

    code = "FOREIGN_SPEND_NOT_FOUND"
    advice = "Those that stop payouts are told by: hashrail payouts status"


class ForeignSpendPaysError(ConflictError):
    """A transaction pays an address at which a withdrawal waits that was not named; `details` say which."""

    code = "FOREIGN_SPEND_PAYS"
    advice = "Record it for that withdrawal too (hashrail payouts record), or name it as --unpaid."


@dataclass(frozen=True, slots=True)
class Line:
    """A withdrawal of an export."""

    partner_id: int
    partner: str
    id: int
    partner_user_id: str
    address: str
    amount_btc: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class OpenExport:
    """An export of which something is neither recorded nor cancelled yet: how many withdrawals, and BTC."""

    id: int
    created_at: datetime
    count: int
    amount_btc: Decimal


@dataclass(frozen=True, slots=True)
class _Seen:
    """A transaction that the chain knows; nothing spent and no fee where it does not know what an input was."""

    raw: str
    decoded: RawTransaction
    spent: dict[Outpoint, Output]
    fee_btc: Decimal

    @property
    def paid(self) -> list[str]:
        """Every address that it pays."""
        return sorted({each.address for each in self.decoded.outputs if each.address is not None})


async def export(tx: Tx, operator: Operator) -> int | None:
    """Take everything out of the queue that the limits of the day let pass; answers the export, None for nothing.

    Raises PayoutsPausedError, ForeignSpendError: what the books may have forgotten is paid by nobody.
    """
    await payout_batches.lock(tx)
    await payout_batches.assert_running(tx)
    await foreign_spends.assert_none(tx)
    now = await business_clock.now(tx)
    policy = await payout_policy.get(tx)
    export_id: int = await tx.fetchval(
        "INSERT INTO payout_export (created_at, exported_by) VALUES ($1, $2) RETURNING id", now, operator.name
    )
    queue = (await payout_queue.waiting(tx, policy, EVERYTHING, now=now)).queue()
    taken = await _take_out(tx, export_id, [*queue.fast, *queue.daily], now)
    if taken == 0:
        await tx.execute("DELETE FROM payout_export WHERE id = $1", export_id)
        return None
    await operators.note(tx, operator, "withdrawals exported", f"export {export_id}, {taken} withdrawals")
    return export_id


async def lines(tx: Reader, export_id: int) -> list[Line]:
    """The withdrawals of an export. Raises ExportNotFoundError."""
    rows = await tx.fetch(
        """SELECT w.partner_id, p.name, w.id, u.partner_user_id, w.address, w.amount_btc, w.state
           FROM partner p JOIN withdrawal w ON w.partner_id = p.id AND w.export_id = $1
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id ORDER BY w.partner_id, w.id""",
        export_id,
    )
    if not rows:
        raise ExportNotFoundError(f"no export {export_id}", field="export")
    return [Line(*row.values()) for row in rows]


async def open_exports(tx: Reader) -> list[OpenExport]:
    """Exports that wait for somebody's word, oldest first."""
    rows = await tx.fetch(
        """SELECT e.id, e.created_at, count(*) AS count, sum(w.amount_btc) AS btc
           FROM withdrawal w JOIN payout_export e ON e.id = w.export_id WHERE w.state = 'exported'
           GROUP BY e.id ORDER BY e.id"""
    )
    return [OpenExport(*row.values()) for row in rows]


async def record(
    pool: Pool,
    chain: Chain | None,
    operator: Operator,
    txid: str,
    paid: Sequence[Number],
    *,
    final_depth: int,
    unpaid: Sequence[Number] = (),
) -> Batch:
    """Note that a transaction pays these withdrawals, (partner, number) each; the same again is a no-op.

    With a chain the transaction is read and compared, and then watched like any batch. Without one the operator's word
    counts: it is final and posted at once. One that replaces another, which was recorded or which the books had made
    before they lost this one, becomes a version of that batch; one that pays further withdrawals takes them in. What a
    batch could pay at any other address of it must be named as `unpaid`: it would be paid again.
    Raises PaymentNotFoundError, PaymentNotFollowedError, PaymentMismatchError, AlreadyRecordedError,
    ForeignSpendPaysError.
    """
    seen = None if chain is None else await _read(chain, txid)
    if chain is not None and not await chain.follows(txid):
        raise PaymentNotFollowedError(f"the node would not know {txid} any more once it is mined", field="txid")
    async with db.transaction(pool) as tx:
        await payout_batches.lock(tx)
        batch = await _known(tx, txid)
        replaced = None if batch is not None or seen is None else await _replaced(tx, seen, paid)
        is_new = True
        if batch is not None:
            is_new = await _take_in(tx, operator, batch, txid, seen, paid)
        elif replaced is not None and seen is not None:
            batch = replaced
            await _add_version(tx, batch, txid, seen)
        else:
            batch = await _keep(tx, operator, txid, seen, await _waiting(tx, paid, seen), final_depth)
        if seen is not None:
            members = {one.address for one in await payout_batches.members(tx, batch.id)}
            await _assert_named(tx, txid, set(seen.paid) - members, unpaid, states=("awaiting_approval", "queued"))
        if is_new:
            numbers = ", ".join(f"{partner_id}:{number}" for partner_id, number in sorted(paid))
            await operators.note(tx, operator, "payment recorded", f"{txid} pays {numbers}")
    await payout_settlement.settle_final(pool)
    return await payout_batches.get(pool, batch.id)


async def acknowledge(pool: Pool, operator: Operator, txid: str, reason: str, *, unpaid: Sequence[Number] = ()) -> None:
    """Let batches be made beside a spend that pays nobody of ours: a sweep, a transfer between wallets.

    Where it pays an address at which withdrawals wait, each of them must be named as `unpaid`, (partner, number): it
    paid something else there. Again is a no-op. Raises ForeignSpendNotFoundError, ForeignSpendPaysError,
    ReasonMissingError.
    """
    async with db.transaction(pool) as tx:
        await payout_batches.lock(tx)
        paid = await foreign_spends.paid_by(tx, txid)
        if paid is None:
            raise ForeignSpendNotFoundError(f"no spend of our coins is known as {txid}", field="txid")
        await _assert_named(tx, txid, paid, unpaid, states=("awaiting_approval", "queued", "signed", "exported"))
        if await foreign_spends.acknowledge(tx, txid, by=operator.name, reason=reason):
            await operators.note(tx, operator, "foreign spend acknowledged", txid, reason)


async def cancel(tx: Tx, day: OpenDay, operator: Operator, withdrawal_id: int, attested: str) -> Withdrawal:
    """End an exported withdrawal that was not and will not be paid; again is a no-op.

    Raises WithdrawalNotFoundError, ReasonMissingError, NotExportedError for one that still waits here,
    WithdrawalUnderWayError for one that is past it.
    """
    state = await withdrawals.lock(tx, day, withdrawal_id)
    if state == "exported":
        await withdrawals.release(tx, day, withdrawal_id, "cancelled", attested)
        await operators.note(tx, operator, "export attested unpaid", f"{day.partner_id}:{withdrawal_id}", attested)
    elif state in ("awaiting_approval", "queued"):
        raise NotExportedError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    elif state != "cancelled":
        raise WithdrawalUnderWayError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    return await withdrawals.get(tx, day.partner_id, withdrawal_id)


async def _assert_named(
    tx: Tx, txid: str, addresses: Collection[str], named: Collection[Number], *, states: Sequence[str]
) -> None:
    """Whatever waits in these states at these addresses is named. Raises ForeignSpendPaysError."""
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id FROM withdrawal w WHERE w.state = ANY($1) AND w.address = ANY($2)
           ORDER BY w.partner_id, w.id""",
        states,
        sorted(addresses),
    )
    for partner_id, number in rows:
        if (partner_id, number) not in named:
            facts = {"partnerId": partner_id, "withdrawalId": number}
            raise ForeignSpendPaysError(f"{txid} pays the address of withdrawal {partner_id}:{number}", **facts)


async def _read(chain: Chain, txid: str) -> _Seen:
    """A transaction as the chain has it, with its fee. Raises PaymentNotFoundError."""
    raw = await chain.raw_transaction(txid)
    if raw is None:
        raise PaymentNotFoundError(f"the node does not know {txid}", field="txid")
    decoded = await chain.decode(raw)
    inputs = await spent(chain, decoded)
    if inputs is None:
        return _Seen(raw, decoded, {}, Decimal(0))
    fee_btc = sum(each.amount_btc for each in inputs.values()) - sum(each.amount_btc for each in decoded.outputs)
    return _Seen(raw, decoded, inputs, Decimal(fee_btc))


async def _take_out(tx: Tx, export_id: int, due: Sequence[Due], now: datetime) -> int:
    rows = await tx.fetch(
        """UPDATE withdrawal w SET state = 'exported', export_id = $1, changed_at = $2
           FROM unnest($3::bigint[], $4::bigint[]) AS d (partner_id, id)
           WHERE w.partner_id = d.partner_id AND w.id = d.id AND w.state = 'queued' RETURNING w.id""",
        export_id,
        now,
        [one.partner_id for one in due],
        [one.id for one in due],
    )
    return len(rows)


async def _known(tx: Tx, txid: str) -> Batch | None:
    """The batch that has a transaction, locked; one that was given up has lost it.

    While it is locked nobody makes it final, or posts it.
    """
    batch_id = await tx.fetchval(
        """SELECT b.id FROM payout_transaction t JOIN payout_batch b ON b.id = t.batch_id
           WHERE t.txid = $1 AND b.state <> 'conflicted' FOR NO KEY UPDATE OF b""",
        txid,
    )
    return None if batch_id is None else await payout_batches.get(tx, batch_id)


async def _take_in(
    tx: Tx, operator: Operator, batch: Batch, txid: str, seen: _Seen | None, paid: Sequence[Number]
) -> bool:
    """Further withdrawals that a recorded transaction pays; where it has versions, once the chain has decided.

    False where it is known to pay just these.
    Raises AlreadyRecordedError, PaymentMismatchError.
    """
    members = await payout_batches.members(tx, batch.id)
    numbers, said = {(one.partner_id, one.id) for one in members}, set(paid)
    if said == numbers:
        return False
    certain = len(await payout_batches.versions(tx, batch.id)) == 1 or (batch.state == "final" and batch.txid == txid)
    if batch.state == "final" and batch.settled_at is None:
        raise AlreadyRecordedError("it is being posted: record it again in a minute", field="txid", batch=batch.id)
    if batch.kind != "external" or not certain or (said & numbers and not numbers < said):
        raise AlreadyRecordedError("the transaction stands for other withdrawals", field="txid", batch=batch.id)
    added = await _waiting(tx, sorted(said - numbers), None)
    if seen is not None:
        _compare(seen.decoded, [*members, *added])
    now = await business_clock.now(tx)
    await _never_queued(tx, operator, added, now)
    await payout_batches.put_in(tx, batch.id, added, now)
    await tx.execute("UPDATE payout_batch SET settled_at = NULL WHERE id = $1", batch.id)
    return True


async def _replaced(tx: Tx, seen: _Seen, paid: Sequence[Number]) -> Batch | None:
    """The waiting batch of just these withdrawals whose coins the transaction spends as well."""
    batch_id = await tx.fetchval(
        """SELECT min(w.batch_id) FROM withdrawal w
           JOIN unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id) ON d.partner_id = w.partner_id AND d.id = w.id
           WHERE w.state = 'signed'""",
        [partner_id for partner_id, _ in paid],
        [number for _, number in paid],
    )
    if batch_id is None:
        return None
    await tx.execute("SELECT FROM payout_batch WHERE id = $1 FOR UPDATE", batch_id)
    batch, members = await payout_batches.get(tx, batch_id), await payout_batches.members(tx, batch_id)
    waits = batch.state in ("signed", "broadcast") or (batch.kind, batch.state) == ("external", "confirmed")
    if not waits:
        return None
    if {(one.partner_id, one.id) for one in members} != set(paid):
        return None
    _compare(seen.decoded, members)
    common = {coin.outpoint for coin in await payout_batches.inputs(tx, batch_id, common=True)}
    shared = common & set(seen.decoded.inputs)
    return batch if shared and (batch.kind == "external" or shared == common) else None


async def _add_version(tx: Tx, batch: Batch, txid: str, seen: _Seen) -> None:
    """What replaces another transaction; a coin that it does not spend is not needed by all any more."""
    now = await business_clock.now(tx)
    await tx.execute(
        "UPDATE payout_input SET common = false WHERE batch_id = $1 AND NOT txid || ':' || vout = ANY($2::text[])",
        batch.id,
        [f"{each.txid}:{each.vout}" for each in seen.decoded.inputs],
    )
    await payout_batches.note_inputs(tx, batch.id, seen.spent, common=False)
    newest = (await payout_batches.versions(tx, batch.id))[-1]
    await _keep_version(tx, batch.id, newest.version + 1, txid, seen, now)
    await tx.execute(
        """UPDATE payout_batch SET state = 'broadcast', txid = NULL, confirmations = 0, block_hash = NULL,
                  changed_at = $2 WHERE id = $1""",
        batch.id,
        now,
    )


async def _waiting(tx: Tx, paid: Sequence[Number], seen: _Seen | None) -> list[Due]:
    """Lock the withdrawals that are said to be paid, and compare them with what was seen.

    Raises AlreadyRecordedError, WithdrawalNotFoundError, PaymentMismatchError.
    """
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, w.address, w.amount_btc, w.state FROM withdrawal w
           JOIN unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id) ON d.partner_id = w.partner_id AND d.id = w.id
           ORDER BY w.partner_id, w.id FOR NO KEY UPDATE OF w""",
        [partner_id for partner_id, _ in paid],
        [number for _, number in paid],
    )
    if len(rows) < len(set(paid)):
        raise withdrawals.WithdrawalNotFoundError("one of the withdrawals does not exist", field="withdrawal")
    for row in rows:
        if row["state"] not in ("exported", "queued"):
            raise AlreadyRecordedError(f"withdrawal {row['id']} is {row['state']}", withdrawalId=row["id"])
    due = [Due(row["partner_id"], row["id"], row["address"], row["amount_btc"]) for row in rows]
    if seen is not None:
        _compare(seen.decoded, due)
    return due


def _compare(decoded: RawTransaction, due: Sequence[Due]) -> None:
    """Each address has what its withdrawals are together. Raises PaymentMismatchError."""
    arrived: dict[str | None, Decimal] = defaultdict(Decimal)
    for output in decoded.outputs:
        arrived[output.address] += output.amount_btc
    meant = payout_batches.merged(due)
    for one in due:
        if arrived[one.address] != meant[one.address]:
            message = f"{one.address} is paid {arrived[one.address]:f} BTC, not {meant[one.address]:f}"
            raise PaymentMismatchError(message, withdrawalId=one.id)


async def _keep(
    tx: Tx, operator: Operator, txid: str, seen: _Seen | None, due: Sequence[Due], final_depth: int
) -> Batch:
    now = await business_clock.now(tx)
    final = seen is None
    batch_id: int = await tx.fetchval(
        """INSERT INTO payout_batch (kind, state, most_fee_btc, txid, confirmations, created_at, changed_at)
           VALUES ('external', $1, 0, $2, $3, $4, $4) RETURNING id""",
        "final" if final else "broadcast",
        txid if final else None,
        final_depth if final else 0,
        now,
    )
    await _keep_version(tx, batch_id, 1, txid, seen, now)
    await payout_batches.note_inputs(tx, batch_id, {} if seen is None else seen.spent, common=True)
    await _never_queued(tx, operator, due, now)
    await payout_batches.put_in(tx, batch_id, due, now)
    return await payout_batches.get(tx, batch_id)


async def _never_queued(tx: Tx, operator: Operator, due: Sequence[Due], now: datetime) -> None:
    """What an operator says is paid elsewhere counts as exported: if that fails, no batch pays it by itself."""
    numbers = [one.partner_id for one in due], [one.id for one in due]
    queued = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM withdrawal w JOIN unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id)
           ON w.partner_id = d.partner_id AND w.id = d.id WHERE w.export_id IS NULL)""",
        *numbers,
    )
    if queued:
        await tx.execute(
            """WITH made AS (INSERT INTO payout_export (created_at, exported_by) VALUES ($3, $4) RETURNING id)
               UPDATE withdrawal w SET export_id = made.id, state = 'exported'
               FROM made, unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id)
               WHERE w.partner_id = d.partner_id AND w.id = d.id AND w.export_id IS NULL""",
            *numbers,
            now,
            operator.name,
        )


async def _keep_version(tx: Tx, batch_id: int, version: int, txid: str, seen: _Seen | None, now: datetime) -> None:
    """A transaction of a batch; one that was given up with its batch, and came back, moves over."""
    await tx.execute(
        """INSERT INTO payout_transaction
               (txid, batch_id, version, raw, paid, fee_btc, vsize, created_at, broadcast_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
           ON CONFLICT (txid) DO UPDATE SET batch_id = $2, version = $3, paid = $5""",
        txid,
        batch_id,
        version,
        None if seen is None else seen.raw,
        None if seen is None else seen.paid,
        0 if seen is None else seen.fee_btc,
        0 if seen is None else seen.decoded.vsize,
        now,
    )
