"""Raising a fee: a batch that waits gets a further version, which pays more for a byte.

It spends every coin of the version before, and one more where the change does not do, so that the chain can take only
one of them. Like a first payment it is signed, stored and sent, in this order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from hashrail import business_clock, db
from hashrail.bitcoin import coin_selection
from hashrail.bitcoin.amounts import to_sat
from hashrail.bitcoin.chain import Payment
from hashrail.bitcoin.records import Coin
from hashrail.db import Reader
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError
from hashrail.money import round_half_even
from hashrail.payouts import batches, sending, stops
from hashrail.payouts.batches import RATE_DECIMALS, BatchState, Version

BUMP_BLOCKS = 2
# A replacement pays a quarter more, and a satoshi for each of its own bytes.
LEAST_RAISE, LEAST_STEP = Decimal("1.25"), Decimal(1)
log = structlog.get_logger()


class FeeNotRaisedError(ConflictError):
    """The fee of a batch cannot be raised: it is not waiting, it is too little more, or above the cap or the budget."""

    code = "FEE_NOT_RAISED"
    advice = (
        "Only a batch that waits can cost more: up to HASHRAIL_BITCOIN_FEE_CAP, within the budget that it began with."
    )


async def stuck(tx: Reader, now: datetime, waiting: timedelta) -> list[int]:
    """Batches of ours whose newest version has waited so long or longer, oldest first."""
    rows = await tx.fetch(
        """SELECT b.id FROM payout_batch b JOIN payout_transaction t ON t.batch_id = b.id
           WHERE b.state IN ('signed', 'broadcast') AND b.kind <> 'external'
           GROUP BY b.id HAVING max(t.created_at) <= $1 ORDER BY b.id""",
        now - waiting,
    )
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Raise:
    """What raising a fee comes to: the version before, the rate of the next one, and its fee at most, in BTC.

    One that pays enough already stays as it is: then the rate is its own.
    """

    state: BatchState
    sat_per_vb: Decimal
    fee_btc: Decimal
    present: Sequence[Coin]
    chosen: Sequence[Coin]

    @property
    def before(self) -> Version:
        """The newest version by now."""
        return self.state.versions[-1]

    @property
    def is_new(self) -> bool:
        """Whether there is anything to raise."""
        return self.sat_per_vb != self.before.sat_per_vb

    @property
    def outputs_btc(self) -> dict[str, Decimal]:
        """What it pays, by address."""
        return batches.merged(self.state.members)


async def plan(deployment: Deployment, batch_id: int, sat_per_vb: Decimal | None = None) -> Raise:
    """What raising the fee of a batch that waits comes to; nothing is signed, stored or sent.

    Raises BatchNotFoundError, FeeNotRaisedError, ChainInDoubtError, WalletShortError, PaymentTooLargeError.
    """
    pool, chain = deployment.pool, deployment.chain
    state = await batches.read(pool, batch_id)
    batch, before = state.batch, state.versions[-1]
    if batch.state not in ("signed", "broadcast") or batch.kind == "external":
        raise FeeNotRaisedError(f"batch {batch_id} is {batch.state}")
    if sat_per_vb is not None and sat_per_vb < before.sat_per_vb + LEAST_STEP:
        return Raise(state, before.sat_per_vb, before.fee_btc, (), ())
    await stops.assert_believed(pool, chain)
    outputs_btc = batches.merged(state.members)
    present = await batches.inputs(pool, batch_id, common=False)
    affordable = coin_selection.affordable_rate(outputs_btc, present, batch.max_fee_btc)
    rate = await _raised_rate(deployment, state.versions, sat_per_vb, affordable)
    chosen = coin_selection.choose(
        await chain.coins(),
        outputs_btc,
        sat_per_vb=rate,
        max_fee_btc=batch.max_fee_btc,
        reserved=await batches.pinned(pool),
        required=present,
    )
    return Raise(state, rate, coin_selection.most_fee(outputs_btc, chosen, rate), present, chosen)


async def bump(deployment: Deployment, batch_id: int, sat_per_vb: Decimal | None = None) -> Version:
    """Raise the fee of a batch that waits: to `sat_per_vb`, or to what the node thinks is needed and the budget allows.

    Answers the newest version. One that pays `sat_per_vb` already stays as it is, so the same may be asked twice.
    Raises what `plan` and `processor.pay` may raise.
    """
    pool, chain = deployment.pool, deployment.chain
    planned = await plan(deployment, batch_id, sat_per_vb)
    if not planned.is_new:
        return planned.before
    rate, most_btc = planned.sat_per_vb, planned.state.batch.max_fee_btc
    signed = await sending.signed(chain, Payment(planned.chosen, planned.outputs_btc, rate, most_btc))
    async with db.transaction(pool) as tx:
        now, added = await business_clock.now(tx), planned.chosen[len(planned.present) :]
        raised = await batches.add_version(tx, batch_id, planned.before.version, signed, added, now=now)
    log.info("fee raised", batch=batch_id, txid=signed.txid, sat_per_vb=str(rate))
    await sending.send(pool, chain, [*planned.state.versions, raised])
    # After these commits: when it went out, or why it did not.
    return (await batches.versions(pool, batch_id))[-1]


async def _raised_rate(
    deployment: Deployment, versions: Sequence[Version], wanted: Decimal | None, affordable: Decimal
) -> Decimal:
    """sat/vB of the next version: more than the last one, and than all that waits, pay. Raises FeeNotRaisedError."""
    newest = versions[-1]
    least = max(round_half_even(newest.sat_per_vb * LEAST_RAISE, RATE_DECIMALS), newest.sat_per_vb + LEAST_STEP)
    for version in versions:
        # The mempool may have an older one, with what spends from it.
        waiting_btc = await deployment.chain.waiting_fees(version.txid)
        if waiting_btc is not None:
            # Rounded up: a satoshi less would not be taken.
            thousandths = -(-to_sat(waiting_btc) * 1000 // newest.vsize)
            least = max(least, Decimal(thousandths).scaleb(-RATE_DECIMALS) + LEAST_STEP)
    if wanted is None:
        # A little more, where the budget does not allow what the node thinks is needed.
        wanted = max(least, min((await deployment.chain.fee_rate(BUMP_BLOCKS)).sat_per_vb, affordable))
    if wanted < least:
        raise FeeNotRaisedError(f"{wanted} sat/vB are too little: it takes {least}", leastSatPerVb=least)
    if wanted > deployment.settings.bitcoin_fee_cap:
        raise FeeNotRaisedError(f"{wanted} sat/vB are above the cap of {deployment.settings.bitcoin_fee_cap}")
    return wanted
