"""A Bitcoin node that is made up: it answers what the figures of a day are read from, with an epoch that turns."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from statistics import median_low
from typing import Any

from hashrail import clock
from hashrail.money import plain

COINBASE_SAT = 312_500_000
DIFFICULTY = Decimal("95.67e12")


@dataclass(frozen=True)
class FakeBlock:
    """When a block says that it was made, and what it paid."""

    time: int
    difficulty: Decimal = DIFFICULTY
    subsidy_sat: int = COINBASE_SAT
    fees_sat: int = 4_000_000


def days_of_blocks(first: date, count: int, *, a_day: int = 24, fees_sat: int = 4_000_000) -> list[FakeBlock]:
    """Blocks at even distances over so many days, the first at the stroke of `first`."""
    start = int(clock.start_of(first).timestamp())
    return [FakeBlock(start + number * 86400 // a_day, fees_sat=fees_sat) for number in range(count * a_day)]


@dataclass
class FakeChain:
    """The best chain of the node, from height 0; what is put into `refuses` is refused with these words."""

    blocks: list[FakeBlock]
    chain: str = "regtest"
    refuses: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    salt: str = ""
    first_hash: str | None = None
    url: str = ""

    def change(self, height: int, **facts: Any) -> None:
        self.blocks[height] = replace(self.blocks[height], **facts)

    def hash_of(self, height: int) -> str:
        if height == 0 and self.first_hash is not None:
            return self.first_hash
        # Not the fees: a node may say others of the same block.
        block = self.blocks[height]
        return sha256(f"{self.salt}{height}{block.time}{block.difficulty}".encode()).hexdigest()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.partition(":")[2]) for line in head.lower().split("\r\n") if "content-length" in line)
        question = json.loads(await reader.readexactly(length))
        several = isinstance(question, list)
        replies = [self._reply(each) for each in (question if several else [question])]
        body = f"[{','.join(replies)}]" if several else replies[0]
        writer.write(f"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    def _reply(self, question: dict[str, Any]) -> str:
        method, params = question["method"], question["params"]
        self.asked.append(method)
        if method in self.refuses:
            error = json.dumps({"code": -1, "message": self.refuses[method]})
            return f'{{"id": "{question["id"]}", "result": null, "error": {error}}}'
        return f'{{"id": "{question["id"]}", "result": {self._result(method, params)}, "error": null}}'

    def _result(self, method: str, params: Sequence[Any]) -> str:
        tip = len(self.blocks) - 1
        if method == "getblockheader":
            return self._header(self._height(params[0]), tip)
        if method == "getblockstats":
            height = self._height(params[0])
            block = self.blocks[height]
            return json.dumps({"height": height, "subsidy": block.subsidy_sat, "totalfee": block.fees_sat})
        if method == "getblockhash":
            return json.dumps(self.hash_of(params[0]))
        chain = {"chain": self.chain, "blocks": tip, "headers": tip, "bestblockhash": self.hash_of(tip)}
        whole: dict[str, dict[str, Any]] = {
            "getblockchaininfo": {**chain, "initialblockdownload": False, "mediantime": self._median_time(tip)},
            "getnetworkinfo": {"subversion": "/Satoshi:29.0.0/", "localrelay": True},
            "getdeploymentinfo": {"deployments": {}},
            "getchainstates": {"chainstates": [{"validated": True}]},
        }
        return json.dumps(whole[method])

    def _header(self, height: int, tip: int) -> str:
        """Difficulty is a bare number, as a node writes it."""
        block = self.blocks[height]
        facts: dict[str, Any] = {"hash": self.hash_of(height), "height": height, "confirmations": tip - height + 1}
        facts |= {"time": block.time, "mediantime": self._median_time(height)}
        if height:
            facts["previousblockhash"] = self.hash_of(height - 1)
        return f'{json.dumps(facts)[:-1]}, "difficulty": {plain(block.difficulty)}}}'

    def _height(self, block_hash: str) -> int:
        return next(height for height in range(len(self.blocks)) if self.hash_of(height) == block_hash)

    def _median_time(self, height: int) -> int:
        return median_low([block.time for block in self.blocks[max(0, height - 10) : height + 1]])


@asynccontextmanager
async def fake_node(blocks: list[FakeBlock]) -> AsyncIterator[FakeChain]:
    """The node, listening."""
    made = FakeChain(blocks)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    await server.wait_closed()


def node_settings(chain: FakeChain, **others: Any) -> dict[str, Any]:
    """Settings that name it."""
    login = {"bitcoin_rpc_user": "hashrail", "bitcoin_rpc_password": "secret"}
    return {"bitcoin_network": "regtest", "bitcoin_rpc_url": chain.url, **login, **others}


def witness_settings(chain: FakeChain) -> dict[str, Any]:
    """Settings that name it as the second node."""
    return {
        "bitcoin_witness_url": chain.url,
        "bitcoin_witness_user": "hashrail",
        "bitcoin_witness_password": "secret",
    }
