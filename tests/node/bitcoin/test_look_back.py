"""A look-back counts when it has ended well and reached its day, never because it was asked for."""

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest

from hashrail.bitcoin import addresses, look_back, wallet_marks
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.look_back import LookBackError
from hashrail.bitcoin.node import NodeWalletError
from hashrail.bitcoin.records import WalletMark
from hashrail.bitcoin.rpc import NodeError
from hashrail.bitcoin.signer import KeySigner
from hashrail.clock import from_seconds
from tests.support.bitcoin_node import Fault, Node, proxy, running_pruned
from tests.support.keys import TPRV

LONG_AGO = dt.datetime(2011, 3, 1, tzinfo=dt.UTC)
SIGNER = KeySigner(f"bip84 {TPRV}", "regtest")
HALF = Decimal("0.5")


@pytest.fixture
def node(bitcoin_node: Node) -> Node:
    bitcoin_node.mine()
    return bitcoin_node


@pytest.fixture
def pruned() -> Iterator[Node]:
    with running_pruned() as node:
        yield node


async def test_one_that_has_ended(node: Node) -> None:
    """The wallet says so itself; the earliest day counts; a wallet without one says nothing."""
    async with node.open(uuid.uuid4().hex) as btc:
        await btc.open_wallet(watch_only=True)
        await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=None)
        assert await wallet_marks.read(btc, "regtest") == WalletMark()
        for since in (LONG_AGO, LONG_AGO + dt.timedelta(days=1)):
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=since)
            mark = await wallet_marks.read(btc, "regtest")
            assert mark == WalletMark(None, int(LONG_AGO.timestamp()), ended=True)
            assert look_back.unfinished(mark) == []


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.WARMING_UP])
async def test_one_that_was_cut_off(node: Node, fault: Fault) -> None:
    """Whatever the node has made of it: it is begun, and does not count until one ends."""
    async with proxy(node) as before, node.open(uuid.uuid4().hex, url=before.url) as btc:
        await btc.open_wallet(watch_only=True)
        before.faults["importdescriptors"] = fault
        with pytest.raises(NodeError):
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=LONG_AGO)
        del before.faults["importdescriptors"]
        # From now on is not from then on.
        await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=None)
        mark = await wallet_marks.read(btc, "regtest")
        assert mark == WalletMark(None, int(LONG_AGO.timestamp()), ended=False)
        text = "looking back to 2011-03-01T00:00:00.000Z has not come to its end: begin it once more"
        assert look_back.unfinished(mark) == [Finding("WALLET_LOOK_BACK", text)]
        await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=LONG_AGO)
        assert (await wallet_marks.read(btc, "regtest")).ended


async def test_one_that_the_node_reports_as_failed(node: Node) -> None:
    async with proxy(node) as before, node.open(uuid.uuid4().hex, url=before.url) as btc:
        await btc.open_wallet(watch_only=True)
        before.instead["importdescriptors"] = '[{"success":false,"error":{"message":"Rescan failed"}}]'
        with pytest.raises(NodeWalletError, match="Rescan failed"):
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=LONG_AGO)
        assert not (await wallet_marks.read(btc, "regtest")).ended


async def test_a_wallet_that_is_still_looking(node: Node) -> None:
    async with proxy(node) as before, node.open(uuid.uuid4().hex, url=before.url) as btc:
        await btc.open_wallet(watch_only=True)
        before.instead["getwalletinfo"] = '{"walletname":"w","private_keys_enabled":false,"scanning":{"duration":7}}'
        with pytest.raises(LookBackError, match="still looking") as caught:
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=LONG_AGO)
        assert caught.value.details["reason"] == "scanning"
        assert not (await wallet_marks.read(btc, "regtest")).ended


async def test_a_node_without_the_blocks(pruned: Node) -> None:
    """Nothing is begun there; a day that it has the blocks of is looked back to."""
    async with pruned.open(uuid.uuid4().hex) as btc:
        await btc.open_wallet(watch_only=True)
        info = await btc.chain_info()
        assert info.pruned_below is not None
        with pytest.raises(LookBackError, match="pruned") as caught:
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=LONG_AGO)
        assert caught.value.details["reason"] == "pruned"
        assert await wallet_marks.read(btc, "regtest") == WalletMark()
        assert await btc.list_descriptors() == []
        oldest = from_seconds(await btc.block_time(info.pruned_below))
        with pytest.raises(NodeWalletError, match="Rescan failed"):
            # Blocks may be two hours older than they say, and those are gone.
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=oldest)
        assert not (await wallet_marks.read(btc, "regtest")).ended
    async with pruned.open(uuid.uuid4().hex) as btc:
        await btc.open_wallet(watch_only=True)
        await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=oldest + dt.timedelta(days=29))
        assert (await wallet_marks.read(btc, "regtest")).ended


async def test_a_node_that_has_not_checked_its_past(node: Node) -> None:
    async with proxy(node) as before, node.open(uuid.uuid4().hex, url=before.url) as btc:
        await btc.open_wallet(watch_only=True)
        before.instead["getchainstates"] = '{"chainstates":[{"validated":true},{"validated":false}]}'
        with pytest.raises(LookBackError) as caught:
            await look_back.watch(btc, "regtest", *SIGNER.descriptors(), since=LONG_AGO)
        assert caught.value.details["reason"] == "unvalidated"


async def test_a_wallet_with_keys(node: Node) -> None:
    """Its own keys are looked for; what the node answers is compared with what was asked."""
    wallet = node.wallet(uuid.uuid4().hex, coins=1, each_btc=HALF)
    async with proxy(node) as before, node.open(wallet, url=before.url) as btc:
        await look_back.rescan(btc, "regtest", since=LONG_AGO)
        assert (await wallet_marks.read(btc, "regtest")).ended
        blocks = node.rpc("getblockcount")
        for start, stop in ((0, blocks - 1), (2, blocks), (0, "null")):
            before.instead["rescanblockchain"] = f'{{"start_height":{start},"stop_height":{stop}}}'
            with pytest.raises(LookBackError) as caught:
                await look_back.rescan(btc, "regtest", since=LONG_AGO)
            assert caught.value.details["reason"] == "part"
            assert not (await wallet_marks.read(btc, "regtest")).ended


async def test_from_which_block(node: Node) -> None:
    """All blocks before it are older."""
    async with node.open(node.wallet(uuid.uuid4().hex)) as btc:
        times = [await btc.block_time(height) for height in range(node.rpc("getblockcount") + 1)]
        for wanted in (times[1], times[-1]):
            first = await look_back._first_block(btc, len(times) - 1, wanted)
            assert all(each < wanted for each in times[:first])
            assert times[first] >= wanted


async def test_a_label_that_is_none_of_ours(node: Node) -> None:
    async with node.open(node.wallet(uuid.uuid4().hex)) as btc:
        for mark in (WalletMark(str(uuid.uuid4())), WalletMark(str(uuid.uuid4()), 7, ended=True), WalletMark(None, 7)):
            await wallet_marks.write(btc, "regtest", mark)
            assert await wallet_marks.read(btc, "regtest") == mark
        place = addresses.from_script(wallet_marks.SCRIPT, "regtest")
        await btc.put_label(place, "my burn address")
        assert await wallet_marks.read(btc, "regtest") == WalletMark()
