"""The wallet of a reconciliation: the coins that the node lists, against what its history says of each transaction."""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.audit.reconciliation_books import Books
from hashrail.audit.reconciliation_lines import Line, Tally
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.records import Coin, Outpoint, Output, State, WalletEntry, WalletHistory
from hashrail.custody import address_owners
from hashrail.money import ZERO

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


@dataclass(frozen=True, slots=True)
class Picture:
    """What the node says of the wallet at one moment; `waiting` are spends without a block, and where they are."""

    history: WalletHistory
    waiting: dict[str, State]
    coins: list[Coin]
    locked: set[Outpoint]


@dataclass(slots=True)
class Spend:
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
class Wallet:
    """The wallet by its history: every output that was ever its own, whose it is, and what spends."""

    outputs: dict[Outpoint, WalletEntry]
    spends: dict[str, Spend]
    owners: dict[Outpoint, str]


async def look(chain: Chain) -> Picture:
    """The wallet at one moment: where a block or a payment came in between, it is looked at again."""
    for _ in range(LOOKS):
        history = await chain.history(None, 1)
        spending = {entry.txid for entry in history.entries if entry.category == "send" and entry.confirmations == 0}
        waiting = {txid: (await chain.transaction(txid)).state for txid in sorted(spending)}
        picture = Picture(history, waiting, await chain.coins(), set(await chain.locked()))
        later = await chain.history(history.last_block, 1)
        if (later.last_block, _unconfirmed(later)) == (history.last_block, _unconfirmed(history)):
            break
    return picture


def _unconfirmed(history: WalletHistory) -> set[tuple[str, int, str]]:
    return {(entry.txid, entry.vout, entry.category) for entry in history.entries if entry.confirmations == 0}


async def read(chain: Chain, picture: Picture, books: Books) -> Wallet:
    """Every output of the wallet with its owner, and every spend with what it moved; two calls for each spend."""
    entries = picture.history.entries
    outputs = {Outpoint(each.txid, each.vout): each for each in entries if each.category != "send"}
    states: dict[str, State] = {e.txid: "confirmed" if e.confirmations > 0 else "conflicted" for e in entries}
    states |= picture.waiting
    wallet = Wallet(outputs, {}, {})
    for txid in sorted({entry.txid for entry in entries if entry.category == "send"}):
        raw = await chain.raw_transaction(txid)
        assert raw is not None, "the wallet has the bytes of what stands in its history"
        decoded, batch = await chain.decode(raw), books.batch_of(txid)
        ours = [outputs[each].amount_btc for each in decoded.inputs if each in outputs]
        paid = [each.amount_btc for each in decoded.outputs]
        fee_btc = sum(ours, ZERO) - sum(paid, ZERO) if len(ours) == len(decoded.inputs) else None
        kept = decoded.outputs if batch is not None and batch.kind == "external" else ()
        wallet.spends[txid] = Spend(txid, states[txid], decoded.inputs, kept, sum(ours, ZERO), fee_btc)
    for outpoint, entry in outputs.items():
        wallet.owners[outpoint] = owner = _owner(entry, books, wallet)
        if owner == "change":
            wallet.spends[entry.txid].change_btc += entry.amount_btc
    return wallet


def _owner(entry: WalletEntry, books: Books, wallet: Wallet) -> str:
    """Whose an output of the wallet is; a withdrawal to an address of the operator's is no change."""
    if entry.address in books.users:
        return "user"
    if address_owners.LABEL.fullmatch(entry.label or ""):
        return "stranger"
    version = books.versions.get(entry.txid)
    is_paid = version is not None and (version.batch_id, entry.address) in books.paid
    return "change" if entry.txid in wallet.spends and not is_paid else "operator"


def is_confirmed(entry: WalletEntry) -> bool:
    """Whether a block has it, and it may be spent: not a reward of a young block."""
    return entry.category in INCOMING and entry.confirmations > 0


async def lines_of(chain: Chain, picture: Picture, wallet: Wallet, books: Books) -> list[Line]:
    """What the node lists stands first, then what came and went, and what it does not list with the reason."""
    found = Tally()
    listed = {coin.outpoint for coin in picture.coins}
    held = {each for spend in wallet.spends.values() if spend.state == "absent" for each in spend.inputs}
    taken = {each for spend in wallet.spends.values() if spend.live for each in spend.inputs}
    for outpoint, entry in wallet.outputs.items():
        owner = wallet.owners[outpoint]
        if is_confirmed(entry):
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
