"""Webhooks in tests: who receives them, over real HTTP, and answers as a test says; and everything done that is due."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hashrail import db
from hashrail.events import drafts, feed, planning
from hashrail.events.endpoints import Endpoint, Wanted, create
from hashrail.events.sending import Sender
from hashrail.events.targets import Rules
from hashrail.events.types.orders import OrderCancelled
from hashrail.processes import delivering
from tests.support.world import World

ANYWHERE = Rules(anywhere=True)


@dataclass(frozen=True)
class Hook:
    """What arrived: headers in lower case, and the body as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The body, read."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def of_object(self) -> tuple[str, int]:
        """(object, sequence)."""
        return self.told["data"]["object"]["id"], self.told["data"]["object"]["sequence"]


class HookReceiver:
    """`hooks` is all that arrived; `answer` says the status of each, 0 ends the connection without one."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.answer: Callable[[Hook], int] = lambda _: 200
        self.headers: dict[str, str] = {}
        self.held = threading.Event()
        self.held.set()
        self.port = 0

    def url(self, path: str = "/hook") -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Hook]:
        """What arrived there."""
        return [hook for hook in list(self.hooks) if hook.path == path]


@contextmanager
def hooked(receiver: HookReceiver | None = None) -> Iterator[HookReceiver]:
    """Receive until the block ends; one that was there before comes back at its port."""
    found = receiver or HookReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook = Hook(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            found.hooks.append(hook)
            status = found.answer(hook)
            found.held.wait(60)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                """Whoever sent has gone."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

    server = Server(("127.0.0.1", found.port), Handler)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.held.set()
        server.shutdown()
        server.server_close()
        thread.join()


async def endpoint(world: World, url: str, *types: str, after: int | None = None) -> tuple[Endpoint, str]:
    """An endpoint of the partner's, and its secret."""
    async with db.transaction(world.pool) as tx:
        return await create(tx, world.vault, ANYWHERE, world.partner.id, Wanted(url, types=types), after=after)


async def happen(world: World, *objects: str) -> int:
    """An event of each of these objects, in the feed and planned; answers the last position."""
    async with db.transaction(world.pool) as tx:
        await drafts.note(tx, world.partner.id, *(_event(name) for name in objects))
    return await plan_all(world)


async def plan_all(world: World) -> int:
    """Move what was noted, and plan it; answers the feed's last position."""
    async with db.transaction(world.pool) as tx:
        while await feed.append_drafts(tx, world.partner.id):
            pass
    while await planning.plan(world.pool):
        pass
    return await feed.last_position(world.pool, world.partner.id)


async def work_off(world: World, sender: Sender) -> None:
    """Send what is due now, and what is due by that, to everybody."""
    lanes = delivering.lanes_of(world.pool, world.vault, sender)
    while any([await lane.begin() for lane in lanes]):
        for lane in lanes:
            await lane.end()


def _event(name: str) -> OrderCancelled:
    return OrderCancelled(external_id=name, user_id=1, nft_collection_id=1, power=1, energy_efficiency=20, value=10)
