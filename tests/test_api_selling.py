"""Handovers, upgrades, post-payments and the statement over the wire: #8, #30, #31 and what extends them."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, db, tariffs, users
from hashrail.api import statement as statement_door
from hashrail.api.statement import COLUMNS
from tests.api import CONTRACT, Api, an_offer, answered, buy, check_books, check_refused, open_shared_api
from tests.books import cancel, notify, order, pay, receivable

POWER, EFFICIENCY = "nftPowerUpgrade", "nftEnergyEfficiencyUpgrade"
GREATEST = 2**53 - 1
# The business clock of a test deployment begins here.
MARCH = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-31T00:00:00.000Z"}


@pytest.fixture(scope="module")
async def deployment(server: str, template: str) -> AsyncIterator[Api]:
    async with open_shared_api(server, template) as opened:
        yield opened


@pytest.fixture
async def api(deployment: Api) -> Api:
    return await deployment.another_partner()


@pytest.fixture
async def miner_id(api: Api) -> int:
    """A miner of 16 TH at 15 W/TH in alice's hands, issued through an order."""
    return await buy(api.world, (await api.world.user()).id)


def power(miner_id: int, from_th: object, to_th: object) -> dict[str, Any]:
    return {"data": {"type": POWER, "nftId": miner_id, "fromPower": from_th, "toPower": to_th}}


def efficiency(miner_id: int, from_w: object, to_w: object) -> dict[str, Any]:
    return {"data": {"type": EFFICIENCY, "nftId": miner_id, "fromEnergyEfficiency": from_w, "toEnergyEfficiency": to_w}}


async def miner_of(api: Api, name: str = "alice") -> dict[str, Any]:
    """The user's only miner."""
    (found,) = answered(await api.server.call("s2s_miners", partnerUserId=name))["array"]
    return dict(found)


async def post_payments(api: Api, **fields: object) -> Any:
    return answered(await api.server.call("s2s_post_payments", **fields))


# 8


async def test_a_transfer(api: Api, miner_id: int) -> None:
    await api.world.user("bob")
    facts = {"partnerUserId": "alice", "nftId": miner_id, "toPartnerUserId": "bob"}
    assert answered(await api.server.call("s2s_transfer", **facts)) is True
    assert answered(await api.server.call("s2s_miners", partnerUserId="alice")) == {"array": []}
    assert (await miner_of(api, "bob"))["id"] == miner_id
    # Signed anew it is another transfer, of a miner that alice no longer has.
    check_refused(await api.server.call("s2s_transfer", **facts), 404, "MINER_NOT_FOUND", "nftId")
    await check_books(api.world)


async def test_a_transfer_is_repeated_without_effect(api: Api, miner_id: int) -> None:
    await api.world.user("bob")
    facts = {"partnerUserId": "alice", "nftId": miner_id, "toPartnerUserId": "bob"}
    sent = api.server.request("s2s_transfer", **facts)
    for repeated in (None, "true"):
        response = await api.server.send_again(sent)
        assert answered(response) is True
        assert response.headers.get("idempotency-replayed") == repeated


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"toPartnerUserId": "alice"}, 409, "TRANSFER_TO_SELF", "toPartnerUserId"),
        ({"toPartnerUserId": "nobody"}, 404, "USER_NOT_FOUND", "toPartnerUserId"),
        ({"partnerUserId": "nobody"}, 404, "USER_NOT_FOUND", "partnerUserId"),
        ({"partnerUserId": "bob", "toPartnerUserId": "alice"}, 404, "MINER_NOT_FOUND", "nftId"),
        ({"nftId": GREATEST}, 404, "MINER_NOT_FOUND", "nftId"),
        ({"nftId": 0}, 400, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": GREATEST + 1}, 400, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "1001"}, 400, "FIELD_TYPE", "nftId"),
        ({"partnerUserId": "x" * 256}, 400, "FIELD_OUT_OF_BOUNDS", "partnerUserId"),
        ({"toPartnerUserId": ""}, 400, "FIELD_OUT_OF_BOUNDS", "toPartnerUserId"),
        ({"toPartnerUserId": "b\x00b"}, 400, "FIELD_TEXT", "toPartnerUserId"),
        ({"more": 1}, 400, "FIELD_UNKNOWN", "more"),
    ],
)
async def test_transfers_that_are_refused(
    api: Api, miner_id: int, changes: dict[str, object], status: int, code: str, field: str
) -> None:
    await api.world.user("bob")
    facts = {"partnerUserId": "alice", "nftId": miner_id, "toPartnerUserId": "bob"} | changes
    check_refused(await api.server.call("s2s_transfer", **facts), status, code, field)
    assert (await miner_of(api))["id"] == miner_id


async def test_a_transfer_needs_its_scope(api: Api, miner_id: int) -> None:
    facts = {"partnerUserId": "alice", "nftId": miner_id, "toPartnerUserId": "bob"}
    server = await api.caller(scopes=["read", "order", "withdraw"])
    check_refused(await server.call("s2s_transfer", **facts), 403, "SCOPE_MISSING")


async def test_blocked_users_are_named_by_their_fields(api: Api, miner_id: int) -> None:
    await api.world.user("bob")
    facts = {"partnerUserId": "alice", "nftId": miner_id, "toPartnerUserId": "bob"}
    for name, field in (("alice", "partnerUserId"), ("bob", "toPartnerUserId")):
        async with db.transaction(api.world.pool) as tx:
            await users.block(tx, api.world.partner.id, name)
        check_refused(await api.server.call("s2s_transfer", **facts), 403, "USER_BLOCKED", field)
        async with db.transaction(api.world.pool) as tx:
            await users.unblock(tx, api.world.partner.id, name)


# 30 and 31


async def test_upgrades(api: Api, miner_id: int) -> None:
    """What #31 says is what #30 charges; #7 shows the new values at once."""
    ask = {"type": POWER, "nftId": f"{miner_id}", "from": "16", "to": "17.5"}
    assert answered(await api.server.call("s2s_upgrade_price", **ask)) == {"price": Decimal("17.04707122")}
    power_id = answered(await api.server.call("s2s_upgrade", **power(miner_id, 16, Decimal("17.5"))))["id"]
    ask = {"type": EFFICIENCY, "nftId": f"{miner_id}", "from": "15.00", "to": "14"}
    assert answered(await api.server.call("s2s_upgrade_price", **ask)) == {"price": Decimal("46.6725")}
    efficiency_id = answered(await api.server.call("s2s_upgrade", **efficiency(miner_id, 15, 14)))["id"]
    found = await miner_of(api)
    assert (found["power"], found["energyEfficiency"]) == (Decimal("17.5"), 14)
    assert int(efficiency_id) > int(power_id) > 0
    newest, oldest = (await post_payments(api))["array"]
    assert list(newest) == ["id", "type", "nftId", "from", "to", "value", "createdAt"]
    assert oldest | {"createdAt": ""} == {
        "id": power_id,
        "type": POWER,
        "nftId": miner_id,
        "from": 16,
        "to": Decimal("17.5"),
        "value": Decimal("17.04707122"),
        "createdAt": "",
    }
    assert (newest["id"], newest["type"], newest["from"], newest["to"]) == (efficiency_id, EFFICIENCY, 15, 14)
    now = await business_clock.now(api.world.pool)
    assert abs(clock.parse_iso(newest["createdAt"], "createdAt") - now).total_seconds() < 60
    assert await receivable(api.world) == (Decimal("216.99") + Decimal("17.04707122") + Decimal("46.6725"), 0)
    await check_books(api.world)


@pytest.mark.parametrize(
    ("body", "to"),
    [("1.6e1", "1.7E+1"), ("16.000", "17.0000"), ("16", "17"), ("160e-1", "0.17e2")],
)
async def test_any_way_to_write_a_number(api: Api, miner_id: int, body: str, to: str) -> None:
    """What counts is its value."""
    text = json.dumps(power(miner_id, 0.25, 0.75)).replace("0.25", body).replace("0.75", to)
    response = await api.server.raw("POST", CONTRACT["s2s_upgrade"][2], text.encode())
    assert list(answered(response)) == ["id"]
    assert (await miner_of(api))["power"] == 17


async def test_an_upgrade_sent_twice_is_bought_once(api: Api, miner_id: int) -> None:
    """The same bytes get the same answer; signed anew, it is told what the miner has by now."""
    sent = api.server.request("s2s_upgrade", **power(miner_id, 16, 17))
    first, second = [answered(await api.server.send_again(sent)) for _ in range(2)]
    assert first == second
    response = await api.server.call("s2s_upgrade", **power(miner_id, 16, 17))
    details = check_refused(response, 409, "UPGRADE_STALE", "data.fromPower")
    assert details == {"field": "data.fromPower", "present": 17}
    assert len((await post_payments(api))["array"]) == 1
    ask = {"type": POWER, "nftId": f"{miner_id}", "from": "16", "to": "17"}
    details = check_refused(await api.server.call("s2s_upgrade_price", **ask), 409, "UPGRADE_STALE", "from")
    assert details == {"field": "from", "present": 17}


def beside(body: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {"data": body["data"] | changes}


BAD_BODIES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "FIELD_MISSING", "data"),
    ({"data": {}}, "FIELD_MISSING", "data.type"),
    ({"data": []}, "FIELD_TYPE", "data"),
    ({"data": {"type": "nftUpgrade", "nftId": 1}}, "FIELD_OUT_OF_BOUNDS", "data.type"),
    ({"data": {"type": 1, "nftId": 1}}, "FIELD_TYPE", "data.type"),
    ({"data": {"type": POWER, "nftId": 1, "fromPower": 1}}, "FIELD_MISSING", "data.toPower"),
    ({"data": {"type": EFFICIENCY, "nftId": 1, "fromPower": 1, "toPower": 2}}, "FIELD_UNKNOWN", "data.fromPower"),
    (power(1, "16", 17), "FIELD_TYPE", "data.fromPower"),
    (power(1, 16, "17"), "FIELD_TYPE", "data.toPower"),
    (power(1, 16, None), "FIELD_TYPE", "data.toPower"),
    (power(1, 16, -17), "FIELD_OUT_OF_BOUNDS", "data.toPower"),
    (power(1, 16, Decimal("1e30")), "FIELD_OUT_OF_BOUNDS", "data.toPower"),
    (power(1, 16, Decimal("1e-30")), "FIELD_OUT_OF_BOUNDS", "data.toPower"),
    (efficiency(1, 15, "14"), "FIELD_TYPE", "data.toEnergyEfficiency"),
    (efficiency(1, -15, 14), "FIELD_OUT_OF_BOUNDS", "data.fromEnergyEfficiency"),
    (power(0, 16, 17), "FIELD_OUT_OF_BOUNDS", "data.nftId"),
    (power(GREATEST + 1, 16, 17), "FIELD_OUT_OF_BOUNDS", "data.nftId"),
    (beside(power(1, 16, 17), nftId="1"), "FIELD_TYPE", "data.nftId"),
    (beside(power(1, 16, 17), more=1), "FIELD_UNKNOWN", "data.more"),
    (power(1, 16, 17) | {"more": 1}, "FIELD_UNKNOWN", "more"),
    (power(1, 16, 16), "UPGRADE_OUT_OF_BOUNDS", "data.toPower"),
    (power(1, 16, Decimal("5000.00001")), "UPGRADE_OUT_OF_BOUNDS", "data.toPower"),
    (power(1, 16, Decimal("5000.0001")), "UPGRADE_OUT_OF_BOUNDS", "data.toPower"),
    (power(1, 0, 1), "UPGRADE_OUT_OF_BOUNDS", "data.fromPower"),
    (efficiency(1, 15, Decimal("11.99")), "UPGRADE_OUT_OF_BOUNDS", "data.toEnergyEfficiency"),
    (efficiency(1, Decimal("15.001"), 14), "UPGRADE_OUT_OF_BOUNDS", "data.fromEnergyEfficiency"),
]


@pytest.mark.parametrize(("body", "code", "field"), BAD_BODIES)
async def test_upgrades_that_cannot_be_read(deployment: Api, body: dict[str, Any], code: str, field: str) -> None:
    check_refused(await deployment.server.call("s2s_upgrade", **body), 400, code, field)


async def test_upgrades_that_are_not_made(api: Api, miner_id: int) -> None:
    """Each names the field of the body that is meant, and has left nothing behind."""
    other = await api.another_partner()
    foreign = await buy(other.world, (await other.world.user()).id)
    for number in (foreign, GREATEST):
        response = await api.server.call("s2s_upgrade", **power(number, 16, 17))
        check_refused(response, 404, "MINER_NOT_FOUND", "data.nftId")
    response = await api.server.call("s2s_upgrade", **efficiency(miner_id, 14, 13))
    assert check_refused(response, 409, "UPGRADE_STALE", "data.fromEnergyEfficiency")["present"] == 15
    async with db.transaction(api.world.pool) as tx:
        await users.block(tx, api.world.partner.id, "alice")
    response = await api.server.call("s2s_upgrade", **power(miner_id, 16, 17))
    check_refused(response, 403, "USER_BLOCKED", "data.nftId")
    assert await post_payments(api) == {"array": []}
    await check_books(api.world)


async def test_an_upgrade_beyond_the_credit(deployment: Api) -> None:
    poor = await deployment.another_partner(credit_limit_usd="217")
    miner_id = await buy(poor.world, (await poor.world.user()).id)
    response = await poor.server.call("s2s_upgrade", **power(miner_id, 16, 17))
    assert check_refused(response, 409, "CREDIT_LIMIT_EXCEEDED") == {}
    assert (await miner_of(poor))["power"] == 16


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"type": "power"}, "FIELD_OUT_OF_BOUNDS", "type"),
        ({"nftId": "0"}, "MINER_NOT_FOUND", "nftId"),
        ({"nftId": "9" * 16}, "MINER_NOT_FOUND", "nftId"),
        ({"nftId": "9" * 17}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "-1"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "1.0"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "abc"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "１"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"from": "1e1"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": "-16"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": "+16"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": " 16"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": "16\n"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": ""}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": "16."}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": ".5"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": "NaN"}, "FIELD_OUT_OF_BOUNDS", "from"),
        ({"from": "0"}, "UPGRADE_OUT_OF_BOUNDS", "from"),
        ({"to": "16"}, "UPGRADE_OUT_OF_BOUNDS", "to"),
        ({"to": "5000.00001"}, "UPGRADE_OUT_OF_BOUNDS", "to"),
        ({"to": "5000.0001"}, "UPGRADE_OUT_OF_BOUNDS", "to"),
        ({"to": "1e3"}, "FIELD_OUT_OF_BOUNDS", "to"),
        ({"to": "1" * 21}, "FIELD_OUT_OF_BOUNDS", "to"),
        ({"to": "1" * 20}, "UPGRADE_OUT_OF_BOUNDS", "to"),
    ],
)
async def test_prices_that_cannot_be_told(
    api: Api, miner_id: int, changes: dict[str, str], code: str, field: str
) -> None:
    ask = {"type": POWER, "nftId": f"{miner_id}", "from": "16", "to": "17"} | changes
    status = 404 if code == "MINER_NOT_FOUND" else 400
    check_refused(await api.server.call("s2s_upgrade_price", **ask), status, code, field)


@pytest.mark.parametrize("name", ["type", "nftId", "from", "to"])
async def test_a_price_needs_every_field(deployment: Api, name: str) -> None:
    ask = {"type": POWER, "nftId": "1", "from": "16", "to": "17"}
    del ask[name]
    check_refused(await deployment.server.call("s2s_upgrade_price", **ask), 400, "FIELD_MISSING", name)


async def test_prices_end_at_the_most_there_is(api: Api, miner_id: int) -> None:
    """The last TH and the best efficiency can still be had."""
    ask = {"type": POWER, "nftId": f"{miner_id}", "from": "16.0000", "to": "5000"}
    assert answered(await api.server.call("s2s_upgrade_price", **ask))["price"] > 0
    ask = {"type": EFFICIENCY, "nftId": f"{miner_id}", "from": "15", "to": "12.00"}
    assert answered(await api.server.call("s2s_upgrade_price", **ask)) == {"price": Decimal("128.016")}


async def test_without_a_tariff(deployment: Api, api: Api, miner_id: int) -> None:
    await deployment.world.pool.execute("DELETE FROM upgrade_tariff")
    try:
        ask = {"type": POWER, "nftId": f"{miner_id}", "from": "16", "to": "17"}
        check_refused(await api.server.call("s2s_upgrade_price", **ask), 503, "NO_UPGRADE_TARIFF")
        check_refused(await api.server.call("s2s_upgrade", **power(miner_id, 16, 17)), 503, "NO_UPGRADE_TARIFF")
    finally:
        async with db.transaction(deployment.world.pool) as tx:
            await tariffs.put(tx, tariffs.SAMPLE)


async def test_an_upgrade_needs_its_scope(api: Api, miner_id: int) -> None:
    """A price can be read with any."""
    server = await api.caller(scopes=["read", "transfer", "withdraw"])
    check_refused(await server.call("s2s_upgrade", **power(miner_id, 16, 17)), 403, "SCOPE_MISSING")
    ask = {"type": POWER, "nftId": f"{miner_id}", "from": "16", "to": "17"}
    assert answered(await server.call("s2s_upgrade_price", **ask))["price"] > 0


# Post-payments


async def test_post_payments_in_pages(api: Api, miner_id: int) -> None:
    """By cursor and by offset the same."""
    for th in range(16, 21):
        answered(await api.server.call("s2s_upgrade", **power(miner_id, th, th + 1)))
    whole = (await post_payments(api))["array"]
    assert [one["to"] for one in whole] == [21, 20, 19, 18, 17]
    paged, fields = [], dict[str, object](limit=2)
    while True:
        page = await post_payments(api, **fields)
        paged += page["array"]
        assert (await post_payments(api, limit=2, offset=len(paged) - len(page["array"])))["array"] == page["array"]
        if "nextCursor" not in page:
            break
        fields["cursor"] = page["nextCursor"]
    assert paged == whole
    assert await post_payments(api, offset=5) == {"array": []}


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"limit": "0"}, "FIELD_OUT_OF_BOUNDS", "limit"),
        ({"limit": "1000"}, "FIELD_OUT_OF_BOUNDS", "limit"),
        ({"offset": "-1"}, "FIELD_OUT_OF_BOUNDS", "offset"),
        ({"cursor": "x"}, "CURSOR_INVALID", "cursor"),
        ({"cursor": "WzEsMV0", "offset": "0"}, "CURSOR_WITH_OFFSET", "cursor"),
    ],
)
async def test_pages_that_there_are_not(deployment: Api, fields: dict[str, str], code: str, field: str) -> None:
    check_refused(await deployment.server.call("s2s_post_payments", **fields), 400, code, field)
    if "offset" not in fields:
        check_refused(await deployment.server.call("s2s_statement", **MARCH, **fields), 400, code, field)


# An order by the partner's own id


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
        *("createdAt", "expiresAt", "paidAt"),
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


# The statement


async def sheet(api: Api, **fields: object) -> list[list[str]]:
    """The statement as a spreadsheet reads it."""
    response = await api.server.call("s2s_statement_csv", **MARCH | fields)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.content.decode(), newline="")))


async def statement(api: Api, **fields: object) -> Any:
    return answered(await api.server.call("s2s_statement", **MARCH | fields))


async def owing(api: Api, miner_id: int) -> None:
    """A prepayment, after the order; then an upgrade, an order that is open, and two payments of one moment."""
    await pay(api.world, "1000.5", "SEPA 1")
    answered(await api.server.call("s2s_upgrade", **efficiency(miner_id, 15, 14)))
    user = await api.world.user()
    await order(api.world, user.id, "open", (await an_offer(api.world, "1")).id)
    for number in range(3):
        await pay(api.world, "0.000000000000000001", f"SEPA {number + 2}")


async def test_the_statement(api: Api, miner_id: int) -> None:
    await owing(api, miner_id)
    found = await statement(api)
    assert list(found) == ["array", "openingUsd", "closingUsd", "owedUsd", "reservedUsd", "creditLimitUsd"]
    assert list(found["array"][0]) == ["date", "type", "reference", "nftId", "amountUsd", "balanceUsd"]
    tiny = Decimal("0.000000000000000001")
    owed = Decimal("216.99") - Decimal("1000.5") + Decimal("42.672")
    assert [(one["type"], one["nftId"], one["amountUsd"], one["balanceUsd"]) for one in found["array"]] == [
        ("order", miner_id, Decimal("216.99"), Decimal("216.99")),
        ("payment", None, Decimal("-1000.5"), Decimal("-783.51")),
        ("upgrade", miner_id, Decimal("42.672"), owed),
        *(("payment", None, -tiny, owed - number * tiny) for number in (1, 2, 3)),
    ]
    assert [one["reference"] for one in found["array"][3:]] == ["SEPA 2", "SEPA 3", "SEPA 4"]
    assert found["array"][2]["reference"] == (await post_payments(api))["array"][0]["id"]
    assert (found["openingUsd"], found["closingUsd"]) == (0, owed - 3 * tiny)
    assert (found["owedUsd"], found["reservedUsd"]) == (owed - 3 * tiny, Decimal("14.99"))
    assert found["creditLimitUsd"] == 100_000
    assert (await receivable(api.world)) == (found["owedUsd"], found["reservedUsd"])


async def test_pages_spreadsheet_and_ledger_agree(api: Api, miner_id: int) -> None:
    await owing(api, miner_id)
    paged, fields = [], dict[str, object](limit=2)
    while True:
        page = await statement(api, **fields)
        paged += page["array"]
        if "nextCursor" not in page:
            break
        fields["cursor"] = page["nextCursor"]
    assert paged == (await statement(api))["array"]
    head, *rows = await sheet(api)
    assert head == list(COLUMNS) == ["date", "type", "reference", "nftId", "amountUsd", "balanceUsd"]
    shown = [
        [one["date"], one["type"], one["reference"], "" if one["nftId"] is None else str(one["nftId"])]
        + [f"{one[name].normalize():f}" for name in ("amountUsd", "balanceUsd")]
        for one in paged
    ]
    assert rows == shown
    assert Decimal(rows[-1][-1]) == (await receivable(api.world))[0]
    assert rows[3][4] == "-0.000000000000000001"


async def test_ranges_of_days(deployment: Api, api: Api, miner_id: int) -> None:
    """Both days are in it, whatever the hour that is sent; what was before is the opening balance."""
    today = clock.day_of(await business_clock.now(api.world.pool))

    def days(first: int, last: int) -> dict[str, object]:
        return {
            "startDate": f"{today + first * clock.ONE_DAY}T23:59:59Z",
            "endDate": f"{today + last * clock.ONE_DAY}T00:00:00Z",
        }

    found = await statement(api, **days(0, 0))
    assert [one["amountUsd"] for one in found["array"]] == [found["closingUsd"]] == [Decimal("216.99")]
    found = await statement(api, **days(1, 3))
    assert (found["array"], found["openingUsd"], found["closingUsd"]) == ([], Decimal("216.99"), Decimal("216.99"))
    found = await statement(api, **days(-3, -1))
    assert (found["array"], found["openingUsd"], found["closingUsd"]) == ([], 0, 0)
    assert found["owedUsd"] == Decimal("216.99")
    assert await sheet(api, **days(1, 3)) == [list(COLUMNS)]


@pytest.mark.parametrize("operation", ["s2s_statement", "s2s_statement_csv"])
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"startDate": "2026-03-01"}, "DATE_WITHOUT_TIME_ZONE", "startDate"),
        ({"endDate": "yesterday"}, "BAD_DATE", "endDate"),
        ({"startDate": ""}, "FIELD_OUT_OF_BOUNDS", "startDate"),
        ({"endDate": "2026-02-28T23:59:59.999Z"}, "RANGE_BACKWARDS", "endDate"),
        ({"endDate": "2027-03-02T00:00:00Z"}, "RANGE_TOO_LONG", "endDate"),
    ],
)
async def test_days_that_there_are_not(
    deployment: Api, operation: str, changes: dict[str, str], code: str, field: str
) -> None:
    check_refused(await deployment.server.call(operation, **MARCH | changes), 400, code, field)
    fields: dict[str, object] = {**MARCH}
    del fields[field]
    check_refused(await deployment.server.call(operation, **fields), 400, "FIELD_MISSING", field)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("0001-01-01T00:00:00Z", "0001-12-31T00:00:00Z"),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
    ],
)
async def test_the_ends_of_the_calendar(api: Api, miner_id: int, first: str, last: str) -> None:
    found = await statement(api, startDate=first, endDate=last)
    assert found["closingUsd"] == (0 if first.startswith("0001") else Decimal("216.99"))
    assert len(found["array"]) == (1 if first.startswith("2026") else 0)
    assert len(await sheet(api, startDate=first, endDate=last)) == 1 + len(found["array"])


async def test_a_position_of_another_operation(api: Api, miner_id: int) -> None:
    answered(await api.server.call("s2s_upgrade", **power(miner_id, 16, 17)))
    answered(await api.server.call("s2s_upgrade", **power(miner_id, 17, 18)))
    cursor = (await post_payments(api, limit=1))["nextCursor"]
    response = await api.server.call("s2s_statement", **MARCH, cursor=cursor)
    check_refused(response, 400, "CURSOR_INVALID", "cursor")
    cursor = (await statement(api, limit=1))["nextCursor"]
    check_refused(await api.server.call("s2s_post_payments", cursor=cursor), 400, "CURSOR_INVALID", "cursor")


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("x";"y")']
# Some spreadsheets begin a cell at a semicolon, whatever stands around it.
SPLIT = {"a;=1": "a;'=1", "b; +2;-3": "b; '+2;'-3"}
HARMLESS = ["a=b", "1-2", " =1", "'=1", 'x, "y"\r\nz', "\u00fc\u20ac", "0"]


async def test_a_reference_is_no_formula(api: Api) -> None:
    """What a spreadsheet would reckon gets an apostrophe; anything else, however odd, arrives as it is."""
    user = await api.world.user()
    offer = await an_offer(api.world, "1")
    for name in (*FORMULAS, *HARMLESS, *SPLIT):
        await order(api.world, user.id, name, offer.id)
        await notify(api.world, user.id, name)
    await pay(api.world, "1", "=PAID()")
    references = [row[2] for row in (await sheet(api))[1:]]
    assert references == [*(f"'{name}" for name in FORMULAS), *HARMLESS, *SPLIT.values(), "'=PAID()"]
    array = (await statement(api))["array"]
    assert [one["reference"] for one in array] == [*FORMULAS, *HARMLESS, *SPLIT, "=PAID()"]


async def test_statements_are_the_partner_s_own(api: Api, miner_id: int) -> None:
    other = await api.another_partner()
    await pay(other.world, "7", "SEPA 1")
    assert [one["amountUsd"] for one in (await statement(other))["array"]] == [-7]
    assert [row[4] for row in (await sheet(other))[1:]] == ["-7"]
    assert [one["nftId"] for one in (await statement(api))["array"]] == [miner_id]
    assert await post_payments(other) == {"array": []}


async def test_the_statement_is_signed(api: Api) -> None:
    """With the secret of the key, as every read of a partner's money."""
    thief = replace(api.server, secret="of somebody else")
    for operation in ("s2s_statement", "s2s_statement_csv"):
        check_refused(await thief.call(operation, **MARCH), 401, "SIGNATURE_MISMATCH")


async def test_a_file_has_so_many_lines(api: Api, miner_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that made the miner and one upgrade: two lines are as many as fit, and then too many."""
    answered(await api.server.call("s2s_upgrade", **power(miner_id, 16, 17)))
    monkeypatch.setattr(statement_door, "MOST_LINES", 2)
    assert len((await api.server.call("s2s_statement_csv", **MARCH)).text.splitlines()) == 3
    monkeypatch.setattr(statement_door, "MOST_LINES", 1)
    refused = await api.server.call("s2s_statement_csv", **MARCH)
    check_refused(refused, 400, "STATEMENT_TOO_LONG", "endDate")
    assert len(answered(await api.server.call("s2s_statement", **MARCH))["array"]) == 2
