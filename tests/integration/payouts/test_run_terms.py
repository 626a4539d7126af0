"""Terms of runs: two processes whose environments differ hear of it, and nothing stops for that."""

import datetime as dt

import pytest

from hashrail import clock
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.payouts import processor, run_terms
from hashrail.settings import Settings
from tests.support.deployments import deployed
from tests.support.paying import FEES, settings
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.world import World


async def told(world: World, terms: Settings) -> list[str]:
    return [each.message.partition(": ")[2] for each in await run_terms.compare(world.pool, terms)]


async def test_runs_of_other_terms_hear_of_each_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names and values of what differs, until the other one has not run for a while."""
    mine, other = settings(), settings(bitcoin_final_depth=3, bitcoin_fee_cap="150.5")
    differ = "HASHRAIL_BITCOIN_FEE_CAP is {} here and {} there; HASHRAIL_BITCOIN_FINAL_DEPTH is {} here and {} there"
    for _ in range(2):
        assert await told(world, mine) == []
    assert await told(world, other) == [differ.format("150.5", 200, 3, 6)]
    assert await told(world, mine) == [differ.format(200, "150.5", 6, 3)]
    assert await told(world, settings(payout_daily_hour=7)) != []
    later = clock.wall_now() + run_terms.RECENT + dt.timedelta(minutes=1)
    monkeypatch.setattr(clock, "wall_now", lambda: later)
    assert await told(world, mine) == []
    assert await world.pool.fetchval("SELECT count(*) FROM run_terms") == 1


@pytest.mark.parametrize(
    "same",
    [
        {"bitcoin_fee_cap": "200.000"},
        {"bitcoin_deposit_depths": {"10.0": 6, "1": 3}},
        # What decides nothing of money may differ from process to process.
        {"bitcoin_rpc_timeout_seconds": 7, "database_connections": 3},
    ],
)
async def test_the_same_in_other_words_differs_in_nothing(world: World, same: dict[str, object]) -> None:
    assert await told(world, settings()) == []
    assert await told(world, settings(**same)) == []


async def test_every_term_is_a_setting() -> None:
    """Whatever is known of fees, depths and the rhythm of payouts."""
    known = {
        name
        for name in Settings.model_fields
        if name.startswith(("bitcoin_fee_", "payout_")) or name.endswith(("_depth", "_depths", "_confirmations"))
    }
    assert known == set(run_terms.NAMES)


async def test_nothing_stops_for_it(world: World) -> None:
    """The finding stands in the run's report, and what is due is paid."""
    chain = SandboxChain(world.pool, fees=FEES, network="regtest")
    alice = (await world.user("alice")).id
    await funded(world, alice)
    await asked(world, alice, "0.01", ADDRESSES[0])
    await told(world, settings(bitcoin_final_depth=3))
    done = await processor.run(deployed(world.pool, settings(mode="sandbox", payout_daily_hour=0), chain))
    assert [each.code for each in done.findings] == ["TERMS_DIFFER"]
