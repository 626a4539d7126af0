"""Registering users and selling miners over the wire: #4, #11, #12."""

from collections.abc import AsyncIterator
from decimal import Decimal

import jwt
import pytest

from hashrail import business_clock, catalogue, clock, day_fence, db, ledger, orders
from tests.api import Api, an_offer, answered, check_books, check_refused, open_shared_api


@pytest.fixture(scope="module")
async def deployment(server: str, template: str) -> AsyncIterator[Api]:
    async with open_shared_api(server, template) as opened:
        yield opened


@pytest.fixture
async def api(deployment: Api) -> Api:
    return await deployment.another_partner()


async def order_of(api: Api, external_id: str) -> db.Row:
    """The partner's order as it is stored; there is exactly one."""
    query = "SELECT * FROM purchase WHERE partner_id = $1 AND external_id = $2"
    (row,) = await api.world.pool.fetch(query, api.world.partner.id, external_id)
    return row


async def orders_of(api: Api) -> int:
    count: int = await api.world.pool.fetchval(
        "SELECT count(*) FROM purchase WHERE partner_id = $1", api.world.partner.id
    )
    return count


# 4


async def test_login_registers_and_answers_tokens(api: Api) -> None:
    data = answered(await api.server.call("s2s_login", partnerUserId="alice", email="alice@example.com"))
    assert list(data) == ["jwtToken", "refreshToken", "userId", "partnerUserId"]
    (user,) = await api.world.pool.fetch("SELECT * FROM app_user WHERE partner_id = $1", api.world.partner.id)
    assert (data["userId"], data["partnerUserId"]) == (user["id"], "alice")
    assert (user["partner_user_id"], user["email"]) == ("alice", "alice@example.com")
    assert abs(user["created_at"] - await business_clock.now(api.world.pool)).total_seconds() < 10
    claims = jwt.decode(data["jwtToken"], options={"verify_signature": False})
    assert (claims["userId"], claims["sub"]) == (user["id"], str(user["id"]))
    assert (claims["aud"], claims["iss"]) == (api.world.partner.public_id, "hashrail")
    assert (claims["typ"], claims["exp"] - claims["iat"]) == ("access", 15 * 60)
    assert abs(claims["iat"] * 1000 - clock.wall_millis()) < 10_000
    assert data["refreshToken"].startswith(f"hrr_{api.world.partner.id}_")
    miners = await api.server.with_token(data["jwtToken"]).call("c2s_miners")
    assert answered(miners) == {"array": []}


async def test_login_again_is_the_same_user(api: Api) -> None:
    first = answered(await api.server.call("s2s_login", partnerUserId="alice", email="old@example.com"))
    second = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    assert second["userId"] == first["userId"]
    assert second["refreshToken"] != first["refreshToken"]
    assert second["jwtToken"] != first["jwtToken"]
    stored = "SELECT email FROM app_user WHERE id = $1"
    assert await api.world.pool.fetchval(stored, first["userId"]) == "old@example.com"
    await api.server.call("s2s_login", partnerUserId="alice", email="new@example.com")
    assert await api.world.pool.fetchval(stored, first["userId"]) == "new@example.com"
    other = answered(await api.server.call("s2s_login", partnerUserId="Alice"))
    assert other["userId"] != first["userId"]


# 11 and 12


async def test_a_purchase(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "order_12345"}
    response = await api.server.call("s2s_payment_create", **facts)
    assert answered(response) == {"value": Decimal("216.99"), "externalId": "order_12345"}
    assert answered(await api.server.call("s2s_miners", partnerUserId="alice")) == {"array": []}
    order = await order_of(api, "order_12345")
    assert (order["state"], order["user_id"], order["value_usd"]) == ("created", user.id, offer.value_usd)
    assert (order["expires_at"] - order["created_at"]).total_seconds() == 3600
    response = await api.server.call("s2s_payment_success", externalId="order_12345", userId=user.id)
    assert answered(response) is True
    (miner,) = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    assert (miner["power"], miner["energyEfficiency"], miner["name"]) == (16, 15, "Hashrail 16 TH")
    assert miner["id"] == (await order_of(api, "order_12345"))["miner_id"]
    await check_books(api.world)


async def test_creating_and_notifying_again_is_one_purchase(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    for _ in range(2):
        assert answered(await api.server.call("s2s_payment_create", **facts)) == {
            "value": offer.value_usd,
            "externalId": "one",
        }
    for _ in range(2):
        assert answered(await api.server.call("s2s_payment_success", externalId="one", userId=user.id)) is True
    assert answered(await api.server.call("s2s_payment_create", **facts)) == {
        "value": offer.value_usd,
        "externalId": "one",
    }
    rows = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    assert len(rows) == 1
    await check_books(api.world)


async def test_another_content_under_the_same_external_id(api: Api) -> None:
    offer, other = await an_offer(api.world), await an_offer(api.world, "1", "20")
    alice, bob = await api.world.user(), await api.world.user("bob")
    facts = {"userId": alice.id, "nftCollectionId": offer.id, "externalId": "one"}
    await api.server.call("s2s_payment_create", **facts)
    for change in ({"userId": bob.id}, {"nftCollectionId": other.id}):
        check_refused(
            await api.server.call("s2s_payment_create", **facts | change), 409, "ORDER_CONFLICT", "externalId"
        )
    response = await api.server.call("s2s_payment_success", externalId="one", userId=bob.id)
    check_refused(response, 404, "ORDER_NOT_FOUND", "externalId")
    assert await orders_of(api) == 1


async def test_orders_need_what_exists(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    response = await api.server.call("s2s_payment_create", **facts | {"userId": user.id + 1})
    check_refused(response, 404, "USER_NOT_FOUND", "userId")
    response = await api.server.call("s2s_payment_create", **facts | {"nftCollectionId": 10**9})
    check_refused(response, 404, "COLLECTION_NOT_FOUND", "nftCollectionId")
    response = await api.server.call("s2s_payment_success", externalId="one", userId=user.id)
    check_refused(response, 404, "ORDER_NOT_FOUND", "externalId")
    assert await orders_of(api) == 0


async def test_a_late_notice(api: Api) -> None:
    offer = await an_offer(api.world, "2", "15")
    user = await api.world.user()
    for name in ("late", "gone"):
        facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": name}
        await api.server.call("s2s_payment_create", **facts)
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(offer.power, offer.energy_efficiency, Decimal(300))])
    await api.server.call("sandbox_advance", seconds=3601)
    assert [(await order_of(api, name))["state"] for name in ("late", "gone")] == ["expired", "expired"]
    assert answered(await api.server.call("s2s_payment_success", externalId="late", userId=user.id)) is True
    order = await order_of(api, "late")
    assert (order["state"], order["value_usd"]) == ("issued", offer.value_usd)
    async with db.transaction(api.world.pool) as tx:
        await catalogue.withdraw(tx, offer.id)
    response = await api.server.call("s2s_payment_success", externalId="gone", userId=user.id)
    check_refused(response, 409, "ORDER_EXPIRED", "externalId")
    await check_books(api.world)


async def test_a_cancelled_order_is_not_issued(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    await api.server.call("s2s_payment_create", userId=user.id, nftCollectionId=offer.id, externalId="one")
    async with db.transaction(api.world.pool) as tx:
        day = await day_fence.share(tx, api.world.partner.id)
        await orders.cancel(tx, day, external_id="one")
    response = await api.server.call("s2s_payment_success", externalId="one", userId=user.id)
    check_refused(response, 409, "ORDER_CANCELLED", "externalId")
    await check_books(api.world)


async def test_credit_and_capacity_end(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    facts = {"userId": user.id, "nftCollectionId": offer.id}
    async with db.transaction(api.world.pool) as tx:
        await ledger.set_credit_limit(tx, api.world.partner.id, Decimal("216.98"))
    check_refused(await api.server.call("s2s_payment_create", **facts, externalId="a"), 409, "CREDIT_LIMIT_EXCEEDED")
    async with db.transaction(api.world.pool) as tx:
        await ledger.set_credit_limit(tx, api.world.partner.id, Decimal("433.98"))
        await catalogue.set_capacity(tx, await catalogue.committed_th(tx) + 16)
    assert answered(await api.server.call("s2s_payment_create", **facts, externalId="a"))["value"] == offer.value_usd
    response = await api.server.call("s2s_payment_create", **facts, externalId="b")
    check_refused(response, 409, "CAPACITY_EXCEEDED", "nftCollectionId")
    async with db.transaction(api.world.pool) as tx:
        await catalogue.set_capacity(tx, None)
    assert answered(await api.server.call("s2s_payment_create", **facts, externalId="b"))["value"] == offer.value_usd
    response = await api.server.call("s2s_payment_create", **facts, externalId="c")
    check_refused(response, 409, "CREDIT_LIMIT_EXCEEDED")
    await check_books(api.world)
