"""What integrators get, against one sandbox: both SDKs drive the tutorial, and newman plays the Postman collection.

The tutorial is an order, a year of income, a withdrawal that is final on the simulated chain, webhooks, and a refund.
"""

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tools import postman

from hashrail_client import Hashrail, webhooks
from tests.support import patience
from tests.support.folders import ROOT
from tests.support.node_programs import MODULES, needs_node, node
from tests.support.sandboxes import sandbox

COLLECTION = ROOT / "docs" / "reference" / postman.FILE
NEWMAN = str(MODULES / "newman" / "bin" / "newman.js")
DAYS = 365
ADDRESS = "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky"
TOLD = ["order.issued", "withdrawal.final", "order.refunded"]


@pytest.fixture(scope="module")
def box() -> Iterator[Path]:
    """The file that tells how to call a sandbox, which runs as `make run` runs it."""
    with sandbox() as made:
        yield made.data / "demo.json"


class Receiver:
    """A web server that verifies what arrives before it believes it."""

    def __init__(self) -> None:
        self.secret = ""
        self.arrived: list[Any] = []
        self.all_arrived = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                told = webhooks.verify(body, dict(self.headers), [receiver.secret])
                receiver.arrived.append(told.event)
                if told.event["type"] == "order.refunded":
                    receiver.all_arrived.set()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_in_python(box: Path, receiver: Receiver) -> None:
    facts = json.loads(box.read_text())
    user, order = "py-tutorial", "py-order-1"
    with Hashrail(facts["baseUrl"], facts["apiKey"], facts["apiSecret"], timeout_seconds=300) as client:
        endpoint = client.webhooks.create(receiver.url, types=TOLD)
        receiver.secret = endpoint["secret"]

        user_id = client.users.login(user)["userId"]
        offer = next(each for each in client.collections.list()["array"] if each["power"] == 8)
        price = client.payments.create(user_id, offer["id"], order)["value"]
        assert [client.payments.success(order, user_id) for _ in range(2)] == [True, True]
        assert len(client.miners.list(user)["array"]) == 1

        assert client.sandbox.advance(days=DAYS)["daysClosed"] == DAYS
        values = [Decimal(record["value"]) for record in client.income.iterate(user, page_size=100)]
        assert len(values) == DAYS - 1  # a miner earns from the day after its order
        assert sum(values) == client.users.statistics(user)["stats"]["totalIncome"] > 0

        client.wallets.bind(user, ADDRESS)
        minimum = client.withdrawals.terms(user)["incomeWithdrawMinValue"]
        number = client.withdrawals.create_fast(user, ADDRESS, minimum)
        assert number is not None
        client.sandbox.advance(days=1)
        withdrawal = client.withdrawals.get(number)
        assert (withdrawal["state"], withdrawal["amount"]) == ("final", minimum)
        assert withdrawal["txid"] is not None

        client.sandbox.charge_back(order)
        assert client.payments.get(order)["state"] == "refunded"
        assert client.miners.list(user)["array"] == []
        assert receiver.all_arrived.wait(patience.SECONDS)
        client.webhooks.delete(endpoint["id"])
        (refund,) = [
            event
            for event in client.events.follow(wait_seconds=0, types="order.refunded")
            if event["type"] == "order.refunded" and event["data"]["externalId"] == order
        ]
    assert [event["type"] for event in receiver.arrived] == TOLD
    assert receiver.arrived[-1] == refund
    assert price > 0


@needs_node
def test_in_typescript(box: Path) -> None:
    """The same, by client-ts/tests/tutorial.ts; node reads its types away."""
    done = node(ROOT / "client-ts", "tests/tutorial.ts", str(box))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["miners"] == 1
    assert (found["daysClosed"], found["records"]) == (DAYS, DAYS - 1)
    assert Decimal(found["earned"]) == Decimal(found["told"]) > 0
    withdrawal = found["withdrawal"]
    assert (withdrawal["state"], withdrawal["amount"]) == ("final", found["minimum"])
    assert withdrawal["txid"] is not None
    assert (found["state"], found["minersLeft"]) == ("refunded", 0)
    assert found["arrived"] == TOLD
    assert found["refundIsInTheFeed"] is True


@needs_node
def test_the_tour_of_the_postman_collection(box: Path, tmp_path: Path) -> None:
    """Its script signs queries and bodies, and each request is answered with 200."""
    facts, report = json.loads(box.read_text()), tmp_path / "report.json"
    given = [f"{name}={facts[name]}" for name in ("baseUrl", "apiKey", "apiSecret")]
    words = [word for each in given for word in ("--env-var", each)]
    told = ("--reporters", "json", "--reporter-json-export", str(report), "--timeout-request", "60000")
    done = node(tmp_path, NEWMAN, "run", str(COLLECTION), "--folder", postman.TOUR, *words, *told)
    played = json.loads(report.read_text())["run"]
    assert [(each["source"]["name"], each["error"]["message"]) for each in played["failures"]] == []
    assert done.returncode == 0, done.stderr
    assert played["stats"]["assertions"] == {"total": len(postman.TOUR_CALLS), "pending": 0, "failed": 0}
    signed = [
        each["request"]["method"]
        for each in played["executions"]
        if any(header["key"] == "X-PARTNER-SIGNATURE" for header in each["request"]["header"])
    ]
    assert (signed.count("GET") >= 15, signed.count("POST") >= 8) == (True, True)
