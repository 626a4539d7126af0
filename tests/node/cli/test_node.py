"""The operator looks at the Bitcoin node and lets its wallet watch the signer's addresses."""

import asyncio
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail import clock
from hashrail.bitcoin import addresses, wallet_marks
from hashrail.bitcoin.signer import KeySigner
from hashrail.cli import main
from tests.support.bitcoin_node import Node, running, running_pruned
from tests.support.commands import read_strictly
from tests.support.keys import TPRV
from tests.support.programs import free_port


@pytest.fixture
def environment(bitcoin_node: Node, tmp_path: Path) -> dict[str, str]:
    """A deployment on regtest, its wallet not there yet."""
    return {
        "HASHRAIL_MODE": "sandbox",
        "HASHRAIL_BITCOIN_RPC_URL": bitcoin_node.url,
        "HASHRAIL_BITCOIN_RPC_COOKIE": str(bitcoin_node.cookie),
        "HASHRAIL_BITCOIN_WALLET": uuid.uuid4().hex,
        "HASHRAIL_BITCOIN_FEE_CAP": "1.5",
    }


async def run(environment: dict[str, str], *words: str) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["payouts", *words], env=environment)


async def told(environment: dict[str, str]) -> tuple[int, Any, list[str]]:
    made = await run(environment, "node", "--json")
    read_strictly(("payouts", "node"), made.stdout)
    facts = json.loads(made.stdout)
    return made.exit_code, facts, [finding["code"] for finding in facts["findings"]]


async def test_a_wallet_of_the_node(bitcoin_node: Node, environment: dict[str, str]) -> None:
    bitcoin_node.mine()
    status, facts, codes = await told(environment)
    assert (status, codes, facts["coins"], facts["confirmedBtc"]) == (1, ["WALLET_NOT_LOADED"], None, None)
    wallet = bitcoin_node.wallet(environment["HASHRAIL_BITCOIN_WALLET"], coins=2, each_btc=Decimal("0.75"))
    status, facts, codes = await told(environment)
    chain = bitcoin_node.rpc("getblockchaininfo")
    assert (status, codes) == (0, [])
    assert facts == {
        "chain": "regtest",
        "software": bitcoin_node.rpc("getnetworkinfo")["subversion"],
        "blocks": chain["blocks"],
        "headers": chain["headers"],
        "bestBlock": chain["bestblockhash"],
        "medianTime": clock.iso(clock.from_seconds(chain["mediantime"])),
        "initialDownload": False,
        "feeSatPerVb": "1.5",
        "feeSource": "cap",
        "wallet": wallet,
        "coins": 2,
        "confirmedBtc": "1.5",
        "signer": "node",
        "findings": [],
    }
    shown = await run(environment, "node")
    assert shown.exit_code == 0
    for value in (chain["bestblockhash"], wallet, "regtest", "payments may go out through this node"):
        assert f" {value} " in shown.stdout
    dearer = environment | {"HASHRAIL_BITCOIN_FEE_CAP": "10000", "HASHRAIL_BITCOIN_FEE_MINIMUM": "9999"}
    assert (await told(dearer))[1]["feeSatPerVb"] == "9999"
    assert (await told(dearer))[1]["feeSource"] in ("estimate", "fallback")


async def test_a_wallet_that_watches_for_the_signer(bitcoin_node: Node, environment: dict[str, str]) -> None:
    environment["HASHRAIL_BITCOIN_SIGNER"] = f"bip84 {TPRV}"
    for _ in range(2):
        made = await run(environment, "watch")
        assert made.exit_code == 0, made.output
    assert all(each[:60] in made.stdout for each in KeySigner(f"bip84 {TPRV}", "regtest").descriptors())
    assert "prv" not in made.stdout
    kept = bitcoin_node.rpc("listdescriptors", wallet=environment["HASHRAIL_BITCOIN_WALLET"])["descriptors"]
    assert [(each["internal"], each["active"]) for each in kept] == [(False, True), (True, True)]
    status, facts, codes = await told(environment)
    assert (status, codes, facts["signer"]) == (0, [], "external")
    other = environment | {"HASHRAIL_BITCOIN_SIGNER": f"bip86 {TPRV}"}
    assert (await told(other))[2] == ["WALLET_DOES_NOT_WATCH", "WALLET_WATCHES_OTHERS"]
    del environment["HASHRAIL_BITCOIN_SIGNER"]
    assert (await told(environment))[2] == ["WALLET_WITHOUT_KEYS"]
    refused = await run(environment, "watch")
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "BAD_SETTING")


async def test_the_chain_is_looked_through_from_a_day_on(bitcoin_node: Node, environment: dict[str, str]) -> None:
    environment["HASHRAIL_BITCOIN_SIGNER"] = f"bip86 {TPRV}"
    external, _ = KeySigner(f"bip86 {TPRV}", "regtest").descriptors()
    bitcoin_node.pay(*bitcoin_node.rpc("deriveaddresses", external, [900, 900]))
    assert (await run(environment, "watch", "--since", "2020-01-01")).exit_code == 0
    assert (await told(environment))[1]["coins"] >= 1
    assert (await run(environment, "watch", "--since", "yesterday")).exit_code == 2
    assert (await run(environment, "watch", "--since", "2020-01-01", "--first-index", "5000")).exit_code == 0
    wallet = environment["HASHRAIL_BITCOIN_WALLET"]
    given = bitcoin_node.rpc("getnewaddress", "", "bech32m", wallet=wallet)
    assert [given] == bitcoin_node.rpc("deriveaddresses", external, [5000, 5000])


async def test_every_finding_is_shown(bitcoin_node: Node, environment: dict[str, str]) -> None:
    environment |= {"HASHRAIL_BITCOIN_NETWORK": "signet", "HASHRAIL_BITCOIN_PINNED_HEIGHT": "0"}
    environment |= {"HASHRAIL_BITCOIN_PINNED_HASH": "ab" * 32}
    status, _, codes = await told(environment)
    assert (status, codes) == (1, ["NODE_WRONG_CHAIN", "NODE_OTHER_BLOCK", "WALLET_NOT_LOADED"])
    shown = await run(environment, "node")
    assert shown.exit_code == 1
    for code in codes:
        assert code in shown.stdout


async def test_a_node_that_cannot_be_asked(environment: dict[str, str]) -> None:
    cases = [
        ("BITCOIN_NODE_UNREACHABLE", {"HASHRAIL_BITCOIN_RPC_URL": f"http://127.0.0.1:{free_port()}"}),
        ("BITCOIN_NODE_NOT_CONFIGURED", {"HASHRAIL_BITCOIN_RPC_COOKIE": ""}),
        ("SIGNER_KEY", {"HASHRAIL_BITCOIN_SIGNER": "nothing"}),
        ("BAD_SETTING", {"HASHRAIL_BITCOIN_RPC_URL": "bitcoin"}),
    ]
    for code, change in cases:
        given = {name: value for name, value in (environment | change).items() if value}
        made = await run(given, "node")
        assert (made.exit_code, made.stderr.split(":")[0]) == (1, code), made.output


@pytest.mark.parametrize(
    ("flags", "change", "codes"),
    [
        (("-blocksonly",), {}, ["NODE_BLOCKS_ONLY"]),
        (("-blocksonly",), {"HASHRAIL_BITCOIN_FEE_FALLBACK": "0"}, ["NODE_BLOCKS_ONLY", "NODE_NO_FEE_ESTIMATE"]),
        ((), {"HASHRAIL_BITCOIN_FEE_FALLBACK": "0"}, ["NODE_NO_FEE_ESTIMATE"]),
    ],
)
async def test_what_a_batch_needs_is_tried(
    environment: dict[str, str], flags: tuple[str, ...], change: dict[str, str], codes: list[str]
) -> None:
    """A node that sees nothing of the mempool, or has no estimate, says so before a batch waits for it."""
    with running(flags=flags) as node:
        node.mine()
        node.wallet(environment["HASHRAIL_BITCOIN_WALLET"])
        where = {"HASHRAIL_BITCOIN_RPC_URL": node.url, "HASHRAIL_BITCOIN_RPC_COOKIE": str(node.cookie)}
        status, facts, found = await told(environment | where | change)
    assert (status, found) == (1, codes)
    assert (facts["feeSource"], facts["feeSatPerVb"]) == (("none", None) if change else ("cap", "1.5"))


async def test_a_locked_wallet(bitcoin_node: Node, environment: dict[str, str]) -> None:
    bitcoin_node.mine()
    name = environment["HASHRAIL_BITCOIN_WALLET"]
    bitcoin_node.rpc("createwallet", name, False, False, "a long passphrase")
    assert (await told(environment))[2] == ["WALLET_LOCKED"]
    bitcoin_node.rpc("walletpassphrase", "a long passphrase", 600, wallet=name)
    assert (await told(environment))[2] == []


async def test_a_pruned_node_pays_and_does_not_look_back(environment: dict[str, str]) -> None:
    """The finding is told and stops nothing; the look-back is refused before anything is begun."""
    environment["HASHRAIL_BITCOIN_SIGNER"] = f"bip84 {TPRV}"
    with running_pruned() as node:
        environment |= {"HASHRAIL_BITCOIN_RPC_URL": node.url, "HASHRAIL_BITCOIN_RPC_COOKIE": str(node.cookie)}
        assert (await run(environment, "watch")).exit_code == 0
        status, facts, codes = await told(environment)
        assert (status, codes, facts["findings"][0]["stops"]) == (0, ["NODE_PRUNED"], False)
        refused = await run(environment, "watch", "--since", "2011-03-01")
        assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "LOOK_BACK_FAILED")
        assert (await told(environment))[2] == ["NODE_PRUNED"]


async def test_the_nodes_own_keys_are_looked_for(bitcoin_node: Node, environment: dict[str, str]) -> None:
    bitcoin_node.wallet(environment["HASHRAIL_BITCOIN_WALLET"], coins=1)
    made = await run(environment, "watch", "--since", "2020-01-01")
    assert made.exit_code == 0, made.output
    assert "its own keys" in made.stdout
    bitcoin_node.rpc(
        "setlabel",
        addresses.from_script(wallet_marks.SCRIPT, "regtest"),
        "hashrail new looking back to 7",
        wallet=environment["HASHRAIL_BITCOIN_WALLET"],
    )
    assert (await told(environment))[2] == ["WALLET_LOOK_BACK"]
