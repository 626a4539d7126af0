"""Signed documents of reserves: after what was owed on a day was signed, which coins the wallet could spend.

The keys of the coins sign a transaction that can never be sent (`bitcoin.coin_proofs`), under a message that names the
signed liabilities and the newest block. One is made for a day, and stays: nobody tries again until it looks better.
The node signs, or the signer beside it, so it is an operator's command that makes it. Documents are kept for ever and
name each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hashrail import clock, db
from hashrail.bitcoin import coin_proofs
from hashrail.bitcoin.chain import Chain, Tip
from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.records import Coin as WalletCoin
from hashrail.db import Reader, Tx, record
from hashrail.errors import ConflictError, NotFoundError, UnavailableError
from hashrail.proofs import documents, keys, liabilities
from hashrail.proofs.documents import Part
from hashrail.proofs.liabilities import LiabilitiesDocument
from hashrail.settings import Network
from hashrail.vault import Vault
from hashrail_client import proofs
from hashrail_client import reserves as rules
from hashrail_client.reserves import Coin

# The largest coins; more of them would make a document that nobody likes to fetch.
MOST_COINS = 1000
# How often the coins are listed anew where a block comes meanwhile.
LISTINGS = 3
_READ = """
    SELECT day, content, sha256, kid, encode(signature, 'hex') AS signature, signed_at FROM reserves_document"""


class ReservesNotTakenError(NotFoundError):
    """No coins were proven after that day."""

    code = "RESERVES_NOT_TAKEN"
    advice = "Ask without a day for the newest one; details.through is its day. The operator makes them."


class SimulatedCoinsError(ConflictError):
    """The chain of a sandbox is made up, and so are its coins."""

    code = "COINS_SIMULATED"
    advice = "Prove reserves where the deployment has a Bitcoin node: HASHRAIL_BITCOIN_RPC_URL."


class NoCoinsError(ConflictError):
    """The wallet has no confirmed coin that could be proven."""

    code = "NO_COINS"
    advice = "Pay bitcoin to the wallet, to an address of native segwit or taproot, and wait for a block."


class NodeNotReadyError(UnavailableError):
    """Something speaks against what the node says; `details.findings` names it."""

    code = "NODE_NOT_READY"
    advice = "See what hashrail payouts node says, and run it again when it finds nothing."


@dataclass(frozen=True, slots=True)
class ReservesDocument:
    """A document as it was signed: `content` is its text, the signature is hex."""

    day: date
    content: str
    sha256: str
    kid: str
    signature: str
    signed_at: datetime


class CoinPart(Part, frozen=True, kw_only=True):
    """A coin: BTC with 8 decimals, the script in hex."""

    txid: str
    vout: int
    amount: str
    script: str


class Content(Part, frozen=True, kw_only=True):
    """What is signed: the liabilities that it is held against, the block, the coins, and the transaction in hex."""

    document: str = rules.KIND
    version: int = rules.VERSION
    day: date
    liabilities: str
    previous: str | None
    kid: str
    taken_at: str
    network: str
    height: int
    block_hash: str
    owed: str
    total: str
    coins: list[CoinPart]
    transaction: str


@dataclass(frozen=True, slots=True)
class Reserves:
    """What the wallet holds at a block, beside what is owed; `left_out` are coins that no proof is made of."""

    liabilities: LiabilitiesDocument
    owed: str
    tip: Tip
    coins: list[Coin]
    left_out: int

    @property
    def day(self) -> date:
        """The day after which it was owed."""
        return self.liabilities.day

    @property
    def total_btc(self) -> Decimal:
        """BTC of all coins that are proven."""
        return sum((each.amount for each in self.coins), Decimal(0))

    @property
    def owed_btc(self) -> Decimal:
        """BTC that are owed by the newest document of liabilities."""
        return Decimal(self.owed)

    def message(self, network: Network) -> str:
        """What the keys of the coins sign for."""
        block = self.tip.height, self.tip.block_hash
        return rules.message_of(self.day.isoformat(), self.liabilities.sha256, network, *block)


async def look(reader: Reader, chain: Chain) -> Reserves:
    """What a proof would be made of now.

    Raises LiabilitiesNotTakenError, SimulatedCoinsError, NodeNotReadyError, NoCoinsError, and what the node does.
    """
    owed = await liabilities.find(reader, None)
    if chain.simulated:
        raise SimulatedCoinsError("the chain is simulated: its coins prove nothing")
    stops = [each for each in await chain.findings() if each.stops]
    if stops:
        raise NodeNotReadyError(stops[0].message, findings=[each.code for each in stops])
    tip, listed = await _listed(chain)
    coins = sorted(map(coin_proofs.named, filter(coin_proofs.can_be_proven, listed)), key=_largest_first)[:MOST_COINS]
    if not coins:
        raise NoCoinsError("the wallet has no confirmed coin of native segwit or taproot")
    return Reserves(owed, proofs.read(owed.content)["sum"], tip, coins, len(listed) - len(coins))


async def prove(pool: db.Pool, vault: Vault, chain: Chain, network: Network) -> tuple[ReservesDocument, bool]:
    """The document of the newest day after which it was signed what is owed, and whether it was made now.

    Raises what `look` does, and SigningRefusedError.
    """
    newest = await liabilities.find(pool, None)
    known = await _of_day(pool, newest.day)
    if known is not None:
        return known, False
    found = await look(pool, chain)
    assert isinstance(chain, NodeChain), "any other is simulated"
    message = found.message(network)
    raw = await chain.sign_proof(*coin_proofs.psbt(message, found.coins))
    # Whoever signed is not believed: it has to hold for others.
    rules.verify_coins(bytes.fromhex(raw), found.coins, message)
    async with db.transaction(pool) as tx:
        return await keep(tx, vault, found, network, raw)


async def keep(tx: Tx, vault: Vault, found: Reserves, network: Network, raw: str) -> tuple[ReservesDocument, bool]:
    """Sign what was proven and keep it; where another was quicker on that day, theirs stays."""
    await tx.execute("LOCK TABLE reserves_document IN SHARE ROW EXCLUSIVE MODE")
    known = await _of_day(tx, found.day)
    if known is not None:
        return known, False
    key = await keys.hold(tx, vault)
    content = Content(
        day=found.day,
        liabilities=found.liabilities.sha256,
        previous=await tx.fetchval("SELECT sha256 FROM reserves_document ORDER BY day DESC LIMIT 1"),
        kid=key.kid,
        taken_at=clock.iso(clock.wall_now()),
        network=network,
        height=found.tip.height,
        block_hash=found.tip.block_hash,
        owed=found.owed,
        total=f"{found.total_btc:.8f}",
        coins=_parts(found.coins),
        transaction=raw,
    )
    await _store(tx, content, documents.sign(key, content))
    made = await _of_day(tx, found.day)
    assert made is not None, "it was stored"
    return made, True


async def find(reader: Reader, day: date | None) -> ReservesDocument:
    """The document of a day, or the newest one. Raises ReservesNotTakenError."""
    through: date | None = await reader.fetchval("SELECT max(day) FROM reserves_document")
    known = None if through is None else await _of_day(reader, day or through)
    if known is None:
        details = {} if through is None else {"through": through.isoformat()}
        raise ReservesNotTakenError("no coins were proven after that day", field="day", **details)
    return known


async def _listed(chain: Chain) -> tuple[Tip, list[WalletCoin]]:
    """The wallet's confirmed coins, as they were at one block."""
    for _ in range(LISTINGS):
        tip, coins = await chain.tip(), await chain.coins()
        if await chain.tip() == tip:
            return tip, coins
    raise NodeNotReadyError("blocks come faster than coins can be listed", findings=[])


async def _of_day(reader: Reader, day: date) -> ReservesDocument | None:
    row = await reader.fetchrow(f"{_READ} WHERE day = $1", day)
    return None if row is None else record(ReservesDocument, row)


async def _store(tx: Tx, content: Content, signed: documents.Signed) -> None:
    await tx.execute(
        """INSERT INTO reserves_document (day, content, sha256, previous_sha256, kid, signature, signed_at,
                                          coin_count, total_btc)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        content.day,
        signed.content,
        signed.sha256,
        content.previous,
        signed.kid,
        signed.signature,
        signed.signed_at,
        len(content.coins),
        Decimal(content.total),
    )


def _parts(coins: Sequence[Coin]) -> list[CoinPart]:
    return [
        CoinPart(txid=each.txid, vout=each.vout, amount=rules.spelled(each.amount_sat), script=each.script)
        for each in coins
    ]


def _largest_first(coin: Coin) -> tuple[int, str, int]:
    return -coin.amount_sat, coin.txid, coin.vout
