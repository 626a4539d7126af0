"""What proves a deposit before it is credited, and what is kept of it.

The node names a block and says how deep it is. It has to show the transaction, the way from it to the block's header,
and the headers on top (`bitcoin.evidence`); the output must pay exactly the address that the books have. Headers that
were accepted are kept: where blocks cost work, later ones may not name much less of it than those, so that whoever has
the node alone would have to find as much.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.bitcoin.addresses import parse
from hashrail.bitcoin.amounts import to_sat
from hashrail.bitcoin.block_proofs import Header, Paid, work_of
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.records import Outpoint
from hashrail.db import Reader, Tx, record
from hashrail.settings import Network

# Chains on which the work of a block is at most four times less than that of 2016 blocks before; and how soon those can
# be over, where each comes four times too early.
STEADY = frozenset({"bitcoin", "signet"})
LEAST_SHARE, SHORTEST_PERIOD = 4, timedelta(hours=84)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A deposit that the node says is deep enough: the output and what it is said to pay."""

    claim: Claim
    vout: int
    address: str
    amount_btc: Decimal
    coinbase: bool


@dataclass(frozen=True, slots=True)
class Proven:
    """What a credit rested on: the block, so deep by then; `witnessed` where a second node had it as deep.

    `leg` is 1 for the first credit, and odd: by turns a deposit is credited and lost. Where the chain was `simulated`
    it is that chain's word alone.
    """

    leg: int
    block_hash: str
    height: int
    depth: int
    witnessed: bool
    simulated: bool
    proven_at: datetime


async def of_deposit(tx: Reader, partner_id: int, deposit_id: int) -> list[Proven]:
    """What every credit of a deposit rested on, the first one first."""
    rows = await tx.fetch(
        """SELECT leg, block_hash, height, depth, witnessed, simulated, proven_at FROM deposit_evidence
           WHERE partner_id = $1 AND deposit_id = $2 ORDER BY leg""",
        partner_id,
        deposit_id,
    )
    return [record(Proven, row) for row in rows]


async def ask(
    tx: Reader, chain: Chain, network: Network, arrived: Sequence[Arrived]
) -> dict[Outpoint, Evidence | Doubt]:
    """What the chain can show for each; asked once for each transaction, as deep as the deepest asks for."""
    claims: dict[str, Claim] = {}
    for one in arrived:
        known = claims.get(one.claim.txid)
        if known is None or known.depth < one.claim.depth:
            claims[one.claim.txid] = one.claim
    if not claims:
        return {}
    shown = await chain.evidence(list(claims.values()))
    least = await _least_work(tx, network)
    return {Outpoint(one.claim.txid, one.vout): _judge(one, shown[one.claim.txid], network, least) for one in arrived}


async def keep(tx: Tx, partner_id: int, deposit_id: int, leg: int, proof: Evidence, *, at: datetime) -> None:
    """Write down what a credit rests on, and which headers were accepted for it."""
    await tx.execute(
        """INSERT INTO deposit_evidence
               (partner_id, deposit_id, leg, block_hash, height, depth, witnessed, simulated, proven_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        partner_id,
        deposit_id,
        leg,
        proof.block_hash,
        proof.height,
        proof.depth,
        proof.witnessed,
        proof.simulated,
        at,
    )
    await _accept(tx, proof.headers, proof.height)


async def _accept(tx: Tx, headers: Iterable[Header], height: int) -> None:
    await tx.executemany(
        """INSERT INTO accepted_header (block_hash, height, previous_hash, raw, target, accepted_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
        [
            (each.block_hash, height + place, each.previous, each.raw, f"{each.target:064x}", clock.wall_now())
            for place, each in enumerate(headers)
        ],
    )


async def _least_work(tx: Reader, network: Network) -> int:
    """What a block must have cost: of the newest that was accepted, as much as the rules of the network let remain."""
    if network not in STEADY:
        return 0
    row = await tx.fetchrow("SELECT target, accepted_at FROM accepted_header ORDER BY height DESC, target LIMIT 1")
    if row is None:
        return 0
    periods = 1 + max(clock.wall_now() - row["accepted_at"], timedelta(0)) // SHORTEST_PERIOD
    least: int = work_of(int(row["target"], 16)) // LEAST_SHARE**periods
    return least


def _judge(one: Arrived, shown: Evidence | Doubt, network: Network, least_work: int) -> Evidence | Doubt:
    """Whether what is shown is this deposit."""
    if isinstance(shown, Doubt):
        return shown
    outputs = shown.body.outputs
    meant = Paid(parse(one.address, network, field="address").script.hex(), to_sat(one.amount_btc))
    if one.vout >= len(outputs) or outputs[one.vout] != meant:
        return Doubt("the transaction pays something else than the node says")
    if shown.body.coinbase != one.coinbase and not shown.simulated:
        return Doubt("the node does not say rightly whether it pays a miner")
    if any(each.work < least_work for each in shown.headers):
        return Doubt("its block cost much less work than those before")
    return shown if shown.depth >= one.claim.depth else Doubt("it is not shown to be deep enough")
