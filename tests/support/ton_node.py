"""A TON endpoint to test against: a small HTTP server that speaks the JSON-RPC of toncenter."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

KEY = bytes(range(32))
ACTIVE = {"@type": "raw.fullAccountState", "balance": "1", "state": "active", "frozen_hash": ""}
RUN = {"@type": "smc.runResult", "gas_used": 1, "stack": [["num", "0x" + KEY.hex()]], "exit_code": 0}
Reply = tuple[int, bytes]


def reply(result: object, *, ok: bool = True, status: int = 200) -> Reply:
    return status, json.dumps({"ok": ok, "result": result, "jsonrpc": "2.0", "id": 1}).encode()


@dataclass
class Node:
    """An HTTP server with one answer for each method; it keeps what it was asked."""

    answers: dict[str, Reply] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    seconds_a_byte: float = 0
    hang_up: bool = False
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.partition(":")[2]) for line in head.lower().split("\r\n") if "content-length" in line)
        question = json.loads(await reader.readexactly(length))
        self.heads.append(head)
        self.asked.append(question)
        if not self.hang_up:
            status, body = self.answers[question["method"]]
            head = f"HTTP/1.1 {status} X\r\nConnection: close\r\nLocation: /\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode())
            for at in range(0, len(body), 1 if self.seconds_a_byte else len(body)):
                await asyncio.sleep(self.seconds_a_byte)
                writer.write(body[at : at + 1] if self.seconds_a_byte else body)
        writer.close()


@asynccontextmanager
async def open_node() -> AsyncIterator[Node]:
    """The server, listening; `url` is its endpoint."""
    node = Node()
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    node.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v2/jsonRPC"
    yield node
    server.close()
    await server.wait_closed()
