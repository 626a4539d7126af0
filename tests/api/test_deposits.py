"""A deposit's address while the node fails: partners and users learn that it does, the operator's log learns why."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from hashrail.api import app
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from tests.support.api_client import check_refused, exact, open_api
from tests.support.programs import free_port
from tests.support.world import World

WALLET_FILE = "/var/lib/bitcoin/wallets/hashrail/wallet.dat"
ANSWERS = {
    "BITCOIN_NODE_REFUSED": json.dumps(
        {"id": "hashrail", "result": None, "error": {"code": -4, "message": f"cannot open {WALLET_FILE}"}}
    ),
    "BITCOIN_NODE_UNKNOWN": f"no JSON, but {WALLET_FILE}",
}


@asynccontextmanager
async def answering(answer: str) -> AsyncIterator[str]:
    """The URL of a node that always answers the same."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What the application logs."""
    capture = LogCapture()
    monkeypatch.setattr(app, "log", structlog.wrap_logger(None, processors=[capture]))
    return capture


async def check_untold(world: World, dsn: str, url: str, cookie: Path, code: str, log: LogCapture) -> str:
    """At both doors: the code, no word of paths, hosts or the node's own; answers the cause that the log has."""
    async with open_api(world, dsn, bitcoin_rpc_url=url, bitcoin_rpc_cookie=str(cookie)) as api:
        user = await api.user("alice")
        asked = (
            await api.server.call("s2s_deposit_address", partnerUserId="alice"),
            await user.call("c2s_deposit_address"),
        )
    for response, entry in zip(asked, log.entries, strict=True):
        check_refused(response, 502 if code in ANSWERS else 503, code)
        for secret in (str(cookie), ".cookie", "127.0.0.1", url.rpartition(":")[2], WALLET_FILE, "No such file"):
            assert secret not in response.text.replace(exact(response)["requestId"], "")
        assert "node" in exact(response)["message"]
        assert (entry["log_level"], entry["code"]) == ("warning", code)
        assert entry["request_id"] == exact(response)["requestId"]
    return str(entry["cause"])


async def test_a_cookie_that_cannot_be_read(world: World, dsn: str, tmp_path: Path, log: LogCapture) -> None:
    cookie = tmp_path / ".cookie"
    url = f"http://127.0.0.1:{free_port()}"
    shown = await check_untold(world, dsn, url, cookie, "BITCOIN_NODE_UNREACHABLE", log)
    assert f"the cookie of the node cannot be read: {cookie}: No such file or directory" in shown


async def test_nobody_listens(world: World, dsn: str, tmp_path: Path, log: LogCapture) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:secret")
    url = f"http://127.0.0.1:{free_port()}"
    shown = await check_untold(world, dsn, url, cookie, "BITCOIN_NODE_UNREACHABLE", log)
    assert f"nobody listens at {url}" in shown


@pytest.mark.parametrize("code", sorted(ANSWERS))
async def test_a_node_that_answers_badly(world: World, dsn: str, tmp_path: Path, log: LogCapture, code: str) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:secret")
    async with answering(ANSWERS[code]) as url:
        shown = await check_untold(world, dsn, url, cookie, code, log)
    assert (WALLET_FILE in shown) == (code == "BITCOIN_NODE_REFUSED")


async def test_whoever_asks_the_node_himself_is_told_the_cause(tmp_path: Path) -> None:
    """An operator's command shows the error's own message."""
    url = f"http://127.0.0.1:{free_port()}"
    async with BitcoinNode(url, auth=("user", "password")) as btc:
        with pytest.raises(NodeUnreachableError, match=url):
            await btc.block_hash(0)
    async with BitcoinNode(url, auth=tmp_path / ".cookie") as btc:
        with pytest.raises(NodeUnreachableError, match=str(tmp_path)):
            await btc.block_hash(0)
    for code, kind in (("BITCOIN_NODE_REFUSED", NodeRefusedError), ("BITCOIN_NODE_UNKNOWN", NodeUnknownError)):
        async with answering(ANSWERS[code]) as there, BitcoinNode(there, auth=("user", "password")) as btc:
            with pytest.raises(kind, match=r"cannot open|not the documented answer"):
                await btc.block_hash(0)
