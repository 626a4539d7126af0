"""What a reconciliation reads in the books: batches and their transactions, deposits, and the wallet's account."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from hashrail.audit.reconciliation_lines import Line, Tally
from hashrail.bitcoin.records import Outpoint, WalletHistory
from hashrail.books.chart import Account
from hashrail.custody import address_owners
from hashrail.db import Reader, Tx
from hashrail.money import ZERO
from hashrail.payouts import settlement

BOOKED = "the wallet in the partners' books"
CREDITED = "deposits credited"
LOST = "credited deposits that were lost, which the operator bears"
FINAL = "withdrawals that are final"
FEES = "network fees of settled batches"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch in the books: BTC of its withdrawals, not posted and posted, and of its fee, posted."""

    id: int
    kind: str
    state: str
    settled: bool
    open_btc: Decimal
    posted_btc: Decimal
    fee_posted_btc: Decimal


@dataclass(frozen=True, slots=True)
class Version:
    """A transaction of a batch in the books. `by_word`: recorded without a node, so that its fee is not known."""

    batch_id: int
    fee_btc: Decimal
    by_word: bool


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit in the books."""

    address: str
    amount_btc: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class Books:
    """What the books say at one moment.

    `users` are addresses of the wallet that belong to users whom they know; `paid` are (batch, address) of withdrawals,
    those to the wallet itself and those of recorded payments.
    """

    lines: list[Line]
    batches: dict[int, Batch]
    versions: dict[str, Version]
    deposits: dict[Outpoint, Deposit]
    users: set[str]
    paid: set[tuple[int, str]]
    acknowledged: set[str]

    def batch_of(self, txid: str) -> Batch | None:
        """The batch that a transaction pays; none for one that was given up, whatever the chain has."""
        version = self.versions.get(txid)
        batch = None if version is None else self.batches[version.batch_id]
        return None if batch is None or batch.state == "conflicted" else batch


async def read(tx: Tx, history: WalletHistory) -> Books:
    """The books in one snapshot; of users and payments only what meets the wallet's history."""
    batches = await _batches(tx)
    versions = {
        row["txid"]: Version(batch_id=row["batch_id"], fee_btc=row["fee_btc"], by_word=row["by_word"])
        for row in await tx.fetch("SELECT txid, batch_id, fee_btc, raw IS NULL AS by_word FROM payout_transaction")
    }
    known = {
        Outpoint(row["txid"], row["vout"]): Deposit(
            address=row["address"], amount_btc=row["amount_btc"], state=row["state"]
        )
        for row in await tx.fetch("SELECT txid, vout, address, amount_btc, state FROM deposit")
    }
    own = [entry.address for entry in history.entries if entry.category != "send"]
    paid = await tx.fetch(
        """SELECT DISTINCT w.batch_id, w.address FROM withdrawal w JOIN payout_batch b ON b.id = w.batch_id
           WHERE b.kind = 'external' OR w.address = ANY($1)""",
        [address for address in own if address is not None],
    )
    acknowledged = await tx.fetch("SELECT txid FROM payout_foreign_spend WHERE acknowledged_at IS NOT NULL")
    return Books(
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
    received = [each for each in history.entries if each.category != "send" and each.address]
    return {*await address_owners.find(tx, received)}


async def _batches(tx: Reader) -> dict[int, Batch]:
    rows = await tx.fetch(
        """SELECT b.id, b.kind, b.state, b.settled_at IS NOT NULL AS settled, b.fee_booked,
                  coalesce(w.open_btc, 0) AS open_btc,
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
        is_half = row["state"] == "final" and not row["settled"] and not row["fee_booked"]
        fee_btc = await _half_posted(tx, row["id"], row["fee_btc"]) if is_half else row["fee_btc"]
        found[row["id"]] = Batch(
            id=row["id"],
            kind=row["kind"],
            state=row["state"],
            settled=row["settled"],
            open_btc=row["open_btc"],
            posted_btc=row["posted_btc"],
            fee_posted_btc=fee_btc,
        )
    return found


async def _half_posted(tx: Reader, batch_id: int, fee_btc: Decimal) -> Decimal:
    """The part of a fee that is posted while the partners of a final batch are posted one by one."""
    rows = await tx.fetch(
        """SELECT partner_id, count(*) AS payments, bool_and(state = 'final') AS posted
           FROM withdrawal WHERE batch_id = $1 GROUP BY partner_id""",
        batch_id,
    )
    shares = settlement.fee_shares(fee_btc, {row["partner_id"]: row["payments"] for row in rows})
    return sum((shares[row["partner_id"]] for row in rows if row["posted"]), ZERO)


async def _book_lines(tx: Reader, batches: Iterable[Batch]) -> list[Line]:
    """The wallet account of all partners, and what is posted to it."""
    rows = await tx.fetch(
        """SELECT 1 AS place, coalesce(sum(CASE WHEN debit_account = $1 THEN amount ELSE -amount END), 0) AS btc,
                  count(*) AS count
           FROM transfer WHERE state = 'posted' AND $1 IN (debit_account, credit_account)
           UNION ALL
           SELECT 2, coalesce(sum(amount_btc), 0), count(*) FROM deposit WHERE state IN ('credited', 'lost')
           UNION ALL
           SELECT 3, coalesce(-sum(amount_btc), 0), count(*) FROM deposit WHERE state = 'lost'
           UNION ALL
           SELECT 4, coalesce(-sum(amount_btc), 0), count(*) FROM withdrawal WHERE state = 'final' ORDER BY place""",
        Account.BITCOIN_WALLET.value,
    )
    names = (BOOKED, CREDITED, LOST, FINAL)
    lines = [Line(what, row["btc"], row["count"]) for what, row in zip(names, rows, strict=True)]
    fees = Tally()
    for batch in batches:
        fees.add(FEES, -batch.fee_posted_btc)
    return [*lines, fees.line(FEES)]
