"""One partner never sees or touches what is another's, operation by operation.

`ATTEMPTS` says for every operation what another partner would try and what it must get; an operation of the route
table that has no entry fails the test.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hashrail.api import routes
from hashrail.api.call import Auth
from tests.api import (
    CONTRACT,
    Api,
    Caller,
    an_offer,
    answered,
    buy,
    check_books,
    check_refused,
    open_shared_api,
    settings_of,
)

RANGE = {"startDate": "2026-03-01T00:00:00Z", "endDate": "2026-03-31T00:00:00Z"}


@dataclass
class Two:
    """A victim with a user, a miner, an open order and tokens, and a thief who knows everything but the secrets."""

    victim: Api
    thief: Api
    user_id: int
    offer_id: int
    tokens: dict[str, Any]

    @property
    def server(self) -> Caller:
        return self.thief.server

    async def beside_key(self, operation: str) -> httpx.Response:
        """A request with the victim's user's token and the thief's API key, both in headers."""
        headers = {"Authorization": f"Bearer {self.tokens['jwtToken']}", "X-PARTNER-API-KEY": str(self.server.key)}
        path = CONTRACT[operation][2]
        return await self.thief.http.send(self.thief.http.build_request("GET", path, headers=headers))


@pytest.fixture(scope="module")
async def two(server: str, template: str) -> AsyncIterator[Two]:
    async with open_shared_api(server, template) as victim:
        await victim.world.mine()
        user = await victim.world.user("alice")
        await buy(victim.world, user.id)
        offer = await an_offer(victim.world)
        facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "open"}
        answered(await victim.server.call("s2s_payment_create", **facts))
        await victim.world.mine()
        await victim.world.mine()
        thief = await victim.another_partner()
        tokens = answered(await victim.server.call("s2s_login", partnerUserId="alice"))
        yield Two(victim, thief, user.id, offer.id, tokens)


Attempt = Callable[[Two], Awaitable[None]]


def no_such_user(operation: str, **fields: object) -> Attempt:
    """The thief asks for the victim's user under its own key: there is no such user."""

    async def attempt(two: Two) -> None:
        response = await two.server.call(operation, partnerUserId="alice", **fields)
        check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")

    return attempt


def token_beside_own_key(operation: str) -> Attempt:
    """The thief has the token of the victim's user, and its own key."""

    async def attempt(two: Two) -> None:
        check_refused(await two.beside_key(operation), 401, "TOKEN_OF_OTHER_PARTNER")

    return attempt


def own_user(operation: str) -> Attempt:
    """The same partnerUserId is another user at another partner: the thief gets its own, who has nothing."""

    async def attempt(two: Two) -> None:
        thief = two.thief
        data = answered(await two.server.call(operation, partnerUserId="alice"))
        assert data["userId"] != two.user_id
        own = two.server.with_token(data["jwtToken"])
        for read in ("c2s_miners", "c2s_income"):
            assert answered(await own.call(read)) == {"array": []}
        assert answered(await own.call("c2s_income_total"))["totalIncome"] == 0
        assert {row["balance"] for row in answered(await own.call("c2s_balances"))["array"]} == {0}
        await thief.world.pool.execute("UPDATE app_user SET partner_user_id = 'mine' WHERE id = $1", data["userId"])

    return attempt


def other_family(operation: str) -> Attempt:
    async def attempt(two: Two) -> None:
        response = await two.server.call(operation, refreshToken=two.tokens["refreshToken"])
        check_refused(response, 401, "REFRESH_TOKEN_INVALID", "refreshToken")
        renewed = answered(await two.victim.server.call(operation, refreshToken=two.tokens["refreshToken"]))
        two.tokens = renewed

    return attempt


def nothing_of_anybody(operation: str) -> Attempt:
    """The answer holds published figures only: the same for both partners."""

    async def attempt(two: Two) -> None:
        mine, theirs = await two.server.call(operation), await two.victim.server.call(operation)
        assert answered(mine) == answered(theirs)

    return attempt


def own_days(operation: str) -> Attempt:
    """The clock is the sandbox's, and the answer tells of the caller's days."""

    async def attempt(two: Two) -> None:
        data = answered(await two.server.call(operation, seconds=1))
        assert data["closedThrough"] == "2026-03-03"
        assert sorted(data) == ["businessTime", "closedThrough", "daysClosed", "publishedThrough"]

    return attempt


async def same_external_id(two: Two) -> None:
    """An external id is the partner's own: the thief's order of that name is another one, for its own user."""
    order = {"externalId": "open", "nftCollectionId": two.offer_id}
    response = await two.server.call("s2s_payment_create", userId=two.user_id, **order)
    check_refused(response, 404, "USER_NOT_FOUND", "userId")
    own = await two.thief.world.user("thief")
    response = await two.server.call("s2s_payment_create", userId=own.id, **order)
    assert answered(response) == {"value": Decimal("216.99"), "externalId": "open"}


async def foreign_order(two: Two) -> None:
    """The victim's order cannot be paid for by another, neither under its user nor under an own one."""
    fresh = await two.thief.another_partner()
    for user_id in (two.user_id, (await fresh.world.user("thief")).id):
        response = await fresh.server.call("s2s_payment_success", externalId="open", userId=user_id)
        check_refused(response, 404, "ORDER_NOT_FOUND", "externalId")
    state = "SELECT state FROM purchase WHERE partner_id = $1 AND external_id = 'open'"
    assert await two.victim.world.pool.fetchval(state, two.victim.world.partner.id) == "created"


ATTEMPTS: dict[str, Attempt] = {
    "s2s_login": own_user("s2s_login"),
    "s2s_refresh": other_family("s2s_refresh"),
    "c2s_miners": token_beside_own_key("c2s_miners"),
    "s2s_miners": no_such_user("s2s_miners"),
    "c2s_collections": token_beside_own_key("c2s_collections"),
    "s2s_collections": nothing_of_anybody("s2s_collections"),
    "s2s_payment_create": same_external_id,
    "s2s_payment_success": foreign_order,
    "c2s_income_per_th": token_beside_own_key("c2s_income_per_th"),
    "s2s_income_per_th": nothing_of_anybody("s2s_income_per_th"),
    "c2s_income_total": token_beside_own_key("c2s_income_total"),
    "c2s_income": token_beside_own_key("c2s_income"),
    "s2s_income": no_such_user("s2s_income"),
    "s2s_income_by_day": no_such_user("s2s_income_by_day", **RANGE),
    "c2s_balances": token_beside_own_key("c2s_balances"),
    "s2s_balances": no_such_user("s2s_balances"),
    "s2s_user_statistics": no_such_user("s2s_user_statistics"),
    "sandbox_advance": own_days("sandbox_advance"),
}

OPERATIONS = {route.operation: (path, route) for path, route in routes.routes(settings_of("postgresql://nowhere"))}


def test_every_operation_has_an_attempt() -> None:
    assert set(ATTEMPTS) == set(OPERATIONS)
    assert all(inspect.iscoroutinefunction(attempt) for attempt in ATTEMPTS.values())


def test_the_route_table_is_the_contract_s() -> None:
    words = {
        Auth.SIGNED: "signed",
        Auth.SERVER_KEY: "key",
        Auth.CLIENT_KEY: "key",
        Auth.BEARER: "bearer",
        Auth.KEY_OR_BEARER: "key or bearer",
    }
    table = {name: (route.number, route.method, path, words[route.auth]) for name, (path, route) in OPERATIONS.items()}
    assert table == CONTRACT
    production = [route.operation for _, route in routes.routes(settings_of("x", mode="production"))]
    assert production == [name for name in OPERATIONS if not name.startswith("sandbox")]
    assert {name for name, (_, route) in OPERATIONS.items() if route.scope == "order"} == {
        "s2s_payment_create",
        "s2s_payment_success",
    }


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_another_partner_gets_nothing(two: Two, operation: str) -> None:
    await ATTEMPTS[operation](two)
    alice = await two.victim.server.call("s2s_user_statistics", partnerUserId="alice")
    stats = answered(alice)
    assert (stats["user"]["id"], stats["stats"]["nftsCount"], stats["user"]["email"]) == (two.user_id, 1, None)
    await check_books(two.victim.world)


async def test_a_token_shows_its_own_user_only(two: Two) -> None:
    """Two users of one partner do not see each other either."""
    await two.victim.world.user("bob")
    bob = await two.victim.user("bob")
    assert answered(await bob.call("c2s_miners")) == {"array": []}
    assert answered(await bob.call("c2s_income")) == {"array": []}
    alice = await two.victim.user("alice")
    assert len(answered(await alice.call("c2s_miners"))["array"]) == 1
    assert len(answered(await alice.call("c2s_income"))["array"]) == 1


async def test_the_same_names_at_two_partners(two: Two) -> None:
    """Nobody's users, orders and miners get mixed up by equal names."""
    fresh = await two.thief.another_partner()
    own = await fresh.world.user("alice")
    response = await fresh.server.call(
        "s2s_payment_create", userId=own.id, nftCollectionId=two.offer_id, externalId="open"
    )
    assert answered(response)["externalId"] == "open"
    assert answered(await fresh.server.call("s2s_payment_success", userId=own.id, externalId="open")) is True
    (mine,) = answered(await fresh.server.call("s2s_miners", partnerUserId="alice"))["array"]
    (theirs,) = answered(await two.victim.server.call("s2s_miners", partnerUserId="alice"))["array"]
    assert mine["id"] != theirs["id"]
    await check_books(fresh.world)
