"""The gateway to a Bitcoin node, against a real one: what it reads, how a payment fares, what a failed call proves."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from hashrail.bitcoin.amounts import to_btc, to_sat
from hashrail.bitcoin.node import BitcoinNode, NodeWalletError, NoNodeError, open_node
from hashrail.bitcoin.records import (
    Accepted,
    AlreadyKnown,
    FeeRate,
    FeeTerms,
    Outpoint,
    Output,
    Refused,
    TransactionState,
    Unknown,
)
from hashrail.bitcoin.rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.settings import Settings
from tests.support.bitcoin_node import Fault, Node, RpcError, proxy, running
from tests.support.programs import free_port

BTC = Decimal(1)
RATE = Decimal(2)
NOBODY = "00" * 32
TERMS = FeeTerms(fallback=Decimal(10), minimum=Decimal(1), cap=Decimal(200))


@pytest.fixture
async def btc(node: Node) -> AsyncIterator[BitcoinNode]:
    """A wallet of the test's own with three coins of one BTC, on the node that all tests share."""
    async with node.open(node.wallet(uuid.uuid4().hex, coins=3)) as opened:
        yield opened


@pytest.fixture
def alone() -> Iterator[Node]:
    """A node of the test's own, for tests that change the chain."""
    with running(listens=True) as made:
        yield made


def address_on(node: Node) -> str:
    """An address of somebody else."""
    if "customers" not in node.rpc("listwallets"):
        node.rpc("createwallet", "customers")
    return str(node.rpc("getnewaddress", wallet="customers"))


async def signed(btc: BitcoinNode, psbt: str) -> str:
    processed = await btc.process_psbt(psbt)
    assert processed.complete
    final = await btc.finalize_psbt(processed.psbt)
    assert final.complete
    assert final.raw is not None
    return final.raw


async def payment(node: Node, btc: BitcoinNode, *inputs: Outpoint, rate: Decimal = RATE) -> str:
    """A signed payment of 0.3 BTC, over the given inputs or one coin."""
    chosen = inputs or [(await btc.list_unspent())[0].outpoint]
    funded = await btc.create_funded_psbt(chosen, {address_on(node): Decimal("0.3")}, sat_per_vb=rate)
    return await signed(btc, funded.psbt)


async def state_of(btc: BitcoinNode, txid: str) -> TransactionState:
    return await btc.transaction(txid)


# The chain


async def test_where_the_node_is(node: Node, btc: BitcoinNode) -> None:
    (mined,) = node.mine()
    height = node.rpc("getblockcount")
    info = await btc.chain_info(height)
    assert (info.chain, info.blocks, info.headers, info.best_hash) == ("regtest", height, height, mined)
    assert (info.pinned_hash, info.initial_download) == (mined, False)
    assert info.median_time == node.rpc("getblockchaininfo")["mediantime"]
    assert info.subversion == node.rpc("getnetworkinfo")["subversion"]
    assert {"segwit", "taproot"} <= info.deployments
    assert (await btc.chain_info()).pinned_hash is None
    assert (await btc.chain_info(height + 1)).pinned_hash is None
    assert await btc.block_hash(0) == node.rpc("getblockhash", 0)


async def test_other_refusals_are_not_taken_for_absence(btc: BitcoinNode) -> None:
    with pytest.raises(NodeRefusedError) as refused:
        await btc.mempool_entry("00")
    assert refused.value.rpc_code == -8
    assert refused.value.details == {"method": "getmempoolentry", "rpcCode": -8}
    assert refused.value.message.startswith("getmempoolentry: ")


# The wallet


async def test_coins_are_confirmed_ones(node: Node, btc: BitcoinNode) -> None:
    coins = await btc.list_unspent()
    assert [(coin.amount_btc, coin.confirmations, coin.solvable, coin.safe) for coin in coins] == [
        (BTC, coins[0].confirmations, True, True)
    ] * 3
    assert coins[0].script == node.rpc("getaddressinfo", coins[0].address, wallet=btc.wallet)["scriptPubKey"]
    assert len({coin.outpoint for coin in coins}) == 3
    raw = await payment(node, btc, coins[0].outpoint)
    await btc.broadcast(raw)
    assert {coin.outpoint for coin in await btc.list_unspent()} == {coin.outpoint for coin in coins[1:]}


async def test_addresses_and_whose_they_are(node: Node, btc: BitcoinNode) -> None:
    taken = [await btc.new_address(), await btc.new_address(), await btc.new_address(change=True)]
    assert len(set(taken)) == 3
    assert [await btc.gives_change_to(address) for address in taken] == [False, False, True]
    assert not await btc.gives_change_to(address_on(node))
    paths = [node.rpc("getaddressinfo", each, wallet=btc.wallet)["hdkeypath"].split("/")[-2] for each in taken]
    assert paths == ["0", "0", "1"]


async def test_a_watching_wallet_takes_public_descriptors_once(node: Node, btc: BitcoinNode) -> None:
    source = [each for each in await btc.list_descriptors() if each.active and each.text.startswith("tr(")]
    external, internal = sorted(source, key=lambda each: each.internal)
    assert (external.internal, internal.internal) == (False, True)
    # The same with the other sign for hardened steps, as our signer writes it.
    apostrophes = re.sub(r"/(\d+)h", r"/\1'", external.text).split("#")[0]
    otherwise = f"{apostrophes}#{node.rpc('getdescriptorinfo', apostrophes)['checksum']}"
    async with node.open(f"watch {uuid.uuid4().hex}/é%41?#") as watching:
        for _ in range(2):
            info = await watching.open_wallet(watch_only=True)
            assert (info.name, info.private_keys) == (watching.wallet, False)
            await watching.import_descriptors(otherwise, internal.text, last_index=5)
        kept = await watching.list_descriptors()
        assert {(each.text, each.internal, each.active) for each in kept} == {
            (external.text, False, True),
            (internal.text, True, True),
        }
        expected = await watching.derive_addresses(external.text, 0, 2)
        assert len(expected) == 3
        assert await watching.new_address() == expected[0]
        assert await watching.gives_change_to(expected[2])
        assert await watching.list_unspent() == []
        with pytest.raises(NodeWalletError, match="lacks private keys"):
            await watching.open_wallet(watch_only=False)
        with pytest.raises(NodeWalletError, match="did not take a descriptor: Missing checksum"):
            await watching.import_descriptors(external.text.replace("/0/*", "/7/*").split("#")[0], internal.text)
        node.rpc("unloadwallet", watching.wallet)
        assert (await watching.open_wallet(watch_only=True)).name == watching.wallet


async def test_a_wallet_may_look_back(alone: Node) -> None:
    """Coins from before the import are found from a given time on; again, and with a range that has grown since."""
    alone.rpc("setmocktime", 1_700_000_000)
    alone.wallet("w", coins=1)
    alone.rpc("setmocktime", 1_700_100_000)
    alone.mine(12)
    async with alone.open("w") as btc, alone.open("watch") as watching:
        coins = await btc.list_unspent()
        external, internal = [each.text for each in await btc.list_descriptors() if each.text.startswith("wpkh(")]
        await watching.open_wallet(watch_only=True)
        await watching.import_descriptors(external, internal, last_index=5)
        assert await watching.list_unspent() == []
        for _ in range(2):
            await watching.import_descriptors(external, internal, since=datetime(2023, 11, 1, tzinfo=UTC), last_index=5)
            assert [each.outpoint for each in await watching.list_unspent()] == [each.outpoint for each in coins]
            assert len(coins) == 1


async def test_a_wallet_with_keys_is_not_one_that_watches(node: Node, btc: BitcoinNode) -> None:
    with pytest.raises(NodeWalletError, match="has private keys"):
        await btc.open_wallet(watch_only=True)
    assert await btc.open_wallet(watch_only=False) == await btc.wallet_info()
    async with node.open(uuid.uuid4().hex) as new:
        assert (await new.open_wallet(watch_only=False)).private_keys
        assert len(await new.new_address()) > 40


# A payment, step by step


async def test_a_payment_from_pinned_inputs_to_depth(node: Node, btc: BitcoinNode) -> None:
    first, second, third = await btc.list_unspent()
    outputs = {address_on(node): Decimal("0.00000546"), address_on(node): Decimal("1.12345678")}
    change = await btc.new_address(change=True)
    funded = await btc.create_funded_psbt(
        [first.outpoint, third.outpoint], outputs, sat_per_vb=Decimal("2.5"), change_address=change
    )
    raw = await signed(btc, funded.psbt)
    decoded = await btc.decode_raw(raw)
    assert set(decoded.inputs) == {first.outpoint, third.outpoint}
    assert set(decoded.sequences) == {0xFFFFFFFD}
    paid = {output.address: output.amount_btc for output in decoded.outputs}
    assert {address: paid[address] for address in outputs} == outputs
    assert set(paid) == {*outputs, change}
    assert sum(paid.values()) + funded.fee_btc == 2
    assert 0 <= to_sat(funded.fee_btc) - decoded.vsize * Decimal("2.5") < 10

    tested = await btc.test_accept(raw)
    assert (tested.allowed, tested.txid, tested.vsize, tested.fee_btc, tested.reason) == (
        *(True, decoded.txid, decoded.vsize),
        *(funded.fee_btc, None),
    )
    assert await state_of(btc, decoded.txid) == TransactionState("unknown")
    assert await btc.raw_transaction(decoded.txid) is None
    assert await btc.spends([first.outpoint, second.outpoint]) == {}

    assert await btc.broadcast(raw) == Accepted(decoded.txid)
    assert await btc.broadcast(raw) == Accepted(decoded.txid)
    assert await state_of(btc, decoded.txid) == TransactionState("mempool")
    assert await btc.spends([first.outpoint, second.outpoint]) == {first.outpoint: decoded.txid}
    assert [await btc.unspent(first.outpoint, with_mempool=each) for each in (False, True)] == [True, False]
    entry = await btc.mempool_entry(decoded.txid)
    assert entry is not None
    assert (entry.vsize, entry.fees.descendant_btc) == (decoded.vsize, funded.fee_btc)
    again = await btc.test_accept(raw)
    assert (again.allowed, again.vsize, again.fee_btc) == (False, None, None)
    assert again.reason == "txn-already-in-mempool"

    (block,) = node.mine()
    assert await state_of(btc, decoded.txid) == TransactionState("confirmed", 1, block)
    assert await btc.mempool_entry(decoded.txid) is None
    assert await btc.unspent(first.outpoint, with_mempool=False) is False
    assert await btc.spends([first.outpoint]) == {}
    assert await btc.spends([]) == {}
    node.mine(5)
    assert await state_of(btc, decoded.txid) == TransactionState("confirmed", 6, block)
    assert await btc.broadcast(raw) == AlreadyKnown(decoded.txid)
    assert await btc.raw_transaction(decoded.txid) == raw


async def test_inputs_are_never_added(node: Node, btc: BitcoinNode) -> None:
    coin = (await btc.list_unspent())[0].outpoint
    with pytest.raises(NodeRefusedError, match="preselected coins"):
        await btc.create_funded_psbt([coin], {address_on(node): Decimal("1.5")}, sat_per_vb=RATE)
    with pytest.raises(AssertionError, match="pinned"):
        await btc.create_funded_psbt([], {address_on(node): BTC}, sat_per_vb=RATE)
    with pytest.raises(AssertionError):
        await btc.create_funded_psbt([coin], {address_on(node): Decimal("0.000000001")}, sat_per_vb=RATE)


async def test_a_transaction_of_others_is_seen_too(node: Node, btc: BitcoinNode) -> None:
    sender = node.wallet(uuid.uuid4().hex, coins=1)
    txid = node.rpc("sendtoaddress", address_on(node), Decimal("0.5"), wallet=sender)
    assert await state_of(btc, txid) == TransactionState("mempool")
    (block,) = node.mine()
    assert await state_of(btc, txid) == TransactionState("confirmed", 1, block)
    raw = await btc.raw_transaction(txid)
    assert raw is not None
    assert (await btc.decode_raw(raw)).txid == txid


async def test_what_stands_in_a_transaction(btc: BitcoinNode) -> None:
    """One output pays an address, one is data that nobody can spend."""
    raw = "0200000001" + "11" * 32 + "0200000000fdffffff02" + (12345).to_bytes(8, "little").hex() + "160014" + "ab" * 20
    raw += "00" * 8 + "046a02beef" + "00000000"
    decoded = await btc.decode_raw(raw)
    assert decoded.inputs == (Outpoint("11" * 32, 2),)
    first, second = decoded.outputs
    assert (first.amount_btc, first.script) == (Decimal("0.00012345"), "0014" + "ab" * 20)
    assert first.address is not None
    assert first.address.startswith("bcrt1q")
    assert second == Output(Decimal(0), "6a02beef", None)
    with pytest.raises(NodeRefusedError):
        await btc.decode_raw("00")


# Broadcast: the four answers


async def test_what_the_node_will_not_take(node: Node, btc: BitcoinNode) -> None:
    coin = (await btc.list_unspent())[0].outpoint
    raw = await payment(node, btc, coin)
    rival = await payment(node, btc, coin)
    assert isinstance(await btc.broadcast(raw), Accepted)
    refused = await btc.broadcast(rival)
    assert isinstance(refused, Refused)
    assert refused.rpc_code == -26
    assert refused.reason.startswith("insufficient fee")
    tested = await btc.test_accept(rival)
    assert (tested.allowed, tested.reason) == (False, "insufficient fee")
    node.mine()
    assert await btc.broadcast(rival) == Refused(-25, "bad-txns-inputs-missingorspent")
    assert isinstance(broken := await btc.broadcast("00"), Refused)
    assert broken.rpc_code == -22


async def test_a_mined_payment_whose_outputs_are_spent_is_not_taken_for_refused(node: Node, btc: BitcoinNode) -> None:
    """The node then says the same as of a double spend."""
    coin = (await btc.list_unspent())[0].outpoint
    whole = await btc.create_funded_psbt([coin], {await btc.new_address(): Decimal("0.9999")}, sat_per_vb=Decimal(88))
    raw = await signed(btc, whole.psbt)
    decoded = await btc.decode_raw(raw)
    assert len(decoded.outputs) == 1
    await btc.broadcast(raw)
    node.mine()
    await btc.broadcast(await payment(node, btc, Outpoint(decoded.txid, 0)))
    node.mine()
    with pytest.raises(RpcError, match="missingorspent"):
        node.rpc("sendrawtransaction", raw)
    assert await btc.broadcast(raw) == AlreadyKnown(decoded.txid)


async def test_other_refusals_say_nothing_about_the_payment(node: Node, btc: BitcoinNode) -> None:
    async with proxy(node) as before, node.open(btc.wallet, url=before.url) as lossy:
        before.faults["sendrawtransaction"] = Fault.WARMING_UP
        assert await lossy.broadcast(await payment(node, btc)) == Unknown("sendrawtransaction: Loading block index")


# The three ways to fail


async def test_a_refusal_is_the_nodes_own(node: Node, btc: BitcoinNode) -> None:
    with pytest.raises(NodeRefusedError) as refused:
        await btc.call("nonsense", kind=str)
    assert (refused.value.rpc_code, refused.value.reason) == (-32601, "Method not found")
    async with node.open("no such wallet") as other:
        with pytest.raises(NodeRefusedError) as unknown:
            await other.wallet_info()
    assert unknown.value.rpc_code == -18


async def test_nobody_listens(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with BitcoinNode(url, auth=("user", "password")) as gone:
        with pytest.raises(NodeUnreachableError, match="nobody listens"):
            await gone.block_hash(0)
        assert await gone.broadcast("00") == Unknown(f"sendrawtransaction: nobody listens at {url}")
    async with BitcoinNode(url, auth=tmp_path / ".cookie") as stopped:
        with pytest.raises(NodeUnreachableError, match="cookie"):
            await stopped.block_hash(0)


LOST = [
    (Fault.LOSE_REQUEST, False, "RemoteProtocolError"),
    (Fault.LOSE_ANSWER, True, "RemoteProtocolError"),
    (Fault.HALF_ANSWER, True, "RemoteProtocolError"),
    (Fault.LATE, True, "no answer within 1 s"),
    (Fault.NO_JSON, False, "HTTP status 502"),
    (Fault.OTHER_ANSWER, True, "not the documented answer"),
]


@pytest.mark.parametrize(("fault", "acted", "cause"), LOST, ids=lambda value: getattr(value, "name", ""))
async def test_a_lost_answer_is_unknown_whether_or_not_the_node_acted(
    node: Node, btc: BitcoinNode, fault: Fault, acted: bool, cause: str
) -> None:
    raw = await payment(node, btc)
    txid = (await btc.decode_raw(raw)).txid
    async with proxy(node) as before, node.open(btc.wallet, url=before.url, timeout_seconds=1) as lossy:
        before.faults["sendrawtransaction"] = fault
        assert await lossy.broadcast(raw) == Unknown(f"sendrawtransaction: {cause}")
        assert ("sendrawtransaction" in before.passed) is acted
        assert await state_of(lossy, txid) == TransactionState("mempool" if acted else "unknown")
        with pytest.raises(NodeUnknownError) as unknown:
            await lossy.call("sendrawtransaction", raw, kind=str)
        assert unknown.value.message == f"sendrawtransaction: {cause}"
        before.faults.clear()
        assert await lossy.broadcast(raw) == Accepted(txid)


async def test_calls_of_one_request_are_answered_each_by_itself(node: Node, btc: BitcoinNode) -> None:
    """What the node refuses one of them says nothing of the others; a lost answer is that of all."""
    height, other, missing = await btc.call_each(("getblockcount",), ("nonsense",), ("getblockhash", 10**6))
    assert height.read(int) == node.rpc("getblockcount")
    with pytest.raises(NodeUnknownError, match="getblockcount: not the documented answer"):
        height.read(str)
    assert missing.read_or_none(-8, str) is None
    with pytest.raises(NodeRefusedError, match="nonsense: Method not found"):
        other.read_or_none(-8, str)
    async with proxy(node) as before, node.open(url=before.url) as lossy:
        for fault, cause in ((Fault.LOSE_ANSWER, "RemoteProtocolError"), (Fault.NO_JSON, "HTTP status 502")):
            before.faults["getblockcount"] = fault
            with pytest.raises(NodeUnknownError, match=f"getblockcount: {cause}"):
                await lossy.call_each(("getblockcount",), ("getnetworkinfo",))


async def test_an_answer_that_is_lost_while_a_refusal_is_looked_into(node: Node, btc: BitcoinNode) -> None:
    coin = (await btc.list_unspent())[0].outpoint
    raw, rival = await payment(node, btc, coin), await payment(node, btc, coin)
    await btc.broadcast(raw)
    async with proxy(node) as before, node.open(btc.wallet, url=before.url) as lossy:
        before.faults["gettransaction"] = Fault.LOSE_ANSWER
        assert await lossy.broadcast(rival) == Unknown("gettransaction: RemoteProtocolError")
        node.mine()
        known = await lossy.broadcast(raw)
        assert known == AlreadyKnown((await btc.decode_raw(raw)).txid)


async def test_each_call_has_a_connection_of_its_own() -> None:
    """This server would keep them."""
    heads: list[bytes] = []
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while head := await reader.read(10_000):
            heads.append(head)
            body = '{"result":"00","error":null,"id":"hashrail"}'
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with BitcoinNode(url, auth=("user", "password")) as btc:
        assert [await btc.block_hash(0) for _ in range(3)] == ["00"] * 3
    server.close()
    await server.wait_closed()
    assert len(connections) == 3
    assert all(b"Authorization: Basic dXNlcjpwYXNzd29yZA==" in head for head in heads)


async def test_a_wrong_password_is_said(node: Node) -> None:
    async with BitcoinNode(node.url, auth=("user", "wrong")) as stranger:
        with pytest.raises(NodeUnknownError, match="does not accept user and password"):
            await stranger.block_hash(0)


async def test_the_cookie_is_read_anew(alone: Node) -> None:
    async with alone.open() as btc:
        assert await btc.block_hash(0) is not None
        before, mined = alone.cookie.read_text(), alone.mine(2)
        alone.kill()
        with pytest.raises(NodeUnreachableError):
            await btc.block_hash(0)
        alone.start()
        assert alone.cookie.read_text() != before
        assert await btc.block_hash(2) == mined[1]
        user, _, password = alone.cookie.read_text().partition(":")
        async with BitcoinNode(alone.url + "/", auth=(user, password)) as known:
            assert await known.block_hash(0) == await btc.block_hash(0)


async def test_calls_at_once_do_not_share_answers(btc: BitcoinNode) -> None:
    hashes = await asyncio.gather(*[btc.block_hash(height) for height in range(50)])
    assert len(set(hashes)) == 50
    assert hashes[7] == await btc.block_hash(7)


# Fees


async def test_the_fee_rate_without_an_estimate(alone: Node) -> None:
    async with alone.open() as btc:
        await check_fallbacks(btc, alone.rpc("getmempoolinfo")["mempoolminfee"] * 100_000)


async def check_fallbacks(btc: BitcoinNode, relayed: Decimal) -> None:
    assert await btc.estimate_fee(6, TERMS) == FeeRate(Decimal(10), "fallback", capped=False)
    equal = FeeTerms(fallback=Decimal(10), minimum=Decimal(1), cap=Decimal(10))
    assert await btc.estimate_fee(6, equal) == FeeRate(Decimal(10), "fallback", capped=False)
    low = FeeTerms(fallback=Decimal("0.5"), minimum=Decimal("1.5"), cap=Decimal(200))
    assert await btc.estimate_fee(6, low) == FeeRate(Decimal("1.5"), "fallback", capped=False)
    relay = FeeTerms(fallback=Decimal("0.01"), minimum=Decimal("0.01"), cap=Decimal(200))
    assert await btc.estimate_fee(6, relay) == FeeRate(relayed, "fallback", capped=False)
    capped = FeeTerms(fallback=Decimal(10), minimum=Decimal(1), cap=Decimal(9))
    assert await btc.estimate_fee(6, capped) == FeeRate(Decimal(9), "fallback", capped=True)


async def test_the_fee_rate_with_an_estimate(node: Node, btc: BitcoinNode) -> None:
    """A node on regtest has none of its own: the answer is put into the mouth of the real one."""
    async with proxy(node) as before, node.open(btc.wallet, url=before.url) as told:
        before.instead["estimatesmartfee"] = '{"feerate":0.00012345,"blocks":6}'
        assert await told.estimate_fee(6, TERMS) == FeeRate(Decimal("12.345"), "estimate", capped=False)
        before.instead["estimatesmartfee"] = '{"feerate":0.1,"blocks":6}'
        assert await told.estimate_fee(6, TERMS) == FeeRate(Decimal(200), "estimate", capped=True)


# Replacements, evictions, reorgs


async def test_a_replacement_over_the_same_inputs(node: Node, btc: BitcoinNode) -> None:
    """It needs nothing of the wallet but its keys: not even that the wallet knows the payment."""
    coin = (await btc.list_unspent())[0].outpoint
    address = address_on(node)
    made = []
    for rate in (2, 30):
        funded = await btc.create_funded_psbt([coin], {address: Decimal("0.3")}, sat_per_vb=Decimal(rate))
        made.append(raw := await signed(btc, funded.psbt))
        assert isinstance(await btc.broadcast(raw), Accepted)
    first, second = [await btc.decode_raw(raw) for raw in made]
    assert first.inputs == second.inputs
    assert await state_of(btc, first.txid) == TransactionState("absent", conflicts=(second.txid,))
    assert await state_of(btc, second.txid) == TransactionState("mempool", conflicts=(first.txid,))
    node.mine()
    lost = await state_of(btc, first.txid)
    assert (lost.state, lost.confirmations, lost.conflicts) == ("conflicted", -1, (second.txid,))
    assert (await state_of(btc, second.txid)).state == "confirmed"


async def test_a_payment_that_the_mempool_forgot(alone: Node) -> None:
    alone.wallet("w", coins=1)
    async with alone.open("w") as btc:
        raw = await payment(alone, btc)
        txid = (await btc.decode_raw(raw)).txid
        await btc.broadcast(raw)
        alone.stop()
        alone.start("-persistmempool=0", "-walletbroadcast=0")
        await btc.open_wallet(watch_only=False)
        assert await state_of(btc, txid) == TransactionState("absent")
        assert await btc.raw_transaction(txid) == raw
        assert await btc.broadcast(raw) == Accepted(txid)


async def test_a_reorg_takes_confirmations_back(alone: Node) -> None:
    alone.wallet("w", coins=1)
    async with alone.open("w") as btc:
        raw = await payment(alone, btc)
        txid = (await btc.decode_raw(raw)).txid
        await btc.broadcast(raw)
        start = (await btc.wallet_transactions()).last_block
        (block,) = alone.mine()
        history = await btc.wallet_transactions(start)
        assert history.last_block == block
        assert {entry.txid for entry in history.entries} == {txid}
        assert history.removed == ()
        alone.rpc("invalidateblock", block)
        assert await state_of(btc, txid) == TransactionState("mempool")
        reorged = await btc.wallet_transactions(block)
        assert {entry.txid for entry in reorged.removed} == {txid}
        assert {(entry.txid, entry.confirmations) for entry in reorged.entries} == {(txid, 0)}
        (other,) = alone.mine()
        assert await state_of(btc, txid) == TransactionState("confirmed", 1, other)


async def test_a_longer_chain_that_spends_the_coin_otherwise(alone: Node) -> None:
    alone.wallet("w", coins=1)
    with running() as rival:
        rival.connect(alone)
        async with alone.open("w") as btc:
            coin = (await btc.list_unspent())[0].outpoint
            honest, double = await payment(alone, btc, coin), await payment(alone, btc, coin)
            rival.part()
            await btc.broadcast(honest)
            alone.mine()
            txid = (await btc.decode_raw(honest)).txid
            assert (await state_of(btc, txid)).state == "confirmed"
            rival_txid = rival.rpc("sendrawtransaction", double)
            rival.mine(4)
            rival.connect(alone)
            assert await state_of(btc, txid) == TransactionState("conflicted", -4, conflicts=(rival_txid,))
            assert isinstance(await btc.broadcast(honest), Refused)
            assert (await state_of(btc, rival_txid)).confirmations == 4


# The wallet's history


async def test_every_spend_of_the_wallet_is_in_its_history(node: Node, btc: BitcoinNode) -> None:
    """A payment out, and one that only moves coins within the wallet."""
    since = node.tip()
    assert {entry.category for entry in (await btc.wallet_transactions()).entries} == {"receive"}
    assert (await btc.wallet_transactions(since)).entries == ()
    raw = await payment(node, btc)
    decoded = await btc.decode_raw(raw)
    await btc.broadcast(raw)
    coin = (await btc.list_unspent())[0].outpoint
    change = {await btc.new_address(change=True): Decimal("0.5")}
    moved = await signed(btc, (await btc.create_funded_psbt([coin], change, sat_per_vb=RATE)).psbt)
    moved_txid = (await btc.decode_raw(moved)).txid
    await btc.broadcast(moved)
    sent = [each for each in (await btc.wallet_transactions(since)).entries if each.category == "send"]
    assert {each.txid for each in sent} == {decoded.txid, moved_txid}
    out = next(each for each in sent if each.txid == decoded.txid and each.amount_btc == Decimal("-0.3"))
    paid = next(each for each in decoded.outputs if each.amount_btc == Decimal("0.3"))
    assert (out.address, out.confirmations, out.block_hash) == (paid.address, 0, None)
    assert decoded.outputs[out.vout] == paid
    assert out.fee_btc is not None
    assert -out.fee_btc == 1 - sum(each.amount_btc for each in decoded.outputs)
    blocks = node.mine(3)
    history = await btc.wallet_transactions(since, depth=3)
    assert history.last_block == blocks[0]
    assert {(each.confirmations, each.block_hash) for each in history.entries} == {(3, blocks[0])}
    assert (await btc.wallet_transactions(blocks[0])).entries == ()


# Settings and units


def test_satoshi() -> None:
    assert (to_sat(Decimal("0.00000001")), to_sat(Decimal(21_000_000))) == (1, 2_100_000_000_000_000)
    assert (to_btc(1), to_btc(-150_000_000)) == (Decimal("0.00000001"), Decimal("-1.5"))
    with pytest.raises(AssertionError):
        to_sat(Decimal("0.000000001"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no Bitcoin node"),
        ({"bitcoin_rpc_url": "http://127.0.0.1:1"}, "neither a cookie"),
        ({"bitcoin_rpc_url": "http://127.0.0.1:1", "bitcoin_rpc_user": "u"}, "neither a cookie"),
    ],
)
def test_a_node_that_is_not_configured(given: dict[str, str], said: str) -> None:
    with pytest.raises(NoNodeError, match=said):
        open_node(Settings.model_validate(given))


async def test_the_node_of_the_settings(node: Node) -> None:
    user, _, password = node.cookie.read_text().partition(":")
    both = {"bitcoin_rpc_user": user, "bitcoin_rpc_password": password}
    for given in ({"bitcoin_rpc_cookie": node.cookie, "bitcoin_rpc_user": "wrong"}, both):
        async with open_node(Settings.model_validate({"bitcoin_rpc_url": node.url, **given})) as btc:
            assert await btc.block_hash(0) is not None
            assert btc.wallet == "hashrail"
