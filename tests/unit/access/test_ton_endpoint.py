"""The TON endpoint, played by a small HTTP server: what it answers, and what the gateway makes of it."""

import socket
from collections.abc import AsyncIterator

import pytest

from hashrail import clock
from hashrail.access.ton_endpoint import TonGateway
from hashrail.access.ton_wallet import ChainKey, NoAnswer, NoKey, NotDeployed, OnChain
from tests.support.ton_node import ACTIVE, KEY, RUN, Node, Reply, open_node, reply

ADDRESS = "0:" + "ab" * 32


@pytest.fixture(scope="module")
async def listening() -> AsyncIterator[tuple[Node, TonGateway]]:
    """One server and one gateway to it for all tests: what a client costs is mostly its certificates."""
    async with open_node() as found, TonGateway(found.url, api_key="secret") as ton:
        yield found, ton


@pytest.fixture
def node(listening: tuple[Node, TonGateway]) -> Node:
    """The server as a node that knows the account and its key."""
    found, _ = listening
    found.answers = {"getAddressInformation": reply(ACTIVE), "runGetMethod": reply(RUN)}
    found.asked, found.heads, found.seconds_a_byte, found.hang_up = [], [], 0, False
    return found


@pytest.fixture
def ton(listening: tuple[Node, TonGateway]) -> TonGateway:
    """The gateway that asks the server."""
    return listening[1]


async def test_the_key_of_an_account(node: Node, ton: TonGateway) -> None:
    assert await ton.get_public_key(ADDRESS) == ChainKey(KEY)
    assert [(question["method"], question["params"]) for question in node.asked] == [
        ("getAddressInformation", {"address": ADDRESS}),
        ("runGetMethod", {"address": ADDRESS, "method": "get_public_key", "stack": []}),
    ]
    assert all((question["jsonrpc"], question["id"]) == ("2.0", 1) for question in node.asked)
    assert all(head.startswith("POST /api/v2/jsonRPC HTTP/1.1") for head in node.heads)
    assert all("x-api-key: secret" in head.lower() for head in node.heads)


async def test_without_an_api_key_it_sends_none(node: Node) -> None:
    async with TonGateway(node.url) as ton:
        assert await ton.get_public_key(ADDRESS) == ChainKey(KEY)
    assert not any("x-api-key" in head.lower() for head in node.heads)


async def test_one_gateway_asks_many_times(node: Node) -> None:
    ton = TonGateway(node.url)
    assert [await ton.get_public_key(ADDRESS) for _ in range(3)] == [ChainKey(KEY)] * 3
    await ton.close()
    with pytest.raises(RuntimeError, match="closed"):
        await ton.get_public_key(ADDRESS)


@pytest.mark.parametrize(
    ("number", "key"),
    [("0x7", b"\x07"), ("0xAb", b"\xab"), ("0x" + "f" * 64, b"\xff" * 32), ("0x" + "0" * 64, b"")],
)
async def test_a_key_is_a_number_of_256_bits(node: Node, ton: TonGateway, number: str, key: bytes) -> None:
    node.answers["runGetMethod"] = reply({**RUN, "stack": [["num", number]]})
    assert await ton.get_public_key(ADDRESS) == ChainKey(key.rjust(32, b"\x00"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [("uninitialized", NotDeployed()), ("frozen", NoKey("the account is frozen"))],
)
async def test_an_account_that_is_not_active_is_not_asked_for_its_key(
    node: Node, ton: TonGateway, state: str, expected: OnChain
) -> None:
    node.answers["getAddressInformation"] = reply({**ACTIVE, "state": state})
    assert await ton.get_public_key(ADDRESS) == expected
    assert len(node.asked) == 1


@pytest.mark.parametrize("exit_code", [11, -14, 4294967282])
async def test_a_contract_without_the_getter_has_no_key(node: Node, ton: TonGateway, exit_code: int) -> None:
    node.answers["runGetMethod"] = reply({**RUN, "exit_code": exit_code})
    assert await ton.get_public_key(ADDRESS) == NoKey(f"get_public_key ended with exit code {exit_code}")


@pytest.mark.parametrize(
    "stack",
    [
        [],
        [["num", "0x1"], ["num", "0x1"]],
        [["num", "-0x1"]],
        [["num", "1"]],
        [["num", "0x"]],
        [["num", "0x" + "1" * 65]],
        [["num", "0x1 "]],
        [["num", 1]],
        [["cell", "0x1"]],
        [["cell", {"bytes": ""}]],
    ],
)
async def test_a_stack_that_holds_no_key(node: Node, ton: TonGateway, stack: list[object]) -> None:
    node.answers["runGetMethod"] = reply({**RUN, "stack": stack})
    assert await ton.get_public_key(ADDRESS) == NoAnswer("get_public_key: the stack is not one unsigned number")


def deep() -> bytes:
    return b'{"ok":true,"result":{"exit_code":0,"stack":[["num",' + b"[" * 50_000 + b"]" * 50_000 + b"]]}}"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((200, b"<html>"), "not the documented answer"),
        ((200, b"[]"), "not the documented answer"),
        ((200, b""), "not the documented answer"),
        ((200, b'{"result":{"state":"uninitialized"}}'), "not the documented answer"),
        ((200, b'{"ok":true}'), "not the documented answer"),
        ((200, b'{"ok":1,"result":{"state":"active"}}'), "not the documented answer"),
        (reply({"state": "none"}), "not the documented answer"),
        (reply({}), "not the documented answer"),
        (reply({"state": "uninitialized", "sync_utime": "now"}), "not the documented answer"),
        ((200, b'{"ok":true,"result":{"state":"\xff"}}'), "not the documented answer"),
        (reply({"state": "uninitialized"}, ok=False), "refused"),
        (reply({"state": "uninitialized"}, status=429), "HTTP status 429"),
        (reply({"state": "uninitialized"}, status=500), "HTTP status 500"),
        (reply({"state": "uninitialized"}, status=302), "HTTP status 302"),
        (reply({"state": "uninitialized"}, status=201), "HTTP status 201"),
    ],
)
async def test_an_unclear_answer_is_none(node: Node, ton: TonGateway, answer: Reply, cause: str) -> None:
    node.answers["getAddressInformation"] = answer
    assert await ton.get_public_key(ADDRESS) == NoAnswer(f"getAddressInformation: {cause}")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (reply({"stack": RUN["stack"]}), "not the documented answer"),
        (reply({"exit_code": 0}), "not the documented answer"),
        (reply({**RUN, "stack": [["num"]]}), "not the documented answer"),
        (reply({**RUN, "exit_code": None}), "not the documented answer"),
        ((200, deep()), "not the documented answer"),
        (reply(RUN, ok=False), "refused"),
        (reply(RUN, status=542), "HTTP status 542"),
    ],
)
async def test_an_unclear_run_of_the_getter_is_none(node: Node, ton: TonGateway, answer: Reply, cause: str) -> None:
    node.answers["runGetMethod"] = answer
    assert await ton.get_public_key(ADDRESS) == NoAnswer(f"runGetMethod: {cause}")


@pytest.mark.parametrize(("lag", "answers"), [(-5, True), (0, True), (110, True), (130, False), (10**9, False)])
@pytest.mark.parametrize("state", ["active", "uninitialized"])
async def test_a_node_that_lies_behind_is_not_believed(
    node: Node, ton: TonGateway, lag: int, answers: bool, state: str
) -> None:
    now = clock.wall_millis() // 1000
    node.answers["getAddressInformation"] = reply({**ACTIVE, "state": state, "sync_utime": now - lag})
    found = await ton.get_public_key(ADDRESS)
    if answers:
        assert found == (ChainKey(KEY) if state == "active" else NotDeployed())
    else:
        assert isinstance(found, NoAnswer)
        assert found.cause in {f"the node is {lag + late} s behind" for late in range(60)}


async def test_the_time_limit_is_one_for_everything(node: Node) -> None:
    """Every byte comes in time, but the answer does not."""
    node.seconds_a_byte = 0.1
    started = clock.monotonic()
    async with TonGateway(node.url, timeout_seconds=0.2) as ton:
        assert await ton.get_public_key(ADDRESS) == NoAnswer("no answer within 0.2 s")
    assert 0.2 <= clock.monotonic() - started < 30


async def test_a_connection_that_breaks(node: Node, ton: TonGateway) -> None:
    node.hang_up = True
    assert await ton.get_public_key(ADDRESS) == NoAnswer("getAddressInformation: RemoteProtocolError")


async def test_an_endpoint_that_is_not_there() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    async with TonGateway(f"http://127.0.0.1:{port}/") as ton:
        assert await ton.get_public_key(ADDRESS) == NoAnswer("getAddressInformation: ConnectError")
