"""Reserves on a real node: proven by the command, checked from files and against the node, told when they are spent."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail.cli import main
from hashrail.proofs import day_documents, keys, liabilities, reserves
from tests.support.bitcoin_node import Node
from tests.support.commands import read_strictly
from tests.support.deployments import become
from tests.support.keys import MASTER_KEY, TPRV
from tests.support.paying import customer
from tests.support.world import World

PROVE = ("proofs", "reserves", "--json")


async def run(environment: dict[str, str], *words: object) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, [str(word) for word in words], env=environment)


async def proven(environment: dict[str, str], *further: str) -> Any:
    made = await run(environment, *PROVE, *further)
    assert made.exit_code == 0, made.output
    read_strictly(PROVE[:2], made.stdout)
    return json.loads(made.stdout)


async def code(environment: dict[str, str]) -> str:
    made = await run(environment, *PROVE)
    assert made.exit_code == 1, made.output
    return next(line for line in made.stderr.splitlines() if not line.startswith("{")).partition(":")[0]


@pytest.fixture
def environment(dsn: str, bitcoin_node: Node) -> dict[str, str]:
    """A deployment on the node, whose wallet is not there yet."""
    facts = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": MASTER_KEY, "HASHRAIL_BITCOIN_WALLET": uuid.uuid4().hex}
    become(dsn, "node", mode="sandbox", bitcoin_network="regtest", bitcoin_wallet=facts["HASHRAIL_BITCOIN_WALLET"])
    node = {"HASHRAIL_BITCOIN_RPC_URL": bitcoin_node.url, "HASHRAIL_BITCOIN_RPC_COOKIE": str(bitcoin_node.cookie)}
    return facts | node | {"HASHRAIL_BITCOIN_FEE_CAP": "1.5"}


async def owe(world: World) -> None:
    """A day is mined, and it is signed what is owed after it."""
    alice = await world.user("alice")
    await world.miner(alice.id, "4")
    await world.mine()
    await day_documents.sign_due(world.pool, world.vault)
    await liabilities.take_due(world.pool, world.vault, every_days=1)


async def write_answers(world: World, folder: Path) -> None:
    """What anybody can fetch."""
    published = [{"kid": one.kid, "publicKey": one.public_key} for one in await keys.published(world.pool)]
    (folder / "keys.json").write_text(json.dumps({"keys": published}))
    for name, found in (
        ("owed", await liabilities.find(world.pool, None)),
        ("coins", await reserves.find(world.pool, None)),
    ):
        members = {each: getattr(found, each) for each in ("content", "sha256", "kid", "signature")}
        (folder / f"{name}.json").write_text(json.dumps(members | {"day": found.day.isoformat()}))


async def verdict(folder: Path, *further: object) -> dict[str, Any]:
    files = [folder / "coins.json", folder / "owed.json", "--keys", folder / "keys.json"]
    made = await run({}, "verify", "reserves", *files, *further, "--json")
    assert made.stdout, made.output
    found: dict[str, Any] = json.loads(made.stdout)
    return found


async def test_the_nodes_own_coins(
    world: World, environment: dict[str, str], bitcoin_node: Node, tmp_path: Path
) -> None:
    assert await code(environment) == "LIABILITIES_NOT_TAKEN"
    await owe(world)
    assert await code(environment) == "NODE_NOT_READY"
    name = environment["HASHRAIL_BITCOIN_WALLET"]
    wallet = bitcoin_node.wallet(name)
    assert await code(environment) == "NO_COINS"
    kinds = ("bech32", "bech32m", "p2sh-segwit")
    bitcoin_node.pay(*[bitcoin_node.rpc("getnewaddress", "", kind, wallet=wallet) for kind in kinds])
    seen = await proven(environment, "--dry-run")
    assert (seen["coins"], seen["leftOut"], seen["total"], seen["covered"]) == (2, 1, "2", True)
    assert (seen["made"], seen["sha256"]) == (False, None)
    made = await proven(environment)
    assert (made["coins"], made["total"], made["made"]) == (2, "2", True)
    again = await proven(environment)
    assert (again["sha256"], again["made"]) == (made["sha256"], False)
    await write_answers(world, tmp_path)
    raw = json.loads((await reserves.find(world.pool, None)).content)["transaction"]
    (tested,) = bitcoin_node.rpc("testmempoolaccept", [raw])
    assert (tested["allowed"], tested["reject-reason"]) == (False, "missing-inputs")
    node = ("--node", bitcoin_node.url, "--node-cookie", bitcoin_node.cookie)
    assert (await verdict(tmp_path))["holds"]
    assert (await verdict(tmp_path, *node))["message"].endswith("the node has each of them")
    coins = bitcoin_node.rpc("listunspent", wallet=wallet)
    (spent,) = [each for each in coins if each["desc"].startswith("tr(")]
    inputs = [{"txid": spent["txid"], "vout": spent["vout"]}]
    options = {"inputs": inputs, "add_inputs": False, "subtract_fee_from_outputs": [0]}
    bitcoin_node.rpc("send", {customer(bitcoin_node): 1}, None, "unset", 5, options, wallet=wallet)
    bitcoin_node.mine()
    found = await verdict(tmp_path, *node)
    assert (found["holds"], found["code"]) == (False, "COIN_GONE")
    assert f"{spent['txid']}:{spent['vout']}; 1.00000000 BTC are still there" in found["message"]


async def test_coins_of_the_signer(
    world: World, environment: dict[str, str], bitcoin_node: Node, tmp_path: Path
) -> None:
    """The keys never reach the node; a chain that has another block at that height is told."""
    keys_text = "\n".join(f"tr({TPRV}/86h/1h/57h/{side}/*)" for side in (0, 1))
    environment |= {"HASHRAIL_BITCOIN_SIGNER": keys_text}
    wallet = {"bitcoin_wallet": environment["HASHRAIL_BITCOIN_WALLET"], "bitcoin_signer": keys_text}
    become(environment["DATABASE_URL"], "node", mode="sandbox", bitcoin_network="regtest", **wallet)
    await owe(world)
    assert (await run(environment, "payouts", "watch")).exit_code == 0
    bitcoin_node.pay(bitcoin_node.rpc("getnewaddress", "", "bech32m", wallet=wallet["bitcoin_wallet"]))
    assert (await proven(environment))["coins"] == 1
    await write_answers(world, tmp_path)
    node = ("--node", bitcoin_node.url, "--node-cookie", bitcoin_node.cookie)
    assert (await verdict(tmp_path, *node))["holds"]
    block = bitcoin_node.tip()
    bitcoin_node.rpc("invalidateblock", block)
    try:
        assert (await verdict(tmp_path, *node))["code"] == "BLOCK"
    finally:
        bitcoin_node.rpc("reconsiderblock", block)
