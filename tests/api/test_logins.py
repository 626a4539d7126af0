"""Logins by the partner's server: a user is registered, and answered tokens (#4)."""

from typing import Any

import jwt

from hashrail import business_clock, clock
from tests.support.api_client import Api, answered


async def shown(api: Api, name: str = "alice") -> dict[str, Any]:
    """The user as #29 shows them."""
    found: dict[str, Any] = answered(await api.server.call("s2s_user_statistics", partnerUserId=name))["user"]
    return found


async def test_login_registers_and_answers_tokens(api: Api) -> None:
    data = answered(await api.server.call("s2s_login", partnerUserId="alice", email="alice@example.com"))
    assert list(data) == ["jwtToken", "refreshToken", "userId", "partnerUserId"]
    user = await shown(api)
    assert (data["userId"], data["partnerUserId"]) == (user["id"], "alice")
    assert (user["partnerUserId"], user["email"]) == ("alice", "alice@example.com")
    registered = clock.parse_iso(user["createdAt"], "createdAt")
    assert abs(registered - await business_clock.now(api.world.pool)).total_seconds() < 10
    claims = jwt.decode(data["jwtToken"], options={"verify_signature": False})
    assert (claims["userId"], claims["sub"]) == (user["id"], str(user["id"]))
    assert (claims["aud"], claims["iss"]) == (api.world.partner.public_id, "hashrail")
    assert (claims["typ"], claims["exp"] - claims["iat"]) == ("access", 15 * 60)
    assert abs(claims["iat"] * 1000 - clock.wall_millis()) < 60_000
    assert data["refreshToken"].startswith(f"hrr_{api.world.partner.id}_")
    miners = await api.server.with_token(data["jwtToken"]).call("c2s_miners")
    assert answered(miners) == {"array": []}


async def test_login_again_is_the_same_user(api: Api) -> None:
    first = answered(await api.server.call("s2s_login", partnerUserId="alice", email="old@example.com"))
    second = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    assert second["userId"] == first["userId"]
    assert second["refreshToken"] != first["refreshToken"]
    assert second["jwtToken"] != first["jwtToken"]
    user = await shown(api)
    assert (user["id"], user["email"]) == (first["userId"], "old@example.com")
    await api.server.call("s2s_login", partnerUserId="alice", email="new@example.com")
    assert (await shown(api))["email"] == "new@example.com"
    other = answered(await api.server.call("s2s_login", partnerUserId="Alice"))
    assert other["userId"] != first["userId"]
