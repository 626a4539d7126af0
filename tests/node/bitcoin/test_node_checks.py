"""What speaks against paying through a node: each finding by itself, and none for a good node."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hashrail import clock
from hashrail.bitcoin.node_checks import Terms, check_node, check_wallet
from hashrail.bitcoin.records import ChainInfo, Descriptor, WalletInfo
from hashrail.settings import Network, Settings
from tests.support.bitcoin_node import Node

NOW = datetime(2026, 9, 9, 12, tzinfo=UTC)
HASH = "ab" * 32
CORE = ChainInfo(
    chain="main",
    blocks=961_700,
    headers=961_700,
    best_hash="00" * 32,
    initial_download=False,
    median_time=int((NOW - timedelta(hours=1)).timestamp()),
    subversion="/Satoshi:29.1.0/",
    deployments=frozenset({"segwit", "taproot", "testdummy"}),
    pinned_hash=HASH,
)
TERMS = Terms("bitcoin", 961_641, HASH)
KNOTS = "/Satoshi:29.4.1/Knots:20260801/"


def found(info: dict[str, Any], terms: Terms = TERMS) -> list[tuple[str, str]]:
    given = msgspec.structs.replace(CORE, **info)
    return [(finding.code, finding.message) for finding in check_node(given, terms, now=NOW)]


def tip(hours: int, seconds: int = 0) -> dict[str, int]:
    return {"median_time": int((NOW - timedelta(hours=hours, seconds=seconds)).timestamp())}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"chain": "testnet4"}, "NODE_WRONG_CHAIN", "the node is on testnet4, payments go out on main"),
    ({"chain": "regtest"}, "NODE_WRONG_CHAIN", "the node is on regtest, payments go out on main"),
    ({"initial_download": True}, "NODE_INITIAL_DOWNLOAD", "the node is still downloading, at block 961700"),
    ({"headers": 961_704}, "NODE_BLOCKS_BEHIND", "the node is 4 blocks behind its headers"),
    (tip(6, 1), "NODE_TIP_OLD", "the newest blocks are 6:00:01 old"),
    ({"subversion": KNOTS}, "NODE_KNOTS", f"the node is {KNOTS}"),
    ({"deployments": CORE.deployments | {"blake2b"}}, "NODE_FOREIGN_DEPLOYMENT", "the node has blake2b"),
    ({"deployments": {"reduced_data", "blake2b"}}, "NODE_FOREIGN_DEPLOYMENT", "the node has blake2b, reduced_data"),
    ({"pinned_hash": "cd" * 32}, "NODE_OTHER_BLOCK", f"block 961641 is {'cd' * 32}, not {HASH}"),
    ({"pinned_hash": None}, "NODE_OTHER_BLOCK", f"block 961641 is not there, not {HASH}"),
    ({"unvalidated": True}, "NODE_UNVALIDATED", "the node rests on a copy of the coins that it has not checked yet"),
    (
        {"relays": False},
        "NODE_BLOCKS_ONLY",
        "the node sees nothing that waits for a block: it runs with -blocksonly",
    ),
]


@pytest.mark.parametrize(("info", "code", "message"), BAD, ids=[code for _, code, _ in BAD])
def test_each_finding(info: dict[str, Any], code: str, message: str) -> None:
    if "deployments" in info:
        info = {"deployments": frozenset(info["deployments"])}
    assert found(info) == [(code, message)]


def test_a_good_node() -> None:
    assert found({}) == []
    assert found({"headers": 961_703}) == []
    assert found({"headers": 961_690}) == []
    assert found(tip(6)) == []
    assert found({"pinned_hash": None}, Terms("bitcoin")) == []


def test_a_pruned_node_is_told_of_and_pays() -> None:
    """What it lacks only a wallet that is made anew would need."""
    (found,) = check_node(msgspec.structs.replace(CORE, pruned_below=1501), TERMS, now=NOW)
    assert (found.code, found.stops, "below 1501" in found.message) == ("NODE_PRUNED", False, True)


@pytest.mark.parametrize(
    ("until", "codes"),
    [(None, []), (0, ["WALLET_LOCKED"]), (int(NOW.timestamp()), ["WALLET_LOCKED"]), (int(NOW.timestamp()) + 1, [])],
)
def test_a_locked_wallet_signs_nothing(until: int | None, codes: list[str]) -> None:
    """Unless it only watches, and the keys are elsewhere."""
    found = check_wallet(WalletInfo("w", True, unlocked_until=until), [], None, now=NOW)
    assert [finding.code for finding in found] == codes
    elsewhere = check_wallet(WalletInfo("w", False, unlocked_until=until), [EXTERNAL, INTERNAL], SIGNER, now=NOW)
    assert elsewhere == []


def test_everything_is_told_at_once() -> None:
    info = {"chain": "testnet4", "initial_download": True, "headers": 961_800, "subversion": KNOTS, **tip(24)}
    assert [code for code, _ in found(info)] == [
        *("NODE_WRONG_CHAIN", "NODE_INITIAL_DOWNLOAD", "NODE_BLOCKS_BEHIND", "NODE_TIP_OLD", "NODE_KNOTS"),
    ]


@pytest.mark.parametrize(
    ("network", "chain", "shared"),
    [
        ("bitcoin", "main", True),
        ("testnet4", "testnet4", True),
        ("signet", "signet", False),
        ("regtest", "regtest", False),
    ],
)
def test_where_rules_of_others_count(network: Network, chain: str, shared: bool) -> None:
    info = {"chain": chain, "subversion": KNOTS, "deployments": frozenset({"blake2b"}), **tip(7)}
    codes = [code for code, _ in found(info, Terms(network))]
    assert codes == (["NODE_TIP_OLD", "NODE_KNOTS", "NODE_FOREIGN_DEPLOYMENT"] if shared else [])
    allowed = [code for code, _ in found(info, Terms(network, allow_knots=True))]
    assert allowed == (["NODE_TIP_OLD", "NODE_FOREIGN_DEPLOYMENT"] if shared else [])


@pytest.mark.parametrize("terms", [Terms("bitcoin", 1, None), Terms("bitcoin", None, HASH)])
def test_half_a_pin_is_none(terms: Terms) -> None:
    assert found({}, terms) == [("NODE_PIN_INCOMPLETE", "height and hash of the block go together")]


def test_the_terms_of_the_settings() -> None:
    assert Terms.of(Settings()) == Terms("bitcoin")
    given = Settings(mode="sandbox", bitcoin_pinned_height=7, bitcoin_pinned_hash=HASH, bitcoin_allow_knots=True)
    assert Terms.of(given) == Terms("regtest", 7, HASH, allow_knots=True)
    with pytest.raises(ValueError, match="bitcoin_pinned_hash"):
        Settings(bitcoin_pinned_hash="AB")


async def test_a_real_node(bitcoin_node: Node) -> None:
    """The regtest node is good for regtest, and for nothing else; its genesis block can be pinned."""
    genesis = bitcoin_node.rpc("getblockhash", 0)
    bitcoin_node.mine()
    async with bitcoin_node.open() as btc:
        info = await btc.chain_info(0)
    assert check_node(info, Terms("regtest", 0, genesis), now=clock.wall_now()) == []
    other = check_node(info, Terms("bitcoin", 0, HASH), now=clock.wall_now())
    assert [finding.code for finding in other] == ["NODE_WRONG_CHAIN", "NODE_OTHER_BLOCK"]


SIGNER = ("wpkh([00000000/84'/0']xpub/0/*)#aaaaaaaa", "wpkh([00000000/84'/0']xpub/1/*)#bbbbbbbb")
EXTERNAL = Descriptor("wpkh([00000000/84h/0h]xpub/0/*)#cccccccc", active=True)
INTERNAL = Descriptor("wpkh([00000000/84h/0h]xpub/1/*)#dddddddd", active=True, internal=True)
OTHER = Descriptor("tr([00000000/86h/0h]xpub/0/*)#eeeeeeee", active=True)
LACKS, OTHERS = "WALLET_DOES_NOT_WATCH", "WALLET_WATCHES_OTHERS"


@pytest.mark.parametrize(
    ("keys", "kept", "signer", "codes"),
    [
        (True, [], None, []),
        (False, [], None, ["WALLET_WITHOUT_KEYS"]),
        (False, [INTERNAL, EXTERNAL], SIGNER, []),
        (True, [INTERNAL, EXTERNAL], SIGNER, ["WALLET_WITH_KEYS"]),
        (False, [EXTERNAL], SIGNER, [LACKS]),
        (False, [INTERNAL], SIGNER, [LACKS]),
        (False, [EXTERNAL, msgspec.structs.replace(INTERNAL, active=False)], SIGNER, [LACKS]),
        (False, [EXTERNAL, msgspec.structs.replace(INTERNAL, internal=False)], SIGNER, [LACKS, OTHERS]),
        (False, [EXTERNAL, INTERNAL, OTHER], SIGNER, [OTHERS]),
        (False, [EXTERNAL, INTERNAL, msgspec.structs.replace(OTHER, active=False)], SIGNER, []),
        (True, [], SIGNER, ["WALLET_WITH_KEYS", LACKS]),
    ],
)
def test_the_wallet_fits_the_signer(
    keys: bool, kept: list[Descriptor], signer: tuple[str, str] | None, codes: list[str]
) -> None:
    found = check_wallet(WalletInfo("w", keys), kept, signer, now=NOW)
    scanning = check_wallet(WalletInfo("w", keys, scanning={"duration": Decimal(1)}), kept, signer, now=NOW)
    assert [finding.code for finding in scanning] == ["WALLET_SCANNING", *codes]
    assert [finding.code for finding in found] == codes
    assert all("wallet 'w' " in finding.message for finding in found)
