"""Health, readiness and metrics have a listener of their own, which nobody can hold."""

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest

from hashrail.processes import probes
from tests.support import citus, patience
from tests.support.programs import free_port

HERE = "127.0.0.1"
SPREAD = citus.coordinator()
ALL = 0 if SPREAD is None else 1 + len(citus.workers(SPREAD))
# Where partners are spread, how many answer is told as well.
SERVERS = {"nodes": ALL, "shards": citus.SHARDS, "answering": ALL} if SPREAD else {}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def http(dsn: str, port: int) -> Iterator[httpx.Client]:
    pages = {"/healthz": probes.healthy, "/readyz": probes.Ready(dsn).page, "/broken": broken}
    with (
        probes.answering(HERE, port, 1, pages),
        httpx.Client(base_url=f"http://{HERE}:{port}", trust_env=False, timeout=patience.SECONDS) as client,
    ):
        yield client


async def broken() -> probes.Page:
    raise ZeroDivisionError


def test_what_is_answered(http: httpx.Client) -> None:
    for path, status, body in (
        ("/healthz", 200, {"status": "ok"}),
        ("/healthz?now=1", 200, {"status": "ok"}),
        ("/readyz", 200, {"status": "ready", **SERVERS}),
        ("/nothing", 404, {"statusCode": 404, "error": "ROUTE_NOT_FOUND"}),
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.json()) == (status, body)
        assert (answer.headers["content-type"], answer.headers["connection"]) == ("application/json", "close")
    assert http.post("/healthz").json() == {"statusCode": 405, "error": "METHOD_NOT_ALLOWED"}
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/broken")
    head = http.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")


def test_readiness_says_what_is_wrong() -> None:
    port = free_port()
    pages = {"/readyz": probes.Ready(f"postgresql://nobody@{HERE}:{free_port()}/nothing").page}
    with probes.answering(HERE, port, 1, pages):
        answer = httpx.get(f"http://{HERE}:{port}/readyz", timeout=patience.SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (503, "DATABASE_DOWN")


def test_a_crowd_waits_for_one_proof() -> None:
    began = 0

    class Slow:
        async def prove(self) -> dict[str, int]:
            nonlocal began
            began += 1
            await asyncio.sleep(0.01)
            return {}

    async def crowd() -> None:
        ready = probes.Ready("")
        ready._readiness = Slow()  # type: ignore[assignment]
        pages = await asyncio.gather(*[ready.page() for _ in range(20)])
        assert {page.status for page in pages} == {200}

    asyncio.run(crowd())
    assert began == 1


def test_nobody_can_hold_it(http: httpx.Client, port: int) -> None:
    """Of too many connections the oldest gives way, whatever was sent on it; a head has its bound."""
    held = [
        socket.create_connection((HERE, port), timeout=patience.SECONDS) for _ in range(probes.MAX_CONNECTIONS + 10)
    ]
    for line in held:
        line.sendall(b"GET /healthz HTTP/1.1\r\nX-A: ")
    assert http.get("/healthz").status_code == 200
    assert held[0].recv(100) == b""
    held[-1].sendall(b"a\r\n\r\n")
    assert held[-1].recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    for line in held:
        line.close()
    with socket.create_connection((HERE, port), timeout=patience.SECONDS) as line:
        line.sendall(b"GET /" + b"a" * 2 * probes.MAX_HEAD + b" HTTP/1.1\r\n\r\n")
        assert line.recv(100) == b""


def test_a_half_request_has_a_deadline(monkeypatch: pytest.MonkeyPatch, http: httpx.Client, port: int) -> None:
    monkeypatch.setattr(probes, "REQUEST_SECONDS", 0.05)
    with socket.create_connection((HERE, port), timeout=patience.SECONDS) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert line.recv(100) == b""
    assert http.get("/healthz").status_code == 200


def test_a_port_that_is_named_must_be_had() -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(probes.ProbePortUnavailableError, match=f"port {port}"),
            probes.answering(HERE, port, 1, {}),
        ):
            pass
        with probes.answering(HERE, None, port, {}):
            pass  # a second deployment on the machine: it goes on without
    assert [probes.port_beside(port) for port in (8080, 64_535, 64_536)] == [9080, 65_535, 63_536]
