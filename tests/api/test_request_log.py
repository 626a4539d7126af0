"""The line of a request in the log says who called, as far as that is known, and nothing that opens a door."""

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from hashrail import logs
from hashrail.api.serving import telemetry
from tests.support.api_client import Api, answered

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What telemetry says meanwhile."""
    monkeypatch.setattr(telemetry, "log", structlog.get_logger())
    with capture_logs() as lines:
        yield lines


def last(said: Lines) -> dict[str, Any]:
    """Who and what the newest line tells."""
    known = ("operation", "status", "error", "partner", "key_id", "user", "partner_user", "cost")
    return {name: said[-1][name] for name in known if said[-1].get(name) is not None}


async def test_a_server_a_user_and_their_cost(api: Api, said: Lines) -> None:
    """A login tells whom it made; a token alone tells partner and user."""
    partner = api.world.partner.public_id
    user = await api.user("bob")
    line = last(said)
    number = line["user"]
    assert isinstance(number, int)
    assert isinstance(line["key_id"], int)
    assert line == {
        "operation": "s2s_login",
        "status": 200,
        "partner": partner,
        "key_id": line["key_id"],
        "user": number,
        "partner_user": "bob",
        "cost": 1,
    }
    assert said[-1]["address"]
    refused = await user.call("c2s_wallet_bind", address="nowhere")
    assert refused.status_code >= 400
    assert (last(said)["partner"], last(said)["user"]) == (partner, number)
    assert (await api.server.call("s2s_miners", partnerUserId="nobody\u202e")).status_code == 404
    assert last(said)["error"] == "USER_NOT_FOUND"
    assert last(said)["partner_user"] == "nobody\\u202e"


async def test_what_is_only_claimed_is_not_told(api: Api, said: Lines) -> None:
    """A key that was found is known, also where its signature does not hold; a key that nobody has is not."""
    other = await api.caller()
    partner = api.world.partner.public_id
    wrong = type(other)(other.http, other.key, "0" * 64)
    assert (await wrong.call("s2s_login", partnerUserId="carol")).status_code == 401
    line = last(said)
    assert (line["error"], line["partner"], line["cost"]) == ("SIGNATURE_MISMATCH", partner, 1)
    assert "key_id" in line
    assert not {"user", "partner_user"} & line.keys()
    assert other.key is not None
    unknown = type(other)(other.http, other.key[:-8] + "AAAAAAAA", "0" * 64)
    assert (await unknown.call("s2s_login", partnerUserId="carol")).status_code == 401
    assert last(said) == {"operation": "s2s_login", "status": 401, "error": "API_KEY_UNKNOWN", "cost": 1}
    forged = other.with_token("e30.e30.e30")
    assert (await forged.call("c2s_balances")).status_code == 401
    assert not {"partner", "user"} & last(said).keys()
    assert (await api.http.post("/nowhere")).status_code == 404
    assert (last(said)["cost"], last(said)["error"]) == (0, "ROUTE_NOT_FOUND")


async def test_nothing_that_opens_a_door_is_told(api: Api, said: Lines) -> None:
    """No secret, token or signature stands in a line, whether the request was answered or refused."""
    tokens = answered(await api.server.call("s2s_login", partnerUserId="dora"))
    sent = await api.server.call("s2s_login", partnerUserId="dora", email="dora@example.com")
    renewed = await api.http.post("/api/partner/c2s/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
    spent = await api.http.post("/api/partner/c2s/auth/refresh", json={"refreshToken": tokens["refreshToken"] + "x"})
    assert {sent.status_code, renewed.status_code} == {200}
    assert spent.status_code >= 400
    text = json.dumps(said)
    body = json.loads(sent.request.content)
    hidden = [api.server.key, api.server.secret, body["signature"], "dora@example.com", *sent.request.headers.values()]
    hidden += [tokens["jwtToken"], tokens["refreshToken"], renewed.json()["data"]["refreshToken"]]
    assert [each for each in hidden if len(each) > 12 and each in text] == []
    assert (last(said[:-1])["user"], last(said[:-1])["partner"]) == (tokens["userId"], api.world.partner.public_id)


async def test_every_request_that_is_answered_is_told(api: Api, said: Lines) -> None:
    """Reads as well, what is known already, and pages; not the probes, while all is well."""
    tokens = answered(await api.server.call("s2s_login", partnerUserId="frida"))
    user = api.server.with_token(tokens["jwtToken"])
    said.clear()
    answered(await api.server.call("s2s_miners", partnerUserId="frida"))
    answered(await user.call("c2s_balances"))
    assert (await api.http.get("/api/time")).status_code == 200
    told = [(line["operation"], line["status"], line.get("partner_user"), line.get("user")) for line in said]
    number = tokens["userId"]
    assert told == [
        ("s2s_miners", 200, "frida", None),
        ("c2s_balances", 200, None, number),
        ("api_time", 200, None, None),
    ]
    assert all(line["request_id"] and line["milliseconds"] >= 0 for line in said)
    said.clear()
    for probe in ("/healthz", "/readyz"):
        assert (await api.http.get(probe)).status_code == 200
    assert not said


async def test_reads_can_be_left_out(api: Api, said: Lines) -> None:
    """Not what writes, and not what is refused."""
    told: Any = api.http._transport
    app = told.app
    assert isinstance(app, telemetry.Telemetry)
    quiet = telemetry.Telemetry(app.app, reads=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(quiet), base_url="http://quiet") as http:
        caller = replace(api.server, http=http)
        answered(await caller.call("s2s_login", partnerUserId="gerd"))
        answered(await caller.call("s2s_miners", partnerUserId="gerd"))
        assert (await caller.call("s2s_miners", partnerUserId="nobody")).status_code == 404
    assert [line["status"] for line in said] == [200, 404]


async def test_what_is_said_on_the_way_is_of_the_request(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its id, and whose it is as far as that is known by then; what is said before and after is nobody's."""
    logs_of_ours = structlog.get_logger()
    monkeypatch.setattr("hashrail.api.app.log", structlog.get_logger())

    async def fail(*_given: Any, **_named: Any) -> Any:
        logs_of_ours.warning("something")
        raise RuntimeError

    answered(await api.server.call("s2s_login", partnerUserId="hans"))
    monkeypatch.setattr("hashrail.selling.miners.of_partner_user", fail)
    kept = structlog.get_config()
    logs.configure(command=True)
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[structlog.get_config()["processors"][0], capture])
    try:
        logs_of_ours.info("before")
        answer = await api.server.call("s2s_miners", partnerUserId="hans")
    finally:
        structlog.configure(**kept)
    assert answer.status_code == 500
    before, said_inside, failed = capture.entries[:3]
    assert "request_id" not in before
    for line in (said_inside, failed):
        assert line["request_id"] == answer.json()["requestId"]
        assert (line["partner"], line["partner_user"]) == (api.world.partner.public_id, "hans")


async def test_what_reads_much_costs_more(api: Api, said: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its budget is charged."""
    monkeypatch.setattr("hashrail.api.serving.limits.BYTES_OF_A_REQUEST", 50)
    answered(await api.server.call("s2s_login", partnerUserId="erna"))
    assert last(said)["cost"] > 3


@pytest.mark.parametrize(("path", "status"), [("/api/partner/s2s/nft/find-by-user", 401), ("/nothing/here", 404)])
async def test_what_was_refused_is_let_go_without_the_collector(api: Api, path: str, status: int) -> None:
    """The server hangs up when nothing holds a request any more; a circle would hold it until memory is collected."""

    class Line:
        async def receive(self) -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    told: Any = api.http._transport
    line = Line()
    held = weakref.ref(line)
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"}
    scope |= {"scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
    scope |= {"state": {}, "headers": [(b"host", b"x")], "client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 80)}
    gc.disable()
    try:
        await told.app(scope, line.receive, send)
        del scope, line
        assert sent[0]["status"] == status
        sent.clear()
        await asyncio.sleep(0)
        assert held() is None
    finally:
        gc.enable()
