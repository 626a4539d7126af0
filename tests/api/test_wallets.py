"""Wallets over the wire: addresses that are bound to a user (#19, #20, #22, #23)."""

import datetime as dt
from typing import Any

import pytest

from hashrail import business_clock, clock, db
from hashrail.parties import users
from tests.support.api_client import (
    Api,
    Caller,
    answered,
    check_refused,
    open_api,
)
from tests.support.payouts import ADDRESSES, MAIN_ADDRESS

BINDS = ("s2s_wallet_bind", "c2s_wallet_bind")
TRUE = b'{"data":true}'
HEADER = "x-withdrawal-id"


async def binding(api: Api, operation: str) -> tuple[Caller, dict[str, Any]]:
    """Who binds for alice by #22 or #19, and the fields that say for whom."""
    if operation == "c2s_wallet_bind":
        return await api.user("alice"), {}
    await api.world.user("alice")
    return api.server, {"partnerUserId": "alice"}


@pytest.mark.parametrize("operation", BINDS)
async def test_an_address_is_bound_and_shown(api: Api, operation: str) -> None:
    """Once, however often and in whatever capitals it is sent; by both doors, and counted by #29."""
    caller, fields = await binding(api, operation)
    for address in (ADDRESSES[0], ADDRESSES[1], ADDRESSES[0], ADDRESSES[0].upper()):
        response = await caller.call(operation, address=address, **fields)
        assert (response.content, HEADER in response.headers) == (TRUE, False)
    client = await api.user("alice")
    shown = answered(await client.call("c2s_wallets"))
    assert answered(await api.server.call("s2s_wallets", partnerUserId="alice")) == shown
    first, second = shown["array"]
    assert list(first) == ["id", "createdAt", "address", "type", "usableAt"]
    assert (first["address"], first["type"], second["address"]) == (ADDRESSES[0], "BTC", ADDRESSES[1])
    bound_at = clock.parse_iso(first["createdAt"], "createdAt")
    assert abs(await business_clock.now(api.world.pool) - bound_at) < dt.timedelta(minutes=1)
    assert (list(shown), first["id"] < second["id"]) == (["array"], True)
    stats = answered(await api.server.call("s2s_user_statistics", partnerUserId="alice"))["stats"]
    assert stats["walletsCount"] == 2


@pytest.mark.parametrize("operation", BINDS)
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (MAIN_ADDRESS, "network"),
        (f" {ADDRESSES[0]}", "white space"),
        (f"{ADDRESSES[0]}\n", "white space"),
        (f"{ADDRESSES[0][:-1]}q", "checksum"),
        (f"{ADDRESSES[0][:-1]}{ADDRESSES[0][-1].upper()}", "mixed case"),
        (f"bitcoin:{ADDRESSES[0]}", "no address"),
        ("0x52908400098527886E0F7030069857D2E4169EE7", "no address"),
        ("x", "no address"),
        ("bcrt1pfeesnyr2tx", "anchor"),
        ("x" * 255, "no address"),
    ],
)
async def test_addresses_that_cannot_be_bound(api: Api, operation: str, address: str, reason: str) -> None:
    caller, fields = await binding(api, operation)
    details = check_refused(await caller.call(operation, address=address, **fields), 400, "ADDRESS_INVALID", "address")
    assert details == {"field": "address", "reason": reason, "network": "regtest"}
    assert answered(await api.server.call("s2s_wallets", partnerUserId="alice")) == {"array": []}


async def test_wallets_are_paged(api: Api) -> None:
    """By offset and by cursor, at both doors; a cursor of one list opens no page that begins elsewhere."""
    client = await api.user("alice")
    for address in ADDRESSES:
        answered(await client.call("c2s_wallet_bind", address=address))
    for caller, operation, fields in (
        (client, "c2s_wallets", {}),
        (api.server, "s2s_wallets", {"partnerUserId": "alice"}),
    ):
        page = answered(await caller.call(operation, limit=2, offset=1, **fields))
        assert [wallet["address"] for wallet in page["array"]] == list(ADDRESSES[1:3])
        seen, cursor = [], dict[str, str]()
        while True:
            page = answered(await caller.call(operation, limit=2, **cursor, **fields))
            seen += [wallet["address"] for wallet in page["array"]]
            if "nextCursor" not in page:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert seen == list(ADDRESSES)
        both = await caller.call(operation, cursor=cursor["cursor"], offset=1, **fields)
        check_refused(both, 400, "CURSOR_WITH_OFFSET", "cursor")
        check_refused(await caller.call(operation, cursor="x", **fields), 400, "CURSOR_INVALID", "cursor")


async def test_who_may_bind(api: Api) -> None:
    """#22 needs the scope and a user; #19 his token; a blocked user binds nothing and still sees his."""
    response = await api.server.call("s2s_wallet_bind", partnerUserId="nobody", address=ADDRESSES[0])
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")
    client = await api.user("alice")
    answered(await client.call("c2s_wallet_bind", address=ADDRESSES[0]))
    reader = await api.caller(scopes=("read", "order"))
    response = await reader.call("s2s_wallet_bind", partnerUserId="alice", address=ADDRESSES[1])
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "wallet"}
    async with db.transaction(api.world.pool) as tx:
        await users.block(tx, api.world.partner.id, "alice")
    for caller, operation, fields, named in (
        (client, "c2s_wallet_bind", {}, "authorization"),
        (api.server, "s2s_wallet_bind", {"partnerUserId": "alice"}, "partnerUserId"),
    ):
        response = await caller.call(operation, address=ADDRESSES[1], **fields)
        check_refused(response, 403, "USER_BLOCKED", named)
    assert len(answered(await client.call("c2s_wallets"))["array"]) == 1


async def test_an_idempotency_key_is_a_user_s_own(api: Api) -> None:
    """Clients of two users may choose the same key, and so may their partner's server."""
    header = {"Idempotency-Key": "bind-1"}
    alice, bob = await api.user("alice"), await api.user("bob")
    for client, address in ((alice, ADDRESSES[0]), (bob, ADDRESSES[1])):
        for repeated in (None, "true"):
            response = await client.call("c2s_wallet_bind", header, address=address)
            assert (response.content, response.headers.get("idempotency-replayed")) == (TRUE, repeated)
    response = await api.server.call("s2s_wallet_bind", header, partnerUserId="alice", address=ADDRESSES[2])
    assert (response.content, "idempotency-replayed" in response.headers) == (TRUE, False)
    response = await bob.call("c2s_wallet_bind", header, address=ADDRESSES[0])
    check_refused(response, 422, "IDEMPOTENCY_KEY_REUSED")
    shown = [answered(await client.call("c2s_wallets"))["array"] for client in (alice, bob)]
    addresses = [[wallet["address"] for wallet in wallets] for wallets in shown]
    assert addresses == [[ADDRESSES[0], ADDRESSES[2]], [ADDRESSES[1]]]


async def test_without_a_key_nothing_is_kept(api: Api) -> None:
    client = await api.user("alice")
    await api.world.pool.execute("DELETE FROM answered_write WHERE partner_id = $1", api.world.partner.id)
    for _ in range(2):
        response = await client.call("c2s_wallet_bind", address=ADDRESSES[0])
        assert (response.content, "idempotency-replayed" in response.headers) == (TRUE, False)
    query = "SELECT count(*) FROM answered_write WHERE partner_id = $1"
    assert await api.world.pool.fetchval(query, api.world.partner.id) == 0


# Taking off


@pytest.mark.parametrize("door", ["c2s", "s2s"])
async def test_an_address_is_taken_off(api: Api, door: str) -> None:
    """Again says the same; the other address stays, and so does another user's."""
    caller, fields = await binding(api, f"{door}_wallet_bind")
    for address in ADDRESSES[:2]:
        answered(await caller.call(f"{door}_wallet_bind", address=address, **fields))
    answered(await (await api.user("bob")).call("c2s_wallet_bind", address=ADDRESSES[0]))
    for _ in range(2):
        response = await caller.call(f"{door}_wallet_unbind", address=ADDRESSES[0], **fields)
        assert response.content == TRUE
    (left,) = answered(await api.server.call("s2s_wallets", partnerUserId="alice"))["array"]
    assert left["address"] == ADDRESSES[1]
    (of_bob,) = answered(await api.server.call("s2s_wallets", partnerUserId="bob"))["array"]
    assert of_bob["address"] == ADDRESSES[0]


@pytest.mark.parametrize("door", ["c2s", "s2s"])
async def test_what_cannot_be_taken_off(api: Api, door: str) -> None:
    caller, fields = await binding(api, f"{door}_wallet_bind")
    response = await caller.call(f"{door}_wallet_unbind", address=ADDRESSES[0], **fields)
    check_refused(response, 404, "WALLET_NOT_BOUND", "address")
    response = await caller.call(f"{door}_wallet_unbind", address="x", **fields)
    check_refused(response, 400, "ADDRESS_INVALID", "address")


async def test_who_may_take_off(api: Api) -> None:
    """It takes the scope, a user, and one who is not blocked."""
    client = await api.user("alice")
    answered(await client.call("c2s_wallet_bind", address=ADDRESSES[0]))
    fields = {"partnerUserId": "alice", "address": ADDRESSES[0]}
    server = await api.caller(scopes=("read", "login", "order", "transfer", "withdraw"))
    assert check_refused(await server.call("s2s_wallet_unbind", **fields), 403, "SCOPE_MISSING") == {"scope": "wallet"}
    response = await api.server.call("s2s_wallet_unbind", **fields | {"partnerUserId": "nobody"})
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")
    async with db.transaction(api.world.pool) as tx:
        await users.block(tx, api.world.partner.id, "alice")
    check_refused(await api.server.call("s2s_wallet_unbind", **fields), 403, "USER_BLOCKED", "partnerUserId")
    response = await client.call("c2s_wallet_unbind", address=ADDRESSES[0])
    check_refused(response, 403, "USER_BLOCKED", "authorization")
    assert len(answered(await api.server.call("s2s_wallets", partnerUserId="alice"))["array"]) == 1


async def test_from_when_an_address_may_be_paid_is_shown(api: Api) -> None:
    """The first at once, another after the setting's seconds."""
    client = await api.user("alice")
    for address in ADDRESSES[:2]:
        answered(await client.call("c2s_wallet_bind", address=address))
    first, second = answered(await client.call("c2s_wallets"))["array"]
    assert first["usableAt"] is None
    waits = clock.parse_iso(second["usableAt"], "x") - clock.parse_iso(second["createdAt"], "x")
    assert waits == dt.timedelta(seconds=api.deployment.settings.binding_cooldown_seconds)


async def test_a_user_s_addresses_have_a_bound(api: Api) -> None:
    dsn = str(api.deployment.settings.database_url)
    async with open_api(api.world, dsn, wallets_per_user=2, binding_cooldown_seconds=0) as small:
        client = await small.user("alice")
        for address in ADDRESSES[:2]:
            answered(await client.call("c2s_wallet_bind", address=address))
        response = await client.call("c2s_wallet_bind", address=ADDRESSES[2])
        assert check_refused(response, 409, "TOO_MANY_WALLETS", "address")["limit"] == 2
        answered(await client.call("c2s_wallet_bind", address=ADDRESSES[1]))
        found = answered(await client.call("c2s_wallets"))["array"]
        assert [(one["address"], one["usableAt"]) for one in found] == [(one, None) for one in ADDRESSES[:2]]
