"""A port before a server that can be shut, which to whoever connects is a server that has died."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 65_536


class Gate:
    """Hands every connection on to the server, until it is shut; opened again, it is the same port."""

    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.lines: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.door.getsockname()[1]
        self._begin()

    def shut(self) -> None:
        """Every connection ends, and nobody is let in."""
        with suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)  # or whoever is being let in still is
        self.door.close()
        for line in self.lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.lines.clear()

    def open(self) -> None:
        """Let in again."""
        self.door = socket.create_server(("127.0.0.1", self.port))
        self._begin()

    def _begin(self) -> None:
        threading.Thread(target=self._let_in, args=(self.door,), daemon=True).start()

    def _let_in(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = door.accept()
                far = socket.create_connection(self.target)
                self.lines += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), one, other:
            while piece := one.recv(PIECE):
                other.sendall(piece)
            other.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(host: str, port: int) -> Iterator[Gate]:
    """A gate that is open, until the block ends."""
    made = Gate(host, port)
    try:
        yield made
    finally:
        made.shut()
