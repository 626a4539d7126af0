"""A receiver of webhooks as a process of its own: it writes down what it got, and answers, or holds its answers back.

python -m tests.end_to_end.hook_receiver PORT FILE answers|holds
"""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Receiver(BaseHTTPRequestHandler):
    """A line for each webhook: its id, object, sequence and the digest of its body, before it is answered."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        of = json.loads(body)["data"]["object"]
        line = [self.headers["webhook-id"], of["id"], of["sequence"], hashlib.sha256(body).hexdigest()]
        with WRITING, FILE.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if HOLDS:
            threading.Event().wait()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    PORT, FILE, HOLDS = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "holds"
    WRITING = threading.Lock()
    ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
