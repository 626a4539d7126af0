"""A payment goes out: signed so that the node would relay it, and, once it is stored, sent until a block has it.

Between the two stands the commit that stores it (`batches.store`, `batches.add_version`): nothing is sent before. The
same bytes may be sent any number of times; whether they went out is asked of the chain, by `watch`.
"""

from collections.abc import Mapping, Sequence

import structlog

from hashrail import business_clock, db
from hashrail.bitcoin.chain import Chain, Payment
from hashrail.bitcoin.coin_selection import PaymentTooLargeError, WalletShortError
from hashrail.bitcoin.records import Accepted, AlreadyKnown, Refused, TransactionState
from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.bitcoin.signer import Signed, SigningRefusedError
from hashrail.custody import withdrawal_telling
from hashrail.db import Pool
from hashrail.errors import ConflictError
from hashrail.payouts.batches import Version

log = structlog.get_logger()


class PaymentNotAcceptedError(ConflictError):
    """The node would not relay a payment that was signed, so it was dropped before it was stored."""

    code = "PAYMENT_NOT_ACCEPTED"
    advice = "Nothing was sent. details.reason is the node's own word."


# What ends one payment, and no other one.
OF_ONE_PAYMENT = (
    NodeRefusedError,
    PaymentNotAcceptedError,
    PaymentTooLargeError,
    SigningRefusedError,
    WalletShortError,
)


async def signed(chain: Chain, payment: Payment) -> Signed:
    """A transaction that the node would relay; it exists in memory only.

    Raises PaymentNotAcceptedError, SigningRefusedError, and what a node's call may raise.
    """
    made = await chain.sign(payment)
    acceptance = await chain.acceptance(made.raw)
    if not acceptance.allowed:
        raise PaymentNotAcceptedError(f"the node would not relay it: {acceptance.reason}", reason=acceptance.reason)
    return made


async def send(
    pool: Pool, chain: Chain, versions: Sequence[Version], seen: Mapping[str, TransactionState] | None = None
) -> bool:
    """Send the newest version, and where the node will not have it an older one; False while nothing is out for sure.

    Nothing is sent while payouts are paused.
    """
    for each in reversed(versions):
        if seen is not None and seen[each.txid].state == "mempool":
            return True
        if each.raw is None:
            continue
        # The kill switch is looked at before each sending: it may have been thrown since the batch was stored.
        if await pool.fetchval("SELECT paused_reason FROM payout_policy WHERE id = 1") is not None:
            return False
        match await chain.broadcast(each.raw):
            case Accepted() | AlreadyKnown():
                await note_sent(pool, each)
                return True
            case Refused(rpc_code, reason):
                log.warning("payment refused", batch=each.batch_id, txid=each.txid, rpc_code=rpc_code, reason=reason)
                await pool.execute("UPDATE payout_transaction SET refusal = $2 WHERE txid = $1", each.txid, reason)
            case unknown:
                # Unknown is not failed: the same bytes are sent again with the next run.
                log.warning("whether a payment went out is not known", txid=each.txid, cause=unknown.cause)
                return False
    return False


async def note_sent(pool: Pool, version: Version) -> None:
    """The version is out; the first time counts."""
    if version.broadcast_at is not None:
        return
    async with db.transaction(pool) as tx:
        now = await business_clock.now(tx)
        await tx.execute(
            "UPDATE payout_transaction SET broadcast_at = $2, refusal = NULL WHERE txid = $1", version.txid, now
        )
        is_first = await tx.fetchval(
            """UPDATE payout_batch SET state = 'broadcast', changed_at = $2
               WHERE id = $1 AND state = 'signed' RETURNING true""",
            version.batch_id,
            now,
        )
        if is_first is not None:
            await withdrawal_telling.tell_batch(tx, version.batch_id, now=now)
