"""Payments that another program made: an operator says which transaction paid which withdrawals.

    exported (or queued) -> signed    `record`: this transaction pays them; from here on a batch like any other
    a foreign spend -> acknowledged   `acknowledge`: it pays nobody of ours

A recorded payment is watched and settled like every other one; where no node is asked, the operator's word is final.
What rests on a word takes two admins, once there are two: that it was paid, where no node shows it, or that what waits
at an address of it was not. They ask for it by `would_record`, and `look` and `write` do what was confirmed.
`record` also brings a lost database up to date: what the chain has paid already is recorded, not paid again.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail import business_clock, db
from hashrail.bitcoin.chain import Chain, spent
from hashrail.bitcoin.records import Outpoint, Output, RawTransaction
from hashrail.custody import foreign_spends, withdrawal_telling, withdrawals
from hashrail.db import Pool, Reader, Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError, NotFoundError
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, settlement
from hashrail.payouts.batches import Batch, BatchState, Due, Number


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
class Payment:
    """What an operator says of a transaction: what it pays and what not, (partner, number) each."""

    txid: str
    paid: Sequence[Number]
    unpaid: Sequence[Number] = ()

    def numbers(self) -> str:
        """What it pays, in words."""
        return told(self.paid)


@dataclass(frozen=True, slots=True)
class Seen:
    """A transaction that the chain knows; nothing spent and no fee where it does not know what an input was."""

    raw: str
    decoded: RawTransaction
    spent: dict[Outpoint, Output]
    fee_btc: Decimal

    @property
    def paid(self) -> list[str]:
        """Every address that it pays."""
        return sorted({each.address for each in self.decoded.outputs if each.address is not None})


@dataclass(frozen=True, slots=True)
class _Written:
    """The batch that stands for a payment, and what it pays; not new where that was known before."""

    batch_id: int
    members: Sequence[Due]
    is_new: bool


async def record(deployment: Deployment, operator: Operator, payment: Payment) -> Batch:
    """Note that a transaction pays these withdrawals, (partner, number) each; the same again is a no-op.

    With a chain the transaction is read and compared, and then watched like any batch. Without one the operator's word
    counts: it is final and posted at once. One that replaces another, which was recorded or which the books had made
    before they lost this one, becomes a version of that batch; one that pays further withdrawals takes them in. What a
    batch could pay at any other address of it must be named as `unpaid`: it would be paid again.
    Raises PaymentNotFoundError, PaymentNotFollowedError, PaymentMismatchError, AlreadyRecordedError,
    ForeignSpendPaysError.
    """
    seen = await look(deployment, payment.txid)
    async with db.transaction(deployment.pool) as tx:
        batch_id = await write(tx, operator, payment, seen, deployment.settings.bitcoin_final_depth)
    return await settled(deployment.pool, batch_id)


async def look(deployment: Deployment, txid: str) -> Seen | None:
    """The transaction as the deployment's chain has it; None where there is none to ask.

    Raises PaymentNotFoundError, PaymentNotFollowedError.
    """
    chain = deployment.chain_if_any
    if chain is None:
        return None
    seen = await _read(chain, txid)
    if not await chain.follows(txid):
        raise PaymentNotFollowedError(f"the node would not know {txid} any more once it is mined", field="txid")
    return seen


async def would_record(tx: Tx, operator: Operator, payment: Payment, seen: Seen | None, final_depth: int) -> bool:
    """Whether recording it would change anything, which nothing does here. Raises what `record` does."""
    async with db.undone(tx):
        return (await _write_named(tx, operator, payment, seen, final_depth)).is_new


async def write(tx: Tx, operator: Operator, payment: Payment, seen: Seen | None, final_depth: int) -> int:
    """Note what was seen of a payment, or the word for it; answers its batch, which is posted by `settled`.

    Raises PaymentMismatchError, AlreadyRecordedError, ForeignSpendPaysError, WithdrawalNotFoundError.
    """
    written = await _write_named(tx, operator, payment, seen, final_depth)
    if written.is_new:
        await operators.note(tx, operator, "payment recorded", f"{payment.txid} pays {payment.numbers()}")
    return written.batch_id


async def settled(pool: Pool, batch_id: int) -> Batch:
    """A batch, posted where it is final by now."""
    await settlement.settle_final(pool)
    return await batches.get(pool, batch_id)


async def meant(tx: Reader, numbers: Sequence[Number]) -> dict[str, dict[str, object]]:
    """What withdrawals are that somebody names, for whoever has to look at them: state, amount in BTC, address."""
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, w.state, w.amount_btc, w.address FROM withdrawal w
           JOIN unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id) ON d.partner_id = w.partner_id AND d.id = w.id
           ORDER BY w.partner_id, w.id""",
        [partner_id for partner_id, _ in numbers],
        [number for _, number in numbers],
    )
    return {
        told([(row["partner_id"], row["id"])]): {name: row[name] for name in ("state", "amount_btc", "address")}
        for row in rows
    }


def told(numbers: Sequence[Number]) -> str:
    """Withdrawals in words: PARTNER:ID each."""
    return ", ".join(f"{partner_id}:{number}" for partner_id, number in sorted(numbers))


async def acknowledge(
    tx: Tx, operator: Operator, txids: Sequence[str], reason: str, *, unpaid: Sequence[Number] = ()
) -> None:
    """Let batches be made beside spends that pay nobody of ours: a sweep, a transfer between wallets.

    Where one pays an address at which withdrawals wait, each of them must be named as `unpaid`, (partner, number): it
    paid something else there. Again is a no-op. Raises ForeignSpendNotFoundError, ForeignSpendPaysError,
    ReasonMissingError.
    """
    await to_acknowledge(tx, txids, unpaid=unpaid)
    for txid in txids:
        if await foreign_spends.acknowledge(tx, txid, by=operator.name, reason=reason):
            await operators.note(tx, operator, "foreign spend acknowledged", txid, reason)


async def to_acknowledge(tx: Tx, txids: Sequence[str], *, unpaid: Sequence[Number] = ()) -> dict[str, list[str]]:
    """Those that nobody has acknowledged yet, with the addresses that each pays.

    Raises ForeignSpendNotFoundError, ForeignSpendPaysError.
    """
    await batches.lock(tx)
    found = {}
    for txid in txids:
        paid = await foreign_spends.paid_by(tx, txid)
        if paid is None:
            raise ForeignSpendNotFoundError(f"no spend of our coins is known as {txid}", field="txid")
        await _assert_named(tx, txid, paid, unpaid, states=("awaiting_approval", "queued", "signed", "exported"))
        if not await foreign_spends.is_acknowledged(tx, txid):
            found[txid] = paid
    return found


async def _read(chain: Chain, txid: str) -> Seen:
    """A transaction as the chain has it, with its fee. Raises PaymentNotFoundError."""
    raw = await chain.raw_transaction(txid)
    if raw is None:
        raise PaymentNotFoundError(f"the node does not know {txid}", field="txid")
    decoded = await chain.decode(raw)
    inputs = await spent(chain, decoded)
    if inputs is None:
        return Seen(raw, decoded, {}, Decimal(0))
    fee_btc = sum(each.amount_btc for each in inputs.values()) - sum(each.amount_btc for each in decoded.outputs)
    return Seen(raw, decoded, inputs, Decimal(fee_btc))


async def _write_named(tx: Tx, operator: Operator, payment: Payment, seen: Seen | None, final_depth: int) -> _Written:
    """Under the payout lock, with everything named that waits at an address of it."""
    await batches.lock(tx)
    written = await _write(tx, operator, payment.txid, seen, payment.paid, final_depth)
    if seen is not None:
        addresses = set(seen.paid) - {one.address for one in written.members}
        await _assert_named(tx, payment.txid, addresses, payment.unpaid, states=("awaiting_approval", "queued"))
    return written


async def _write(
    tx: Tx, operator: Operator, txid: str, seen: Seen | None, paid: Sequence[Number], final_depth: int
) -> _Written:
    """The batch that has the transaction, or takes it in; else a new one."""
    known = await _known(tx, txid)
    if known is not None:
        return await _take_in(tx, operator, known, txid, seen, paid)
    replaced = None if seen is None else await _replaced(tx, seen, paid)
    if replaced is not None and seen is not None:
        await _add_version(tx, replaced, txid, seen)
        return _Written(replaced.batch.id, replaced.members, is_new=True)
    due = await _waiting(tx, paid, seen)
    return _Written(await _keep(tx, operator, txid, seen, due, final_depth), due, is_new=True)


async def _known(tx: Tx, txid: str) -> BatchState | None:
    """The batch that has a transaction, locked; one that was given up has lost it.

    While it is locked nobody makes it final, or posts it.
    """
    batch_id = await tx.fetchval(
        """SELECT b.id FROM payout_transaction t JOIN payout_batch b ON b.id = t.batch_id
           WHERE t.txid = $1 AND b.state <> 'conflicted' FOR NO KEY UPDATE OF b""",
        txid,
    )
    return None if batch_id is None else await batches.read(tx, batch_id)


async def _take_in(
    tx: Tx, operator: Operator, known: BatchState, txid: str, seen: Seen | None, paid: Sequence[Number]
) -> _Written:
    """Further withdrawals that a recorded transaction pays; where it has versions, once the chain has decided.

    Nothing is new where it is known to pay just these. Raises AlreadyRecordedError, PaymentMismatchError.
    """
    batch, numbers, said = known.batch, {one.number for one in known.members}, set(paid)
    if said == numbers:
        return _Written(batch.id, known.members, is_new=False)
    certain = len(known.versions) == 1 or (batch.state == "final" and batch.txid == txid)
    if batch.state == "final" and batch.settled_at is None:
        raise AlreadyRecordedError("it is being posted: record it again in a minute", field="txid", batch=batch.id)
    if batch.kind != "external" or not certain or (said & numbers and not numbers < said):
        raise AlreadyRecordedError("the transaction stands for other withdrawals", field="txid", batch=batch.id)
    added = await _waiting(tx, sorted(said - numbers), None)
    members = [*known.members, *added]
    if seen is not None:
        _compare(seen.decoded, members)
    now = await business_clock.now(tx)
    await _never_queued(tx, operator, added, now)
    await batches.put_in(tx, batch.id, added, now)
    await withdrawal_telling.tell(tx, [one.number for one in added], now=now)
    await tx.execute("UPDATE payout_batch SET settled_at = NULL WHERE id = $1", batch.id)
    return _Written(batch.id, members, is_new=True)


async def _replaced(tx: Tx, seen: Seen, paid: Sequence[Number]) -> BatchState | None:
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
    await tx.execute("SELECT 1 FROM payout_batch WHERE id = $1 FOR UPDATE", batch_id)
    # Under its lock: it stays so until the version is added.
    state = await batches.read(tx, batch_id)
    batch = state.batch
    waits = batch.state in ("signed", "broadcast") or (batch.kind, batch.state) == ("external", "confirmed")
    if not waits or {one.number for one in state.members} != set(paid):
        return None
    _compare(seen.decoded, state.members)
    common = {coin.outpoint for coin in await batches.inputs(tx, batch_id, common=True)}
    shared = common & set(seen.decoded.inputs)
    return state if shared and (batch.kind == "external" or shared == common) else None


async def _add_version(tx: Tx, replaced: BatchState, txid: str, seen: Seen) -> None:
    """What replaces another transaction; a coin that it does not spend is not needed by all any more."""
    batch_id, now = replaced.batch.id, await business_clock.now(tx)
    await tx.execute(
        "UPDATE payout_input SET common = false WHERE batch_id = $1 AND NOT txid || ':' || vout = ANY($2::text[])",
        batch_id,
        [f"{each.txid}:{each.vout}" for each in seen.decoded.inputs],
    )
    await batches.note_inputs(tx, batch_id, seen.spent, common=False)
    await _keep_version(tx, batch_id, replaced.versions[-1].version + 1, txid, seen, now)
    await tx.execute(
        """UPDATE payout_batch SET state = 'broadcast', txid = NULL, confirmations = 0, block_hash = NULL,
                  changed_at = $2 WHERE id = $1""",
        batch_id,
        now,
    )
    await withdrawal_telling.tell_batch(tx, batch_id, now=now)


async def _waiting(tx: Tx, paid: Sequence[Number], seen: Seen | None) -> list[Due]:
    """Lock the withdrawals that are said to be paid, and compare them with what was seen.

    Raises AlreadyRecordedError, WithdrawalNotFoundError, PaymentMismatchError.
    """
    rows = []
    for partner_id, numbers in batches.by_partner(paid):
        rows += await tx.fetch(
            """SELECT w.partner_id, w.id, w.address, w.amount_btc, w.state FROM withdrawal w
               WHERE w.partner_id = $1 AND w.id = ANY ($2::bigint[]) ORDER BY w.id FOR NO KEY UPDATE OF w""",
            partner_id,
            numbers,
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


async def _keep(tx: Tx, operator: Operator, txid: str, seen: Seen | None, due: Sequence[Due], final_depth: int) -> int:
    """A batch of its own for a payment; answers it."""
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
    await batches.note_inputs(tx, batch_id, {} if seen is None else seen.spent, common=True)
    await _never_queued(tx, operator, due, now)
    await batches.put_in(tx, batch_id, due, now)
    await withdrawal_telling.tell_batch(tx, batch_id, now=now)
    return batch_id


async def _keep_version(tx: Tx, batch_id: int, version: int, txid: str, seen: Seen | None, now: datetime) -> None:
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


async def _never_queued(tx: Tx, operator: Operator, due: Sequence[Due], now: datetime) -> None:
    """What an operator says is paid elsewhere counts as exported: if that fails, no batch pays it by itself."""
    numbers = [one.partner_id for one in due], [one.id for one in due]
    queued = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM withdrawal w JOIN unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id)
           ON w.partner_id = d.partner_id AND w.id = d.id WHERE w.export_id IS NULL)""",
        *numbers,
    )
    if queued:
        export_id = await tx.fetchval(
            "INSERT INTO payout_export (created_at, exported_by) VALUES ($1, $2) RETURNING id", now, operator.name
        )
        await tx.execute(
            """UPDATE withdrawal w SET export_id = $3, state = 'exported'
               FROM unnest($1::bigint[], $2::bigint[]) AS d (partner_id, id)
               WHERE w.partner_id = d.partner_id AND w.id = d.id AND w.export_id IS NULL""",
            *numbers,
            export_id,
        )


def _compare(decoded: RawTransaction, due: Sequence[Due]) -> None:
    """Each address has what its withdrawals are together. Raises PaymentMismatchError."""
    arrived: dict[str | None, Decimal] = defaultdict(Decimal)
    for output in decoded.outputs:
        arrived[output.address] += output.amount_btc
    meant = batches.merged(due)
    for one in due:
        if arrived[one.address] != meant[one.address]:
            message = f"{one.address} is paid {arrived[one.address]:f} BTC, not {meant[one.address]:f}"
            raise PaymentMismatchError(message, withdrawalId=one.id)


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
    for row in rows:
        if (row["partner_id"], row["id"]) not in named:
            facts = {"partnerId": row["partner_id"], "withdrawalId": row["id"]}
            message = f"{txid} pays the address of withdrawal {row['partner_id']}:{row['id']}"
            raise ForeignSpendPaysError(message, **facts)
