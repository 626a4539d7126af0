"""Orders over the wire: a partner sells a miner and owes its price (#11, #12)."""

from decimal import Decimal
from typing import Any

from hashrail import clock, db
from hashrail.books import fence, ledger
from hashrail.selling import capacity, catalogue, orders, refunds
from tests.support.api_client import Api, an_offer, answered, check_books, check_refused
from tests.support.books import cancel, notify, order


async def order_of(api: Api, external_id: str) -> dict[str, Any]:
    """The partner's order as it is shown."""
    found: dict[str, Any] = answered(await api.server.call("s2s_payment", externalId=external_id))
    return found


async def test_a_purchase(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "order_12345"}
    response = await api.server.call("s2s_payment_create", **facts)
    assert answered(response) == {"value": Decimal("216.99"), "externalId": "order_12345"}
    assert answered(await api.server.call("s2s_miners", partnerUserId="alice")) == {"array": []}
    order = await order_of(api, "order_12345")
    assert (order["state"], order["userId"], order["value"]) == ("created", user.id, offer.value_usd)
    begun, ends = [clock.parse_iso(order[name], name) for name in ("createdAt", "expiresAt")]
    assert (ends - begun).total_seconds() == 3600
    response = await api.server.call("s2s_payment_success", externalId="order_12345", userId=user.id)
    assert answered(response) is True
    (miner,) = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    assert (miner["power"], miner["energyEfficiency"], miner["name"]) == (16, 15, "Hashrail 16 TH")
    assert miner["id"] == (await order_of(api, "order_12345"))["nftId"]
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
    shown = await order_of(api, "one")
    assert (shown["userId"], shown["nftCollectionId"], shown["state"]) == (alice.id, offer.id, "created")


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
    check_refused(await api.server.call("s2s_payment", externalId="one"), 404, "ORDER_NOT_FOUND", "externalId")


async def test_a_late_notice(api: Api) -> None:
    offer = await an_offer(api.world, "2", "15")
    user = await api.world.user()
    for name in ("late", "gone"):
        facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": name}
        await api.server.call("s2s_payment_create", **facts)
    await api.server.call("sandbox_advance", seconds=3601)
    assert [(await order_of(api, name))["state"] for name in ("late", "gone")] == ["expired", "expired"]
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(offer.power, offer.energy_efficiency, Decimal(300))])
    response = await api.server.call("s2s_payment_success", externalId="late", userId=user.id)
    details = check_refused(response, 409, "ORDER_EXPIRED", "externalId")
    assert (details["value"], details["presentValue"]) == (offer.value_usd, 300)
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(offer.power, offer.energy_efficiency, offer.value_usd)])
    assert answered(await api.server.call("s2s_payment_success", externalId="late", userId=user.id)) is True
    order = await order_of(api, "late")
    assert (order["state"], order["value"]) == ("issued", offer.value_usd)
    async with db.transaction(api.world.pool) as tx:
        await catalogue.withdraw(tx, offer.id)
    response = await api.server.call("s2s_payment_success", externalId="gone", userId=user.id)
    check_refused(response, 409, "ORDER_EXPIRED", "externalId")
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(offer.power, offer.energy_efficiency, offer.value_usd)])
    await check_books(api.world)


async def test_a_cancelled_order_is_not_issued(api: Api) -> None:
    offer = await an_offer(api.world)
    user = await api.world.user()
    await api.server.call("s2s_payment_create", userId=user.id, nftCollectionId=offer.id, externalId="one")
    async with db.transaction(api.world.pool) as tx:
        books = await fence.share(tx, api.world.partner.id)
        await orders.cancel(tx, books, external_id="one")
    response = await api.server.call("s2s_payment_success", externalId="one", userId=user.id)
    check_refused(response, 409, "ORDER_CANCELLED", "externalId")
    await check_books(api.world)


async def test_a_refunded_order(api: Api) -> None:
    """It says so, and since when; its miner is in no list, and no notice issues it again."""
    offer = await an_offer(api.world)
    user = await api.world.user()
    facts = {"userId": user.id, "externalId": "one"}
    await api.server.call("s2s_payment_create", **facts, nftCollectionId=offer.id)
    assert answered(await api.server.call("s2s_payment_success", **facts)) is True
    async with db.transaction(api.world.pool) as tx:
        books = await fence.share(tx, api.world.partner.id)
        await refunds.refund(tx, books, await refunds.lock(tx, books, "one"), reason="charged back")
    shown = await order_of(api, "one")
    assert (shown["state"], shown["refundedAt"] is None, shown["nftId"] is None) == ("refunded", False, False)
    listed = answered(await api.server.call("s2s_miners", partnerUserId=user.partner_user_id))
    assert listed["array"] == []
    response = await api.server.call("s2s_payment_success", **facts)
    details = check_refused(response, 409, "ORDER_REFUNDED", "externalId")
    assert details["refundedAt"] == shown["refundedAt"]
    again = answered(await api.server.call("s2s_payment_create", **facts, nftCollectionId=offer.id))
    assert again["value"] == offer.value_usd
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
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 16)
    assert answered(await api.server.call("s2s_payment_create", **facts, externalId="a"))["value"] == offer.value_usd
    response = await api.server.call("s2s_payment_create", **facts, externalId="b")
    check_refused(response, 409, "CAPACITY_EXCEEDED", "nftCollectionId")
    async with db.transaction(api.world.pool) as tx:
        await capacity.set_capacity(tx, None)
    assert answered(await api.server.call("s2s_payment_create", **facts, externalId="b"))["value"] == offer.value_usd
    response = await api.server.call("s2s_payment_create", **facts, externalId="c")
    check_refused(response, 409, "CREDIT_LIMIT_EXCEEDED")
    await check_books(api.world)


async def test_an_order_in_every_state(api: Api) -> None:
    user, world = await api.world.user(), api.world
    offer = await an_offer(world, "2")
    for name in ("open", "gone", "paid"):
        await order(world, user.id, name, offer.id)
    await cancel(world, "gone")
    issued = await notify(world, user.id, "paid")
    found = {name: answered(await api.server.call("s2s_payment", externalId=name)) for name in ("open", "gone", "paid")}
    assert list(found["open"]) == [
        *("externalId", "userId", "nftCollectionId", "state", "value", "power", "energyEfficiency", "nftId"),
        *("createdAt", "expiresAt", "paidAt", "refundedAt"),
    ]
    assert {name: (one["state"], one["nftId"]) for name, one in found.items()} == {
        "open": ("created", None),
        "gone": ("cancelled", None),
        "paid": ("issued", issued.miner_id),
    }
    paid = found["paid"]
    assert (paid["externalId"], paid["userId"], paid["nftCollectionId"]) == ("paid", user.id, offer.id)
    assert (paid["value"], paid["power"], paid["energyEfficiency"]) == (Decimal("27.99"), 2, 15)
    assert issued.paid_at is not None
    times = [clock.iso(moment) for moment in (issued.created_at, issued.expires_at, issued.paid_at)]
    assert [paid["createdAt"], paid["expiresAt"], paid["paidAt"]] == times
    assert found["open"]["paidAt"] is None


async def test_an_order_that_there_is_not(api: Api) -> None:
    """Another partner's is none either."""
    other = await api.another_partner()
    user = await other.world.user()
    await order(other.world, user.id, "theirs", (await an_offer(other.world)).id)
    for name in ("theirs", "nobody's", "x" * 255):
        check_refused(await api.server.call("s2s_payment", externalId=name), 404, "ORDER_NOT_FOUND", "externalId")
    for name in ("", "x" * 256):
        response = await api.server.call("s2s_payment", externalId=name)
        check_refused(response, 400, "FIELD_OUT_OF_BOUNDS", "externalId")
    check_refused(await api.server.call("s2s_payment"), 400, "FIELD_MISSING", "externalId")


async def test_the_list_of_orders(api: Api) -> None:
    """In states, of a user, in pages; each as it is shown alone."""
    alice, bob = [await api.world.user(name) for name in ("alice", "bob")]
    offer = await an_offer(api.world)
    for user, name in ((alice, "one"), (bob, "two"), (alice, "three")):
        facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": name}
        answered(await api.server.call("s2s_payment_create", **facts))
    answered(await api.server.call("s2s_payment_success", userId=bob.id, externalId="two"))

    async def listed(**fields: object) -> list[str]:
        found = answered(await api.server.call("s2s_payments", **fields))
        return [one["externalId"] for one in found["array"]]

    assert await listed() == ["three", "two", "one"]
    assert await listed(state="issued") == ["two"]
    assert await listed(state="created", partnerUserId="alice") == ["three", "one"]
    assert await listed(state="refunded") == []
    page = answered(await api.server.call("s2s_payments", limit=2))
    assert await listed(cursor=page["nextCursor"]) == ["one"]
    for one in page["array"]:
        assert one == answered(await api.server.call("s2s_payment", externalId=one["externalId"]))
    check_refused(await api.server.call("s2s_payments", state="lost"), 400, "FIELD_OUT_OF_BOUNDS", "state")


async def test_what_changed_since_a_position(api: Api) -> None:
    """Whoever asks with the last answer's position is told what changed since, and nothing else."""
    user, offer = await api.world.user("alice"), await an_offer(api.world)

    async def create(name: str) -> None:
        facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": name}
        answered(await api.server.call("s2s_payment_create", **facts))

    async def changed(since: int) -> tuple[list[str], int]:
        found = answered(await api.server.call("s2s_payments", changedSince=since))
        return [one["externalId"] for one in found["array"]], found["position"]

    assert (await changed(0))[0] == []
    await create("one")
    await create("two")
    names, position = await changed(0)
    assert names == ["two", "one"]
    assert await changed(position) == ([], position)
    answered(await api.server.call("s2s_payment_success", userId=user.id, externalId="one"))
    names, after = await changed(position)
    assert (names, after > position) == (["one"], True)
    await create("three")
    assert (await changed(position))[0] == ["three", "one"]
    assert (await changed(after))[0] == ["three"]
