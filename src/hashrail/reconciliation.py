"""Reconciliation: the wallet, the chain and the books, compared to the satoshi.

Three parts, each a sum. What is there stands first, what it should be follows, line by line:

- **wallet**: the coins that the node lists, against what the wallet's history says of every transaction;
- **bridge**: the wallet in the partners' books, against the wallet on the chain and whatever is between the two;
- **books**: the wallet in the partners' books, against the deposits and withdrawals that were posted.

What no line explains is an alarm. A line is named only where something proves it: the history, the chain, or a record
of the operator's. So a posting that the chain has nothing for, or a payment that nobody posts, is left over.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from hashrail import db, deposits, payout_settlement
from hashrail.db import Pool, Reader, Tx
from hashrail.gateways.bitcoin_records import Coin, Outpoint, Output, State, WalletEntry, WalletHistory
from hashrail.gateways.chain import Chain

ZERO = Decimal(0)
INCOMING = ("receive", "generate")
LOOKS = 5

COINS = "confirmed coins of the wallet"
FUNDING = "the operator's own funding"
DEPOSITS = "deposits on the chain"
PAYOUTS = "payouts and their fees"
FOREIGN = "spends that no batch knows"
CHANGE = "change that waits for a block"
LOCKED = "coins that are locked on the node"
HELD = "coins of payments that the mempool has lost"
UNSIGNABLE = "coins that cannot be signed for"

BOOKED = "the wallet in the partners' books"
WALLET = "the wallet, with what is locked, held or on its way back"
ACKNOWLEDGED = "spends that no batch knows, acknowledged"
UNACKNOWLEDGED = "spends that no batch knows, not acknowledged"
NOT_CREDITED = "deposits not credited yet"
FOUND_AGAIN = "lost deposits that the chain has again, not credited yet"
TAKEN_BACK = "credited deposits that a reorg took, not booked as lost yet"
STRANGERS = "deposits of users whom the books do not know"
DEPOSITED_ELSEWHERE = "credited deposits that lie in another wallet"
IN_MEMPOOL = "payments in the mempool"
NOT_FINAL = "payments confirmed, not final yet"
NOT_POSTED = "payments final, not posted yet"
FEES_LATER = "network fees not booked yet"
FEES_NEVER = "network fees of payments that were recorded without a node"
BESIDES = "what recorded payments paid besides"
PAID_ELSEWHERE = "payments that another wallet made"
FELL_OUT = "posted payments that neither chain nor mempool has now"
BRIDGE = (
    *(ACKNOWLEDGED, UNACKNOWLEDGED, NOT_CREDITED, FOUND_AGAIN, TAKEN_BACK, STRANGERS, DEPOSITED_ELSEWHERE),
    *(IN_MEMPOOL, NOT_FINAL, NOT_POSTED, FEES_LATER, FEES_NEVER, BESIDES, PAID_ELSEWHERE, FELL_OUT),
)

CREDITED = "deposits credited"
LOST = "credited deposits that were lost, which the operator bears"
FINAL = "withdrawals that are final"
FEES = "network fees of settled batches"


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
    """Lines that add up, part by part, and what is left over of each: zero, or an alarm."""

    wallet: list[Line]
    unexplained_btc: Decimal
    bridge: list[Line]
    bridge_unexplained_btc: Decimal
    books: list[Line]
    books_unexplained_btc: Decimal
    simulated: bool

    @property
    def alarm(self) -> bool:
        """Whether anything is left over."""
        return any((self.unexplained_btc, self.bridge_unexplained_btc, self.books_unexplained_btc))


class _Tally:
    """Amounts by what they are; nothing counts nothing."""

    def __init__(self) -> None:
        self._amounts: dict[str, list[Decimal]] = defaultdict(list)

    def add(self, what: str, amount_btc: Decimal) -> None:
        if amount_btc != 0:
            self._amounts[what].append(amount_btc)

    def line(self, what: str) -> Line:
        amounts = self._amounts[what]
        return Line(what, sum(amounts, ZERO), len(amounts))

    def lines(self, names: Iterable[str]) -> list[Line]:
        """Those that are of something."""
        return [line for line in map(self.line, names) if line.count > 0]


@dataclass(frozen=True, slots=True)
class _Picture:
    """What the node says of the wallet at one moment; `waiting` are spends without a block, and where they are."""

    history: WalletHistory
    waiting: dict[str, State]
    coins: list[Coin]
    locked: set[Outpoint]


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch in the books: BTC of its withdrawals, not posted and posted, and of its fee, posted."""

    id: int
    kind: str
    state: str
    settled: bool
    open_btc: Decimal
    posted_btc: Decimal
    fee_posted_btc: Decimal


@dataclass(frozen=True, slots=True)
class _Version:
    """A transaction of a batch in the books. `by_word`: recorded without a node, so that its fee is not known."""

    batch_id: int
    fee_btc: Decimal
    by_word: bool


@dataclass(frozen=True, slots=True)
class _Deposit:
    """A deposit in the books."""

    address: str
    amount_btc: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class _Books:
    """What the books say at one moment.

    `users` are addresses of the wallet that belong to users whom they know; `paid` are (batch, address) of withdrawals,
    those to the wallet itself and those of recorded payments.
    """

    lines: list[Line]
    batches: dict[int, _Batch]
    versions: dict[str, _Version]
    deposits: dict[Outpoint, _Deposit]
    users: set[str]
    paid: set[tuple[int, str]]
    acknowledged: set[str]

    def batch_of(self, txid: str) -> _Batch | None:
        """The batch that a transaction pays; none for one that was given up, whatever the chain has."""
        version = self.versions.get(txid)
        batch = None if version is None else self.batches[version.batch_id]
        return None if batch is None or batch.state == "conflicted" else batch


@dataclass(slots=True)
class _Spend:
    """A transaction that spends coins of the wallet: `spent_btc` of them, of which `change_btc` comes back.

    `fee_btc` is None where somebody else's coins are spent too. `outputs` are kept for recorded payments only.
    """

    txid: str
    state: State
    inputs: tuple[Outpoint, ...]
    outputs: tuple[Output, ...]
    spent_btc: Decimal
    fee_btc: Decimal | None
    change_btc: Decimal = ZERO

    @property
    def moved_btc(self) -> Decimal:
        """What the wallet has less; nothing unless chain or mempool has it."""
        return self.spent_btc - self.change_btc if self.live else ZERO

    @property
    def live(self) -> bool:
        """Whether chain or mempool has it."""
        return self.state in ("mempool", "confirmed")


@dataclass(slots=True)
class _Wallet:
    """The wallet by its history: every output that was ever its own, whose it is, and what spends."""

    outputs: dict[Outpoint, WalletEntry]
    spends: dict[str, _Spend]
    owners: dict[Outpoint, str]


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
    """Compare everything. Cost: the wallet's whole history, and two calls of the node for each spend in it."""
    picture = await _look(chain)
    # The books after the chain: what was sent was stored before, so they know every payment that the picture has.
    async with db.snapshot(pool) as tx:
        books = await _read(tx, picture.history)
    wallet = await _wallet(chain, picture, books)
    coins = await _wallet_lines(chain, picture, wallet, books)
    bridge = await _bridge_lines(chain, wallet, books, coins)
    left = [_left_over(lines) for lines in (coins, bridge, books.lines)]
    return Report(coins, left[0], bridge, left[1], books.lines, left[2], chain.simulated)


def _left_over(lines: list[Line]) -> Decimal:
    """The first line is what is there, the others what should be."""
    return lines[0].amount_btc - sum((line.amount_btc for line in lines[1:]), ZERO)


# What the node says


async def _look(chain: Chain) -> _Picture:
    """The wallet at one moment: where a block or a payment came in between, it is looked at again."""
    for _ in range(LOOKS):
        history = await chain.history(None, 1)
        spending = {entry.txid for entry in history.entries if entry.category == "send" and entry.confirmations == 0}
        waiting = {txid: (await chain.transaction(txid)).state for txid in sorted(spending)}
        picture = _Picture(history, waiting, await chain.coins(), set(await chain.locked()))
        later = await chain.history(history.last_block, 1)
        if (later.last_block, _unconfirmed(later)) == (history.last_block, _unconfirmed(history)):
            break
    return picture


def _unconfirmed(history: WalletHistory) -> set[tuple[str, int, str]]:
    return {(entry.txid, entry.vout, entry.category) for entry in history.entries if entry.confirmations == 0}


async def _wallet(chain: Chain, picture: _Picture, books: _Books) -> _Wallet:
    entries = picture.history.entries
    outputs = {Outpoint(each.txid, each.vout): each for each in entries if each.category != "send"}
    states: dict[str, State] = {e.txid: "confirmed" if e.confirmations > 0 else "conflicted" for e in entries}
    states |= picture.waiting
    wallet = _Wallet(outputs, {}, {})
    for txid in sorted({entry.txid for entry in entries if entry.category == "send"}):
        raw = await chain.raw_transaction(txid)
        assert raw is not None, "the wallet has the bytes of what stands in its history"
        decoded, batch = await chain.decode(raw), books.batch_of(txid)
        ours = [outputs[each].amount_btc for each in decoded.inputs if each in outputs]
        paid = [each.amount_btc for each in decoded.outputs]
        fee_btc = sum(ours, ZERO) - sum(paid, ZERO) if len(ours) == len(decoded.inputs) else None
        kept = decoded.outputs if batch is not None and batch.kind == "external" else ()
        wallet.spends[txid] = _Spend(txid, states[txid], decoded.inputs, kept, sum(ours, ZERO), fee_btc)
    for outpoint, entry in outputs.items():
        wallet.owners[outpoint] = owner = _owner(entry, books, wallet)
        if owner == "change":
            wallet.spends[entry.txid].change_btc += entry.amount_btc
    return wallet


def _owner(entry: WalletEntry, books: _Books, wallet: _Wallet) -> str:
    """Whose an output of the wallet is; a withdrawal to an address of the operator's is no change."""
    if entry.address in books.users:
        return "user"
    if deposits.LABEL.fullmatch(entry.label or ""):
        return "stranger"
    version = books.versions.get(entry.txid)
    is_paid = version is not None and (version.batch_id, entry.address) in books.paid
    return "change" if entry.txid in wallet.spends and not is_paid else "operator"


def _confirmed(entry: WalletEntry) -> bool:
    return entry.category in INCOMING and entry.confirmations > 0


async def _wallet_lines(chain: Chain, picture: _Picture, wallet: _Wallet, books: _Books) -> list[Line]:
    found = _Tally()
    listed = {coin.outpoint for coin in picture.coins}
    held = {each for spend in wallet.spends.values() if spend.state == "absent" for each in spend.inputs}
    taken = {each for spend in wallet.spends.values() if spend.live for each in spend.inputs}
    for outpoint, entry in wallet.outputs.items():
        owner = wallet.owners[outpoint]
        if _confirmed(entry):
            if owner != "change":
                found.add(FUNDING if owner == "operator" else DEPOSITS, entry.amount_btc)
            if outpoint in taken or outpoint in listed:
                continue
            if outpoint in picture.locked or outpoint in held:
                found.add(LOCKED if outpoint in picture.locked else HELD, -entry.amount_btc)
            elif await chain.is_unspent(outpoint):
                found.add(UNSIGNABLE, -entry.amount_btc)
        else:
            comes_back = owner == "change" and wallet.spends[entry.txid].live
            found.add(CHANGE, -entry.amount_btc * (comes_back - (outpoint in taken)))
    for spend in wallet.spends.values():
        found.add(FOREIGN if books.batch_of(spend.txid) is None else PAYOUTS, -spend.moved_btc)
    coins = Line(COINS, sum((coin.amount_btc for coin in picture.coins), ZERO), len(picture.coins))
    always = [found.line(what) for what in (FUNDING, DEPOSITS, PAYOUTS, FOREIGN)]
    return [coins, *always, *found.lines((CHANGE, LOCKED, HELD, UNSIGNABLE))]


# From the wallet to the books


async def _bridge_lines(chain: Chain, wallet: _Wallet, books: _Books, coins: list[Line]) -> list[Line]:
    by_name = {line.what: line for line in coins}
    moves = [by_name[what] for what in (FUNDING, DEPOSITS, PAYOUTS, FOREIGN)]
    # By its history, so that what the first part cannot explain is not told twice.
    whole = Line(WALLET, sum((line.amount_btc for line in moves), ZERO), sum(line.count for line in moves))
    funding = Line(FUNDING, -by_name[FUNDING].amount_btc, by_name[FUNDING].count)
    found = _Tally()
    for spend in wallet.spends.values():
        if books.batch_of(spend.txid) is None:
            found.add(ACKNOWLEDGED if spend.txid in books.acknowledged else UNACKNOWLEDGED, spend.moved_btc)
    await _bridge_deposits(chain, wallet, books, found)
    versions: dict[int, list[str]] = defaultdict(list)
    for txid, version in books.versions.items():
        versions[version.batch_id].append(txid)
    for batch_id, txids in versions.items():
        if books.batches[batch_id].state != "conflicted":
            await _bridge_batch(chain, wallet, books, books.batches[batch_id], txids, found)
    return [books.lines[0], whole, funding, *found.lines(BRIDGE)]


async def _bridge_deposits(chain: Chain, wallet: _Wallet, books: _Books, found: _Tally) -> None:
    for outpoint, entry in wallet.outputs.items():
        if not _confirmed(entry) or wallet.owners[outpoint] not in ("user", "stranger"):
            continue
        deposit = books.deposits.get(outpoint)
        if deposit is None and wallet.owners[outpoint] == "stranger":
            found.add(STRANGERS, -entry.amount_btc)
        elif deposit is None or deposit.state in ("pending", "gone"):
            found.add(NOT_CREDITED, -entry.amount_btc)
        elif deposit.state == "lost":
            found.add(FOUND_AGAIN, -entry.amount_btc)
    for outpoint, deposit in books.deposits.items():
        seen = wallet.outputs.get(outpoint)
        if deposit.state != "credited" or (seen is not None and _confirmed(seen)):
            continue
        if seen is not None:
            found.add(TAKEN_BACK, seen.amount_btc)
        elif await _has_paid(chain, outpoint, deposit):
            found.add(DEPOSITED_ELSEWHERE, deposit.amount_btc)


async def _has_paid(chain: Chain, outpoint: Outpoint, deposit: _Deposit) -> bool:
    """Whether the chain has a deposit that this wallet does not know: it was made to an earlier one."""
    if (await chain.transaction(outpoint.txid)).state != "confirmed":
        return False
    raw = await chain.raw_transaction(outpoint.txid)
    assert raw is not None, "who says where a transaction is has its bytes"
    outputs = (await chain.decode(raw)).outputs
    if outpoint.vout >= len(outputs):
        return False
    paid = outputs[outpoint.vout]
    return (paid.address, paid.amount_btc) == (deposit.address, deposit.amount_btc)


async def _bridge_batch(
    chain: Chain, wallet: _Wallet, books: _Books, batch: _Batch, txids: list[str], found: _Tally
) -> None:
    """What the chain has of a batch that is not posted, or the other way round."""
    posted_btc = batch.posted_btc + batch.fee_posted_btc
    known = [wallet.spends[txid] for txid in txids if txid in wallet.spends]
    live = [spend for spend in known if spend.live]
    if live:
        # All versions spend a same coin, so that only one can be there.
        spend = live[0]
        if not batch.settled:
            where = NOT_POSTED if batch.state == "final" else NOT_FINAL
            found.add(IN_MEMPOOL if spend.state == "mempool" else where, batch.open_btc)
            found.add(FEES_LATER, books.versions[spend.txid].fee_btc - batch.fee_posted_btc)
        if batch.kind == "external":
            _bridge_recorded(books, batch, spend, found)
    elif any(spend.state == "absent" for spend in known):
        found.add(FELL_OUT, -posted_btc)
    elif posted_btc > 0 and not known and (batch.kind == "external" or await _has_any(chain, txids)):
        found.add(PAID_ELSEWHERE, -posted_btc)


def _bridge_recorded(books: _Books, batch: _Batch, spend: _Spend, found: _Tally) -> None:
    """A recorded payment may pay others too; where nobody saw its bytes, its fee is booked nowhere."""
    others = [each.amount_btc for each in spend.outputs if (batch.id, each.address) not in books.paid]
    found.add(BESIDES, sum(others, ZERO) - spend.change_btc)
    if books.versions[spend.txid].by_word and spend.fee_btc is not None:
        found.add(FEES_NEVER, spend.fee_btc)


async def _has_any(chain: Chain, txids: list[str]) -> bool:
    """Whether the chain has a payment that this wallet does not know: an earlier one made it."""
    return any([(await chain.transaction(txid)).state in ("mempool", "confirmed") for txid in txids])


# What the books say


async def _read(tx: Tx, history: WalletHistory) -> _Books:
    batches = await _batches(tx)
    versions = {
        row["txid"]: _Version(row["batch_id"], row["fee_btc"], row["by_word"])
        for row in await tx.fetch("SELECT txid, batch_id, fee_btc, raw IS NULL AS by_word FROM payout_transaction")
    }
    known = {
        Outpoint(row["txid"], row["vout"]): _Deposit(row["address"], row["amount_btc"], row["state"])
        for row in await tx.fetch("SELECT txid, vout, address, amount_btc, state FROM deposit")
    }
    own = [entry.address for entry in history.entries if entry.category != "send"]
    paid = await tx.fetch(
        """SELECT DISTINCT w.batch_id, w.address FROM withdrawal w JOIN payout_batch b ON b.id = w.batch_id
           WHERE b.kind = 'external' OR w.address = ANY($1)""",
        [address for address in own if address is not None],
    )
    acknowledged = await tx.fetch("SELECT txid FROM payout_foreign_spend WHERE acknowledged_at IS NOT NULL")
    return _Books(
        lines=await _book_lines(tx, batches.values()),
        batches=batches,
        versions=versions,
        deposits=known,
        users=await _users(tx, history),
        paid={(row["batch_id"], row["address"]) for row in paid},
        acknowledged={row["txid"] for row in acknowledged},
    )


async def _users(tx: Reader, history: WalletHistory) -> set[str]:
    """Addresses of the wallet that belong to users: by the books, or by the label that the wallet keeps."""
    labels = {each.address: each.label or "" for each in history.entries if each.category != "send" and each.address}
    owners = [deposits.LABEL.fullmatch(label) for label in labels.values()]
    rows = await tx.fetch(
        """SELECT e.address FROM unnest($1::text[], $2::text[], $3::text[]) AS e (address, partner, partner_user)
           WHERE EXISTS (SELECT FROM deposit_address a WHERE a.address = e.address)
              OR EXISTS (SELECT FROM partner p JOIN app_user u ON u.partner_id = p.id
                         WHERE p.public_id = e.partner AND u.partner_user_id = e.partner_user)""",
        list(labels),
        [None if owner is None else owner["partner"] for owner in owners],
        [None if owner is None else owner["user"] for owner in owners],
    )
    return {row["address"] for row in rows}


async def _batches(tx: Reader) -> dict[int, _Batch]:
    rows = await tx.fetch(
        """SELECT b.id, b.kind, b.state, b.settled_at IS NOT NULL AS settled, coalesce(w.open_btc, 0) AS open_btc,
                  coalesce(w.posted_btc, 0) AS posted_btc, coalesce(t.fee_btc, 0) AS fee_btc
           FROM payout_batch b
           LEFT JOIN payout_transaction t ON t.txid = b.txid AND b.state = 'final'
           LEFT JOIN (SELECT batch_id, sum(amount_btc) FILTER (WHERE state <> 'final') AS open_btc,
                             sum(amount_btc) FILTER (WHERE state = 'final') AS posted_btc
                      FROM withdrawal WHERE batch_id IS NOT NULL GROUP BY batch_id) w ON w.batch_id = b.id
           ORDER BY b.id"""
    )
    found = {}
    for row in rows:
        is_half = row["state"] == "final" and not row["settled"]
        fee_btc = await _half_posted(tx, row["id"], row["fee_btc"]) if is_half else row["fee_btc"]
        facts = (row["settled"], row["open_btc"], row["posted_btc"], fee_btc)
        found[row["id"]] = _Batch(row["id"], row["kind"], row["state"], *facts)
    return found


async def _half_posted(tx: Reader, batch_id: int, fee_btc: Decimal) -> Decimal:
    """The part of a fee that is posted while the partners of a final batch are posted one by one."""
    rows = await tx.fetch(
        """SELECT partner_id, count(*) AS payments, bool_and(state = 'final') AS posted
           FROM withdrawal WHERE batch_id = $1 GROUP BY partner_id""",
        batch_id,
    )
    shares = payout_settlement.fee_shares(fee_btc, {row["partner_id"]: row["payments"] for row in rows})
    return sum((shares[row["partner_id"]] for row in rows if row["posted"]), ZERO)


async def _book_lines(tx: Reader, batches: Iterable[_Batch]) -> list[Line]:
    """The wallet account of all partners, and what is posted to it."""
    rows = await tx.fetch(
        """SELECT 1 AS place, coalesce(sum(CASE WHEN debit_account = 1400 THEN amount ELSE -amount END), 0) AS btc,
                  count(*) AS count
           FROM transfer WHERE state = 'posted' AND 1400 IN (debit_account, credit_account)
           UNION ALL
           SELECT 2, coalesce(sum(amount_btc), 0), count(*) FROM deposit WHERE state IN ('credited', 'lost')
           UNION ALL
           SELECT 3, coalesce(-sum(amount_btc), 0), count(*) FROM deposit WHERE state = 'lost'
           UNION ALL
           SELECT 4, coalesce(-sum(amount_btc), 0), count(*) FROM withdrawal WHERE state = 'final' ORDER BY place"""
    )
    names = (BOOKED, CREDITED, LOST, FINAL)
    lines = [Line(what, row["btc"], row["count"]) for what, row in zip(names, rows, strict=True)]
    fees = _Tally()
    for batch in batches:
        fees.add(FEES, -batch.fee_posted_btc)
    return [*lines, fees.line(FEES)]
