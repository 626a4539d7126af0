"""A user's miners over the wire, and their transfer to another user (#6 to #8)."""

from decimal import Decimal
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.parties import users
from hashrail.selling import miners
from tests.support.api_client import Api, Caller, Past, answered, check_books, check_refused


async def miner_rows(past: Past, *numbers: int) -> list[dict[str, Any]]:
    """Miners of the past as #6 and #7 show them."""
    facts = [("10", "20"), ("16", "15"), ("0.75", "12")]
    partner_id = past.api.world.partner.id
    async with db.snapshot(past.api.world.pool) as tx:
        owned = [await miners.of_user(tx, partner_id, user.id, limit=9) for user in past.users.values()]
    times = {miner.id: miner.created_at for each in owned for miner in each}
    return [
        {
            "id": past.miners[number],
            "createdAt": clock.iso(times[past.miners[number]]),
            "name": "miner",
            "power": Decimal(facts[number][0]),
            "energyEfficiency": Decimal(facts[number][1]),
        }
        for number in numbers
    ]


async def test_miners(past: Past, alice: Caller) -> None:
    expected = {"array": await miner_rows(past, 0, 1)}
    assert expected["array"][0]["createdAt"].startswith("2026-03-01T12:00:")
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="alice")) == expected
    assert answered(await alice.call("c2s_miners")) == expected
    bob = {"array": await miner_rows(past, 2)}
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="bob")) == bob
    assert answered(await (await past.api.user("bob")).call("c2s_miners")) == bob


async def test_somebody_without_miners_is_no_stranger(past: Past) -> None:
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="carol")) == {"array": []}
    assert answered(await (await past.api.user("carol")).call("c2s_miners")) == {"array": []}
    response = await past.api.server.call("s2s_miners", partnerUserId="nobody")
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")


@pytest.mark.parametrize(
    ("page", "numbers"),
    [
        ({"limit": "1"}, [0]),
        ({"limit": "1", "offset": "1"}, [1]),
        ({"limit": "999", "offset": "0"}, [0, 1]),
        ({"limit": "005", "offset": "00001"}, [1]),
        ({"offset": "2"}, []),
        ({"offset": "99999"}, []),
    ],
)
async def test_pages_of_miners(past: Past, alice: Caller, page: dict[str, str], numbers: list[int]) -> None:
    expected = await miner_rows(past, *numbers)
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="alice", **page))["array"] == expected
    assert answered(await alice.call("c2s_miners", **page))["array"] == expected


async def test_the_default_page_has_twenty(past: Past) -> None:
    dora = await past.api.world.user("dora")
    miners = [await past.api.world.miner(dora.id, "1", "20") for _ in range(23)]
    rows = answered(await past.api.server.call("s2s_miners", partnerUserId="dora"))["array"]
    assert [row["id"] for row in rows] == miners[:20]
    rows = answered(await past.api.server.call("s2s_miners", partnerUserId="dora", offset=20))["array"]
    assert [row["id"] for row in rows] == miners[20:]


async def test_a_name_is_the_partner_s_own(past: Past) -> None:
    name = "Ünï & co=+%20/?" + "x" * 240
    assert len(name) == 255
    await past.api.world.user(name)
    assert answered(await past.api.server.call("s2s_miners", partnerUserId=name)) == {"array": []}


GREATEST = 2**53 - 1


async def miner_of(api: Api, name: str = "alice") -> dict[str, Any]:
    """The user's only miner."""
    (found,) = answered(await api.server.call("s2s_miners", partnerUserId=name))["array"]
    return dict(found)


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
