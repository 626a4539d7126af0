"""Upgrades over the wire, their prices, and the post-payments that they leave (#30, #31)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, db
from hashrail.parties import users
from hashrail.selling import samples, upgrade_tariff
from tests.support.api_client import CONTRACT, Api, answered, buy, check_books, check_refused
from tests.support.books import receivable
from tests.support.upgrades import EFFICIENCY, POWER, efficiency, post_payments, power

MAX_NUMBER = 2**53 - 1
# The business clock of a test deployment begins here.
MARCH = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-31T00:00:00.000Z"}


async def miner_of(api: Api, name: str = "alice") -> dict[str, Any]:
    """The user's only miner."""
    (found,) = answered(await api.server.call("s2s_miners", partnerUserId=name))["array"]
    return dict(found)


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
    (power(MAX_NUMBER + 1, 16, 17), "FIELD_OUT_OF_BOUNDS", "data.nftId"),
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
    for number in (foreign, MAX_NUMBER):
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
        ({"nftId": "1.5"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "abc"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"nftId": "１"}, "FIELD_OUT_OF_BOUNDS", "nftId"),
        ({"from": "1e100"}, "FIELD_OUT_OF_BOUNDS", "from"),
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
        ({"to": "1e"}, "FIELD_OUT_OF_BOUNDS", "to"),
        ({"to": "1e4"}, "UPGRADE_OUT_OF_BOUNDS", "to"),
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


async def test_a_price_of_numbers_in_another_spelling(api: Api, miner_id: int) -> None:
    """1.0 and 1e3 are numbers too, and priced as the same."""
    plain = {"type": POWER, "nftId": f"{miner_id}", "from": "16", "to": "1000"}
    other = {"type": POWER, "nftId": f"{miner_id}.0", "from": "1.6e1", "to": "1e3"}
    price = answered(await api.server.call("s2s_upgrade_price", **plain))
    assert answered(await api.server.call("s2s_upgrade_price", **other)) == price


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
            await upgrade_tariff.put(tx, samples.SAMPLE)


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
