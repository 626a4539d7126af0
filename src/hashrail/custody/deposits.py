"""Deposits: a user tops up their account with bitcoin, at an address of their own.

    pending -> credited      as deep as its amount asks for, and proven; posted once
    credited -> lost         a reorg took it back: the user keeps it, the operator bears the loss, an alarm is raised
    lost -> credited         it came again
    pending -> gone          the chain has spent its coins otherwise, at final depth

Whatever arrives at an address is the user's, blocked or not; `deposit_addresses` gives them out, and knows whose one is
where the books have forgotten it. Nothing is credited on the word of the node alone: `deposit_evidence` has
what it must show.

Accounts touched: bitcoin wallet, user BTC, reorg losses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

import structlog

from hashrail import db
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.records import Outpoint, TransactionState, WalletEntry, WalletHistory
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.custody import address_owners, deposit_evidence
from hashrail.custody.address_owners import LABEL
from hashrail.custody.deposit_evidence import Arrived
from hashrail.db import Pool, Reader, Tx
from hashrail.events import drafts
from hashrail.events.types.deposits import DepositCredited, DepositEvent, DepositGone, DepositLost, DepositPending
from hashrail.money import ZERO
from hashrail.settings import Network, Settings

State = Literal["pending", "credited", "lost", "gone"]
TOLD: dict[State, type[DepositEvent]] = {
    "pending": DepositPending,
    "credited": DepositCredited,
    "lost": DepositLost,
    "gone": DepositGone,
}
RECEIVED = ("receive", "generate", "immature")
# What a block paid to its miner cannot be spent before.
MATURE = 101
log = structlog.get_logger()


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
    coinbase: bool
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """A deposit as the books have it."""

    id: int
    partner_id: int
    user_id: int
    address: str
    txid: str
    vout: int
    amount_btc: Decimal
    coinbase: bool
    state: State
    confirmations: int
    legs: int

    @property
    def standing(self) -> _Standing:
        """What the chain had decided by then."""
        return _Standing(self.state, self.confirmations, self.legs)


@dataclass(frozen=True, slots=True)
class DepositTerms:
    """How deep a deposit must be: at the least, by BTC from which on it is more, and for a conflict to be final."""

    network: Network
    least: int
    by_amount: Mapping[Decimal, int]
    final_depth: int

    @classmethod
    def of(cls, settings: Settings) -> "DepositTerms":
        """The terms that the settings name."""
        least, by_amount = settings.bitcoin_deposit_confirmations, settings.bitcoin_deposit_depths
        return cls(settings.network, least, by_amount, settings.bitcoin_final_depth)

    def needed(self, amount_btc: Decimal, *, coinbase: bool) -> int:
        """Confirmations after which so much is credited; what a block pays its miner has to be spendable as well."""
        asked = [depth for start, depth in self.by_amount.items() if amount_btc >= start]
        return max(self.least, *asked, MATURE if coinbase else 0)


@dataclass(frozen=True, slots=True)
class _Depths:
    """Confirmations that credit, and those after which a conflict is final."""

    needed: int
    final: int


# Deposits as they are shown.
READ = """
    SELECT d.id, d.user_id, u.partner_user_id, d.address, d.txid, d.vout, d.amount_btc, d.coinbase, d.state,
           d.confirmations, d.created_at, d.credited_at
    FROM deposit d JOIN app_user u ON u.partner_id = d.partner_id AND u.id = d.user_id"""


# What was given up and is in a block after all.
_AGAIN = """
    UPDATE deposit d SET state = 'pending'
    FROM unnest($2::text[], $3::int[], $4::int[]) AS e (txid, vout, confirmations)
    WHERE d.partner_id = $1 AND d.txid = e.txid AND d.vout = e.vout AND d.state = 'gone' AND e.confirmations > 0
    RETURNING d.partner_id, d.id"""
# What is known already changes nothing, but what was told wrongly before it was proven is corrected.
_WRITE = """
    INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, coinbase, state, confirmations,
                         created_at)
    SELECT $1, e.user_id, e.address, e.txid, e.vout, e.amount_btc, e.coinbase, 'pending', 0, $8
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::numeric[], $7::bool[])
         AS e (user_id, address, txid, vout, amount_btc, coinbase)
    ON CONFLICT (partner_id, txid, vout) DO UPDATE SET amount_btc = excluded.amount_btc
    WHERE deposit.legs = 0 AND deposit.amount_btc <> excluded.amount_btc
    RETURNING partner_id, id"""
_KNOW = """
    INSERT INTO deposit_address (address, partner_id, user_id, given, created_at)
    SELECT DISTINCT e.address, $1::bigint, e.user_id, false, $4::timestamptz
    FROM unnest($2::text[], $3::bigint[]) AS e (address, user_id) ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class _Own:
    """What arrived at a user's address, and whether the books know that address."""

    user_id: int
    entry: WalletEntry
    is_known: bool


async def scan(tx: Tx, history: WalletHistory, *, now: datetime) -> list[Finding]:
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
    known = await address_owners.find(tx, found)
    arrived: dict[int, list[_Own]] = {}
    nobodys = []
    for entry in found:
        owner, label = known.get(entry.address or ""), LABEL.fullmatch(entry.label or "")
        if owner is not None:
            arrived.setdefault(owner.partner_id, []).append(_Own(owner.user_id, entry, owner.is_known))
        elif label is not None:
            message = f"{entry.txid} pays the address of {label['user']!r}, who is not known"
            nobodys.append(Finding("DEPOSIT_OF_NOBODY", message))
    for partner_id in sorted(arrived):
        await _write(tx, partner_id, arrived[partner_id], now=now)
    return nobodys


async def _write(tx: Tx, partner_id: int, arrived: Sequence["_Own"], *, now: datetime) -> None:
    """Write down what arrived at addresses of a partner's users, and tell what is new or changed."""
    users, entries = [each.user_id for each in arrived], [each.entry for each in arrived]
    addresses, txids = [entry.address for entry in entries], [entry.txid for entry in entries]
    vouts = [entry.vout for entry in entries]
    changed = await tx.fetch(_AGAIN, partner_id, txids, vouts, [entry.confirmations for entry in entries])
    changed += await tx.fetch(
        _WRITE,
        *(partner_id, users, addresses, txids, vouts),
        [entry.amount_btc for entry in entries],
        [entry.category != "receive" for entry in entries],
        now,
    )
    new = [each for each in arrived if not each.is_known]
    if new:
        await tx.execute(_KNOW, partner_id, [each.entry.address for each in new], [each.user_id for each in new], now)
    if changed:
        await _tell(tx, sorted({(row["partner_id"], row["id"]) for row in changed}))


async def watch(pool: Pool, chain: Chain, terms: DepositTerms) -> list[Finding]:
    """Credit what is deep enough and proven, notice what a reorg took; each that changed in a transaction of its own.

    Answers what an operator should know: deposits that cannot be proven, credited ones that are lost, and those that
    the node has never seen.
    """
    rows = await pool.fetch(
        """SELECT d.id, d.partner_id, d.user_id, d.address, d.txid, d.vout, d.amount_btc, d.coinbase, d.state,
                  d.confirmations, d.legs
           FROM partner p JOIN deposit d ON d.partner_id = p.id
           WHERE d.state IN ('pending', 'lost') OR (d.state = 'credited' AND d.confirmations < 100)
           ORDER BY d.partner_id, d.id"""
    )
    kept = [db.record(_Kept, row) for row in rows]
    seen = {txid: await chain.transaction(txid) for txid in dict.fromkeys(one.txid for one in kept)}
    needed = _needed(kept, seen, terms)
    due = [one for one in kept if _is_due(one, seen[one.txid], needed[one.id])]
    shown = await deposit_evidence.ask(pool, chain, terms.network, [_claim(one, seen, needed) for one in due])
    found = []
    for one in kept:
        state, proof = seen[one.txid], shown.get(Outpoint(one.txid, one.vout))
        if state.state == "unknown":
            # Another node or wallet: it proves nothing.
            found.append(Finding("DEPOSIT_UNKNOWN", f"the node has never seen {one.txid}, deposit {one.id}"))
            continue
        if isinstance(proof, Doubt):
            log.error("a deposit cannot be proven", deposit=one.id, txid=one.txid, why=proof.reason)
            found.append(Finding("DEPOSIT_UNPROVEN", f"deposit {one.id}, {one.amount_btc:f} BTC: {proof.reason}"))
            continue
        depths = _Depths(needed[one.id], terms.final_depth)
        now = _standing(one, state, depths, proof)
        if now != one.standing:
            async with db.transaction(pool) as tx:
                books = await fence.share(tx, one.partner_id)
                now = await _bring_up_to_date(tx, books, one.id, state, depths, proof)
        if now.state == "lost":
            found.append(Finding("DEPOSIT_LOST", f"a reorg took deposit {one.id}, {one.amount_btc:f} BTC"))
    return found


async def of_partner(
    tx: Reader, partner_id: int, *, user_id: int | None = None, limit: int, offset: int = 0, before: int | None = None
) -> list[Deposit]:
    """A page of the partner's deposits, or of one user's, newest first; `before` is the last page's last id."""
    rows = await tx.fetch(
        f"""{READ}
           WHERE d.partner_id = $1 AND ($2::bigint IS NULL OR d.user_id = $2) AND ($3::bigint IS NULL OR d.id < $3)
           ORDER BY d.id DESC LIMIT $4 OFFSET $5""",
        *(partner_id, user_id, before, limit, offset),
    )
    return [db.record(Deposit, row) for row in rows]


def _needed(kept: Sequence[_Kept], seen: Mapping[str, TransactionState], terms: DepositTerms) -> dict[int, int]:
    """How deep each must be: by all that its block brings that is not credited yet."""
    sums: dict[str | None, Decimal] = {}
    for one in kept:
        if one.state != "credited":
            block = seen[one.txid].block_hash
            sums[block] = sums.get(block, ZERO) + one.amount_btc
    brought = {one.id: max(one.amount_btc, sums.get(seen[one.txid].block_hash, ZERO)) for one in kept}
    return {one.id: terms.needed(brought[one.id], coinbase=one.coinbase) for one in kept}


def _is_due(one: _Kept, seen: TransactionState, needed: int) -> bool:
    """Whether the node says that it is deep enough to be credited, so that it has to prove it."""
    return one.state in ("pending", "lost") and seen.confirmations >= needed


def _claim(one: _Kept, seen: Mapping[str, TransactionState], needed: Mapping[int, int]) -> Arrived:
    block = seen[one.txid].block_hash or ""
    return Arrived(Claim(one.txid, block, needed[one.id]), one.vout, one.address, one.amount_btc, one.coinbase)


async def _bring_up_to_date(
    tx: Tx, books: OpenBooks, deposit_id: int, seen: TransactionState, depths: "_Depths", proof: Evidence | None
) -> _Standing:
    row = await tx.fetchrow(
        """SELECT id, partner_id, user_id, address, txid, vout, amount_btc, coinbase, state, confirmations, legs
           FROM deposit
           WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE""",
        books.partner_id,
        deposit_id,
    )
    assert row is not None, "deposits are never deleted"
    # Read again under its lock: another run may have brought it up to date meanwhile.
    kept = db.record(_Kept, row)
    now = _standing(kept, seen, depths, proof)
    if now == kept.standing:
        return now
    await tx.execute(
        """UPDATE deposit SET state = $3, confirmations = $4, legs = $5,
                  credited_at = CASE WHEN $5 > 0 THEN coalesce(credited_at, $6) END
           WHERE partner_id = $1 AND id = $2""",
        books.partner_id,
        deposit_id,
        now.state,
        now.confirmations,
        now.legs,
        books.now,
    )
    if now.state == "lost" != kept.state:
        log.error("a credited deposit was lost in a reorg", deposit=deposit_id, txid=kept.txid, btc=kept.amount_btc)
    if now.legs > kept.legs:
        await _post(tx, books, kept, now.legs)
    if now.state == "credited" != kept.state:
        assert proof is not None, "nothing is credited without"
        await deposit_evidence.keep(tx, books.partner_id, kept.id, now.legs, proof, at=books.now)
    if now.state != kept.state:
        await _tell(tx, [(books.partner_id, kept.id)])
    return now


async def _tell(tx: Tx, numbers: Sequence[tuple[int, int]]) -> None:
    """Note the state that locked deposits have come into, (partner, number) each."""
    rows = await tx.fetch(
        """SELECT d.partner_id, d.id, d.user_id, u.partner_user_id, d.address, d.txid, d.vout, d.amount_btc AS amount,
                  d.state
           FROM unnest($1::bigint[], $2::bigint[]) AS n (partner_id, id)
           JOIN deposit d ON d.partner_id = n.partner_id AND d.id = n.id
           JOIN app_user u ON u.partner_id = d.partner_id AND u.id = d.user_id ORDER BY d.partner_id, d.id""",
        [partner_id for partner_id, _ in numbers],
        [number for _, number in numbers],
    )
    told = [(row["partner_id"], {name: row[name] for name in DepositEvent.__struct_fields__}) for row in rows]
    await drafts.note_all(tx, [(partner_id, TOLD[facts["state"]](**facts)) for partner_id, facts in told])


def _standing(kept: _Kept, seen: TransactionState, depths: "_Depths", proof: Evidence | None) -> _Standing:
    """How a deposit stands now; whoever has no proof credits nothing."""
    stood = replace(kept.standing, confirmations=max(seen.confirmations, 0))
    match stood.state:
        case "pending" | "lost" if proof is not None and proof.depth >= depths.needed <= stood.confirmations:
            return replace(stood, state="credited", legs=stood.legs + 1)
        case "credited" if stood.confirmations == 0:
            return replace(stood, state="lost", legs=stood.legs + 1)
        case "pending" if seen.confirmations <= -depths.final:
            return replace(stood, state="gone")
    return stood


async def _post(tx: Tx, books: OpenBooks, kept: _Kept, leg: int) -> None:
    """Leg 1 credits the user; then by turns the operator loses it and has it back."""
    if leg == 1:
        credit = await ledger.user_account(tx, books.partner_id, kept.user_id, "BTC")
        debit: int = Account.BITCOIN_WALLET
    elif leg % 2 == 0:
        debit, credit = Account.REORG_LOSSES, Account.BITCOIN_WALLET
    else:
        debit, credit = Account.BITCOIN_WALLET, Account.REORG_LOSSES
    await ledger.post(tx, books, Transfer(TransferKind.DEPOSIT, kept.id, leg, debit, credit, kept.amount_btc))
