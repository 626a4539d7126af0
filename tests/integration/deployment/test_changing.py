"""What may change of a deployment, and when."""

import pytest

from hashrail import db
from hashrail.deployment import changing, facts
from hashrail.deployment.changing import DeploymentFixedError
from hashrail.deployment.facts import ChainKind, Nature
from tests.support.deployments import become
from tests.support.payouts import ADDRESSES
from tests.support.world import World

NOTHING = Nature("production", "bitcoin", "none")
TILL = Nature("production", "bitcoin", "node", "till")
BATCH = """INSERT INTO payout_batch (kind, state, most_fee_btc, created_at, changed_at)
           VALUES ('fast', 'broadcast', 0, now(), now())"""
PAUSE = "UPDATE payout_policy SET paused_reason = 'a change'"


async def changed(pool: db.Pool, nature: Nature) -> Nature:
    async with db.transaction(pool) as tx:
        _, after = await changing.change(tx, nature)
    return after.nature


async def fixed(pool: db.Pool, nature: Nature, fact: str) -> str:
    """What a refusal says; nothing is changed then."""
    before = await facts.read(pool)
    with pytest.raises(DeploymentFixedError) as raised:
        await changed(pool, nature)
    assert raised.value.details["fact"] == fact
    assert await facts.read(pool) == before
    return raised.value.message


async def test_a_node_comes_and_goes(dsn: str, pool: db.Pool) -> None:
    """It goes, or another wallet or signer comes, while payouts are paused and no batch is on its way."""
    become(dsn, mode="production")
    assert await changed(pool, NOTHING) == NOTHING
    assert await changed(pool, TILL) == TILL
    others = [
        NOTHING,
        Nature("production", "bitcoin", "node", "other"),
        Nature(*("production", "bitcoin", "node"), "till", "x"),
    ]
    for other in others:
        assert "not paused" in await fixed(pool, other, "chain")
    await pool.execute(PAUSE)
    await pool.execute(BATCH)
    for other in others:
        assert "1 batches are on their way" in await fixed(pool, other, "chain")
    await pool.execute("UPDATE payout_batch SET state = 'conflicted'")
    for other in others:
        assert await changed(pool, other) == other
        assert await changed(pool, TILL) == TILL


async def test_the_mode_never_changes(dsn: str, pool: db.Pool) -> None:
    for mode, other in (("production", "sandbox"), ("sandbox", "production")):
        become(dsn, "none", mode=mode, bitcoin_network="bitcoin")
        assert "never becomes" in await fixed(pool, Nature(other, "bitcoin", "none"), "mode")


async def test_the_network_changes_before_there_are_addresses(dsn: str, world: World) -> None:
    become(dsn, mode="production")
    assert await changed(world.pool, Nature("production", "signet", "none")) == Nature("production", "signet", "none")
    assert await changed(world.pool, NOTHING) == NOTHING
    user = await world.user()
    await world.pool.execute(
        "INSERT INTO wallet (partner_id, user_id, address, created_at) VALUES ($1, $2, $3, now())",
        *(world.partner.id, user.id, ADDRESSES[0]),
    )
    await fixed(world.pool, Nature("production", "signet", "none"), "network")


@pytest.mark.parametrize(("before", "after"), [("simulated", "node"), ("simulated", "none"), ("node", "simulated")])
async def test_a_chain_that_was_played_is_left_before_anything_happened_on_it(
    dsn: str, pool: db.Pool, before: ChainKind, after: ChainKind
) -> None:
    become(dsn, before, mode="sandbox", bitcoin_wallet="till")
    await pool.execute(PAUSE)
    wanted = Nature("sandbox", "regtest", after, "till" if after == "node" else None)
    await pool.execute(BATCH)
    await fixed(pool, wanted, "chain")
    await pool.execute("DELETE FROM payout_batch")
    assert await changed(pool, wanted) == wanted
