"""Posting what is final: the user's money has left, out of the operator's wallet, and the chain took its fee.

Here the walk of a withdrawal ends: `watch` has decided which version of its batch won. Each partner's books are posted
in a transaction of their own; what is posted already is left alone, so it may end at any line and go on later.

Accounts touched: users' BTC, payouts in flight, commission revenue, bitcoin wallet, network fees.
"""

from decimal import Decimal

from hashrail import business_clock, db
from hashrail.bitcoin.amounts import to_btc, to_sat
from hashrail.books import fence, ledger, transfer_sets
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.books.transfer_sets import Reserved
from hashrail.custody import withdrawal_telling
from hashrail.custody.withdrawals import AMOUNT_LEG, COMMISSION_LEG, WALLET_LEG
from hashrail.db import Pool, Reader, Tx
from hashrail.money import ZERO
from hashrail.payouts import batches


async def settle_final(pool: Pool) -> int:
    """Post every final batch that is not yet; answers how many were."""
    rows = await pool.fetch("SELECT id FROM payout_batch WHERE state = 'final' AND settled_at IS NULL ORDER BY id")
    for row in rows:
        await _settle(pool, row["id"])
    return len(rows)


async def _settle(pool: Pool, batch_id: int) -> None:
    for partner_id, fee_btc in sorted((await _shares(pool, batch_id)).items()):
        async with db.transaction(pool) as tx:
            await _post(tx, await fence.share(tx, partner_id), batch_id, fee_btc)
    async with db.transaction(pool) as tx:
        # Under the lock, so that nothing is recorded for the batch between the postings and its end.
        await batches.lock(tx)
        open_one = await tx.fetchval(
            """SELECT w.id FROM partner p JOIN withdrawal w ON w.partner_id = p.id
               WHERE w.batch_id = $1 AND w.state = 'signed' LIMIT 1""",
            batch_id,
        )
        if open_one is None:
            await tx.execute(
                "UPDATE payout_batch SET settled_at = $2, fee_booked = true WHERE id = $1 AND settled_at IS NULL",
                batch_id,
                await business_clock.now(tx),
            )


async def _shares(tx: Reader, batch_id: int) -> dict[int, Decimal]:
    """What each partner of a batch bears of its fee, posted ones included; nothing where the fee is booked already."""
    rows = await tx.fetch(
        """SELECT p.id, count(*) AS payments, CASE WHEN b.fee_booked THEN 0 ELSE t.fee_btc END AS fee_btc
           FROM payout_batch b JOIN payout_transaction t ON t.txid = b.txid
           CROSS JOIN partner p JOIN withdrawal w ON w.partner_id = p.id AND w.batch_id = $1
           WHERE b.id = $1 GROUP BY p.id, b.fee_booked, t.fee_btc""",
        batch_id,
    )
    fee_btc = rows[0]["fee_btc"] if rows else ZERO
    return fee_shares(fee_btc, {row["id"]: row["payments"] for row in rows})


def fee_shares(fee_btc: Decimal, payments: dict[int, int]) -> dict[int, Decimal]:
    """A network fee in BTC by partner, by how many withdrawals each has in the batch, to the satoshi.

    What does not divide goes to the first partners, a satoshi each.
    """
    fee_sat, total = to_sat(fee_btc), sum(payments.values())
    shares = {partner_id: fee_sat * count // total for partner_id, count in payments.items()}
    left = fee_sat - sum(shares.values())
    for partner_id in sorted(payments)[:left]:
        shares[partner_id] += 1
    return {partner_id: to_btc(share) for partner_id, share in shares.items()}


async def _post(tx: Tx, books: OpenBooks, batch_id: int, fee_btc: Decimal) -> None:
    """Post one partner's part of a batch. Accounts are moved in id order, like everywhere."""
    rows = await tx.fetch(
        """SELECT w.id, w.amount_btc, w.commission_btc FROM withdrawal w
           JOIN account a ON a.partner_id = w.partner_id AND a.user_id = w.user_id AND a.currency = 'BTC'
           WHERE w.partner_id = $1 AND w.batch_id = $2 AND w.state = 'signed'
           ORDER BY a.id, w.id FOR NO KEY UPDATE OF w""",
        books.partner_id,
        batch_id,
    )
    legs = [
        Reserved(TransferKind.WITHDRAWAL, row["id"], leg)
        for row in rows
        for leg in ((AMOUNT_LEG, COMMISSION_LEG) if row["commission_btc"] > 0 else (AMOUNT_LEG,))
    ]
    await transfer_sets.post_reserved(tx, books, legs)
    transfers = [
        Transfer(
            TransferKind.WITHDRAWAL,
            row["id"],
            WALLET_LEG,
            Account.PAYOUTS_IN_FLIGHT,
            Account.BITCOIN_WALLET,
            row["amount_btc"],
        )
        for row in rows
    ]
    if fee_btc > 0:
        transfers.append(
            Transfer(TransferKind.NETWORK_FEE, batch_id, 1, Account.NETWORK_FEES, Account.BITCOIN_WALLET, fee_btc)
        )
    await ledger.post_control(tx, books.now, [(books.partner_id, transfer) for transfer in transfers])
    await tx.execute(
        """UPDATE withdrawal SET state = 'final', changed_at = $3
           WHERE partner_id = $1 AND batch_id = $2 AND state = 'signed'""",
        books.partner_id,
        batch_id,
        books.now,
    )
    await withdrawal_telling.tell(tx, [(books.partner_id, row["id"]) for row in rows], now=books.now)
