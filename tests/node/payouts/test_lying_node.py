"""A node that was taken over makes nobody rich and nothing be paid: it invents lines, proofs, blocks, conflicts, coins.

The keys are beside the program, so every signature would be worth real bitcoin.
"""

import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from hashrail import db
from hashrail.bitcoin import public_descriptors
from hashrail.bitcoin.block_proofs import EASIEST
from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.node_checks import Terms
from hashrail.bitcoin.signer import KeySigner
from hashrail.custody import deposit_addresses, deposits, hot_wallet
from hashrail.custody.deposit_addresses import DepositsNotAvailableError
from hashrail.custody.deposits import Deposit
from hashrail.deployment.opened import Deployment
from hashrail.payouts import processor
from tests.support.api_client import check_books
from tests.support.bitcoin_node import LyingNode, Node, lying, running
from tests.support.deployments import deployed
from tests.support.keys import TPRV
from tests.support.paying import FEES, Asker, deployed_on, fee_of, paid_once, run_later, settings, txids, wallet_of
from tests.support.payouts import spendable
from tests.support.world import World

FAKE = "f00d" * 16
QUARTER, MUCH = Decimal("0.25"), 2.5
FINAL = 6
# Keys of each test's own.
ACCOUNTS = itertools.count(8400)


@dataclass
class Stage:
    """A deployment that asks a liar, and a user who would be glad."""

    world: World
    node: Node
    liar: LyingNode
    deployment: Deployment
    eve: int
    address: str

    async def runs(self, count: int = 2) -> list[str]:
        """Runs, and what the last one found."""
        for _ in range(count):
            done = await processor.run(self.deployment)
            assert done.batches == []
        return [each.code for each in done.findings]

    async def deposits(self) -> list[Deposit]:
        return await deposits.of_partner(self.world.pool, self.world.partner.id, user_id=self.eve, limit=9)

    def adds_line(self, **line: Any) -> None:
        """The wallet's history has a line more, and the wallet a transaction more."""
        told = {"category": "receive", "label": "", "vout": 0, "confirmations": 50, "walletconflicts": [], **line}

        def lie(_: list[Any], real: Any) -> Any:
            return real | {"transactions": [*real["transactions"], told]}

        self.liar.lies["listsinceblock"] = lie

    def says_confirmed(self, txid: str, block_hash: str, confirmations: int = 50) -> None:
        told = {"confirmations": confirmations, "blockhash": block_hash, "walletconflicts": [], "hex": ""}

        def lie(params: list[Any], real: Any) -> Any:
            return (real or {}) | told if params[0] == txid else NotImplemented

        self.liar.lies["gettransaction"] = lie


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running() as own:
        own.pay(own.rpc("getnewaddress", wallet=own.wallet("somebody")))
        yield own


@pytest.fixture
async def stage(world: World, node: Node) -> AsyncIterator[Stage]:
    async with deployed_on(world.pool, node, coins=3) as honest, lying(node) as liar:
        chain = NodeChain(node.open(wallet_of(honest), url=liar.url), None, terms=Terms("regtest"), fees=FEES)
        deployment = replace(honest, node=chain)
        eve = (await world.user("eve")).id
        address = await deposit_addresses.of_user(world.pool, chain, world.partner.id, eve)
        yield Stage(world, node, liar, deployment, eve, address)
        await chain.close()
    await check_books(world)


# Deposits that never were


def out_of_the_air(stage: Stage) -> None:
    """A transaction and a block that nobody has ever seen."""
    stage.adds_line(address=stage.address, amount=MUCH, txid=FAKE, blockhash="00" * 32)
    stage.says_confirmed(FAKE, "00" * 32)


def in_a_real_block(stage: Stage) -> None:
    tip = stage.node.mine(3)[0]
    stage.adds_line(address=stage.address, amount=MUCH, txid=FAKE, blockhash=tip)
    stage.says_confirmed(FAKE, tip)


def proof_of_another(stage: Stage) -> None:
    """The merkle proof of the block's own transaction, and its bytes too."""
    in_a_real_block(stage)
    block = stage.node.rpc("getblock", stage.node.rpc("getblockhash", stage.node.rpc("getblockcount") - 2))
    stage.liar.lies["gettxoutproof"] = lambda *_: stage.node.rpc("gettxoutproof", block["tx"], block["hash"])
    stage.liar.lies["getrawtransaction"] = lambda *_: stage.node.rpc("getrawtransaction", block["tx"][0])


def somebody_elses(stage: Stage) -> None:
    """A real payment of somebody else, said to be at eve's address."""
    other = stage.node.rpc("getnewaddress", wallet="somebody")
    txid = stage.node.pay(other)
    block = stage.node.tip()
    stage.node.mine(3)
    paid = stage.node.rpc("getrawtransaction", txid, True)["vout"]
    vout = next(each["n"] for each in paid if each["scriptPubKey"]["address"] == other)
    stage.adds_line(address=stage.address, amount=1.0, txid=txid, vout=vout, blockhash=block)
    stage.says_confirmed(txid, block)


def _forged(stage: Stage, *, with_work: bool) -> str:
    """A block of one transaction that pays eve, with the headers below it real; answers its hash."""
    inputs = [{"txid": FAKE, "vout": 0}]
    raw = bytes.fromhex(stage.node.rpc("createrawtransaction", inputs, {stage.address: Decimal("2.5")}))
    below = stage.node.mine(3)[0]
    txid = _hash(raw)
    head = (0x20000000).to_bytes(4, "little") + bytes.fromhex(below)[::-1] + txid
    head += stage.node.rpc("getblockheader", below)["time"].to_bytes(4, "little") + (0x207FFFFF).to_bytes(4, "little")
    enough = [n for n in range(200) if (_number(head, n) <= EASIEST["regtest"]) == with_work]
    chain = [head + enough[0].to_bytes(4, "little")]
    for place in range(3):
        upper = chain[-1][:4] + _hash(chain[-1]) + bytes([place]) * 32 + chain[-1][68:76]
        chain.append(
            upper + next(n for n in range(200) if _number(upper, n) <= EASIEST["regtest"]).to_bytes(4, "little")
        )
    names = [_hash(each)[::-1].hex() for each in chain]
    height = stage.node.rpc("getblockcount")
    by_name = dict(zip(names, chain, strict=True))
    stage.adds_line(address=stage.address, amount=MUCH, txid=txid[::-1].hex(), blockhash=names[0])
    stage.says_confirmed(txid[::-1].hex(), names[0])
    stage.liar.lies |= {
        "getblockcount": lambda *_: height + 3,
        "getblockhash": lambda params, _: names[params[0] - height] if params[0] >= height else NotImplemented,
        "getblockheader": lambda params, _: _told_header(by_name, params, height),
        "gettxoutproof": lambda *_: (chain[0] + b"\x01\0\0\0\x01" + txid + b"\x01\x01").hex(),
        "getrawtransaction": lambda *_: raw.hex(),
    }
    return names[0]


def _told_header(by_name: dict[str, bytes], params: list[Any], height: int) -> Any:
    if params[0] not in by_name:
        return NotImplemented
    return {"height": height, "confirmations": 4, "time": 0} if params[1] else by_name[params[0]].hex()


def _hash(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def _number(head: bytes, nonce: int) -> int:
    return int.from_bytes(_hash(head + nonce.to_bytes(4, "little")), "little")


def a_block_without_work(stage: Stage) -> None:
    _forged(stage, with_work=False)


@pytest.mark.parametrize(
    "lie", [out_of_the_air, in_a_real_block, proof_of_another, somebody_elses, a_block_without_work]
)
async def test_an_invented_deposit_is_not_credited(stage: Stage, lie: Callable[[Stage], None]) -> None:
    """It stays pending for ever, every run says so, and there is nothing that eve could withdraw."""
    lie(stage)
    assert await stage.runs() == ["DEPOSIT_UNPROVEN"]
    assert {each.state for each in await stage.deposits()} == {"pending"}
    assert await spendable(stage.world, stage.eve) == 0


async def test_a_block_with_work_needs_a_second_liar(stage: Stage) -> None:
    """Regtest blocks cost nothing, so there a forged one stands for one that was paid for: the second node lacks it."""
    _forged(stage, with_work=True)
    assert isinstance(stage.deployment.chain, NodeChain)
    stage.deployment.chain._witness = stage.node.open()
    assert await stage.runs() == ["DEPOSIT_UNPROVEN"]
    assert await spendable(stage.world, stage.eve) == 0
    # It is the second node that keeps it out: alone, the liar would have had to find the work of four blocks.
    await stage.deployment.chain._witness.close()
    stage.deployment.chain._witness = None
    assert await stage.runs() == []
    assert await spendable(stage.world, stage.eve) == Decimal("2.5")
    stage.liar.lies.clear()


# Deposits that are less, or later


def ten_times_as_much(stage: Stage) -> None:
    def lie(_: list[Any], real: Any) -> Any:
        for line in real["transactions"]:
            line["amount"] = 2.5 if line["category"] == "receive" else line["amount"]
        return real

    stage.liar.lies["listsinceblock"] = lie


def deeper_than_it_is(stage: Stage) -> None:
    (one,) = stage.node.rpc(
        "listsinceblock",
        stage.node.rpc("getblockhash", stage.node.rpc("getblockcount") - 1),
        wallet=wallet_of(stage.deployment),
    )["transactions"]
    stage.says_confirmed(one["txid"], one["blockhash"])


def other_bytes(stage: Stage) -> None:
    """Its bytes pay ten times as much; they have another txid."""
    inputs = [{"txid": FAKE, "vout": 0}]
    raw = stage.node.rpc("createrawtransaction", inputs, {stage.address: Decimal("2.5")})
    ten_times_as_much(stage)
    stage.liar.lies["getrawtransaction"] = lambda *_: raw


@pytest.mark.parametrize(("lie", "blocks"), [(ten_times_as_much, 2), (deeper_than_it_is, 0), (other_bytes, 2)])
async def test_a_real_deposit_is_what_it_is(stage: Stage, lie: Callable[[Stage], None], blocks: int) -> None:
    """While the node lies about it nothing is credited; told rightly it is, to the satoshi."""
    stage.node.pay(stage.address, each_btc=QUARTER)
    stage.node.mine(blocks)
    lie(stage)
    assert await stage.runs() == ["DEPOSIT_UNPROVEN"]
    assert await spendable(stage.world, stage.eve) == 0
    stage.liar.lies.clear()
    stage.node.mine(2)
    await stage.world.pool.execute("UPDATE payout_scan SET block_hash = NULL")
    assert await stage.runs() == []
    assert [(each.state, each.amount_btc) for each in await stage.deposits()] == [("credited", QUARTER)]
    assert await spendable(stage.world, stage.eve) == QUARTER


# Payments that are said to be lost


@pytest.mark.parametrize("rival", ["invented", "real"])
async def test_a_conflict_has_to_be_shown(stage: Stage, rival: str) -> None:
    """The node says that a block spends the coins otherwise, at final depth: nothing is paid a second time."""
    alice = await Asker.create(stage.world, stage.node)
    made = await alice.asks("0.01")
    (batch_id,) = (await run_later(stage.world, stage.deployment)).batches
    (txid,) = await txids(stage.deployment, batch_id)
    stage.node.mine(FINAL)
    other = stage.node.rpc("getblock", stage.node.rpc("getblockhash", stage.node.rpc("getblockcount") - FINAL))["tx"][0]
    other = {"invented": FAKE, "real": other}[rival]
    conflicted = {"confirmations": -FINAL, "walletconflicts": [other], "hex": ""}
    stage.liar.lies |= {
        "gettransaction": lambda params, _: conflicted if params[0] == txid else NotImplemented,
        "getmempoolentry": lambda *_: NotImplemented,
        "gettxout": lambda *_: None,
    }
    for _ in range(2):
        done = await run_later(stage.world, stage.deployment)
        assert ([each.code for each in done.findings], done.batches) == (["CONFLICT_UNPROVEN"], [])
    paid_once(stage.node, {made.address: made.amount_btc})
    stage.liar.lies.clear()
    assert (await run_later(stage.world, stage.deployment)).findings == []
    assert (await alice.got(made.id)).state == "final"


async def test_coins_that_are_not_there(world: World, node: Node) -> None:
    """Nothing is stored and nothing sent that spends them."""
    async with deployed_on(world.pool, node, coins=0) as honest, lying(node) as liar:
        chain = NodeChain(node.open(wallet_of(honest), url=liar.url), None, terms=Terms("regtest"), fees=FEES)
        deployment = replace(honest, node=chain)
        alice = await Asker.create(world, node)
        await alice.asks("0.01")
        coin = {"txid": FAKE, "vout": 0, "amount": 5.0, "confirmations": 9, "solvable": True, "safe": True}
        script = node.rpc(
            "getaddressinfo", node.rpc("getnewaddress", wallet=wallet_of(honest)), wallet=wallet_of(honest)
        )
        liar.lies["listunspent"] = lambda *_: [coin | {"scriptPubKey": script["scriptPubKey"], "parent_descs": []}]
        done = await run_later(world, deployment)
        assert done.batches == []
        assert len(done.findings) == 1
        assert await world.pool.fetchval("SELECT count(*) FROM payout_transaction") == 0
        await chain.close()
    await check_books(world)


async def test_a_fee_beyond_all_measure(stage: Stage) -> None:
    """It is cut at the cap."""
    alice = await Asker.create(stage.world, stage.node)
    await alice.asks("0.01")
    stage.liar.lies["estimatesmartfee"] = lambda *_: {"feerate": 0.9, "blocks": 1}
    (batch_id,) = (await run_later(stage.world, stage.deployment)).batches
    (txid,) = await txids(stage.deployment, batch_id)
    assert await fee_of(stage.deployment, txid) < Decimal("0.0005")
    stage.node.mine(FINAL)
    assert (await run_later(stage.world, stage.deployment)).settled == 1


# Addresses, where a signer has the keys


@dataclass
class Watching:
    """A wallet that watches for a signer, and a liar in front of it."""

    world: World
    node: Node
    liar: LyingNode
    signer: KeySigner
    wallet: str

    def chain(self, *, signs: bool) -> NodeChain:
        """The chain of a process that has the keys, or of one that only knows that somebody has."""
        btc = self.node.open(self.wallet, url=self.liar.url)
        keys = self.signer if signs else None
        return NodeChain(btc, keys, terms=Terms("regtest"), fees=FEES, signs_elsewhere=True)

    async def address(self, name: str) -> str:
        """What the API would tell a user."""
        chain = self.chain(signs=False)
        try:
            return await deposit_addresses.of_user(
                self.world.pool, chain, self.world.partner.id, (await self.world.user(name)).id
            )
        finally:
            await chain.close()

    async def run(self) -> list[str]:
        """A run of a process that has the keys; what it found."""
        chain = self.chain(signs=True)
        done = await processor.run(deployed(self.world.pool, settings(), chain))
        await chain.close()
        return [each.code for each in done.findings]

    def at(self, index: int) -> str:
        """The signer's address at an index, as the real node derives it."""
        return str(self.node.rpc("deriveaddresses", self.signer.descriptors()[0], [index, index])[0])


@pytest.fixture
async def watching(world: World, node: Node) -> AsyncIterator[Watching]:
    signer = KeySigner("\n".join(f"wpkh({TPRV}/84h/1h/{next(ACCOUNTS)}h/{side}/*)" for side in (0, 1)), "regtest")
    wallet = uuid.uuid4().hex
    node.mine()
    async with node.open(wallet) as btc:
        await btc.open_wallet(watch_only=True)
        await btc.import_descriptors(*signer.descriptors())
    async with lying(node) as liar:
        yield Watching(world, node, liar, signer, wallet)
    await check_books(world)


async def test_addresses_are_the_signers(watching: Watching) -> None:
    """In processes that never read the keys too; before anybody with the keys has been here, nobody gets one."""
    with pytest.raises(DepositsNotAvailableError):
        await watching.address("alice")
    assert await watching.run() == []
    assert [await watching.address(name) for name in ("alice", "bob", "alice")] == [
        watching.at(0),
        watching.at(1),
        watching.at(0),
    ]
    assert await hot_wallet.next_index(watching.world.pool) == 2


@pytest.mark.parametrize("whose", ["theirs", "far", "change"])
async def test_an_address_of_somebody_else_is_not_given_out(watching: Watching, whose: str) -> None:
    """The liar gives its own, says that it is the signer's, or gives one that the signer's change would go to."""
    assert await watching.run() == []
    theirs = watching.node.rpc("getnewaddress", wallet="somebody")
    change = watching.node.rpc("deriveaddresses", watching.signer.descriptors()[1], [0, 0])[0]
    told = {"theirs": theirs, "far": theirs, "change": change}[whose]
    path = {"theirs": "m/84h/1h/0h/0/7", "far": "m/84h/1h/0h/0/99999999999", "change": "m/84h/1h/0h/1/0"}[whose]
    real = {"ismine": True, "ischange": False, "labels": [], "hdkeypath": path}
    watching.liar.lies |= {
        "getnewaddress": lambda *_: told,
        "getaddressinfo": lambda params, _: real if params[0] == told else NotImplemented,
    }
    with pytest.raises(DepositsNotAvailableError, match="in doubt"):
        await watching.address("alice")
    # Under a label, as if its user had always had it.
    watching.liar.lies["getaddressesbylabel"] = lambda *_: {told: {"purpose": "receive"}}
    for name in ("alice", "bob"):
        with pytest.raises(DepositsNotAvailableError, match="in doubt"):
            await watching.address(name)
    watching.liar.lies.clear()
    assert await watching.address("alice") == watching.at(0)


async def test_one_address_for_two_users(watching: Watching) -> None:
    """Whoever had it first has it; the other one gets none of a node that knows no other."""
    assert await watching.run() == []
    alices = await watching.address("alice")
    watching.liar.lies["getaddressesbylabel"] = lambda *_: {alices: {"purpose": "receive"}}
    monkey = pytest.MonkeyPatch()
    monkey.setattr(deposit_addresses, "MAX_TRIES", 3)
    with pytest.raises(DepositsNotAvailableError, match="others have"):
        await watching.address("bob")
    monkey.undo()
    watching.liar.lies.clear()
    assert await watching.address("bob") == watching.at(1)


async def test_somebody_elses_address_under_a_users_label(watching: Watching) -> None:
    """A real payment to an address of the liar's own: the label makes nobody its owner."""
    assert await watching.run() == []
    assert await watching.address("eve") == watching.at(0)
    theirs = watching.node.rpc("getnewaddress", wallet="somebody")
    txid = watching.node.pay(theirs)
    block = watching.node.tip()
    watching.node.mine(3)
    paid = watching.node.rpc("getrawtransaction", txid, True)["vout"]
    vout = next(each["n"] for each in paid if each["scriptPubKey"]["address"] == theirs)
    label = f"{watching.world.partner.public_id}/eve"
    line = {"category": "receive", "label": label, "address": theirs, "txid": txid, "vout": vout, "amount": 1.0}
    line |= {"confirmations": 4, "walletconflicts": [], "blockhash": block}
    seen = {"confirmations": 4, "blockhash": block, "walletconflicts": [], "hex": ""}
    watching.liar.lies |= {
        "listsinceblock": lambda _, real: real | {"transactions": [*real["transactions"], line]},
        "gettransaction": lambda params, _: seen if params[0] == txid else NotImplemented,
    }
    for _ in range(2):
        await watching.run()
    assert await deposits.of_partner(watching.world.pool, watching.world.partner.id, limit=9) == []
    # One of the signer's is hers by its label, also where the books have forgotten it.
    await watching.world.pool.execute("DELETE FROM deposit_address")
    watching.liar.lies.clear()
    watching.node.pay(watching.at(0), each_btc=QUARTER)
    watching.node.mine(1)
    await watching.world.pool.execute("UPDATE payout_scan SET block_hash = NULL")
    assert await watching.run() == []
    (one,) = await deposits.of_partner(watching.world.pool, watching.world.partner.id, limit=9)
    assert (one.address, one.amount_btc, one.state) == (watching.at(0), QUARTER, "credited")


async def test_addresses_that_are_passed_over(watching: Watching) -> None:
    """Books that were restored do not know who was told the next ones: the wallet goes on behind them."""
    assert await watching.run() == []
    assert await watching.address("alice") == watching.at(0)
    async with db.transaction(watching.world.pool) as tx:
        assert await hot_wallet.pass_over(tx, 1200) == 1201
    assert await watching.address("bob") == watching.at(1201)
    assert await watching.address("carol") == watching.at(1202)
    assert await watching.address("alice") == watching.at(0)
    # What the operator asks the wallet for is behind them as well.
    assert watching.node.rpc("getnewaddress", "", "bech32", wallet=watching.wallet) == watching.at(1203)


async def test_other_keys_begin_with_their_first_address(watching: Watching) -> None:
    assert await watching.run() == []
    await watching.address("alice")
    async with db.transaction(watching.world.pool) as tx:
        await public_descriptors.keep(tx, *watching.signer.descriptors())
        assert await hot_wallet.next_index(tx) == 1
        await public_descriptors.keep(tx, *KeySigner(f"bip86 {TPRV}", "regtest").descriptors())
        assert await hot_wallet.next_index(tx) == 0


@pytest.mark.parametrize("form", ["bip84", "bip86"])
def test_an_address_is_derived_as_the_node_does(node: Node, form: str) -> None:
    receive = KeySigner(f"{form} {TPRV}", "regtest").descriptors()[0]
    told = node.rpc("deriveaddresses", receive, [0, 3])
    assert [public_descriptors.derive(receive, index, "regtest") for index in range(4)] == told
