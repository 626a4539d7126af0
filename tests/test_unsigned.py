"""Keys that may leave upgrades unsigned: only with addresses, only there, and only all of the signature."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from hashrail import cli, db, partners, tariffs
from hashrail.api import routes
from tests.api import (
    CONTRACT,
    KEY_HEADER,
    Api,
    Caller,
    answered,
    buy,
    check_books,
    check_refused,
    gather_all,
    open_api,
    open_shared_api,
    settings_of,
)
from tests.world import World

HERE = (ip_network("127.0.0.0/8"),)
UPGRADE, PRICE = CONTRACT["s2s_upgrade"][2], CONTRACT["s2s_upgrade_price"][2]


@pytest.fixture(scope="module")
async def deployment(server: str, template: str) -> AsyncIterator[Api]:
    async with open_shared_api(server, template) as opened:
        async with db.transaction(opened.world.pool) as tx:
            await tariffs.put(tx, tariffs.SAMPLE)
        await opened.world.mine()
        yield opened


@pytest.fixture
async def api(deployment: Api) -> Api:
    return await deployment.another_partner()


@pytest.fixture
async def miner(api: Api) -> int:
    """A miner of 16 TH."""
    return await buy(api.world, (await api.world.user()).id)


def upgrade(miner: int, present: int = 16, wanted: int = 17) -> dict[str, Any]:
    return {"data": {"type": "nftPowerUpgrade", "nftId": miner, "fromPower": present, "toPower": wanted}}


async def post(caller: Caller, body: dict[str, Any], **headers: str) -> httpx.Response:
    """An upgrade, with whatever the body holds of a signature."""
    return await caller.http.post(UPGRADE, json=body, headers={KEY_HEADER: str(caller.key)} | headers)


async def ask_price(caller: Caller, miner: int, more: str = "") -> httpx.Response:
    query = f"type=nftPowerUpgrade&nftId={miner}&from=16&to=17{more}"
    return await caller.http.get(f"{PRICE}?{query}", headers={KEY_HEADER: str(caller.key)})


async def power_of(api: Api, miner: int) -> int:
    return int(await api.world.pool.fetchval("SELECT power FROM miner WHERE id = $1", miner))


async def unsigned(api: Api, **facts: Any) -> Caller:
    return await api.caller(kind="secret", allowed_ips=HERE, unsigned_upgrades=True, **facts)


async def test_an_upgrade_without_a_signature(api: Api, miner: int) -> None:
    caller = await unsigned(api)
    assert answered(await ask_price(caller, miner))["price"] > 0
    assert answered(await post(caller, upgrade(miner)))["id"]
    assert await power_of(api, miner) == 17
    # What was sent again is an upgrade that no longer fits, and never a second one.
    assert (await post(caller, upgrade(miner))).status_code == 409
    assert await power_of(api, miner) == 17
    await check_books(api.world)


async def test_the_setting_is_needed(api: Api, miner: int) -> None:
    for caller in (api.server, await api.caller(kind="secret", allowed_ips=HERE)):
        check_refused(await post(caller, upgrade(miner)), 401, "SIGNATURE_MISSING")
        check_refused(await ask_price(caller, miner), 401, "SIGNATURE_MISSING")
    assert await power_of(api, miner) == 16


async def test_only_upgrades_may_be_unsigned(api: Api) -> None:
    """Every other signed operation refuses such a key's unsigned request."""
    caller = await unsigned(api)
    allowed = {route.operation for _, route in routes.routes(settings_of("x")) if route.may_be_unsigned}
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
async def test_half_a_signature_is_a_mistake(api: Api, miner: int, more: dict[str, Any], code: str) -> None:
    """In the body and in the query: whoever sends a part of one meant to sign."""
    caller = await unsigned(api)
    check_refused(await post(caller, upgrade(miner) | more), 401, code)
    query = "".join(f"&{name}={value}" for name, value in more.items())
    check_refused(await ask_price(caller, miner, query), 401, code)
    assert await power_of(api, miner) == 16


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("X-PARTNER-SIGNATURE", "TIMESTAMP_MISSING"),
        ("X-PARTNER-TIMESTAMP", "SIGNATURE_MISSING"),
        ("X-PARTNER-RECV-WINDOW", "SIGNATURE_MISSING"),
    ],
)
async def test_half_a_signature_in_headers_too(api: Api, miner: int, name: str, code: str) -> None:
    caller = await unsigned(api)
    check_refused(await post(caller, upgrade(miner), **{name: "0" * 64}), 401, code)
    assert await power_of(api, miner) == 16


async def test_a_signature_still_counts(api: Api, miner: int) -> None:
    """The same key may sign; a wrong signature is refused, and a right one is good once."""
    caller = await unsigned(api)
    check_refused(await caller.signing_with("wrong").call("s2s_upgrade", **upgrade(miner)), 401, "SIGNATURE_MISMATCH")
    request = caller.request("s2s_upgrade", **upgrade(miner))
    first, second = await caller.send_again(request), await caller.send_again(request)
    assert answered(first) == answered(second)
    assert second.headers["idempotency-replayed"] == "true"
    assert await power_of(api, miner) == 17


async def test_addresses_and_scopes_still_count(api: Api, miner: int) -> None:
    reader = await unsigned(api, scopes=("read",))
    assert check_refused(await post(reader, upgrade(miner)), 403, "SCOPE_MISSING")["scope"]
    caller, dsn = await unsigned(api), str(api.deployment.settings.database_url)
    async with open_api(api.world, dsn, peer="203.0.113.9") as elsewhere:
        stranger = Caller(elsewhere.http, caller.key)
        check_refused(await post(stranger, upgrade(miner)), 403, "IP_NOT_ALLOWED")
    assert await power_of(api, miner) == 16


async def test_an_idempotency_key_makes_a_repetition_safe(api: Api, miner: int) -> None:
    """Twenty at once with one key: one upgrade, one answer; another body under it is refused."""
    caller = await unsigned(api)
    calls = [post(caller, upgrade(miner), **{"Idempotency-Key": "one"}) for _ in range(20)]
    answers = await gather_all(*calls)
    assert {response.status_code for response in answers} == {200}
    assert len({response.content for response in answers}) == 1
    assert sum("idempotency-replayed" not in response.headers for response in answers) == 1
    assert await power_of(api, miner) == 17
    response = await post(caller, upgrade(miner, 17, 18), **{"Idempotency-Key": "one"})
    check_refused(response, 422, "IDEMPOTENCY_KEY_REUSED")
    answered(await post(caller, upgrade(miner, 17, 18), **{"Idempotency-Key": "two"}))
    assert await power_of(api, miner) == 18
    await check_books(api.world)


# Making such keys


async def test_such_a_key_needs_addresses(api: Api) -> None:
    with pytest.raises(partners.UnsignedNeedsAddressesError) as caught:
        await api.key(unsigned_upgrades=True)
    assert (caught.value.status, caught.value.code) == (400, "UNSIGNED_NEEDS_ADDRESSES")
    made = await api.key(unsigned_upgrades=True, allowed_ips=HERE)
    plain = await api.key(allowed_ips=HERE)
    async with db.transaction(api.world.pool) as tx:
        rows = {row["id"]: row["unsigned_upgrades"] for row in await partners.list_keys(tx, api.world.partner.id)}
        loaded = await partners.load_key(tx, api.deployment.vault, made.key)
    assert (rows[made.key_id], rows[plain.key_id]) == (True, False)
    assert loaded is not None
    assert loaded.unsigned_upgrades


async def run(dsn: str, *words: str) -> Result:
    environment = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "="}
    return await asyncio.to_thread(CliRunner().invoke, cli.app, ["partner", "key", *words], env=environment)


async def test_the_operator_makes_such_a_key(world: World, dsn: str) -> None:
    partner = ("--partner", world.partner.name)
    made = await run(dsn, "create", *partner, "--unsigned-upgrades")
    assert made.exit_code == 1
    assert made.stderr.startswith("UNSIGNED_NEEDS_ADDRESSES: ")
    assert "--allow-ip" in made.stderr
    assert await world.pool.fetchval("SELECT count(*) FROM api_key") == 0
    assert (await run(dsn, "create", *partner, "--unsigned-upgrades", "--allow-ip", "203.0.113.0/24")).exit_code == 0
    assert (await run(dsn, "create", *partner)).exit_code == 0
    assert await world.pool.fetch("SELECT unsigned_upgrades FROM api_key ORDER BY id") == [(True,), (False,)]
    lines = (await run(dsn, "list", *partner)).stdout.splitlines()
    assert [line.count("allowed") for line in lines if "hrk_" in line] == [1, 0]
