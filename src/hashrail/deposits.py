"""Deposits: a user tops up his account with bitcoin, at an address of his own.

    pending -> credited      two blocks deep; posted once
    credited -> lost         a reorg took it back: the user keeps it, the operator bears the loss, an alarm is raised
    lost -> credited         it came again
    pending -> gone          the chain has spent its coins otherwise, at final depth

The wallet hands out the address; it is kept for ever, and whatever arrives there is the user's, blocked or not.

Accounts touched: bitcoin wallet, user BTC, reorg losses.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

import structlog

from hashrail import business_clock, day_fence, db, ledger, users
from hashrail.day_fence import OpenDay
from hashrail.db import Pool, Reader, Row, Tx
from hashrail.errors import UnavailableError
from hashrail.gateways.bitcoin_records import TransactionState, WalletHistory
from hashrail.gateways.chain import Chain
from hashrail.ledger import Chart, Kind, Transfer

State = Literal["pending", "credited", "lost", "gone"]
RECEIVED = ("receive", "generate")
WATCHED_DEPTH = 100
log = structlog.get_logger()


class DepositsNotAvailableError(UnavailableError):
    """This deployment has no chain on which anything could arrive."""

    code = "DEPOSITS_NOT_AVAILABLE"
    advice = "Ask the operator whether deposits are meant to be possible: they need a Bitcoin node."


@dataclass(frozen=True, slots=True)
class Deposit:
    """`amount_btc` that arrived in an output. `confirmations` are counted to a hundred."""

    id: int
    user_id: int
    partner_user_id: str
    address: str
    txid: str
    vout: int
    amount_btc: Decimal
    state: State
    confirmations: int
    created_at: datetime
    credited_at: datetime | None


async def address_of(pool: Pool, chain: Chain | None, partner_id: int, user_id: int) -> str:
    """The user's address, made when he has none; two at once get the same.

    Raises DepositsNotAvailableError, UserBlockedError (for a new one), and what a node's call may raise.
    """
    known = await _known_address(pool, partner_id, user_id)
    if known is not None:
        return known
    if chain is None:
        raise DepositsNotAvailableError("there is no Bitcoin node")
    fresh = await chain.new_address()  # where two ask at once, one of the addresses is never told to anybody
    async with db.transaction(pool) as tx:
        day = await day_fence.share(tx, partner_id)
        users.assert_active((await users.lock(tx, partner_id, [user_id]))[user_id], field="partnerUserId")
        await tx.execute(
            """INSERT INTO deposit_address (address, partner_id, user_id, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (partner_id, user_id) DO NOTHING""",
            fresh,
            partner_id,
            user_id,
            day.now,
        )
    made = await _known_address(pool, partner_id, user_id)
    assert made is not None, "it was just written, by us or by somebody else"
    return made


async def scan(tx: Tx, history: WalletHistory) -> int:
    """Write down what arrived at users' addresses; what is known already changes nothing. Answers how many are new."""
    found = [entry for entry in history.entries if entry.category in RECEIVED and entry.address is not None]
    rows = await tx.fetch(
        """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations, created_at)
           SELECT a.partner_id, a.user_id, a.address, e.txid, e.vout, e.amount_btc, 'pending', 0, $5
           FROM unnest($1::text[], $2::text[], $3::int[], $4::numeric[]) AS e (address, txid, vout, amount_btc)
           JOIN deposit_address a ON a.address = e.address
           ON CONFLICT (partner_id, txid, vout) DO NOTHING RETURNING id""",
        [entry.address for entry in found],
        [entry.txid for entry in found],
        [entry.vout for entry in found],
        [entry.amount_btc for entry in found],
        await business_clock.now(tx),
    )
    return len(rows)


async def watch(pool: Pool, chain: Chain, *, credit_depth: int, final_depth: int) -> None:
    """Credit what is deep enough, notice what a reorg took; each deposit in a transaction of its own."""
    rows = await pool.fetch(
        """SELECT d.partner_id, d.id, d.txid FROM partner p JOIN deposit d ON d.partner_id = p.id
           WHERE d.confirmations < $1 AND d.state <> 'gone' ORDER BY d.partner_id, d.id""",
        WATCHED_DEPTH,
    )
    for row in rows:
        seen = await chain.transaction(row["txid"])
        async with db.transaction(pool) as tx:
            day = await day_fence.share(tx, row["partner_id"])
            await _bring_up_to_date(tx, day, row["id"], seen, credit_depth, final_depth)


async def of_partner(
    tx: Reader, partner_id: int, *, user_id: int | None = None, limit: int, offset: int = 0, before: int | None = None
) -> list[Deposit]:
    """A page of the partner's deposits, or of one user's, newest first; `before` is the last page's last id."""
    rows = await tx.fetch(
        """SELECT d.*, u.partner_user_id FROM deposit d
           JOIN app_user u ON u.partner_id = d.partner_id AND u.id = d.user_id
           WHERE d.partner_id = $1 AND ($2::bigint IS NULL OR d.user_id = $2) AND ($3::bigint IS NULL OR d.id < $3)
           ORDER BY d.id DESC LIMIT $4 OFFSET $5""",
        partner_id,
        user_id,
        before,
        limit,
        offset,
    )
    return [_deposit(row) for row in rows]


async def _known_address(tx: Reader, partner_id: int, user_id: int) -> str | None:
    address: str | None = await tx.fetchval(
        "SELECT address FROM deposit_address WHERE partner_id = $1 AND user_id = $2", partner_id, user_id
    )
    return address


async def _bring_up_to_date(
    tx: Tx, day: OpenDay, deposit_id: int, seen: TransactionState, credit_depth: int, final_depth: int
) -> None:
    row = await tx.fetchrow(
        "SELECT * FROM deposit WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE", day.partner_id, deposit_id
    )
    assert row is not None, "deposits are never deleted"
    depth = max(seen.confirmations, 0)
    state, legs = row["state"], row["legs"]
    if state in ("pending", "lost") and depth >= credit_depth:
        state, legs = "credited", legs + 1
    elif state == "credited" and depth == 0:
        state, legs = "lost", legs + 1
        log.error("a credited deposit was lost in a reorg", deposit=deposit_id, txid=row["txid"], btc=row["amount_btc"])
    elif state == "pending" and seen.confirmations <= -final_depth:
        state = "gone"
    if (state, depth) == (row["state"], row["confirmations"]):
        return
    await tx.execute(
        """UPDATE deposit SET state = $3, confirmations = $4, legs = $5,
                  credited_at = CASE WHEN $5 > 0 THEN coalesce(credited_at, $6) END
           WHERE partner_id = $1 AND id = $2""",
        day.partner_id,
        deposit_id,
        state,
        depth,
        legs,
        day.now,
    )
    if legs > row["legs"]:
        await _post(tx, day, row, legs)


async def _post(tx: Tx, day: OpenDay, row: Row, leg: int) -> None:
    """Leg 1 credits the user; then by turns the operator loses it and has it back."""
    if leg == 1:
        credit = await ledger.user_account(tx, day.partner_id, row["user_id"], "BTC")
        debit: int = Chart.BITCOIN_WALLET
    elif leg % 2 == 0:
        debit, credit = Chart.REORG_LOSSES, Chart.BITCOIN_WALLET
    else:
        debit, credit = Chart.BITCOIN_WALLET, Chart.REORG_LOSSES
    await ledger.post(tx, day, Transfer(Kind.DEPOSIT, row["id"], leg, debit, credit, row["amount_btc"]))


def _deposit(row: Row) -> Deposit:
    return Deposit(
        row["id"],
        row["user_id"],
        row["partner_user_id"],
        row["address"],
        row["txid"],
        row["vout"],
        row["amount_btc"],
        row["state"],
        row["confirmations"],
        row["created_at"],
        row["credited_at"],
    )
