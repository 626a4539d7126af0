"""The doorkeeper of an API process: nobody keeps more connections than their share, nor one whose answer they leave.

Granian, which speaks HTTP for us, has a deadline for the head of a request and none for what follows, and knows no
addresses. So a thread looks at the sockets of the process once a second, and ends:

- of the connections that one address has beyond its share, those never answered and longest silent; and of all, where
  an eighth of what the process can hold is not free;
- whoever takes less than a little of an answer in a time: a page of records lies in memory until it is taken.

The deadline of a body is the application's (`api.serving.bodies`), which knows that it waits for one. A connection is
ended by a reset, so that the kernel lets go of what was not taken. Networks of trusted proxies have no share: they
bring everybody's connections, and have limits of their own.
"""

import os
import socket
import stat
import struct
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import structlog

from hashrail import clock
from hashrail.access.addresses import Network, is_in, place_of, unmapped

SWEEP_SECONDS = 1.0
# So much of an answer has to be taken while its deadline lasts; more begins it anew.
LEAST_TAKEN = 32 * 1024
# Who has said something so lately is not beyond any share.
GRACE_MS = 1000
# A connection on which nothing was answered has acknowledged its beginning at most.
NOTHING = 1
# One of so many parts is kept free for who comes next.
FULL = 8
DESCRIPTORS = "/proc/self/fd"
# struct tcp_info of linux/tcp.h: milliseconds since something came, and bytes that the peer has acknowledged.
TCP_INFO_BYTES = 152
LAST_RECEIVED, ACKNOWLEDGED, NOT_SENT, UNACKED = 52, 120, 144, 24
# Reset at once, whatever was not taken.
RESET = struct.pack("ii", 1, 0)
Peer: TypeAlias = tuple[str, int]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shares:
    """What an address may have and all together, and how long an answer may lie."""

    connections: int
    of_all: int
    write_seconds: float
    trusted: Sequence[Network] = ()


class Line(NamedTuple):
    """A connection as the kernel sees it."""

    peer: Peer
    silent_ms: int
    taken: int
    is_owing: bool
    socket: socket.socket

    def end(self) -> None:
        """Reset it. Whoever serves it finds it closed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.shutdown(socket.SHUT_RDWR)


class Mark(NamedTuple):
    """What a peer had taken in all, and since when they have time to take more."""

    taken: int
    since_seconds: float


class Doorkeeper:
    """Looks after the connections at one port of this process."""

    def __init__(self, port: int, shares: Shares) -> None:
        self._port = port
        self._shares = shares
        # Of answers that are being sent.
        self._marks: dict[Peer, Mark] = {}

    def watch(self) -> None:
        """Sweep every second, for as long as the process lives."""
        pause = threading.Event()
        while not pause.wait(SWEEP_SECONDS):
            crowded, left = self.sweep(clock.monotonic())
            if crowded or left:
                log.warning("connections ended", beyond_their_share=crowded, answers_not_taken=left)

    def sweep(self, now_seconds: float) -> tuple[int, int]:
        """Look once: (how many ended beyond their address's share, how many because an answer was not taken)."""
        lines = list(_lines(self._port))
        try:
            left = [line for line in lines if self._is_left(line, now_seconds)]
            for peer in self._marks.keys() - {line.peer for line in lines}:
                del self._marks[peer]
            return _end(self._crowding(lines)), _end(left)
        finally:
            for line in lines:
                line.socket.close()

    def _is_left(self, line: Line, now_seconds: float) -> bool:
        """Whether an answer lies there and too little of it was taken for too long."""
        mark = self._marks.get(line.peer)
        if not line.is_owing:
            self._marks.pop(line.peer, None)
            return False
        if mark is None or line.taken - mark.taken >= LEAST_TAKEN:
            self._marks[line.peer] = Mark(line.taken, now_seconds)
            return False
        return now_seconds - mark.since_seconds >= self._shares.write_seconds

    def _crowding(self, lines: Sequence[Line]) -> list[Line]:
        """The connections beyond the share of their addresses, and of all others those that leave no room for new ones.

        First those that were never answered, then those that have been silent longest: whoever works has said something
        lately, and may wait for the answer.
        """
        silent = sorted(lines, key=lambda line: (line.taken <= NOTHING, line.silent_ms), reverse=True)
        surplus = {place: count - self._shares.connections for place, count in _counted(lines).items()}
        surplus_of_all = len(lines) - self._shares.of_all * (FULL - 1) // FULL
        found = []
        for line in silent:
            place = place_of(line.peer[0])
            is_beyond = (
                surplus[place] > 0
                and line.silent_ms >= GRACE_MS
                and not is_in(unmapped(line.peer[0]), self._shares.trusted)
            )
            if is_beyond or surplus_of_all > 0:
                found.append(line)
                surplus[place] -= 1
                surplus_of_all -= 1
        return found


def start(port: int, shares: Shares) -> None:
    """Watch in a thread of this process."""
    threading.Thread(target=Doorkeeper(port, shares).watch, name="doorkeeper", daemon=True).start()


def _counted(lines: Iterable[Line]) -> Counter[str]:
    """How many connections each address has."""
    return Counter(place_of(line.peer[0]) for line in lines)


def _end(lines: Sequence[Line]) -> int:
    ended = 0
    for line in lines:
        try:
            line.end()
        except OSError:
            continue  # it has ended by itself
        ended += 1
    return ended


def _lines(port: int) -> Iterator[Line]:
    """The connections at the port, each by a descriptor of our own, which cannot become another one meanwhile."""
    ours: set[int] = set()
    for number in map(int, os.listdir(DESCRIPTORS)):  # noqa: PTH208  # thousands a second
        try:
            # Our own may have the number that the folder's descriptor had.
            if number in ours or not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            own = socket.socket(fileno=os.dup(number))
        except OSError:
            continue  # closed meanwhile
        line = _line(own, port)
        if line is None:
            own.close()
        else:
            ours.add(own.fileno())
            yield line


def _line(own: socket.socket, port: int) -> Line | None:
    """The facts of a socket; None for one that is no connection at the port."""
    if own.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    try:
        if own.getsockname()[1] != port:
            return None
        address, peers_port = own.getpeername()[:2]
        facts = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    except OSError:
        return None  # it listens, or has ended
    silent, taken = struct.unpack_from("I", facts, LAST_RECEIVED)[0], struct.unpack_from("Q", facts, ACKNOWLEDGED)[0]
    owing = struct.unpack_from("I", facts, NOT_SENT)[0] + struct.unpack_from("I", facts, UNACKED)[0]
    return Line((address, peers_port), silent, taken, owing > 0, own)
