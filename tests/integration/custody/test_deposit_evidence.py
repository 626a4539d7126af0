"""What a deposit has to show: this output, this much, so deep, in blocks that cost as much as those before."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from hashrail import clock
from hashrail.bitcoin.addresses import parse
from hashrail.bitcoin.block_proofs import Body, Header, Paid
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.custody import deposit_evidence
from hashrail.custody.deposit_evidence import Arrived
from hashrail.custody.deposits import MATURE, DepositTerms
from hashrail.db import Pool
from hashrail.settings import Network, Settings
from tests.support.payouts import ADDRESSES
from tests.support.world import World

BLOCK, TXID = "ab" * 32, "cd" * 32
SCRIPT = parse(ADDRESSES[0], "regtest", field="address").script.hex()
PAID = Paid(SCRIPT, 25_000_000)
HEADERS = tuple(Header(f"{n:064x}", f"{n - 1:064x}", b"", 7, 2**256 // 1000, f"{n:0160x}") for n in (1, 2))
SHOWN = Evidence(Body(TXID, frozenset(), (Paid("00", 1), PAID), coinbase=False), BLOCK, 100, HEADERS, 2)
ARRIVED = Arrived(Claim(TXID, BLOCK, 2), 1, ADDRESSES[0], Decimal("0.25"), coinbase=False)


@pytest.mark.parametrize(
    ("arrived", "shown"),
    [
        ({"vout": 0}, {}),
        ({"vout": 2}, {}),
        ({"address": ADDRESSES[1]}, {}),
        ({"amount_btc": Decimal("0.25000001")}, {}),
        ({"coinbase": True}, {}),
        ({"claim": Claim(TXID, BLOCK, 3)}, {}),
        ({}, {"depth": 1}),
    ],
)
def test_what_is_no_evidence(arrived: dict[str, object], shown: dict[str, object]) -> None:
    none = 0
    assert deposit_evidence._judge(ARRIVED, SHOWN, "regtest", none) == SHOWN
    judged = deposit_evidence._judge(replace(ARRIVED, **arrived), replace(SHOWN, **shown), "regtest", none)
    assert isinstance(judged, Doubt)
    assert deposit_evidence._judge(ARRIVED, Doubt("why"), "regtest", none) == Doubt("why")


def test_blocks_that_cost_less() -> None:
    work = HEADERS[0].work
    assert deposit_evidence._judge(ARRIVED, SHOWN, "regtest", work) == SHOWN
    assert isinstance(deposit_evidence._judge(ARRIVED, SHOWN, "regtest", work + 1), Doubt)


async def test_how_much_less_a_block_may_cost(pool: Pool) -> None:
    """A quarter of the newest one, and of that for each three days and a half since; nothing where blocks are free."""

    async def least(hours: int, network: Network = "bitcoin") -> int:
        at = clock.wall_now() - timedelta(hours=hours)
        await pool.execute("UPDATE accepted_header SET accepted_at = $1", at)
        return await deposit_evidence._least_work(pool, network)

    assert await least(0) == 0
    await pool.executemany(
        "INSERT INTO accepted_header VALUES ($1, $2, $1, $3, $4, now())",
        [(f"{n:064x}", n, "00" * 80, f"{2**256 // (n * 1600) - 1:064x}") for n in (1, 2)],
    )
    assert [await least(hours) for hours in (0, 83, 85, 169)] == [800, 800, 200, 50]
    assert [await least(0, "signet"), await least(0, "testnet4"), await least(0, "regtest")] == [800, 0, 0]


def test_depth_by_amount() -> None:
    """Two below one bitcoin, three from there, six from ten; a miner's own a hundred; the operator may ask for more."""
    terms = DepositTerms.of(Settings())
    amounts = [Decimal(each) for each in ("0.00001", "0.99999999", "1", "9.99999999", "10", "21000000")]
    assert [terms.needed(each, coinbase=False) for each in amounts] == [2, 2, 3, 3, 6, 6]
    assert terms.needed(Decimal(1), coinbase=True) == MATURE
    strict = DepositTerms.of(Settings(bitcoin_deposit_confirmations=4, bitcoin_deposit_depths={Decimal("0.1"): 12}))
    assert [strict.needed(Decimal(each), coinbase=False) for each in ("0.09", "0.1")] == [4, 12]


async def test_what_is_kept(world: World) -> None:
    """The evidence of each credit, and each header once."""
    user = await world.user("alice")
    deposit_id = await world.pool.fetchval(
        """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations, coinbase,
                                created_at)
           VALUES ($1, $2, $3, $4, 1, 0.25, 'pending', 0, false, now()) RETURNING id""",
        world.partner.id,
        user.id,
        ADDRESSES[0],
        TXID,
    )
    async with world.pool.acquire() as connection, connection.transaction():
        for leg in (1, 3):
            await deposit_evidence.keep(connection, world.partner.id, deposit_id, leg, SHOWN, at=clock.wall_now())
    rows = await world.pool.fetch(
        "SELECT leg, block_hash, depth, witnessed, simulated FROM deposit_evidence ORDER BY leg"
    )
    assert [tuple(row) for row in rows] == [(1, BLOCK, 2, False, False), (3, BLOCK, 2, False, False)]
    rows = await world.pool.fetch("SELECT block_hash, height, target FROM accepted_header ORDER BY height")
    assert [tuple(row) for row in rows] == [
        (each.block_hash, 100 + n, f"{each.target:064x}") for n, each in enumerate(HEADERS)
    ]
