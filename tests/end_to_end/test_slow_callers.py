"""A real `hashrail serve` and callers who hold what they can: each is ended, and others are answered meanwhile."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from hashrail import clock
from tests.support import patience
from tests.support.api_client import CONTRACT
from tests.support.databases import database
from tests.support.served import Served, serving

SHARE, BODIES = 40, 8
# Seconds between two looks at how the others fare.
PAUSE = 0.2
PATH = CONTRACT["c2s_refresh"][2]


@pytest.fixture(scope="module")
def served(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {
        "HASHRAIL_CONNECTIONS_PER_ADDRESS": str(SHARE),
        "HASHRAIL_BODIES_PER_ADDRESS": str(BODIES),
        "HASHRAIL_HEAD_SECONDS": "3",
        "HASHRAIL_BODY_SECONDS": "2",
        "HASHRAIL_WRITE_SECONDS": "2",
    }
    with (
        database(server, template) as dsn,
        serving(dsn, tmp_path_factory.mktemp("slow"), "slow", **settings) as one,
    ):
        yield one


def connect(served: Served, address: str = "127.0.0.2") -> socket.socket:
    """A caller at an address of their own, who takes little at once."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.settimeout(patience.SECONDS)
    line.bind((address, 0))
    line.connect(("127.0.0.1", int(served.url.rpartition(":")[2])))
    return line


def half_body(served: Served) -> socket.socket:
    line = connect(served)
    line.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode())
    return line


def everything(line: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    parts = []
    try:
        while part := line.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def check_others(served: Served) -> None:
    """From another address and from the same one."""
    for address in ("127.0.0.3", "127.0.0.2"):
        with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=patience.SECONDS) as http:
            assert http.get(f"{served.url}/healthz").status_code == 200
            assert http.post(served.url + PATH, json={"refreshToken": "x"}).status_code == 401


def test_a_body_that_does_not_come(served: Served) -> None:
    with half_body(served) as line:
        answer = everything(line)
    assert answer.startswith(b"HTTP/1.1 408 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nvary: Origin\r\n" in head
    shape = json.loads(body)
    assert list(shape) == ["statusCode", "error", "message", "requestId", "details"]
    assert (shape["statusCode"], shape["error"]) == (408, "BODY_TOO_SLOW")


def test_many_bodies_of_one_address(served: Served) -> None:
    """The oldest give way at once, long before their deadline."""
    lines = [half_body(served) for _ in range(BODIES + 20)]
    began = clock.monotonic()
    check_others(served)
    assert all(everything(line).startswith(b"HTTP/1.1 408 ") for line in lines[:20])
    assert clock.monotonic() - began < patience.SECONDS
    for line in lines:
        line.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "], ids=["nothing", "half a head"])
def test_a_head_that_does_not_come(served: Served, sent: bytes) -> None:
    with connect(served) as line:
        line.sendall(sent)
        assert everything(line) in {b"", b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n"}
    check_others(served)


def test_more_connections_than_the_share(served: Served) -> None:
    """Those that say nothing are ended, before their heads would be too late."""
    lines = [connect(served) for _ in range(SHARE + 60)]
    check_others(served)
    deadline = clock.monotonic() + patience.SECONDS
    while sum(is_open(line) for line in lines) > SHARE:
        assert clock.monotonic() < deadline
        check_others(served)
        time.sleep(PAUSE)
    for line in lines:
        line.close()


def is_open(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_answers_that_are_not_taken(served: Served) -> None:
    lines = [connect(served) for _ in range(10)]
    for line in lines:
        line.sendall(b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    deadline = clock.monotonic() + patience.SECONDS
    while '"answers_not_taken": 10' not in served.log.read_text():
        assert clock.monotonic() < deadline, served.log.read_text()[-2000:]
        check_others(served)
        # Others have their budget of a minute as well.
        time.sleep(PAUSE)
    for line in lines:
        line.close()


def test_what_is_logged_is_bounded(served: Served) -> None:
    """Of a path 200 letters; of what one address tries a hundred lines a minute."""
    size = served.log.stat().st_size
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(base_url=served.url, transport=transport, timeout=patience.SECONDS) as http:
        for _ in range(110):
            answer = http.get("/" + "a" * 60_000)
            assert (answer.status_code, answer.json()["error"]) == (404, "ROUTE_NOT_FOUND")
            assert len(answer.content) < 1000
    assert served.log.stat().st_size - size < 120 * 700
