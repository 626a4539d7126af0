"""Somebody who is told of alarms: a web server that keeps what it was sent, and answers as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr


class Receiver:
    """`said` are the messages that were accepted; `status` is what is answered; while `held` it answers nobody."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.said: list[dict[str, Any]] = []
        self.calls = 0
        self.held = threading.Event()
        self.held.set()
        self.arrived = threading.Event()

    @property
    def url(self) -> SecretStr:
        """As apprise writes it, with a secret in it."""
        return SecretStr(f"json://user:a-secret-of-ours@127.0.0.1:{self.port}/hook")

    @property
    def titles(self) -> list[str]:
        """What was told, without whom it is about and who tells it."""
        return [each["title"].partition("] ")[2] for each in self.said]

    def take(self, body: bytes) -> int:
        """Something was sent; answers the status."""
        self.calls += 1
        self.arrived.set()
        self.held.wait(60)
        if self.status == 200 and body:
            self.said.append(json.loads(body))
        return self.status


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            self.answer(receiver.take(body))

        def do_GET(self) -> None:
            self.answer(receiver.take(b""))

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
