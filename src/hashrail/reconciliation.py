"""Reconciliation: the wallet, the chain and the books, compared to the satoshi.

What the wallet has in confirmed coins must be what came in, less what the chain shows that payouts, their fees and
others have taken. What the partners' books say must be what is posted of that. Every line between the two is named;
what no line explains is an alarm.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail import deposits
from hashrail.db import Pool, Reader
from hashrail.gateways.bitcoin_records import WalletHistory
from hashrail.gateways.chain import Chain, spent_btc

ZERO = Decimal(0)
INCOMING = ("receive", "generate")


@dataclass(frozen=True, slots=True)
class Standing:
    """Withdrawals in a state, by speed: how many, and BTC."""

    state: str
    speed: str
    count: int
    amount_btc: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """A part of the explanation: what it is, signed BTC, and of how many things."""

    what: str
    amount_btc: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """Lines that add up, for the wallet and for the books, and what is left over: zero, or an alarm."""

    wallet: list[Line]
    unexplained_btc: Decimal
    books: list[Line]
    books_unexplained_btc: Decimal


async def standing(tx: Reader) -> list[Standing]:
    """What waits and what is on its way; ended withdrawals are left out."""
    rows = await tx.fetch(
        """SELECT coalesce(CASE WHEN w.state = 'signed' THEN b.state END, w.state) AS state, w.speed,
                  count(*) AS count, sum(w.amount_btc) AS btc
           FROM withdrawal w LEFT JOIN payout_batch b ON b.id = w.batch_id
           WHERE w.state NOT IN ('final', 'cancelled', 'refused') GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return [Standing(*row.values()) for row in rows]


async def reconcile(pool: Pool, chain: Chain) -> Report:
    """Compare everything. Cost: the wallet's whole history."""
    wallet = await _wallet_lines(pool, chain)
    books = await _book_lines(pool)
    return Report(wallet, _left_over(wallet), books, _left_over(books))


def _left_over(lines: list[Line]) -> Decimal:
    """The first line is what is there, the others what should be."""
    return lines[0].amount_btc - sum((line.amount_btc for line in lines[1:]), ZERO)


async def _wallet_lines(pool: Pool, chain: Chain) -> list[Line]:
    history = await chain.history(None, 1)
    ours = {row["txid"] for row in await pool.fetch("SELECT txid FROM payout_transaction WHERE raw IS NOT NULL")}
    spending = {entry.txid for entry in history.entries if entry.category == "send"}
    own = {row["address"] for row in await pool.fetch("SELECT address FROM deposit_address")}
    own |= {entry.address for entry in history.entries if deposits.LABEL.fullmatch(entry.label or "")}
    received = [
        entry
        for entry in history.entries
        if entry.category in INCOMING and entry.confirmations > 0 and entry.txid not in spending
    ]
    deposited = [entry.amount_btc for entry in received if entry.address in own]
    funded = [entry.amount_btc for entry in received if entry.address not in own]
    lines = [await _coins(chain)]
    lines.append(Line("the operator's own funding", sum(funded, ZERO), len(funded)))
    lines.append(Line("deposits on the chain", sum(deposited, ZERO), len(deposited)))
    # A recorded transaction of another wallet moves nothing of this one; one of this wallet is ours or foreign.
    for what, txids in (("payouts and their fees", spending & ours), ("spends that no batch knows", spending - ours)):
        moved = [await _moved(chain, txid, history) for txid in sorted(txids)]
        real = [amount for amount in moved if amount != 0]
        lines.append(Line(what, sum(real, ZERO), len(real)))
    return lines


async def _coins(chain: Chain) -> Line:
    coins = await chain.coins()
    return Line("confirmed coins of the wallet", sum((coin.amount_btc for coin in coins), ZERO), len(coins))


async def _moved(chain: Chain, txid: str, history: WalletHistory) -> Decimal:
    """What a spending transaction did to confirmed coins: its inputs once it waits, its change once it is mined."""
    state = await chain.transaction(txid)
    if state.state not in ("mempool", "confirmed"):
        return ZERO
    raw = await chain.raw_transaction(txid)
    assert raw is not None, "the wallet has the bytes of what stands in its history"
    spent = await spent_btc(chain, await chain.decode(raw))
    assert spent is not None, "the wallet has the transactions that made its coins"
    if state.state == "mempool":
        return -spent
    back = [each.amount_btc for each in history.entries if each.txid == txid and each.category in INCOMING]
    return sum(back, ZERO) - spent


async def _book_lines(tx: Reader) -> list[Line]:
    """The wallet account of all partners, and what is posted to it."""
    booked = await tx.fetchrow(
        """SELECT coalesce(sum(CASE WHEN debit_account = 1400 THEN amount ELSE -amount END), 0) AS btc,
                  count(*) AS count
           FROM transfer WHERE state = 'posted' AND 1400 IN (debit_account, credit_account)"""
    )
    assert booked is not None
    rows = await tx.fetch(
        """SELECT 1 AS place, 'deposits credited' AS what, coalesce(sum(amount_btc), 0) AS btc, count(*) AS count
           FROM deposit WHERE state = 'credited'
           UNION ALL
           SELECT 2, 'withdrawals that are final', coalesce(-sum(amount_btc), 0), count(*)
           FROM withdrawal WHERE state = 'final'
           UNION ALL
           SELECT 3, 'network fees of settled batches', coalesce(-sum(t.fee_btc), 0), count(*)
           FROM payout_batch b JOIN payout_transaction t ON t.txid = b.txid
           WHERE b.state = 'final' AND b.settled_at IS NOT NULL ORDER BY 1"""
    )
    first = Line("the wallet in the partners' books", booked["btc"], booked["count"])
    return [first, *(Line(row["what"], row["btc"], row["count"]) for row in rows)]
