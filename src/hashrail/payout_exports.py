"""Paying with another program: withdrawals leave the queue for good, and a txid brings them to their end.

    queued -> exported                taken out of every batch for ever
    exported (or queued) -> signed    `record`: this transaction pays them; from here on a batch like any other
    exported -> cancelled             an operator attests that they were not and will not be paid

Nobody but the operator knows what the other program did, so nothing here happens by itself. `record` also brings a lost
database up to date: what the chain has paid already is recorded, not paid again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import (
    business_clock,
    db,
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
from hashrail.gateways.bitcoin_records import RawTransaction
from hashrail.gateways.chain import Chain, spent_btc
from hashrail.operators import Operator
from hashrail.payout_batches import Batch, Due
from hashrail.payout_queue import Rhythm
from hashrail.withdrawals import Withdrawal, WithdrawalUnderWayError

EVERYTHING = Rhythm(timedelta(0), 0, 1_000_000, everything=True)


class ExportNotFoundError(NotFoundError):
    """There is no such export."""

    code = "PAYOUT_EXPORT_NOT_FOUND"
    advice = "hashrail payouts status names what is exported."


class PaymentNotFoundError(NotFoundError):
    """The node does not know the transaction."""

    code = "PAYMENT_NOT_FOUND"
    advice = "Wait until the node has seen it; a transaction of another wallet needs txindex=1."


class PaymentMismatchError(ConflictError):
    """The transaction does not pay these withdrawals to the satoshi; `details.withdrawalId` names the first."""

    code = "PAYMENT_MISMATCH"
    advice = "Name exactly the withdrawals that the transaction pays."


class AlreadyRecordedError(ConflictError):
    """A withdrawal is not waiting to be recorded, or the transaction stands for others already."""

    code = "PAYMENT_ALREADY_RECORDED"
    advice = "Read the withdrawals: hashrail withdrawal show."


class ForeignSpendPaysError(ConflictError):
    """A transaction that should be waved through pays an address that a withdrawal of ours waits for."""

    code = "FOREIGN_SPEND_PAYS"
    advice = "Record it for that withdrawal: hashrail payouts record"


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
class _Seen:
    """A transaction that the chain knows; the fee is 0 where it does not know what an input was worth."""

    raw: str
    decoded: RawTransaction
    fee_btc: Decimal


async def export(tx: Tx, operator: Operator) -> int | None:
    """Take everything out of the queue that the limits of the day let pass; answers the export, None for nothing."""
    await payout_batches.lock(tx)
    now = await business_clock.now(tx)
    policy = await payout_policy.get(tx)
    export_id: int = await tx.fetchval(
        "INSERT INTO payout_export (created_at, exported_by) VALUES ($1, $2) RETURNING id", now, operator.name
    )
    taken = 0
    for speed in ("fast", "daily"):
        # The second read sees what the first has taken of the day.
        due = await payout_queue.due(tx, speed, policy, EVERYTHING, now=now)
        taken += await _take_out(tx, export_id, due, now)
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


async def record(
    pool: Pool, chain: Chain | None, operator: Operator, txid: str, paid: Sequence[tuple[int, int]], *, final_depth: int
) -> Batch:
    """Note that a transaction pays these withdrawals, (partner, number) each; the same again is a no-op.

    With a chain the transaction is read and compared, and then watched like any batch. Without one the operator's word
    counts: it is final and posted at once. Raises PaymentNotFoundError, PaymentMismatchError, AlreadyRecordedError.
    """
    seen = None if chain is None else await _read(chain, txid)
    async with db.transaction(pool) as tx:
        await payout_batches.lock(tx)
        known = await tx.fetchval("SELECT batch_id FROM payout_transaction WHERE txid = $1", txid)
        if known is not None:
            return await _same(tx, known, paid)
        due = await _waiting(tx, paid)
        if seen is not None:
            _compare(seen.decoded, due)
        batch = await _keep(tx, txid, seen, due, final_depth)
        numbers = ", ".join(f"{one.partner_id}:{one.id}" for one in due)
        await operators.note(tx, operator, "payment recorded", f"{txid} pays {numbers}")
    if batch.state == "final":
        await payout_settlement.settle_final(pool)
    return await payout_batches.get(pool, batch.id)


async def acknowledge(pool: Pool, chain: Chain, operator: Operator, txid: str, reason: str) -> None:
    """Let batches be made beside a spend that pays nobody of ours: a sweep, a transfer between wallets.

    Raises PaymentNotFoundError where nothing of that txid stands in the way, ForeignSpendPaysError.
    """
    paid = {output.address for output in (await _read(chain, txid)).decoded.outputs}
    async with db.transaction(pool) as tx:
        await payout_batches.lock(tx)
        ours = await tx.fetchrow(
            """SELECT w.partner_id, w.id FROM withdrawal w
               WHERE w.state IN ('awaiting_approval', 'queued', 'signed', 'exported') AND w.address = ANY($1)
               ORDER BY w.partner_id, w.id LIMIT 1""",
            [address for address in paid if address is not None],
        )
        if ours is not None:
            numbers = {"partnerId": ours["partner_id"], "withdrawalId": ours["id"]}
            raise ForeignSpendPaysError(f"{txid} pays withdrawal {ours['id']}", **numbers)
        done = await tx.fetchval(
            """UPDATE payout_foreign_spend SET acknowledged_at = $2, acknowledged_by = $3, reason = $4
               WHERE txid = $1 RETURNING true""",
            txid,
            await business_clock.now(tx),
            operator.name,
            reason,
        )
        if done is None:
            raise PaymentNotFoundError(f"{txid} stands in nobody's way", field="txid")
        await operators.note(tx, operator, "foreign spend acknowledged", txid, reason)


async def cancel(tx: Tx, day: OpenDay, operator: Operator, withdrawal_id: int, attested: str) -> Withdrawal:
    """End an exported withdrawal that was not and will not be paid; again is a no-op.

    Raises WithdrawalNotFoundError, WithdrawalUnderWayError for one that is not exported.
    """
    state = await withdrawals.lock(tx, day, withdrawal_id)
    if state == "exported":
        await withdrawals.release(tx, day, withdrawal_id, "cancelled", attested)
        await operators.note(tx, operator, "export attested unpaid", f"{day.partner_id}:{withdrawal_id}", attested)
    elif state != "cancelled":
        raise WithdrawalUnderWayError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    return await withdrawals.get(tx, day.partner_id, withdrawal_id)


async def _read(chain: Chain, txid: str) -> _Seen:
    """A transaction as the chain has it, with its fee. Raises PaymentNotFoundError."""
    raw = await chain.raw_transaction(txid)
    if raw is None:
        raise PaymentNotFoundError(f"the node does not know {txid}", field="txid")
    decoded = await chain.decode(raw)
    spent = await spent_btc(chain, decoded)
    paid = sum((output.amount_btc for output in decoded.outputs), Decimal(0))
    return _Seen(raw, decoded, Decimal(0) if spent is None else spent - paid)


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


async def _same(tx: Tx, batch_id: int, paid: Sequence[tuple[int, int]]) -> Batch:
    """The batch of a transaction that was recorded before, if it was for the same withdrawals."""
    members = {(one.partner_id, one.id) for one in await payout_batches.members(tx, batch_id)}
    if members != set(paid):
        raise AlreadyRecordedError("the transaction stands for other withdrawals", field="txid", batch=batch_id)
    return await payout_batches.get(tx, batch_id)


async def _waiting(tx: Tx, paid: Sequence[tuple[int, int]]) -> list[Due]:
    """Lock the withdrawals that are said to be paid. Raises AlreadyRecordedError, WithdrawalNotFoundError."""
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
    return [Due(row["partner_id"], row["id"], row["address"], row["amount_btc"]) for row in rows]


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


async def _keep(tx: Tx, txid: str, seen: _Seen | None, due: Sequence[Due], final_depth: int) -> Batch:
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
    await tx.execute(
        """INSERT INTO payout_transaction (txid, batch_id, version, raw, fee_btc, vsize, created_at, broadcast_at)
           VALUES ($1, $2, 1, $3, $4, $5, $6, $6)""",
        txid,
        batch_id,
        None if seen is None else seen.raw,
        0 if seen is None else seen.fee_btc,
        0 if seen is None else seen.decoded.vsize,
        now,
    )
    await payout_batches.put_in(tx, batch_id, due, now)
    return await payout_batches.get(tx, batch_id)
