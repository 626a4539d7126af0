"""Batches: withdrawals that one transaction pays, and how they are stored.

    signed -> broadcast -> confirmed -> final       posted once it is final, partner by partner
    confirmed -> broadcast                          a reorg took the block back
    signed, broadcast -> conflicted                 the chain spends its coins otherwise, at final depth: due again

Nothing is promised before `store`: one commit takes the withdrawals out of the queue, pins the coins and keeps the raw
transaction with its txid. Whatever is sent was committed before, so a process may be killed at any line, and whoever
goes on sends the same bytes. A raised fee is a further **version** of the batch: it spends every coin of the first, so
that the chain can take only one of them.

A verb reads a batch once, as a `BatchState`, and hands it down. Under the lock, and after a commit, it is read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Literal

import asyncpg

from hashrail import db
from hashrail.bitcoin.chain import Payment
from hashrail.bitcoin.records import Coin, Outpoint, Output
from hashrail.bitcoin.signer import Signed
from hashrail.custody import foreign_spends, withdrawal_telling
from hashrail.db import Reader, Tx
from hashrail.errors import ConflictError, NotFoundError
from hashrail.money import BTC_DECIMALS, ZERO, divide_half_even

Kind = Literal["fast", "daily", "external"]
State = Literal["signed", "broadcast", "confirmed", "final", "conflicted"]
# Of a withdrawal: its partner, and its own.
Number = tuple[int, int]
# Advisory locks have one number space; fences of partners begin at 1 << 56 and stay far below this.
PAYOUTS = 1 << 60
# A final payment that falls out of the chain is still sent again, so long.
WATCHED_DEPTH = 100
RATE_DECIMALS = 3
_BATCHES = """
    SELECT id, kind, state, most_fee_btc AS max_fee_btc, txid, confirmations, block_hash,
           created_at, changed_at, settled_at
    FROM payout_batch"""
_VERSIONS = """
    SELECT txid, batch_id, version, raw, fee_btc, vsize, created_at, broadcast_at, refusal FROM payout_transaction"""


class PlanOutdatedError(ConflictError):
    """Something that a planned payment rests on has changed, so it was dropped before it was stored."""

    code = "PAYOUT_PLAN_OUTDATED"
    advice = "Nothing was sent. The next run plans anew."


class PayoutsPausedError(ConflictError):
    """Payouts are paused: nothing is signed and nothing is sent."""

    code = "PAYOUTS_PAUSED"
    advice = "Read the reason in: hashrail payouts status. Go on with: hashrail payouts resume --as NAME"


class BatchNotFoundError(NotFoundError):
    """There is no such batch."""

    code = "PAYOUT_BATCH_NOT_FOUND"
    advice = "List the batches: hashrail payouts batches"


@dataclass(frozen=True, slots=True)
class Due:
    """A withdrawal that a batch may pay."""

    partner_id: int
    id: int
    address: str
    amount_btc: Decimal

    @property
    def number(self) -> Number:
        """Its partner's and its own."""
        return self.partner_id, self.id

    @property
    def name(self) -> str:
        """What findings call it."""
        return f"withdrawal {self.partner_id}:{self.id}"


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest batch, export and policy that somebody knows of; 0 for none."""

    batch_id: int
    export_id: int
    policy_revision: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch would do, and what was the latest when it was planned."""

    kind: Kind
    due: Sequence[Due]
    inputs: Sequence[Coin]
    outputs_btc: dict[str, Decimal]
    sat_per_vb: Decimal
    max_fee_btc: Decimal
    latest: Latest

    @property
    def payment(self) -> Payment:
        """The transaction that is meant."""
        return Payment(self.inputs, self.outputs_btc, self.sat_per_vb, self.max_fee_btc)


@dataclass(frozen=True, slots=True)
class Batch:
    """`txid` is the version that the best chain has, while it has one, `confirmations` deep."""

    id: int
    kind: Kind
    state: State
    max_fee_btc: Decimal
    txid: str | None
    confirmations: int
    block_hash: str | None
    created_at: datetime
    changed_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """One transaction of a batch. `raw` is None where another program built it and its bytes were never seen."""

    txid: str
    batch_id: int
    version: int
    raw: str | None
    fee_btc: Decimal
    vsize: int
    created_at: datetime
    broadcast_at: datetime | None
    refusal: str | None

    @property
    def sat_per_vb(self) -> Decimal:
        """What it pays for a byte; 0 where its bytes were never seen."""
        fee_sat = self.fee_btc.scaleb(BTC_DECIMALS)
        return divide_half_even(fee_sat, Decimal(self.vsize), RATE_DECIMALS) if self.vsize else Decimal(0)


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as it was read once: its versions, the first payment first, and the withdrawals that it pays."""

    batch: Batch
    versions: Sequence[Version]
    members: Sequence[Due]


@dataclass(frozen=True, slots=True)
class Standing:
    """Withdrawals in a state, by speed: how many, and BTC."""

    state: str
    speed: str
    count: int
    amount_btc: Decimal


async def store(tx: Tx, plan: Plan, signed: Signed, *, now: datetime) -> BatchState:
    """Commit to a signed payment: its bytes may be sent once this transaction is committed.

    Raises PlanOutdatedError, PayoutsPausedError, ForeignSpendError.
    """
    await lock(tx)
    await assert_running(tx)
    await foreign_spends.assert_none(tx)
    if await latest(tx) != plan.latest:
        raise PlanOutdatedError("another batch or export was stored meanwhile, or a limit changed")
    await _assert_queued(tx, plan.due)
    row = await tx.fetchrow(
        """INSERT INTO payout_batch (kind, state, most_fee_btc, created_at, changed_at)
           VALUES ($1, 'signed', $2, $3, $3)
           RETURNING id, kind, state, most_fee_btc AS max_fee_btc, txid, confirmations, block_hash,
                     created_at, changed_at, settled_at""",
        plan.kind,
        plan.max_fee_btc,
        now,
    )
    assert row is not None, "an insert answers its row"
    batch = db.record(Batch, row)
    await _pin(tx, batch.id, plan.inputs, common=True)
    first = await _keep(tx, batch.id, 1, signed, now)
    await put_in(tx, batch.id, plan.due, now)
    await withdrawal_telling.tell_batch(tx, batch.id, now=now)
    return BatchState(batch, [first], plan.due)


async def add_version(
    tx: Tx, batch_id: int, after: int, signed: Signed, added: Sequence[Coin], *, now: datetime
) -> Version:
    """Commit to a version with a higher fee, which follows version `after` and also spends the coins `added`.

    Raises PlanOutdatedError, PayoutsPausedError.
    """
    await lock(tx)
    await assert_running(tx)
    state = await tx.fetchval("SELECT state FROM payout_batch WHERE id = $1 FOR UPDATE", batch_id)
    newest = await tx.fetchval("SELECT max(version) FROM payout_transaction WHERE batch_id = $1", batch_id)
    if newest != after or state not in ("signed", "broadcast"):
        raise PlanOutdatedError(f"batch {batch_id} is {state} with version {newest}")
    await _pin(tx, batch_id, added, common=False)
    raised = await _keep(tx, batch_id, after + 1, signed, now)
    await tx.execute("UPDATE payout_batch SET changed_at = $2 WHERE id = $1", batch_id, now)
    await withdrawal_telling.tell_batch(tx, batch_id, now=now)
    return raised


async def put_in(tx: Tx, batch_id: int, due: Sequence[Due], now: datetime) -> None:
    """A batch takes locked withdrawals; the caller tells of them."""
    await tx.execute(
        """UPDATE withdrawal w SET state = 'signed', batch_id = $1, changed_at = $2
           FROM unnest($3::bigint[], $4::bigint[]) AS d (partner_id, id)
           WHERE w.partner_id = d.partner_id AND w.id = d.id""",
        batch_id,
        now,
        [one.partner_id for one in due],
        [one.id for one in due],
    )


async def lock(tx: Tx) -> None:
    """Let nobody else store, release or export until the transaction ends, and make its commit a durable one."""
    await wait_for_standby(tx)
    await tx.execute("SELECT pg_advisory_xact_lock($1)", PAYOUTS)


async def wait_for_standby(tx: Tx) -> None:
    """Let the commit of this transaction wait for the synchronous standby, whatever the server is set to.

    A commit that stops waiting reports success all the same, so nothing may end the waiting.
    """
    await tx.execute("SET LOCAL synchronous_commit = 'on'")
    await tx.execute("SET LOCAL statement_timeout = 0")


async def assert_running(tx: Tx) -> None:
    """Raises PayoutsPausedError."""
    reason = await tx.fetchval("SELECT paused_reason FROM payout_policy WHERE id = 1 FOR SHARE")
    if reason is not None:
        raise PayoutsPausedError(f"payouts are paused: {reason}")


async def latest(tx: Reader) -> Latest:
    """The newest batch, export and policy: who plans remembers them, and who stores compares."""
    row = await tx.fetchrow(
        """SELECT coalesce((SELECT max(id) FROM payout_batch), 0) AS batch_id,
                  coalesce((SELECT max(id) FROM payout_export), 0) AS export_id,
                  (SELECT revision FROM payout_policy WHERE id = 1) AS policy_revision"""
    )
    assert row is not None
    return db.record(Latest, row)


async def read(tx: Reader, batch_id: int) -> BatchState:
    """One batch with its versions and withdrawals. Raises BatchNotFoundError."""
    batch = await get(tx, batch_id)
    # In this order: what comes meanwhile only adds versions, and the one that the batch names is among them.
    return BatchState(batch, await versions(tx, batch_id), await members(tx, batch_id))


async def get(tx: Reader, batch_id: int) -> Batch:
    """One batch. Raises BatchNotFoundError."""
    row = await tx.fetchrow(f"{_BATCHES} WHERE id = $1", batch_id)
    if row is None:
        raise BatchNotFoundError(f"no batch {batch_id}", field="id")
    return db.record(Batch, row)


async def newest(tx: Reader, limit: int, *, before: int | None = None, state: str | None = None) -> list[Batch]:
    """The newest batches first: before a number, and of those in a state, where these are named."""
    rows = await tx.fetch(
        f"""{_BATCHES} WHERE ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR state = $3)
            ORDER BY id DESC LIMIT $1""",
        limit,
        before,
        state,
    )
    return [db.record(Batch, row) for row in rows]


async def sums(tx: Reader, batch_ids: Sequence[int]) -> dict[int, tuple[int, Decimal]]:
    """Of each batch how many withdrawals it pays, and BTC."""
    rows = await tx.fetch(
        """SELECT w.batch_id, count(*) AS count, sum(w.amount_btc) AS amount_btc
           FROM partner p JOIN withdrawal w ON w.partner_id = p.id AND w.batch_id = ANY($1) GROUP BY w.batch_id""",
        list(batch_ids),
    )
    found = {row["batch_id"]: (row["count"], row["amount_btc"]) for row in rows}
    return {each: found.get(each, (0, Decimal(0))) for each in batch_ids}


async def newest_versions(tx: Reader, batch_ids: Sequence[int]) -> dict[int, Version]:
    """Of each batch the version that was made last; a batch has few."""
    rows = await tx.fetch(
        f"{_VERSIONS} WHERE batch_id = ANY($1) ORDER BY batch_id, version",
        list(batch_ids),
    )
    return {row["batch_id"]: db.record(Version, row) for row in rows}


async def standing(tx: Reader) -> list[Standing]:
    """What waits and what is on its way; ended withdrawals are left out."""
    rows = await tx.fetch(
        """SELECT coalesce(CASE WHEN w.state = 'signed' THEN b.state END, w.state) AS state, w.speed,
                  count(*) AS count, sum(w.amount_btc) AS amount_btc
           FROM withdrawal w LEFT JOIN payout_batch b ON b.id = w.batch_id
           WHERE w.state NOT IN ('final', 'cancelled', 'refused') GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return [db.record(Standing, row) for row in rows]


async def watched(tx: Reader) -> list[tuple[Batch, list[Version]]]:
    """Batches whose transaction is not buried deeply yet, oldest first; not those that rest on an operator's word.

    With their versions, and without their withdrawals, which nobody asks for while a batch is watched.
    """
    rows = await tx.fetch(
        f"""{_BATCHES} WHERE state IN ('signed', 'broadcast', 'confirmed')
            OR (state = 'final' AND confirmations < 100 AND block_hash IS NOT NULL) ORDER BY id"""
    )
    found = [db.record(Batch, row) for row in rows]
    if not found:
        return []
    # After the batches: what comes meanwhile only adds versions, and the one that a batch names is among them.
    rows = await tx.fetch(
        f"{_VERSIONS} WHERE batch_id = ANY($1) ORDER BY batch_id, version",
        [batch.id for batch in found],
    )
    by_batch: dict[int, list[Version]] = {batch.id: [] for batch in found}
    for row in rows:
        by_batch[row["batch_id"]].append(db.record(Version, row))
    return [(batch, by_batch[batch.id]) for batch in found]


async def versions(tx: Reader, batch_id: int) -> list[Version]:
    """The versions of a batch, the first payment first."""
    rows = await tx.fetch(f"{_VERSIONS} WHERE batch_id = $1 ORDER BY version", batch_id)
    return [db.record(Version, row) for row in rows]


async def members(tx: Reader, batch_id: int) -> list[Due]:
    """The withdrawals that a batch pays."""
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, w.address, w.amount_btc
           FROM partner p JOIN withdrawal w ON w.partner_id = p.id AND w.batch_id = $1 ORDER BY w.partner_id, w.id""",
        batch_id,
    )
    return [db.record(Due, row) for row in rows]


async def inputs(tx: Reader, batch_id: int, *, common: bool) -> list[Coin]:
    """The coins of a batch: those that every version spends, or all."""
    rows = await tx.fetch(
        """SELECT txid, vout, amount_btc, script, 1 AS confirmations, true AS solvable, true AS safe
           FROM payout_input WHERE batch_id = $1 AND (common OR NOT $2) ORDER BY txid, vout""",
        batch_id,
        common,
    )
    return [db.record(Coin, row) for row in rows]


async def note_inputs(tx: Tx, batch_id: int, spent: Mapping[Outpoint, Output], *, common: bool) -> None:
    """What a payment spends that this program did not make, or has forgotten: it is watched, and promised to nobody."""
    await tx.executemany(
        """INSERT INTO payout_input (batch_id, txid, vout, amount_btc, script, common, released)
           VALUES ($1, $2, $3, $4, $5, $6, true) ON CONFLICT DO NOTHING""",
        [(batch_id, each.txid, each.vout, output.amount_btc, output.script, common) for each, output in spent.items()],
    )


async def pinned(tx: Reader) -> set[Outpoint]:
    """Coins that are promised to a batch."""
    rows = await tx.fetch("SELECT txid, vout FROM payout_input WHERE NOT released")
    return {db.record(Outpoint, row) for row in rows}


async def change_btc(tx: Reader) -> Decimal:
    """What payments that are not confirmed yet will bring back to the wallet."""
    spent = await tx.fetch(
        """SELECT b.id, (SELECT coalesce(sum(amount_btc), 0) FROM payout_input i WHERE i.batch_id = b.id)
               - (SELECT fee_btc FROM payout_transaction t WHERE t.batch_id = b.id ORDER BY version DESC LIMIT 1) AS btc
           FROM payout_batch b WHERE b.state IN ('signed', 'broadcast') AND b.kind <> 'external'"""
    )
    if not spent:
        return ZERO
    paid: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(w.amount_btc), 0) FROM partner p JOIN withdrawal w ON w.partner_id = p.id
           WHERE w.batch_id = ANY ($1::bigint[])""",
        [row["id"] for row in spent],
    )
    return sum((row["btc"] for row in spent), -paid)


def merged(due: Sequence[Due]) -> dict[str, Decimal]:
    """BTC by address: one transaction pays an address once."""
    outputs_btc: dict[str, Decimal] = {}
    for one in due:
        outputs_btc[one.address] = outputs_btc.get(one.address, Decimal(0)) + one.amount_btc
    return outputs_btc


def by_partner(of: Iterable[Number]) -> list[tuple[int, list[int]]]:
    """Withdrawals, each named by its partner and number, in the order in which rows are locked: partner by partner."""
    return [(key, [number for _, number in those]) for key, those in groupby(sorted(set(of)), key=itemgetter(0))]


async def _assert_queued(tx: Tx, due: Sequence[Due]) -> None:
    """Lock the withdrawals; a cancelled one, or a user's who was blocked with their payouts, drops the plan."""
    rows = []
    for partner_id, numbers in by_partner(one.number for one in due):
        rows += await tx.fetch(
            """SELECT w.state, u.blocked_at IS NOT NULL AND NOT u.payouts_go_on AS stopped FROM withdrawal w
               JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
               WHERE w.partner_id = $1 AND w.id = ANY ($2::bigint[]) ORDER BY w.id FOR NO KEY UPDATE OF w""",
            partner_id,
            numbers,
        )
    assert len(rows) == len(due), "withdrawals are never deleted"
    if any(row["state"] != "queued" or row["stopped"] for row in rows):
        raise PlanOutdatedError("a withdrawal was cancelled or its user blocked meanwhile")


async def _pin(tx: Tx, batch_id: int, coins: Sequence[Coin], *, common: bool) -> None:
    """Promise coins to a batch. Raises PlanOutdatedError where another batch took one meanwhile."""
    try:
        await tx.executemany(
            """INSERT INTO payout_input (batch_id, txid, vout, amount_btc, script, common)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            [(batch_id, coin.txid, coin.vout, coin.amount_btc, coin.script, common) for coin in coins],
        )
    except asyncpg.UniqueViolationError as error:
        raise PlanOutdatedError("another batch took a coin meanwhile") from error


async def _keep(tx: Tx, batch_id: int, version: int, signed: Signed, now: datetime) -> Version:
    row = await tx.fetchrow(
        """INSERT INTO payout_transaction (txid, batch_id, version, raw, fee_btc, vsize, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           RETURNING txid, batch_id, version, raw, fee_btc, vsize, created_at, broadcast_at, refusal""",
        signed.txid,
        batch_id,
        version,
        signed.raw,
        signed.fee_btc,
        signed.vsize,
        now,
    )
    assert row is not None, "an insert answers its row"
    return db.record(Version, row)
