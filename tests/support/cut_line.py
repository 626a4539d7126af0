"""A line to PostgreSQL that can be cut between a commit and the word that it was done.

`with line_to(dsn) as line:` gives `line.dsn`, which leads to the same database. Once `line.cut()` was called, a commit
still reaches the database, but nothing comes back on its connection any more: a program that is killed then has
committed and does not know.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

COMMIT = b"COMMIT"
PIECE = 65_536


class Line:
    """A listening socket, and for each connection a thread for each direction."""

    def __init__(self, dsn: str) -> None:
        facts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        self.host, self.port = facts["host"], int(facts.get("port", "5432"))
        self.door = socket.create_server(("127.0.0.1", 0))
        user, password = quote(facts.get("user", "")), quote(facts.get("password", ""))
        here = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.dsn = f"postgresql://{user}:{password}@{here}/{quote(facts['dbname'])}"
        self.is_cut = threading.Event()
        self.commits_lost = 0
        threading.Thread(target=self._let_in, daemon=True).start()

    def cut(self) -> None:
        """From now on nobody hears of his commit."""
        self.is_cut.set()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.door.accept()
                far = self._dial()
                silent = threading.Event()
                threading.Thread(target=self._ask, args=(near, far, silent), daemon=True).start()
                threading.Thread(target=self._answer, args=(far, near, silent), daemon=True).start()

    def _dial(self) -> socket.socket:
        if not self.host.startswith("/"):
            return socket.create_connection((self.host, self.port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{self.host}/.s.PGSQL.{self.port}")
        return far

    def _ask(self, near: socket.socket, far: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError), near, far:
            while piece := near.recv(PIECE):
                if self.is_cut.is_set() and COMMIT in piece:
                    silent.set()
                    self.commits_lost += 1
                far.sendall(piece)

    def _answer(self, far: socket.socket, near: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while piece := far.recv(PIECE):
                if not silent.is_set():
                    near.sendall(piece)
            if not silent.is_set():
                near.shutdown(socket.SHUT_WR)


@contextmanager
def line_to(dsn: str) -> Iterator[Line]:
    """A line to the database of a DSN, until the block ends."""
    line = Line(dsn)
    try:
        yield line
    finally:
        line.door.close()
