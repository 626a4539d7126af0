"""Deposits: a user tops up his account with bitcoin, at an address of his own.

    pending -> credited      two blocks deep; posted once
    credited -> lost         a reorg took it back: the user keeps it, the operator bears the loss, an alarm is raised
    lost -> credited         it came again
    pending -> gone          the chain has spent its coins otherwise, at final depth

The wallet hands out the address; it is kept for ever, and whatever arrives there is the user's, blocked or not. The
wallet also keeps whose it is, as the address's label: where the books were restored from an older copy, the user gets
the address that he had, and what has arrived there is still his. From then on the books know that address again.

Accounts touched: bitcoin wallet, user BTC, reorg losses.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

import structlog

from hashrail import business_clock, day_fence, db, ledger, payout_wallet, users
from hashrail.day_fence import OpenDay
from hashrail.db import Pool, Reader, Row, Tx
from hashrail.errors import UnavailableError
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.bitcoin_records import TransactionState, WalletHistory
from hashrail.gateways.chain import Chain
from hashrail.ledger import Chart, Kind, Transfer

State = Literal["pending", "credited", "lost", "gone"]
RECEIVED = ("receive", "generate", "immature")
# An address that somebody has already is passed over; a wallet that was made anew begins with those of all users.
MOST_TRIES = 10_000
LABEL = re.compile(r"(?P<partner>partner-[0-9a-f-]{36})/(?P<user>.+)", re.S)
# What a block paid to its miner cannot be spent before.
MATURE = 101
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


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the chain decides of a deposit; `legs` counts how often it was credited, lost and found again."""

    state: State
    confirmations: int
    legs: int


async def address_of(pool: Pool, chain: Chain | None, partner_id: int, user_id: int) -> str:
    """The user's address, made when he has none; two at once get the same.

    Raises DepositsNotAvailableError, UserBlockedError (for a new one), and what a node's call may raise.
    """
    known = await _known_address(pool, partner_id, user_id)
    if known is not None:
        return known
    if chain is None:
        raise DepositsNotAvailableError("there is no Bitcoin node")
    async with db.transaction(pool) as tx:
        users.assert_active((await users.lock(tx, partner_id, [user_id]))[user_id], field="partnerUserId")
    doubts = await payout_wallet.look(pool, chain)
    if doubts:
        log.error("no deposit address is given out", code=doubts[0].code, why=doubts[0].message)
        raise DepositsNotAvailableError("the wallet of the node is in doubt")
    label = await _label(pool, partner_id, user_id)
    for _ in range(MOST_TRIES):
        made = await chain.address_for(label)
        first = await _give(pool, partner_id, user_id, made)
        if first is not None:
            return first
        owner = await pool.fetchrow("SELECT partner_id, user_id FROM deposit_address WHERE address = $1", made)
        assert owner is not None, "it could not be written, so it is there"
        await chain.put_label(made, await _label(pool, owner["partner_id"], owner["user_id"]))
    raise DepositsNotAvailableError("the wallet gives out only addresses that others have")


async def scan(tx: Tx, history: WalletHistory) -> list[Finding]:
    """Write down what arrived at users' addresses; what is known already changes nothing.

    What was given up and is in a block after all is pending again. Answers what belongs to users whom the books do not
    know, because an older copy of them was restored.
    """
    found = [
        entry
        for entry in history.entries
        # Nobody relays an output of nothing, but a block may have one.
        if entry.category in RECEIVED and entry.address is not None and entry.amount_btc > 0
    ]
    owners = [LABEL.fullmatch(entry.label or "") for entry in found]
    rows = await tx.fetch(
        """WITH arrived AS (
               SELECT e.*, coalesce(a.partner_id, u.partner_id) AS partner_id, coalesce(a.user_id, u.id) AS user_id
               FROM unnest($1::text[], $2::text[], $3::int[], $4::numeric[], $5::text[], $6::text[], $7::bool[],
                           $8::int[])
                    AS e (address, txid, vout, amount_btc, partner, partner_user, coinbase, confirmations)
               LEFT JOIN deposit_address a ON a.address = e.address
               LEFT JOIN partner p ON p.public_id = e.partner
               LEFT JOIN app_user u ON u.partner_id = p.id AND u.partner_user_id = e.partner_user),
           again AS (
               UPDATE deposit d SET state = 'pending' FROM arrived e
               WHERE d.partner_id = e.partner_id AND d.txid = e.txid AND d.vout = e.vout AND d.state = 'gone'
                 AND e.confirmations > 0),
           written AS (
               INSERT INTO deposit
                   (partner_id, user_id, address, txid, vout, amount_btc, coinbase, state, confirmations, created_at)
               SELECT partner_id, user_id, address, txid, vout, amount_btc, coinbase, 'pending', 0, $9
               FROM arrived WHERE user_id IS NOT NULL
               ON CONFLICT (partner_id, txid, vout) DO NOTHING),
           known AS (
               INSERT INTO deposit_address (address, partner_id, user_id, given, created_at)
               SELECT DISTINCT address, partner_id, user_id, false, $9::timestamptz FROM arrived
               WHERE user_id IS NOT NULL ON CONFLICT DO NOTHING)
           SELECT txid, partner_user FROM arrived WHERE user_id IS NULL AND partner IS NOT NULL""",
        [entry.address for entry in found],
        [entry.txid for entry in found],
        [entry.vout for entry in found],
        [entry.amount_btc for entry in found],
        [None if owner is None else owner["partner"] for owner in owners],
        [None if owner is None else owner["user"] for owner in owners],
        [entry.category != "receive" for entry in found],
        [entry.confirmations for entry in found],
        await business_clock.now(tx),
    )
    return [
        Finding("DEPOSIT_OF_NOBODY", f"{row['txid']} pays the address of {row['partner_user']!r}, who is not known")
        for row in rows
    ]


async def watch(pool: Pool, chain: Chain, *, credit_depth: int, final_depth: int) -> list[Finding]:
    """Credit what is deep enough, notice what a reorg took; each deposit that changed in a transaction of its own.

    Answers what an operator should know: credited deposits that are lost, or that the node has never seen.
    """
    rows = await pool.fetch(
        """SELECT d.* FROM partner p JOIN deposit d ON d.partner_id = p.id
           WHERE d.state IN ('pending', 'lost') OR (d.state = 'credited' AND d.confirmations < 100)
           ORDER BY d.partner_id, d.id"""
    )
    seen = {txid: await chain.transaction(txid) for txid in dict.fromkeys(row["txid"] for row in rows)}
    found = []
    for row in rows:
        state = seen[row["txid"]]
        if state.state == "unknown":
            # Another node or wallet: it proves nothing.
            found.append(Finding("DEPOSIT_UNKNOWN", f"the node has never seen {row['txid']}, deposit {row['id']}"))
            continue
        now = _standing(row, state, credit_depth, final_depth)
        if now != _stood(row):
            async with db.transaction(pool) as tx:
                day = await day_fence.share(tx, row["partner_id"])
                now = await _bring_up_to_date(tx, day, row["id"], state, credit_depth, final_depth)
        if now.state == "lost":
            found.append(Finding("DEPOSIT_LOST", f"a reorg took deposit {row['id']}, {row['amount_btc']:f} BTC"))
    return found


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


async def _give(pool: Pool, partner_id: int, user_id: int, made: str) -> str | None:
    """The user's address: `made`, or one that he has got meanwhile; None where `made` is another one's.

    That happens where the wallet was made anew and begins again.
    """
    async with db.transaction(pool) as tx:
        await users.lock(tx, partner_id, [user_id])
        known = await _known_address(tx, partner_id, user_id)
        if known is not None:
            return known
        await tx.execute(
            """INSERT INTO deposit_address AS a (address, partner_id, user_id, given, created_at)
               VALUES ($1, $2, $3, true, $4)
               ON CONFLICT (address) DO UPDATE SET given = true
               WHERE a.partner_id = excluded.partner_id AND a.user_id = excluded.user_id""",
            made,
            partner_id,
            user_id,
            await business_clock.now(tx),
        )
        return await _known_address(tx, partner_id, user_id)


async def _known_address(tx: Reader, partner_id: int, user_id: int) -> str | None:
    address: str | None = await tx.fetchval(
        "SELECT address FROM deposit_address WHERE partner_id = $1 AND user_id = $2 AND given", partner_id, user_id
    )
    return address


async def _label(tx: Reader, partner_id: int, user_id: int) -> str:
    """What the wallet remembers an address by: names that outlive the books' own numbers."""
    label: str = await tx.fetchval(
        """SELECT p.public_id || '/' || u.partner_user_id FROM partner p JOIN app_user u ON u.partner_id = p.id
           WHERE p.id = $1 AND u.id = $2""",
        partner_id,
        user_id,
    )
    return label


async def _bring_up_to_date(
    tx: Tx, day: OpenDay, deposit_id: int, seen: TransactionState, credit_depth: int, final_depth: int
) -> _Standing:
    row = await tx.fetchrow(
        "SELECT * FROM deposit WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE", day.partner_id, deposit_id
    )
    assert row is not None, "deposits are never deleted"
    now = _standing(row, seen, credit_depth, final_depth)
    if now == _stood(row):
        return now
    await tx.execute(
        """UPDATE deposit SET state = $3, confirmations = $4, legs = $5,
                  credited_at = CASE WHEN $5 > 0 THEN coalesce(credited_at, $6) END
           WHERE partner_id = $1 AND id = $2""",
        day.partner_id,
        deposit_id,
        now.state,
        now.confirmations,
        now.legs,
        day.now,
    )
    if now.state == "lost" != row["state"]:
        log.error("a credited deposit was lost in a reorg", deposit=deposit_id, txid=row["txid"], btc=row["amount_btc"])
    if now.legs > row["legs"]:
        await _post(tx, day, row, now.legs)
    return now


def _stood(row: Row) -> _Standing:
    return _Standing(row["state"], row["confirmations"], row["legs"])


def _standing(row: Row, seen: TransactionState, credit_depth: int, final_depth: int) -> _Standing:
    """How a deposit stands now."""
    stood = replace(_stood(row), confirmations=max(seen.confirmations, 0))
    needed = max(credit_depth, MATURE) if row["coinbase"] else credit_depth
    match stood.state:
        case "pending" | "lost" if stood.confirmations >= needed:
            return replace(stood, state="credited", legs=stood.legs + 1)
        case "credited" if stood.confirmations == 0:
            return replace(stood, state="lost", legs=stood.legs + 1)
        case "pending" if seen.confirmations <= -final_depth:
            return replace(stood, state="gone")
    return stood


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
