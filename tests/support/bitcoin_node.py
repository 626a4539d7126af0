"""Real Bitcoin nodes on regtest, and a proxy before one of them that loses what it is told to lose."""

import asyncio
import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hashrail import clock
from hashrail.bitcoin.node import BitcoinNode
from hashrail.money import plain
from hashrail.postgres import tether
from tests.support import folders, patience
from tests.support.patience import wait_until
from tests.support.programs import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = Path(os.environ.get("HASHRAIL_TEST_BITCOIND", ROOT / ".venv" / "bitcoind" / "bin" / "bitcoind"))
FLAGS = (
    *("-regtest", "-dnsseed=0", "-fixedseeds=0", "-discover=0", "-listenonion=0", "-fallbackfee=0.00002", "-txindex=1"),
    *("-printtoconsole=0", "-softwareexpiry=0", "-corepolicy=1", "-keypool=10", "-addresstype=bech32"),
)
FUNDING_BLOCKS = 40


class RpcError(Exception):
    """The node's own refusal."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass
class Node:
    """A regtest node with a folder of its own. It ends with this process, however that ends."""

    folder: Path
    listens: bool = False
    rpc_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def cookie(self) -> Path:
        return self.folder / "regtest" / ".cookie"

    def start(self, *flags: str) -> None:
        """Start, and wait until it answers."""
        listen = (f"-bind=127.0.0.1:{self.port}",) if self.listens else ("-listen=0",)
        command = [str(PROGRAM), f"-datadir={self.folder}", f"-rpcport={self.rpc_port}", *FLAGS, *listen, *flags]
        tied = [str(os.getpid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGKILL))]
        self.cookie.unlink(missing_ok=True)
        self.process = subprocess.Popen([sys.executable, "-I", "-S", tether.__file__, *tied, *command])
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "bitcoind ended"
        if not self.cookie.exists():
            return False
        try:
            self.rpc("getblockcount")
        except (OSError, http.client.HTTPException, RpcError):
            return False
        return True

    def stop(self) -> None:
        """Stop in order; what is not running stays so."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(patience.SECONDS)
            self.process = None

    def kill(self) -> None:
        """kill -9. What the node has not flushed is gone, so it is told to flush what it has by now."""
        assert self.process is not None
        self.rpc("gettxoutsetinfo")
        self.process.kill()
        self.process.wait(patience.SECONDS)
        self.process = None

    def rpc(self, method: str, *params: object, wallet: str | None = None) -> Any:
        """What the node answers, numbers as Decimal."""
        path = "/" if wallet is None else f"/wallet/{wallet}"
        body = json.dumps({"id": 1, "method": method, "params": params}, default=plain)
        login = base64.b64encode(self.cookie.read_bytes()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.rpc_port, timeout=patience.SECONDS)
        with closing(connection):
            connection.request("POST", path, body, {"Authorization": f"Basic {login}"})
            reply = json.loads(connection.getresponse().read(), parse_float=Decimal)
        if reply["error"] is not None:
            raise RpcError(reply["error"]["code"], reply["error"]["message"])
        return reply["result"]

    def wallet(self, name: str, *, coins: int = 0, each_btc: Decimal = Decimal(1)) -> str:
        """A new wallet with keys, with so many confirmed coins."""
        self.rpc("createwallet", name)
        if coins:
            self.pay(*[self.rpc("getnewaddress", wallet=name) for _ in range(coins)], each_btc=each_btc)
        return name

    def pay(self, *addresses: str, each_btc: Decimal = Decimal(1)) -> str:
        """Give each address a confirmed coin; the txid."""
        if "miner" not in self.rpc("listwallets"):
            # The subsidy halves every 150 blocks, so what a node will ever need is mined at its beginning.
            self.rpc("createwallet", "miner")
            self.mine(FUNDING_BLOCKS, self.rpc("getnewaddress", wallet="miner"))
            self.rpc("generatetodescriptor", 100, "raw(51)")
        assert self.rpc("getbalance", wallet="miner") > each_btc * len(addresses), "the node's own funds are spent"
        amounts = dict.fromkeys(addresses, each_btc)
        txid = self.rpc("sendmany", "", amounts, wallet="miner")
        self.mine(1)
        return str(txid)

    def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """Mine what waits; the blocks' hashes. Without an address to a new one, so that no two blocks are alike."""
        if address is not None:
            return list(self.rpc("generatetoaddress", blocks, address))
        return [self.rpc("generatetodescriptor", 1, f"raw({os.urandom(8).hex()}51)")[0] for _ in range(blocks)]

    def tip(self) -> str:
        return str(self.rpc("getbestblockhash"))

    def open(self, wallet: str | None = None, *, url: str | None = None, timeout_seconds: float = 10) -> BitcoinNode:
        """Our client of this node, or of a proxy before it."""
        return BitcoinNode(url or self.url, auth=self.cookie, wallet=wallet, timeout_seconds=timeout_seconds)

    # More than one node

    def connect(self, other: "Node") -> None:
        """Let both know each other, and wait until they agree on the best chain."""
        assert other.listens
        for each in (self, other):
            each.rpc("setnetworkactive", True)
        self.rpc("addnode", f"127.0.0.1:{other.port}", "onetry")
        wait_until(lambda: self.tip() == other.tip() and self.rpc("getconnectioncount") > 0)

    def part(self) -> None:
        """Cut this node off from all others."""
        self.rpc("setnetworkactive", False)
        wait_until(lambda: self.rpc("getconnectioncount") == 0)


def require() -> None:
    """Skip the test where there is no node to test with; in CI it fails."""
    if not PROGRAM.exists():
        reason = f"no bitcoind: tools/get_bitcoind.sh {ROOT / '.venv' / 'bitcoind'}"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)


@contextmanager
def running(*, listens: bool = False, below: str | None = None, flags: Sequence[str] = ()) -> Iterator[Node]:
    """A node of one's own, `below` a folder. Without a bitcoind the test is skipped; in CI it fails."""
    require()
    folder = Path(tempfile.mkdtemp(prefix="hashrail-bitcoind-", dir=below or folders.quick()))
    node = Node(folder, listens)
    try:
        node.start(*flags)
        yield node
    finally:
        node.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_pruned() -> Iterator[Node]:
    """A node that has forgotten its oldest blocks; what it still has begins a month ago."""
    with running(flags=("-prune=1", "-fastprune", "-txindex=0")) as node:
        node.rpc("setmocktime", int((clock.wall_now() - timedelta(days=30)).timestamp()))
        node.rpc("generatetodescriptor", 1000, "raw(51)")
        node.rpc("setmocktime", 0)
        node.mine(12)
        node.rpc("pruneblockchain", 650)
        yield node


class Fault(Enum):
    """What the proxy does with a call."""

    LOSE_REQUEST = "the node never sees it, the connection ends"
    LOSE_ANSWER = "the node acts, the connection ends without an answer"
    HALF_ANSWER = "the node acts, half of the answer arrives"
    LATE = "the node acts, the answer does not come"
    NO_JSON = "the node never sees it, another server answers 502 with a page"
    OTHER_ANSWER = "the node acts, an answer to somebody else arrives"
    WARMING_UP = "the node has just started and does nothing yet"


def http_answer(status: int, body: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@dataclass
class Proxy:
    """Stands before a node. `faults` says by method what happens to its calls; `instead` is a result that it tells.

    `asked` are the methods that came, `passed` those that the node saw.
    """

    node: Node
    faults: dict[str, Fault] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(length)
            questions = json.loads(body)
            if isinstance(questions, list) and any(each["method"] in self.instead for each in questions):
                self.asked.append(questions[0]["method"])
                writer.write(await self._answer_some(questions, head, body))
                await writer.drain()
                return
            # Faults are of the first of several calls in one request.
            question = questions[0] if isinstance(questions, list) else questions
            self.asked.append(question["method"])
            writer.write(await self._answer(question["method"], json.dumps(question["id"]), head, body))
            await writer.drain()
        finally:
            writer.close()

    async def _answer_some(self, questions: list[dict[str, Any]], head: bytes, body: bytes) -> bytes:
        """Several calls in one request: the node's answers, but for those that are told instead."""
        replies = json.loads((await self._pass_on(head, body)).partition(b"\r\n\r\n")[2])
        for question, reply in zip(questions, replies, strict=True):
            if question["method"] in self.instead:
                reply["result"], reply["error"] = json.loads(self.instead[question["method"]]), None
        return http_answer(200, json.dumps(replies))

    async def _answer(self, method: str, call_id: str, head: bytes, body: bytes) -> bytes:
        fault = self.faults.get(method)
        if method in self.instead:
            return http_answer(200, f'{{"result":{self.instead[method]},"error":null,"id":{call_id}}}')
        if fault is Fault.LOSE_REQUEST:
            return b""
        if fault is Fault.NO_JSON:
            return http_answer(502, "<html>")
        if fault is Fault.WARMING_UP:
            return http_answer(
                500, f'{{"result":null,"error":{{"code":-28,"message":"Loading block index"}},"id":{call_id}}}'
            )
        answer = await self._pass_on(head, body)
        self.passed.append(method)
        if fault is Fault.LATE:
            await asyncio.sleep(patience.SECONDS)
        if fault is Fault.OTHER_ANSWER:
            return http_answer(200, '{"result":"00","error":null,"id":"another"}')
        kept = {Fault.LOSE_ANSWER: 0, Fault.HALF_ANSWER: len(answer) // 2}
        return answer if fault is None else answer[: kept.get(fault, len(answer))]

    async def _pass_on(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.node.rpc_port)
        line, _, fields = head.partition(b"\r\n")
        kept = [each for each in fields.split(b"\r\n") if not each.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([line, b"Connection: close", *kept]) + body)
        answer = await reader.read()
        writer.close()
        return answer


P = TypeVar("P", bound=Proxy)
Lie = Callable[[list[Any], Any], Any]


@dataclass
class LyingNode(Proxy):
    """A node that was taken over: the real one, with answers of its own.

    `lies` say by method what it answers, given the parameters and what the real node says (None where that refuses).
    One that answers NotImplemented lets the real answer stand.
    """

    lies: dict[str, Lie] = field(default_factory=dict)

    async def _answer(self, method: str, call_id: str, head: bytes, body: bytes) -> bytes:
        questions, answer = json.loads(body), await self._pass_on(head, body)
        asked = [each["method"] for each in questions] if isinstance(questions, list) else [method]
        if not self.lies.keys() & set(asked):
            return answer
        replies = json.loads(answer.partition(b"\r\n\r\n")[2])
        pairs = zip(questions, replies, strict=True) if isinstance(questions, list) else [(questions, replies)]
        for question, reply in pairs:
            lie = self.lies.get(question["method"])
            told = NotImplemented if lie is None else lie(question["params"], reply["result"])
            if told is not NotImplemented:
                reply["result"], reply["error"] = told, None
        return http_answer(200, json.dumps(replies))


@asynccontextmanager
async def proxy(node: Node) -> AsyncIterator[Proxy]:
    """A proxy before a node; `url` is where it listens."""
    async with _served(Proxy(node)) as made:
        yield made


@asynccontextmanager
async def lying(node: Node) -> AsyncIterator[LyingNode]:
    """A node that was taken over, in place of the real one."""
    async with _served(LyingNode(node)) as made:
        yield made


@asynccontextmanager
async def _served(made: P) -> AsyncIterator[P]:
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(made.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for each in serving:
            each.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
