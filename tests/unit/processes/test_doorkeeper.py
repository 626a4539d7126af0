"""The doorkeeper ends connections that are not used, or are more than an address's share."""

import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from itertools import count
from typing import Any

import pytest

from hashrail.processes import doorkeeper
from hashrail.processes.doorkeeper import LEAST_TAKEN, Doorkeeper, Shares

HERE = "127.0.0.1"
Connect = Callable[..., "Pair"]


class Pair:
    """A connection, as both sides have it."""

    def __init__(self, client: socket.socket, served: socket.socket) -> None:
        self.client, self.served = client, served

    @property
    def is_open(self) -> bool:
        self.client.setblocking(False)
        try:
            return self.client.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False

    def say(self, text: bytes) -> None:
        self.client.sendall(text)
        assert self.served.recv(100) == text

    def fill(self) -> None:
        """Send until the other side's buffers are full."""
        self.served.setblocking(False)
        try:
            for _ in count():
                self.served.send(bytes(LEAST_TAKEN))
        except BlockingIOError:
            pass

    def take(self, size: int) -> None:
        self.client.setblocking(True)
        while size > 0:
            part = self.client.recv(size)
            assert part, "there is more to take"
            size -= len(part)


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorkeeper, "GRACE_MS", 0)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HERE, 0)) as made:
        yield made


@pytest.fixture
def connect(listener: socket.socket) -> Iterator[Connect]:
    made: list[Pair] = []

    def open_pair(address: str = HERE) -> Pair:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.bind((address, 0))
        client.connect(listener.getsockname())
        pair = Pair(client, listener.accept()[0])
        made.append(pair)
        return pair

    yield open_pair
    for pair in made:
        pair.client.close()
        pair.served.close()


def keeper(listener: socket.socket, **shares: Any) -> Doorkeeper:
    usual: dict[str, Any] = {"connections": 4, "of_all": 800, "write_seconds": 10.0}
    return Doorkeeper(listener.getsockname()[1], Shares(**usual | shares))


def pause() -> None:
    """The kernel counts silence in milliseconds."""
    time.sleep(0.02)


def test_an_address_keeps_its_share_and_those_that_work(listener: socket.socket, connect: Connect) -> None:
    answered, first = connect(), connect()
    answered.served.sendall(b"answer")
    pause()
    silent = [connect() for _ in range(2)]
    other = connect("127.0.0.2")
    pause()
    first.say(b"hello")
    doors = keeper(listener)
    assert doors.sweep(0) == (0, 0)
    more = [connect() for _ in range(2)]
    assert doors.sweep(1) == (2, 0)
    assert [pair.is_open for pair in silent] == [False, False]
    assert all(pair.is_open for pair in (answered, first, other, *more))


def test_whoever_has_just_said_something_is_left(
    listener: socket.socket, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may wait for an answer."""
    monkeypatch.setattr(doorkeeper, "GRACE_MS", 60_000)
    pairs = [connect() for _ in range(6)]
    assert keeper(listener).sweep(0) == (0, 0)
    assert all(pair.is_open for pair in pairs)


def test_trusted_proxies_have_no_share(listener: socket.socket, connect: Connect) -> None:
    pairs = [connect() for _ in range(6)]
    assert keeper(listener, trusted=(ip_network("127.0.0.0/8"),)).sweep(0) == (0, 0)
    assert all(pair.is_open for pair in pairs)


def test_a_part_of_all_is_kept_free(listener: socket.socket, connect: Connect) -> None:
    """Also of connections of many addresses, and of proxies."""
    pairs = []
    for number in range(8):
        pairs.append(connect(f"127.0.0.{number + 1}"))
        pause()
    assert keeper(listener, of_all=8, trusted=(ip_network("127.0.0.0/8"),)).sweep(0) == (1, 0)
    assert [pair.is_open for pair in pairs] == [False] + [True] * 7


def test_other_ports_are_not_looked_at(listener: socket.socket, connect: Connect) -> None:
    pairs = [connect() for _ in range(6)]
    with socket.create_server((HERE, 0)) as elsewhere:
        assert keeper(elsewhere).sweep(0) == (0, 0)
    assert all(pair.is_open for pair in pairs)


def test_an_answer_that_is_not_taken_ends_the_connection(listener: socket.socket, connect: Connect) -> None:
    left, idle = connect(), connect()
    left.fill()
    doors = keeper(listener)
    assert [doors.sweep(moment) for moment in (0, 5, 9.9)] == [(0, 0)] * 3
    assert doors.sweep(10) == (0, 1)
    assert left.served.recv(1) == b""  # as whoever serves it finds it
    left.served.close()
    with pytest.raises(ConnectionResetError):
        left.take(100_000_000)
    assert idle.is_open


def test_whoever_takes_enough_has_time_anew(listener: socket.socket, connect: Connect) -> None:
    slow = connect()
    slow.fill()
    doors = keeper(listener)
    assert doors.sweep(0) == (0, 0)
    for moment in (9, 18, 27):
        slow.take(2 * LEAST_TAKEN)
        pause()
        assert doors.sweep(moment) == (0, 0)
    slow.take(100)
    assert doors.sweep(36) == (0, 0)
    assert doors.sweep(37) == (0, 1)
