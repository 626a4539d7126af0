"""What the pool has paid, shown by a real node: the transaction, its block, and the headers on top."""

import datetime as dt
from decimal import Decimal

import pytest

from hashrail import clock, db
from hashrail.accounting import pool_payments, pool_receipts
from hashrail.accounting.pool_payments import (
    BadTxidError,
    PoolAddressError,
    PoolPaymentOursError,
    PoolPaymentUnprovenError,
)
from hashrail.bitcoin.addresses import AddressInvalidError
from hashrail.custody import deposit_addresses, foreign_spends, wallet_history
from hashrail.deployment.opened import Deployment
from tests.support.bitcoin_node import Node
from tests.support.books import broken
from tests.support.world import World

DAY = dt.date(2026, 3, 1)
DEPTH = 6


async def named(world: World, *addresses: str) -> None:
    async with db.transaction(world.pool) as tx:
        for each in addresses:
            assert await pool_payments.add_address(tx, each, "regtest", at=clock.start_of(DAY))
            assert not await pool_payments.add_address(tx, each, "regtest", at=clock.start_of(DAY))


async def proven(deployment: Deployment, txid: str, block_hash: str | None = None) -> pool_receipts.Entered:
    return await pool_payments.prove(
        deployment.pool, deployment.chain, "regtest", txid=txid, day=DAY, depth=DEPTH, block_hash=block_hash
    )


async def test_a_payment_to_named_addresses_is_proven_once_it_is_deep(
    world: World, deployment: Deployment, node: Node
) -> None:
    """All outputs to them are added up; what it pays others is not."""
    mine = [node.rpc("getnewaddress", wallet="miner") for _ in range(3)]
    await named(world, *mine[:2])
    txid = node.pay(*mine, each_btc=Decimal("0.25"))
    with pytest.raises(PoolPaymentUnprovenError):
        await proven(deployment, txid)
    node.mine(DEPTH - 1)
    entered = await proven(deployment, txid)
    assert (entered.amount_btc, entered.day, entered.source) == (Decimal("0.5"), DAY, "chain")
    assert await proven(deployment, txid, node.rpc("gettransaction", txid, wallet="miner")["blockhash"]) == entered
    async with db.transaction(world.pool) as tx:
        (made,) = await pool_receipts.add(tx, [entered])
        assert await pool_receipts.add(tx, [entered]) == []
    assert (made.txid, made.simulated) == (txid, False)
    assert made.depth is not None
    assert made.depth >= DEPTH
    assert await broken(world.pool) == {}


async def test_what_is_not_shown_is_no_receipt(world: World, deployment: Deployment, node: Node) -> None:
    await named(world, node.rpc("getnewaddress", wallet="miner"))
    txid = node.pay(node.rpc("getnewaddress", wallet="miner"))
    node.mine(DEPTH)
    for of, block in ((txid, None), ("ab" * 32, None), (txid, node.rpc("getblockhash", 1))):
        with pytest.raises(PoolPaymentUnprovenError) as refused:
            await proven(deployment, of, block)
        assert refused.value.details["field"] == "txid"
    with pytest.raises(BadTxidError):
        await proven(deployment, "AB" * 32)


async def test_an_address_of_a_user_is_never_the_pools(world: World, deployment: Deployment) -> None:
    alice = await world.user("carol")
    given = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.id)
    async with db.transaction(world.pool) as tx:
        with pytest.raises(PoolAddressError):
            await pool_payments.add_address(tx, given, "regtest", at=clock.start_of(DAY))
        with pytest.raises(AddressInvalidError):
            await pool_payments.add_address(tx, "bc1nobody", "regtest", at=clock.start_of(DAY))
        assert await pool_payments.addresses(tx) == []
        assert not await pool_payments.remove_address(tx, given)


async def test_an_address_that_a_user_was_given_since_is_theirs(
    world: World, deployment: Deployment, node: Node
) -> None:
    """It was named while it was nobody's, and a deposit is no payment of the pool."""
    given = node.rpc("getnewaddress", wallet="miner")
    await named(world, given)
    await world.pool.execute(
        """INSERT INTO deposit_address (address, partner_id, user_id, given, created_at)
           VALUES ($1, $2, $3, true, now())""",
        given,
        world.partner.id,
        (await world.user("carol")).id,
    )
    txid = node.pay(given)
    node.mine(DEPTH)
    with pytest.raises(PoolPaymentUnprovenError, match="pays none of the named addresses"):
        await proven(deployment, txid)


async def test_what_spends_our_own_coins_is_no_receipt(world: World, deployment: Deployment, node: Node) -> None:
    """A payout's change, before and after the books have looked; and what is moved between named addresses."""
    mine = [node.rpc("getnewaddress", wallet="miner") for _ in range(2)]
    await named(world, *mine)
    wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
    moved = node.rpc("sendtoaddress", mine[0], Decimal("0.5"), wallet=wallet)
    received = node.pay(mine[0])
    (vout,) = [
        each["n"]
        for each in node.rpc("gettransaction", received, True, True, wallet="miner")["decoded"]["vout"]
        if each["scriptPubKey"]["address"] == mine[0]
    ]
    raw = node.rpc("createrawtransaction", [{"txid": received, "vout": vout}], {mine[1]: Decimal("0.9999")})
    signed = node.rpc("signrawtransactionwithwallet", raw, wallet="miner")["hex"]
    between = node.rpc("sendrawtransaction", signed)
    node.mine(DEPTH)
    entered = await proven(deployment, received)
    assert entered.amount_btc == 1
    async with db.transaction(world.pool) as tx:
        await pool_receipts.add(tx, [entered])
    for txid in (moved, between):
        with pytest.raises(PoolPaymentOursError) as refused:
            await proven(deployment, txid)
        assert refused.value.details["field"] == "txid"
    history = await wallet_history.read_history(world.pool, deployment.chain, DEPTH)
    await foreign_spends.look(world.pool, deployment.chain, history, final_depth=DEPTH)
    assert await foreign_spends.is_ours(world.pool, moved, [])
    (row,) = await world.pool.fetch("SELECT inputs FROM payout_foreign_spend WHERE txid = $1", moved)
    assert not await foreign_spends.is_ours(world.pool, received, row["inputs"])
    with pytest.raises(PoolPaymentOursError):
        await proven(deployment, moved)
