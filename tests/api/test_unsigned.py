"""Keys that may leave upgrades unsigned: only with addresses, only there, and only all of the signature."""

import asyncio
import json
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from hashrail import db
from hashrail.access import api_keys
from hashrail.api.operations import routes
from hashrail.cli import main
from tests.support.api_client import (
    CONTRACT,
    KEY_HEADER,
    Api,
    Caller,
    answered,
    check_books,
    check_refused,
    gather_all,
    open_api,
    settings_of,
)
from tests.support.world import World

HERE = (ip_network("127.0.0.0/8"),)
UPGRADE, PRICE = CONTRACT["s2s_upgrade"][2], CONTRACT["s2s_upgrade_price"][2]


pytestmark = pytest.mark.usefixtures("published")


def upgrade(miner_id: int, present: int = 16, wanted: int = 17) -> dict[str, Any]:
    return {"data": {"type": "nftPowerUpgrade", "nftId": miner_id, "fromPower": present, "toPower": wanted}}


async def post(caller: Caller, body: dict[str, Any], **headers: str) -> httpx.Response:
    """An upgrade, with whatever the body holds of a signature."""
    return await caller.http.post(UPGRADE, json=body, headers={KEY_HEADER: str(caller.key)} | headers)


async def ask_price(caller: Caller, miner_id: int, more: str = "") -> httpx.Response:
    query = f"type=nftPowerUpgrade&nftId={miner_id}&from=16&to=17{more}"
    return await caller.http.get(f"{PRICE}?{query}", headers={KEY_HEADER: str(caller.key)})


async def power_of(api: Api, miner_id: int) -> int:
    shown = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    (power,) = [miner["power"] for miner in shown if miner["id"] == miner_id]
    return int(power)


async def unsigned(api: Api, **facts: Any) -> Caller:
    return await api.caller(kind="secret", allowed_ips=HERE, unsigned_upgrades=True, **facts)


async def test_an_upgrade_without_a_signature(api: Api, miner_id: int) -> None:
    caller = await unsigned(api)
    assert answered(await ask_price(caller, miner_id))["price"] > 0
    assert answered(await post(caller, upgrade(miner_id)))["id"]
    assert await power_of(api, miner_id) == 17
    # What was sent again is an upgrade that no longer fits, and never a second one.
    assert (await post(caller, upgrade(miner_id))).status_code == 409
    assert await power_of(api, miner_id) == 17
    await check_books(api.world)


async def test_the_setting_is_needed(api: Api, miner_id: int) -> None:
    for caller in (api.server, await api.caller(kind="secret", allowed_ips=HERE)):
        check_refused(await post(caller, upgrade(miner_id)), 401, "SIGNATURE_MISSING")
        check_refused(await ask_price(caller, miner_id), 401, "SIGNATURE_MISSING")
    assert await power_of(api, miner_id) == 16


async def test_only_upgrades_may_be_unsigned(api: Api) -> None:
    """Every other signed operation refuses such a key's unsigned request."""
    caller = await unsigned(api)
    allowed = {route.name for _, route in routes.routes(settings_of("x")) if route.may_be_unsigned}
    assert allowed == {"s2s_upgrade", "s2s_upgrade_price"}
    headers = {KEY_HEADER: str(caller.key)}
    for operation, (_, method, path, auth) in CONTRACT.items():
        if auth == "signed" and operation not in allowed:
            content = b"{}" if method == "POST" else None
            response = await api.http.request(method, path, content=content, headers=headers)
            check_refused(response, 401, "SIGNATURE_MISSING")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"timestamp": 1_700_000_000_000}, "SIGNATURE_MISSING"),
        ({"recvWindow": 5000}, "SIGNATURE_MISSING"),
        ({"signature": "0" * 64}, "TIMESTAMP_MISSING"),
        ({"signature": "zz", "timestamp": 1}, "SIGNATURE_FORMAT"),
    ],
)
async def test_half_a_signature_is_a_mistake(api: Api, miner_id: int, more: dict[str, Any], code: str) -> None:
    """In the body and in the query: whoever sends a part of one meant to sign."""
    caller = await unsigned(api)
    check_refused(await post(caller, upgrade(miner_id) | more), 401, code)
    query = "".join(f"&{name}={value}" for name, value in more.items())
    check_refused(await ask_price(caller, miner_id, query), 401, code)
    assert await power_of(api, miner_id) == 16


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("X-PARTNER-SIGNATURE", "TIMESTAMP_MISSING"),
        ("X-PARTNER-TIMESTAMP", "SIGNATURE_MISSING"),
        ("X-PARTNER-RECV-WINDOW", "SIGNATURE_MISSING"),
    ],
)
async def test_half_a_signature_in_headers_too(api: Api, miner_id: int, name: str, code: str) -> None:
    caller = await unsigned(api)
    check_refused(await post(caller, upgrade(miner_id), **{name: "0" * 64}), 401, code)
    assert await power_of(api, miner_id) == 16


async def test_a_signature_still_counts(api: Api, miner_id: int) -> None:
    """The same key may sign; a wrong signature is refused, and a right one is good once."""
    caller = await unsigned(api)
    check_refused(
        await caller.signing_with("wrong").call("s2s_upgrade", **upgrade(miner_id)), 401, "SIGNATURE_MISMATCH"
    )
    request = caller.request("s2s_upgrade", **upgrade(miner_id))
    first, second = await caller.send_again(request), await caller.send_again(request)
    assert answered(first) == answered(second)
    assert second.headers["idempotency-replayed"] == "true"
    assert await power_of(api, miner_id) == 17


async def test_addresses_and_scopes_still_count(api: Api, miner_id: int) -> None:
    reader = await unsigned(api, scopes=("read",))
    assert check_refused(await post(reader, upgrade(miner_id)), 403, "SCOPE_MISSING")["scope"]
    caller, dsn = await unsigned(api), str(api.deployment.settings.database_url)
    async with open_api(api.world, dsn, peer="203.0.113.9") as elsewhere:
        stranger = Caller(elsewhere.http, caller.key)
        check_refused(await post(stranger, upgrade(miner_id)), 403, "IP_NOT_ALLOWED")
    assert await power_of(api, miner_id) == 16


async def test_an_idempotency_key_makes_a_repetition_safe(api: Api, miner_id: int) -> None:
    """Twenty at once with one key: one upgrade, one answer; another body under it is refused."""
    caller = await unsigned(api)
    calls = [post(caller, upgrade(miner_id), **{"Idempotency-Key": "one"}) for _ in range(20)]
    answers = await gather_all(*calls)
    assert {response.status_code for response in answers} == {200}
    assert len({response.content for response in answers}) == 1
    assert sum("idempotency-replayed" not in response.headers for response in answers) == 1
    assert await power_of(api, miner_id) == 17
    response = await post(caller, upgrade(miner_id, 17, 18), **{"Idempotency-Key": "one"})
    check_refused(response, 422, "IDEMPOTENCY_KEY_REUSED")
    answered(await post(caller, upgrade(miner_id, 17, 18), **{"Idempotency-Key": "two"}))
    assert await power_of(api, miner_id) == 18
    await check_books(api.world)


# Making such keys


async def test_such_a_key_needs_addresses(api: Api) -> None:
    with pytest.raises(api_keys.UnsignedNeedsAddressesError) as caught:
        await api.key(unsigned_upgrades=True)
    assert (caught.value.status, caught.value.code) == (400, "UNSIGNED_NEEDS_ADDRESSES")
    made = await api.key(unsigned_upgrades=True, allowed_ips=HERE)
    plain = await api.key(allowed_ips=HERE)
    async with db.transaction(api.world.pool) as tx:
        rows = {row["id"]: row["unsigned_upgrades"] for row in await api_keys.list_keys(tx, api.world.partner.id)}
        loaded = await api_keys.load_key(tx, api.deployment.vault, made.key)
    assert (rows[made.key_id], rows[plain.key_id]) == (True, False)
    assert loaded is not None
    assert loaded.unsigned_upgrades


async def run(dsn: str, *words: str) -> Result:
    environment = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "="}
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["partner", "key", *words], env=environment)


async def test_the_operator_makes_such_a_key(world: World, dsn: str) -> None:
    partner = ("--partner", world.partner.name)
    made = await run(dsn, "create", *partner, "--unsigned-upgrades")
    assert made.exit_code == 1
    assert made.stderr.startswith("UNSIGNED_NEEDS_ADDRESSES: ")
    assert "--allow-ip" in made.stderr
    assert json.loads((await run(dsn, "list", *partner, "--json")).stdout) == []
    assert (await run(dsn, "create", *partner, "--unsigned-upgrades", "--allow-ip", "203.0.113.0/24")).exit_code == 0
    assert (await run(dsn, "create", *partner)).exit_code == 0
    async with db.snapshot(world.pool) as tx:
        keys = await api_keys.list_keys(tx, world.partner.id)
    assert [key["unsigned_upgrades"] for key in keys] == [True, False]
    lines = (await run(dsn, "list", *partner)).stdout.splitlines()
    assert [line.count("allowed") for line in lines if "hrk_" in line] == [1, 0]
