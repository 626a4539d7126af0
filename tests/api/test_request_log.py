"""The line of a request in the log says who called, as far as that is known, and nothing that opens a door."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

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


async def test_what_reads_much_costs_more(api: Api, said: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its budget is charged."""
    monkeypatch.setattr("hashrail.api.serving.limits.BYTES_OF_A_REQUEST", 50)
    answered(await api.server.call("s2s_login", partnerUserId="erna"))
    assert last(said)["cost"] > 3
