"""The facts of a deployment: written once, from the environment of whoever migrates first."""

import asyncpg
import pytest

from hashrail import db
from hashrail.cli import shared
from hashrail.deployment import facts
from hashrail.deployment.comparing import DeploymentDiffersError
from hashrail.deployment.establishing import DeploymentContradictedError, compare, establish
from hashrail.deployment.facts import Nature, NoFactsError
from tests.support.databases import database
from tests.support.deployments import become
from tests.support.paying import settings
from tests.support.world import World

GENERATED = """INSERT INTO mining_day (day, pool_btc_per_th, btc_usd, gomining_usd, kwh_usd, service_usd_per_th, source,
    entered_at) VALUES ('2026-03-01', 0, 1, 1, 0, 0, 'generated: steady', now())"""
SIMULATED = "INSERT INTO sandbox_chain VALUES (1, now(), 1, 0, 'confirm', 0)"
BOUND = """INSERT INTO wallet (partner_id, user_id, address, created_at)
    SELECT partner_id, id, 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', now() FROM app_user"""
NODE = {"bitcoin_rpc_url": "http://127.0.0.1:8332"}
SANDBOX = Nature("sandbox", "regtest", "simulated")


@pytest.fixture
async def unknown(pool: db.Pool) -> db.Pool:
    """A database whose facts nobody has written."""
    await pool.execute("DELETE FROM deployment")
    return pool


async def test_they_are_written_once(unknown: db.Pool) -> None:
    """Whoever comes later is told what stands there, whatever they want; the epoch is nobody else's."""
    with pytest.raises(NoFactsError):
        await facts.read(unknown)
    async with db.transaction(unknown) as tx:
        first = await facts.establish(tx, SANDBOX)
    assert (first.mode, first.network, first.chain, first.wallet, first.signer) == (
        "sandbox",
        "regtest",
        "simulated",
        None,
        None,
    )
    assert len(first.epoch) >= 22  # 128 bits
    async with db.transaction(unknown) as tx:
        assert await facts.establish(tx, Nature("production", "bitcoin", "none")) == first
    assert await facts.read(unknown) == first
    await unknown.execute("DELETE FROM deployment")
    async with db.transaction(unknown) as tx:
        assert (await facts.establish(tx, SANDBOX)).epoch != first.epoch


@pytest.mark.parametrize(
    ("changes", "mode", "network", "chain", "wallet"),
    [
        ({"bitcoin_network": None}, "production", "bitcoin", "none", None),
        ({"mode": "sandbox", "bitcoin_network": None}, "sandbox", "regtest", "simulated", None),
        ({"mode": "sandbox", **NODE}, "sandbox", "regtest", "node", "hashrail"),
        ({"bitcoin_network": "bitcoin", **NODE, "bitcoin_wallet": "w"}, "production", "bitcoin", "node", "w"),
    ],
)
async def test_the_environment_says_them_the_first_time(
    unknown: db.Pool, changes: dict[str, object], mode: str, network: str, chain: str, wallet: str | None
) -> None:
    found = await establish(unknown, settings(**changes))
    assert (found.mode, found.network, found.chain, found.wallet) == (mode, network, chain, wallet)
    assert await establish(unknown, settings(bitcoin_network=None)) == found


@pytest.mark.parametrize(
    ("trace", "changes", "fact"),
    [
        ("UPDATE business_clock SET offset_us = 1", {"mode": "production"}, "mode"),
        (GENERATED, {"mode": "production"}, "mode"),
        (SIMULATED, {"mode": "production"}, "mode"),
        ("UPDATE business_clock SET offset_us = 0", {"mode": "sandbox"}, "mode"),
        (SIMULATED, {"mode": "sandbox", **NODE}, "chain"),
        ("INSERT INTO payout_wallet_key VALUES ('wpkh(x)', now())", {}, "chain"),
        (BOUND, {"bitcoin_network": "signet"}, "network"),
        ("SELECT 1", {"mode": "sandbox", "bitcoin_network": "bitcoin", **NODE}, "network"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
async def test_the_environment_does_not_say_what_the_books_contradict(
    world: World, trace: str, changes: dict[str, object], fact: str
) -> None:
    """A sandbox is not made of books that are none, nor anything else of a sandbox; and nothing is written then."""
    pool = world.pool
    await pool.execute("DELETE FROM deployment; UPDATE business_clock SET offset_us = 0")
    if fact == "network" and "bitcoin_rpc_url" in changes:
        await pool.execute("UPDATE business_clock SET offset_us = 1")
    await world.user()
    await pool.execute(trace)
    with pytest.raises(DeploymentContradictedError) as raised:
        await establish(pool, settings(**{"bitcoin_network": None, **changes}))
    assert raised.value.details["fact"] == fact
    assert await facts.find(pool) is None


@pytest.mark.parametrize("trace", ["UPDATE business_clock SET offset_us = 1", GENERATED, SIMULATED])
async def test_a_sandbox_of_an_older_release_is_one_whatever_nobody_says(world: World, trace: str) -> None:
    await world.pool.execute("DELETE FROM deployment; UPDATE business_clock SET offset_us = 0")
    await world.pool.execute(trace)
    found = await establish(world.pool, settings(bitcoin_network=None))
    assert (found.mode, found.network, found.chain) == ("sandbox", "regtest", "simulated")


async def test_a_production_of_an_older_release_is_one(world: World) -> None:
    await world.pool.execute("DELETE FROM deployment; UPDATE business_clock SET offset_us = 0")
    await world.user()
    await world.pool.execute(BOUND)
    found = await establish(world.pool, settings(bitcoin_network=None))
    assert (found.mode, found.network, found.chain) == ("production", "bitcoin", "none")


async def test_before_there_is_a_schema(server: str) -> None:
    """Whoever migrates compares first, with nothing."""
    with database(server, None) as dsn:
        pool = await db.open_pool(dsn, connections=1)
        assert await compare(pool, settings(mode="sandbox")) == SANDBOX
        with pytest.raises(NoFactsError):
            await facts.read(pool)
        await pool.close()


async def test_who_migrates_for_another_deployment_migrates_nothing(dsn: str, pool: db.Pool) -> None:
    """Not even the schema of a production is touched for a sandbox by a variable."""
    become(dsn, mode="production")
    await pool.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0016%'")
    with pytest.raises(DeploymentDiffersError):
        await shared.migrate(settings(mode="sandbox"), dsn)
    assert await pool.fetchval("SELECT count(*) FROM _yoyo_migration WHERE migration_id LIKE '0016%'") == 0


@pytest.mark.parametrize(
    "values",
    [
        "2, 'sandbox', 'regtest', 'none', NULL, NULL",
        "1, 'production', 'bitcoin', 'simulated', NULL, NULL",
        "1, 'production', 'bitcoin', 'node', NULL, NULL",
        "1, 'production', 'bitcoin', 'none', 'hashrail', NULL",
        "1, 'production', 'bitcoin', 'none', NULL, 'digest'",
    ],
)
async def test_what_contradicts_itself_is_not_kept(unknown: db.Pool, values: str) -> None:
    """One row; only a sandbox plays a chain; a wallet and a signer belong to a node."""
    with pytest.raises(asyncpg.CheckViolationError):
        await unknown.execute(
            f"""INSERT INTO deployment (id, mode, network, chain, wallet, signer, epoch, created_at)
                VALUES ({values}, repeat('x', 32), now())"""
        )
