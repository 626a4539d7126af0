"""Who may call: keys, scopes, addresses, signatures in query, body and headers, and how soon a revocation counts."""

import base64
import datetime as dt
import hmac
import json
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys, scopes, signatures
from hashrail.parties import partners
from hashrail_client.signing import sign_body_text, sign_headers
from tests.support import patience
from tests.support.api_client import (
    C2S,
    CONTRACT,
    KEY_HEADER,
    S2S,
    Api,
    Caller,
    answered,
    check_refused,
    nameless,
    open_api,
    pretend_production,
    refused_soon,
)
from tests.support.clocks import wall_reads
from tests.support.databases import CUT_LISTENERS
from tests.support.patience import until

MINERS = f"{S2S}/nft/find-by-user"


pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture(scope="module")
def settings_changed() -> dict[str, Any]:
    """Keys are kept for a minute, unless a change is announced."""
    return {"key_cache_seconds": 60}


@pytest.fixture
async def api(api: Api) -> Api:
    """With a user."""
    await api.world.user()
    return api


def dsn_of(api: Api) -> str:
    dsn = api.deployment.settings.database_url
    assert dsn is not None
    return dsn


async def read(caller: Caller) -> httpx.Response:
    """A signed read."""
    return await caller.call("s2s_miners", partnerUserId="alice")


async def refused(caller: Caller) -> httpx.Response:
    """The refusal of a read, as soon as what was announced is heard."""
    return await refused_soon(caller, "s2s_miners", partnerUserId="alice")


# Keys


async def test_a_key_is_needed(api: Api) -> None:
    for operation, (_, _, _, auth) in CONTRACT.items():
        if auth in ("signed", "key"):
            caller = Caller(api.http, secret="x")
            fields = {"refreshToken": "x"} if operation == "s2s_refresh" else {}
            check_refused(await caller.call(operation, **fields), 401, "API_KEY_MISSING", "x-partner-api-key")
    for operation in ("c2s_collections", "c2s_income_per_th"):
        check_refused(await Caller(api.http).call(operation), 401, "API_KEY_MISSING", "x-partner-api-key")


@pytest.mark.parametrize(
    "key",
    ["", "x", "hrk_1_", "hrk__x", "hrk_1_x", "hrk_0_x", "hrk_-1_x", "hrk_999999999999999999_x", "hrk_" + "9" * 19],
)
async def test_unknown_keys(api: Api, key: str) -> None:
    check_refused(await read(Caller(api.http, key, "secret")), 401, "API_KEY_UNKNOWN", "x-partner-api-key")


async def test_a_key_of_another_partner_s_number_is_unknown(api: Api) -> None:
    assert api.server.key is not None
    _, mode, number, rest = api.server.key.split("_", 3)
    for key in (f"hrk_{mode}_{int(number) - 1}_{rest}", f"hrk_{number}_{rest}"):
        check_refused(await read(Caller(api.http, key, "x")), 401, "API_KEY_UNKNOWN")


async def test_a_key_of_another_mode_is_told_without_a_look_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live key in a sandbox, and a test key in production, by codes of their own; whoever has it, if anybody does."""
    assert api.server.key is not None
    assert api.server.key.startswith(f"hrk_test_{api.world.partner.id}_")

    async def looked_up(_key: str) -> None:
        raise AssertionError("somebody was asked")

    with monkeypatch.context() as patch:
        patch.setattr(api.serving.known.keys, "get", looked_up)
        live = Caller(api.http, api.server.key.replace("_test_", "_live_"), api.server.secret)
        check_refused(await read(live), 401, "API_KEY_IS_LIVE", "x-partner-api-key")
        patch.setattr(api.serving, "deployment", api.deployment)  # so that it is put back
        pretend_production(api)
        check_refused(await read(api.server), 401, "API_KEY_IS_TEST", "x-partner-api-key")
    assert (await read(api.server)).status_code == 200


async def test_a_key_of_an_older_release_says_no_mode(api: Api) -> None:
    assert api.server.key is not None
    old = await nameless(api, api.server.key)
    assert (await read(Caller(api.http, old, api.server.secret))).status_code == 200


async def test_an_expired_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.wall_now()
    caller = await api.caller(expires_at=now + dt.timedelta(seconds=100))
    assert (await read(caller)).status_code == 200
    wall_reads(monkeypatch, lambda: now + dt.timedelta(seconds=100))
    check_refused(await read(caller), 401, "API_KEY_EXPIRED", "x-partner-api-key")


async def test_a_revocation_counts_at_once(api: Api) -> None:
    """The key is remembered for a minute; the announcement ends that."""
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    assert (await read(caller)).status_code == 200
    async with db.transaction(api.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=api.world.partner.id, key_id=made.key_id)
    check_refused(await refused(caller), 401, "API_KEY_REVOKED", "x-partner-api-key")
    async with db.transaction(api.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=api.world.partner.id, key_id=made.key_id)
        with pytest.raises(api_keys.KeyRevokedError):
            await api_keys.rotate_key(tx, api.deployment.vault, partner_id=api.world.partner.id, key_id=made.key_id)


async def silently_revoke(api: Api, key_id: int) -> None:
    """Revoke a key as if the announcement was lost."""
    await api.world.pool.execute("UPDATE api_key SET revoked_at = created_at WHERE id = $1", key_id)


async def test_a_lost_announcement_costs_the_cache_s_seconds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    start = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: start)
    assert (await read(caller)).status_code == 200
    await silently_revoke(api, made.key_id)
    monkeypatch.setattr(clock, "monotonic", lambda: start + 59.9)
    assert (await read(caller)).status_code == 200
    monkeypatch.setattr(clock, "monotonic", lambda: start + 60)
    check_refused(await read(caller), 401, "API_KEY_REVOKED")


async def test_without_a_cache_every_request_looks(api: Api) -> None:
    async with open_api(api.world, dsn_of(api), key_cache_seconds=0) as other:
        made = await api.key()
        caller = Caller(other.http, made.key, made.secret)
        assert (await read(caller)).status_code == 200
        await silently_revoke(api, made.key_id)
        check_refused(await read(caller), 401, "API_KEY_REVOKED")


async def test_after_a_cut_line_everything_is_read_anew(api: Api) -> None:
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    assert (await read(caller)).status_code == 200
    await silently_revoke(api, made.key_id)
    assert (await read(caller)).status_code == 200
    # The process may only just have begun to listen.
    await until(lambda: api.world.pool.fetch(CUT_LISTENERS))
    check_refused(await refused(caller), 401, "API_KEY_REVOKED")
    # It listens again.
    await test_a_revocation_counts_at_once(api)


async def test_a_used_key_remembers_when(api: Api) -> None:
    made = await api.key()
    async with db.transaction(api.world.pool) as tx:
        rows = {row["id"]: row for row in await api_keys.list_keys(tx, api.world.partner.id)}
    assert rows[made.key_id]["last_used_at"] is None
    await read(Caller(api.http, made.key, made.secret))
    async with db.transaction(api.world.pool) as tx:
        rows = {row["id"]: row for row in await api_keys.list_keys(tx, api.world.partner.id)}
    assert abs((rows[made.key_id]["last_used_at"] - clock.wall_now()).total_seconds()) < patience.SECONDS


async def test_the_cache_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail.api.serving.state.MAX_REMEMBERED", 3)
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    assert (await read(caller)).status_code == 200
    await silently_revoke(api, made.key_id)
    for number in range(4):
        check_refused(await read(Caller(api.http, f"hrk_1_{number}", "x")), 401, "API_KEY_UNKNOWN")
    assert (await read(caller)).status_code == 200, "strangers push out strangers only"
    for _ in range(4):
        another = await api.key()
        assert (await read(Caller(api.http, another.key, another.secret))).status_code == 200
    check_refused(await read(caller), 401, "API_KEY_REVOKED")


# Secrets


async def test_a_rotated_key_has_two_live_secrets(api: Api) -> None:
    made = await api.key()
    first = Caller(api.http, made.key, made.secret)
    secrets = [made.secret]
    for _ in range(2):
        async with db.transaction(api.world.pool) as tx:
            again = await api_keys.rotate_key(
                tx, api.deployment.vault, partner_id=api.world.partner.id, key_id=made.key_id
            )
        assert (again.key_id, again.key) == (made.key_id, made.key)
        secrets.append(again.secret)
    assert len(set(secrets)) == 3
    check_refused(await refused(first), 401, "SIGNATURE_MISMATCH")
    for secret in secrets[1:]:
        assert secret is not None
        assert (await read(first.signing_with(secret))).status_code == 200
    async with db.transaction(api.world.pool) as tx:
        assert await api_keys.revoke_old_secret(tx, partner_id=api.world.partner.id, key_id=made.key_id) == 1
    assert secrets[1] is not None
    assert secrets[2] is not None
    check_refused(await refused(first.signing_with(secrets[1])), 401, "SIGNATURE_MISMATCH")
    assert (await read(first.signing_with(secrets[2]))).status_code == 200
    async with db.transaction(api.world.pool) as tx:
        assert await api_keys.revoke_old_secret(tx, partner_id=api.world.partner.id, key_id=made.key_id) == 0


async def test_secrets_are_sealed_at_rest(api: Api) -> None:
    made = await api.key()
    assert made.secret is not None
    sealed = await api.world.pool.fetchval("SELECT sealed FROM api_secret WHERE key_id = $1", made.key_id)
    assert made.secret.encode() not in sealed
    assert api.deployment.vault.open(sealed) == made.secret.encode()


async def test_what_the_operator_cannot_do(api: Api) -> None:
    vault, partner_id = api.deployment.vault, api.world.partner.id
    publishable = await api.key(kind="publishable")
    assert publishable.secret is None
    async with db.transaction(api.world.pool) as tx:
        with pytest.raises(api_keys.NoSecretError):
            await api_keys.rotate_key(tx, vault, partner_id=partner_id, key_id=publishable.key_id)
        with pytest.raises(api_keys.KeyNotFoundError):
            await api_keys.rotate_key(tx, vault, partner_id=partner_id - 1, key_id=publishable.key_id)
        with pytest.raises(api_keys.KeyNotFoundError):
            await api_keys.revoke_key(tx, partner_id=partner_id - 1, key_id=publishable.key_id)
        with pytest.raises(api_keys.KeyNotFoundError):
            await api_keys.revoke_old_secret(tx, partner_id=partner_id - 1, key_id=publishable.key_id)
        with pytest.raises(scopes.BadScopeError, match="everything"):
            await api_keys.create_key(tx, vault, partner_id=partner_id, kind="full", scopes=("read", "everything"))
        with pytest.raises(partners.PartnerNotFoundError):
            await partners.find(tx, "nobody")


async def test_partners_are_found_and_named_once(api: Api) -> None:
    partner = api.world.partner
    async with db.transaction(api.world.pool) as tx:
        for text in (partner.name, partner.public_id, str(partner.id)):
            assert await partners.find(tx, text) == partner
        everybody = await partners.every(tx)
    assert partner in everybody
    assert [one.id for one in everybody] == sorted(one.id for one in everybody)
    with pytest.raises(partners.PartnerExistsError):
        await api.world.another_partner(partner.name)


# Kinds and scopes


async def test_a_publishable_key_is_no_server(api: Api) -> None:
    key = (await api.key(kind="publishable")).key
    for operation, (_, _, _, auth) in CONTRACT.items():
        if auth in ("signed", "key"):
            caller = Caller(api.http, key, "any")
            fields = {"refreshToken": "x"} if operation == "s2s_refresh" else {}
            check_refused(await caller.call(operation, **fields), 403, "KEY_CANNOT_SIGN")


async def test_a_secret_key_is_no_client(api: Api) -> None:
    caller = await api.caller(kind="secret")
    for operation in ("c2s_collections", "c2s_income_per_th"):
        check_refused(await caller.call(operation), 403, "KEY_IS_SECRET")
    assert (await caller.call("s2s_collections")).status_code == 200
    assert (await read(caller)).status_code == 200


async def test_a_key_alone_opens_no_user_s_data(api: Api) -> None:
    for _, method, path, auth in CONTRACT.values():
        if auth == "bearer":
            content = b"{}" if method == "POST" else None
            headers = {KEY_HEADER: str(api.server.key)}
            request = api.http.build_request(method, path, content=content, headers=headers)
            check_refused(await api.http.send(request), 401, "TOKEN_MISSING", "authorization")


async def test_scopes(api: Api) -> None:
    reader, seller = await api.caller(scopes=("read",)), await api.caller(scopes=("order",))
    order = {"userId": 1, "nftCollectionId": 1, "externalId": "x"}
    assert (await read(reader)).status_code == 200
    assert check_refused(await read(seller), 403, "SCOPE_MISSING") == {"scope": "read"}
    response = await reader.call("s2s_payment_create", **order)
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "order"}
    response = await reader.call("s2s_payment_success", userId=1, externalId="x")
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "order"}
    check_refused(await seller.call("s2s_payment_success", userId=1, externalId="x"), 404, "ORDER_NOT_FOUND")


# Addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "seen"),
    [
        ("203.0.113.7", [], [], None),
        ("203.0.113.8", [], [], "203.0.113.8"),
        ("2001:db8::5", [], [], None),
        ("2001:db9::5", [], [], "2001:db9::5"),
        ("198.51.100.1", ["203.0.113.7"], [], "198.51.100.1"),
        ("10.0.0.9", ["203.0.113.7"], ["10.0.0.0/24"], None),
        ("10.0.0.9", [" 203.0.113.7 , 10.0.0.8"], ["10.0.0.0/24"], None),
        ("10.0.0.9", ["203.0.113.7, 198.51.100.1"], ["10.0.0.0/24"], "198.51.100.1"),
        ("10.0.0.9", ["203.0.113.7", "198.51.100.1"], ["10.0.0.0/24"], "198.51.100.1"),
        ("10.0.0.9", ["203.0.113.7", "10.0.0.8"], ["10.0.0.0/24"], None),
        ("10.0.0.9", ["198.51.100.1, 203.0.113.7", "10.0.0.7,10.0.0.8"], ["10.0.0.0/24"], None),
        ("::ffff:203.0.113.7", [], [], None),
        ("::ffff:203.0.113.8", [], [], "203.0.113.8"),
        ("::ffff:10.0.0.9", ["::ffff:203.0.113.7"], ["10.0.0.0/24"], None),
        ("10.0.1.9", ["203.0.113.7"], ["10.0.0.0/24"], "10.0.1.9"),
        ("10.0.0.9", [], ["10.0.0.0/24"], "10.0.0.9"),
        ("10.0.0.9", ["10.0.0.8"], ["10.0.0.0/24"], "10.0.0.8"),
        ("10.0.0.9", ["unknown"], ["10.0.0.0/24"], "unknown"),
        ("10.0.0.9", ["203.0.113.7:51234"], ["10.0.0.0/24"], None),
        ("10.0.0.9", ["203.0.113.8:51234"], ["10.0.0.0/24"], "203.0.113.8"),
        ("10.0.0.9", ["203.0.113.7:1, 10.0.0.8:2"], ["10.0.0.0/24"], None),
        ("10.0.0.9", ["[2001:db8::5]:443"], ["10.0.0.0/24"], None),
        ("10.0.0.9", ["[2001:db8::5]"], ["10.0.0.0/24"], None),
        ("10.0.0.9", ["203.0.113.7:port"], ["10.0.0.0/24"], "203.0.113.7:port"),
    ],
)
async def test_addresses(api: Api, peer: str, forwarded: list[str], trusted: list[str], seen: str | None) -> None:
    """`seen` is the address that is refused, None where the caller may come in."""
    allowed = (ip_network("203.0.113.7/32"), ip_network("2001:db8::/32"))
    made = await api.key(allowed_ips=allowed)
    async with open_api(api.world, dsn_of(api), peer=peer, trusted_proxies=trusted) as other:
        caller = Caller(other.http, made.key, made.secret)
        request = caller.request("s2s_miners", partnerUserId="alice")
        headers = [*request.headers.multi_items(), *(("X-Forwarded-For", text) for text in forwarded)]
        response = await other.http.send(other.http.build_request("GET", request.url, headers=headers))
        if seen is None:
            assert response.status_code == 200
        else:
            assert check_refused(response, 403, "IP_NOT_ALLOWED") == {"address": seen}


async def test_the_list_guards_every_use_of_the_key(api: Api) -> None:
    made = await api.key(allowed_ips=(ip_network("203.0.113.0/24"),))
    caller = Caller(api.http, made.key, made.secret)
    for operation in ("s2s_collections", "c2s_collections", "c2s_income_per_th", "s2s_miners"):
        check_refused(await caller.call(operation), 403, "IP_NOT_ALLOWED")


# Credential headers


@pytest.mark.parametrize(
    "name",
    [
        "X-PARTNER-API-KEY",
        "X-PARTNER-SIGNATURE",
        "X-PARTNER-TIMESTAMP",
        "X-PARTNER-RECV-WINDOW",
        "Idempotency-Key",
    ],
)
async def test_repeated_headers(api: Api, name: str) -> None:
    assert api.server.secret is not None
    path, body = CONTRACT["s2s_login"][2], b'{"partnerUserId":"alice"}'
    sent = sign_headers(api.server.secret, clock.wall_millis(), "POST", path, "", body, 5000)
    sent |= {KEY_HEADER: str(api.server.key), "Idempotency-Key": "one"}
    request = api.http.build_request("POST", path, content=body, headers=[*sent.items(), (name, sent[name])])
    check_refused(await api.http.send(request), 401, "HEADER_REPEATED", name.lower())


async def test_a_token_twice(api: Api) -> None:
    alice = await api.user("alice")
    header = ("Authorization", f"Bearer {alice.token}")
    request = api.http.build_request("GET", f"{C2S}/nft/find-by-user", headers=[header, header])
    check_refused(await api.http.send(request), 401, "HEADER_REPEATED", "authorization")


# Signatures


async def test_signatures_in_headers(api: Api) -> None:
    assert answered(await api.server.raw("GET", f"{MINERS}?partnerUserId=alice")) == {"array": []}
    body = json.dumps({"partnerUserId": "alice"}).encode()
    assert answered(await api.server.raw("POST", CONTRACT["s2s_login"][2], body))["partnerUserId"] == "alice"
    assert api.server.secret is not None
    target, now = f"{MINERS}?partnerUserId=alice", clock.wall_millis()
    cases: list[tuple[tuple[Any, ...], int, str]] = [
        ((now, "GET", MINERS, "partnerUserId=alice", b""), 200, ""),
        ((now, "POST", MINERS, "partnerUserId=alice", b""), 401, "SIGNATURE_MISMATCH"),
        ((now, "GET", MINERS + "/", "partnerUserId=alice", b""), 401, "SIGNATURE_MISMATCH"),
        ((now, "GET", MINERS, "partnerUserId=bob", b""), 401, "SIGNATURE_MISMATCH"),
        ((now, "GET", MINERS, "partnerUserId=alice", b"x"), 401, "SIGNATURE_MISMATCH"),
        ((now - 5500, "GET", MINERS, "partnerUserId=alice", b""), 401, "TIMESTAMP_EXPIRED"),
        ((now - 5500, "GET", MINERS, "partnerUserId=alice", b"", 30_000), 200, ""),
        ((now, "GET", MINERS, "partnerUserId=alice", b"", 60_001), 401, "RECV_WINDOW_TOO_LARGE"),
        ((now + 30_000, "GET", MINERS, "partnerUserId=alice", b""), 401, "TIMESTAMP_AHEAD"),
    ]
    for parts, status, code in cases:
        headers = {KEY_HEADER: str(api.server.key)} | sign_headers(api.server.secret, *parts)
        response = await api.http.send(api.http.build_request("GET", target, headers=headers))
        assert response.status_code == status, response.text
        if status != 200:
            check_refused(response, status, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": None}, "SIGNATURE_MISSING"),
        ({"signature": "zz"}, "SIGNATURE_FORMAT"),
        ({"signature": 7}, "SIGNATURE_FORMAT"),
        ({"timestamp": None}, "TIMESTAMP_MISSING"),
        ({"timestamp": 0}, "TIMESTAMP_FORMAT"),
        ({"timestamp": "1"}, "TIMESTAMP_FORMAT"),
        ({"timestamp": True}, "TIMESTAMP_FORMAT"),
        ({"timestamp": 1_756_000_000}, "TIMESTAMP_IN_SECONDS"),
        ({"timestamp": 1_756_000_000_000}, "TIMESTAMP_EXPIRED"),
        ({"timestamp": 2**53}, "TIMESTAMP_AHEAD"),
        ({"recvWindow": 0}, "RECV_WINDOW_FORMAT"),
        ({"recvWindow": "5000"}, "RECV_WINDOW_FORMAT"),
        ({"recvWindow": 60_001}, "RECV_WINDOW_TOO_LARGE"),
        ({"partnerUserId": "bob"}, "SIGNATURE_MISMATCH"),
    ],
)
async def test_bad_signatures_in_a_body(api: Api, change: dict[str, Any], code: str) -> None:
    signed = json.loads(api.server.request("s2s_login", partnerUserId="alice").content) | change
    body = json.dumps({name: value for name, value in signed.items() if value is not None}).encode()
    response = await api.http.post(CONTRACT["s2s_login"][2], content=body, headers={KEY_HEADER: str(api.server.key)})
    details = check_refused(response, 401, code)
    if code in ("TIMESTAMP_IN_SECONDS", "TIMESTAMP_EXPIRED", "TIMESTAMP_AHEAD"):
        assert abs(details["serverTime"] - clock.wall_millis()) < 60_000
        assert details["skewMs"] == change["timestamp"] - details["serverTime"]
        assert details["recvWindow"] == 60_000


@pytest.mark.parametrize(("name", "value", "code"), [
    ("timestamp", "", "TIMESTAMP_FORMAT"),
    ("timestamp", "1e3", "TIMESTAMP_FORMAT"),
    ("timestamp", "12345678901", "TIMESTAMP_IN_SECONDS"),
    ("recvWindow", "0", "RECV_WINDOW_FORMAT"),
    ("recvWindow", "-5", "RECV_WINDOW_FORMAT"),
    ("recvWindow", "60001", "RECV_WINDOW_TOO_LARGE"),
    ("signature", "", "SIGNATURE_FORMAT"),
])  # fmt: skip
async def test_bad_signatures_in_a_query(api: Api, name: str, value: str, code: str) -> None:
    pairs = {"partnerUserId": "alice", "timestamp": str(clock.wall_millis()), "signature": "0" * 64} | {name: value}
    response = await api.http.get(MINERS, params=pairs, headers={KEY_HEADER: str(api.server.key)})
    check_refused(response, 401, code)


async def test_windows_are_the_contract_s(api: Api) -> None:
    """60 seconds for #4, 8, 11, 14, 22, 24 and 29, 5 seconds for the others, unless a setting says otherwise."""
    long = {
        *("s2s_login", "s2s_transfer", "s2s_payment_create", "s2s_income_per_th", "s2s_wallet_bind", "s2s_balances"),
        "s2s_user_statistics",
    }
    fields = {
        "s2s_login": {"partnerUserId": "alice"},
        "s2s_payment_create": {"userId": 1, "nftCollectionId": 1, "externalId": "x"},
        "s2s_payment_success": {"userId": 1, "externalId": "x"},
        "sandbox_advance": {},
    }
    for operation, (_, _, _, auth) in CONTRACT.items():
        if auth == "signed":
            window = 60_000 if operation in long else 5_000
            late = clock.wall_millis() - window - 200
            response = await api.server.call(operation, at=late, **fields.get(operation, {"partnerUserId": "alice"}))
            assert check_refused(response, 401, "TIMESTAMP_EXPIRED")["recvWindow"] == window
            assert signatures.default_window_ms(operation, {}) == window
            young = clock.wall_millis() - window + 2_500
            response = await api.server.call(operation, at=young, **fields.get(operation, {}))
            assert response.status_code != 401
    assert signatures.default_window_ms("s2s_miners", {"s2s_miners": 7}) == 7
    async with open_api(api.world, dsn_of(api), recv_windows={"s2s_miners": 30_000}) as other:
        caller = Caller(other.http, api.server.key, api.server.secret)
        response = await caller.call("s2s_miners", at=clock.wall_millis() - 20_000, partnerUserId="alice")
        assert response.status_code == 200


async def test_json_may_be_spaced_and_the_signature_anywhere(api: Api) -> None:
    assert api.server.secret is not None
    now = clock.wall_millis()
    path, headers = CONTRACT["s2s_login"][2], {KEY_HEADER: str(api.server.key)}
    text = f'{{ "partnerUserId" : "alice" ,\n "timestamp" : {now} }}'
    response = await api.http.post(path, content=sign_body_text(api.server.secret, text), headers=headers)
    assert answered(response)["partnerUserId"] == "alice"
    plain = f'{{"partnerUserId":"alice","timestamp":{now}}}'
    digest = hmac.new(api.server.secret.encode(), plain.encode(), "sha256").hexdigest().upper()
    first = f'{{"signature":"{digest}", "partnerUserId":"alice", "timestamp":{now}}}'
    assert answered(await api.http.post(path, content=first, headers=headers))["partnerUserId"] == "alice"


async def test_a_sandbox_says_what_was_signed_and_why_it_fails(api: Api) -> None:
    assert api.server.secret is not None
    now = clock.wall_millis()
    signed = f"partnerUserId=alice&timestamp={now}"
    digest = hmac.digest(api.server.secret.encode(), signed.encode(), "sha256")
    sent_in_order = f"timestamp={now}&partnerUserId=alice&signature={digest.hex()}"
    headers = {KEY_HEADER: str(api.server.key)}
    details = check_refused(await api.http.get(f"{MINERS}?{sent_in_order}", headers=headers), 401, "SIGNATURE_MISMATCH")
    assert details["signedText"] == f"timestamp={now}&partnerUserId=alice"
    assert details["cause"] in ("order", "sorted")
    assert details["explanation"]
    in_base64 = base64.b64encode(digest).decode()
    pairs = {"partnerUserId": "alice", "timestamp": str(now), "signature": in_base64}
    details = check_refused(await api.http.get(MINERS, params=pairs, headers=headers), 401, "SIGNATURE_FORMAT")
    assert details["cause"] == "base64"
    forged = {"partnerUserId": "alice", "timestamp": str(now), "signature": "0" * 64}
    details = check_refused(await api.http.get(MINERS, params=forged, headers=headers), 401, "SIGNATURE_MISMATCH")
    assert details["cause"] == "unknown-secret"
    assert details["explanation"]


async def test_another_live_key_s_secret_is_recognised(api: Api) -> None:
    other = await api.key()
    assert other.secret is not None
    details = check_refused(await read(api.server.signing_with(other.secret)), 401, "SIGNATURE_MISMATCH")
    assert details["signedText"].startswith("partnerUserId=alice&timestamp=")
    assert details["cause"] == "other-secret"


async def test_production_says_nothing_of_the_kind(api: Api) -> None:
    async with open_api(api.world, dsn_of(api)) as other:
        pretend_production(other)
        caller = Caller(other.http, await nameless(api, api.server.key), "wrong")
        assert check_refused(await read(caller), 401, "SIGNATURE_MISMATCH") == {}
        response = await caller.call("s2s_login", partnerUserId="alice")
        assert check_refused(response, 401, "SIGNATURE_MISMATCH") == {}
        response = await caller.call("s2s_miners", at=1, partnerUserId="alice")
        assert list(check_refused(response, 401, "TIMESTAMP_IN_SECONDS")) == ["serverTime", "skewMs", "recvWindow"]


async def test_the_order_of_refusals(api: Api) -> None:
    """A stranger learns nothing of fields, scopes or users."""
    stranger = Caller(api.http, api.server.key, "wrong")
    check_refused(await stranger.call("s2s_miners", partnerUserId="nobody", limit=0), 401, "SIGNATURE_MISMATCH")
    check_refused(await stranger.call("s2s_payment_create"), 401, "SIGNATURE_MISMATCH")
