"""The node that an environment names, against the network of the deployment: another one is refused by everybody."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hashrail.bitcoin.node_checks import GENESIS
from hashrail.deployment import comparing
from hashrail.deployment.comparing import DeploymentDiffersError
from hashrail.deployment.facts import Nature
from hashrail.deployment.opened import with_chain
from hashrail.settings import Network, Settings
from tests.support.bitcoin_node import Node
from tests.support.deployments import become, deployed
from tests.support.paying import settings
from tests.support.programs import free_port
from tests.support.shell import Shell
from tests.support.world import World

OTHERS: tuple[Network, ...] = ("bitcoin", "testnet4", "signet")


def named(node: Node, network: Network = "regtest", **changes: object) -> Settings:
    """An environment that names the node, and the network of the deployment."""
    where = {"bitcoin_rpc_url": node.url, "bitcoin_rpc_cookie": node.cookie}
    return settings(**where | {"bitcoin_network": network} | changes)


def nature(network: Network = "regtest") -> Nature:
    return Nature("production", network, "node", "hashrail")


@pytest.mark.parametrize("network", OTHERS)
async def test_a_node_of_another_network_is_refused(world: World, node: Node, network: Network) -> None:
    """By the fact, both values and the variable that names the node; whoever opens the chain is told so."""
    there = named(node, network)
    for asks in (comparing.check_node(nature(network), there), with_chain(deployed(world.pool, there), signs=False)):
        with pytest.raises(DeploymentDiffersError) as caught:
            await asks
        differences: Any = caught.value.details["differences"]
        (difference,) = differences
        assert difference["environment"].startswith("regtest with the first block 0f9188f13cb7b2c7")
        told = (difference["fact"], difference["database"], difference["setting"])
        assert told == ("network", network, "HASHRAIL_BITCOIN_RPC_URL")


async def test_a_chain_of_the_same_name_with_another_beginning(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signet is called signet."""
    await comparing.check_node(nature(), named(node))
    monkeypatch.setitem(GENESIS, "regtest", "00" * 32)
    with pytest.raises(DeploymentDiffersError, match="the first block"):
        await comparing.check_node(nature(), named(node))


async def test_who_is_not_asked_is_not_refused(node: Node) -> None:
    """One that does not answer, one that nobody names, and a deployment without one."""
    await comparing.check_node(
        nature("signet"), named(node, "signet", bitcoin_rpc_url=f"http://127.0.0.1:{free_port()}")
    )
    await comparing.check_node(nature("signet"), settings(bitcoin_network="signet"))
    await comparing.check_node(Nature("production", "signet", "none"), named(node, "signet"))


@pytest.mark.parametrize(
    "words",
    [
        "payouts run",
        "payouts status",
        "payouts reconcile",
        "deployment change --network signet --reason drill",
    ],
)
async def test_no_command_works_on_it(world: World, dsn: str, node: Node, tmp_path: Path, words: str) -> None:
    """Nothing is written."""
    known = "regtest" if "change" in words else "signet"
    become(dsn, "node", bitcoin_network=known, bitcoin_wallet="hashrail")
    facts = "SELECT network FROM deployment"
    shell, there = Shell(dsn, tmp_path), {"HASHRAIL_BITCOIN_RPC_URL": node.url}
    there["HASHRAIL_BITCOIN_RPC_COOKIE"] = str(node.cookie)
    told = await asyncio.to_thread(shell.refused, "DEPLOYMENT_DIFFERS", *words.split(), **there)
    assert "HASHRAIL_BITCOIN_RPC_URL" in told
    assert await world.pool.fetchval(facts) == known
