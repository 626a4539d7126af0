"""The bridge of a reconciliation: the wallet in the books, against the wallet on the chain and what is between them."""

from collections import defaultdict

from hashrail.audit.reconciliation_books import Batch, Books, Deposit
from hashrail.audit.reconciliation_lines import Line, Tally
from hashrail.audit.reconciliation_wallet import DEPOSITS, FOREIGN, FUNDING, PAYOUTS, Spend, Wallet, is_confirmed
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.records import Outpoint
from hashrail.money import ZERO

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


async def lines_of(chain: Chain, wallet: Wallet, books: Books, coins: list[Line]) -> list[Line]:
    """The bridge, from the lines of the wallet: what the partners' books have of it stands first."""
    by_name = {line.what: line for line in coins}
    moves = [by_name[what] for what in (FUNDING, DEPOSITS, PAYOUTS, FOREIGN)]
    # By its history, so that what the first part cannot explain is not counted twice.
    whole = Line(WALLET, sum((line.amount_btc for line in moves), ZERO), sum(line.count for line in moves))
    funding = Line(FUNDING, -by_name[FUNDING].amount_btc, by_name[FUNDING].count)
    found = Tally()
    for spend in wallet.spends.values():
        if books.batch_of(spend.txid) is None:
            found.add(ACKNOWLEDGED if spend.txid in books.acknowledged else UNACKNOWLEDGED, spend.moved_btc)
    await _deposits(chain, wallet, books, found)
    versions: dict[int, list[str]] = defaultdict(list)
    for txid, version in books.versions.items():
        versions[version.batch_id].append(txid)
    for batch_id, txids in versions.items():
        if books.batches[batch_id].state != "conflicted":
            await _batch(chain, wallet, books, books.batches[batch_id], txids, found)
    return [books.lines[0], whole, funding, *found.lines(BRIDGE)]


async def _deposits(chain: Chain, wallet: Wallet, books: Books, found: Tally) -> None:
    for outpoint, entry in wallet.outputs.items():
        if not is_confirmed(entry) or wallet.owners[outpoint] not in ("user", "stranger"):
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
        if deposit.state != "credited" or (seen is not None and is_confirmed(seen)):
            continue
        if seen is not None:
            found.add(TAKEN_BACK, seen.amount_btc)
        elif await _has_paid(chain, outpoint, deposit):
            found.add(DEPOSITED_ELSEWHERE, deposit.amount_btc)


async def _has_paid(chain: Chain, outpoint: Outpoint, deposit: Deposit) -> bool:
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


async def _batch(chain: Chain, wallet: Wallet, books: Books, batch: Batch, txids: list[str], found: Tally) -> None:
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
            _recorded(books, batch, spend, found)
    elif any(spend.state == "absent" for spend in known):
        found.add(FELL_OUT, -posted_btc)
    elif posted_btc > 0 and not known and (batch.kind == "external" or await _has_any(chain, txids)):
        found.add(PAID_ELSEWHERE, -posted_btc)


def _recorded(books: Books, batch: Batch, spend: Spend, found: Tally) -> None:
    """A recorded payment may pay others too; where nobody saw its bytes, its fee is booked nowhere."""
    others = [each.amount_btc for each in spend.outputs if (batch.id, each.address) not in books.paid]
    found.add(BESIDES, sum(others, ZERO) - spend.change_btc)
    if books.versions[spend.txid].by_word and spend.fee_btc is not None:
        found.add(FEES_NEVER, spend.fee_btc)


async def _has_any(chain: Chain, txids: list[str]) -> bool:
    """Whether the chain has a payment that this wallet does not know: an earlier one made it."""
    return any([(await chain.transaction(txid)).state in ("mempool", "confirmed") for txid in txids])
