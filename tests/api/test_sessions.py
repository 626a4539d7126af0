"""Sessions: refresh tokens in families (#5), access tokens, and the keys that sign them."""

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashrail import clock, db
from hashrail.access import access_tokens, sessions
from hashrail.vault import Vault
from tests.support.api_client import C2S, Api, Caller, answered, check_refused, gather_all, open_api, open_shared_api
from tests.support.clocks import wall_reads

MINERS = f"{C2S}/nft/find-by-user"
Later = Callable[[float], None]
LIFE = dt.timedelta(days=90)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Let the wall clock read so many seconds more than it does; signatures keep the machine's time."""
    real = clock.wall_now

    def move(seconds: float) -> None:
        wall_reads(monkeypatch, lambda: real() + dt.timedelta(seconds=seconds))

    return move


async def log_in(api: Api, name: str = "alice") -> dict[str, Any]:
    data: dict[str, Any] = answered(await api.server.call("s2s_login", partnerUserId=name))
    return data


async def refresh(api: Api, refresh_token: str) -> dict[str, Any]:
    data: dict[str, Any] = answered(await api.server.call("s2s_refresh", refreshToken=refresh_token))
    return data


async def check_refresh_refused(api: Api, refresh_token: str, code: str) -> None:
    response = await api.server.call("s2s_refresh", refreshToken=refresh_token)
    check_refused(response, 401, code, "refreshToken")


# Refresh tokens


async def test_a_refresh_gives_a_new_pair(api: Api) -> None:
    first = await log_in(api)
    second = await refresh(api, first["refreshToken"])
    assert list(second) == ["jwtToken", "refreshToken", "userId", "partnerUserId"]
    assert (second["userId"], second["partnerUserId"]) == (first["userId"], "alice")
    assert second["refreshToken"] != first["refreshToken"]
    assert second["jwtToken"] != first["jwtToken"]
    assert answered(await api.server.with_token(second["jwtToken"]).call("c2s_miners")) == {"array": []}
    third = await refresh(api, second["refreshToken"])
    assert len({one["refreshToken"] for one in (first, second, third)}) == 3


async def test_the_key_alone_opens_a_refresh(api: Api) -> None:
    data = await log_in(api)
    publishable = await api.caller(kind="publishable")
    response = await publishable.call("s2s_refresh", refreshToken=data["refreshToken"])
    check_refused(response, 403, "KEY_CANNOT_SIGN")
    response = await Caller(api.http).call("s2s_refresh", refreshToken=data["refreshToken"])
    check_refused(response, 401, "API_KEY_MISSING")
    secret = await api.caller(kind="secret", scopes=("login",))
    assert answered(await secret.call("s2s_refresh", refreshToken=data["refreshToken"]))["userId"] == data["userId"]


async def test_a_lost_answer_may_be_asked_for_again(api: Api, later: Later) -> None:
    first = await log_in(api)
    second = await refresh(api, first["refreshToken"])
    later(29.5)
    again = await refresh(api, first["refreshToken"])
    assert again["refreshToken"] == second["refreshToken"]
    assert (await refresh(api, second["refreshToken"]))["refreshToken"] != second["refreshToken"]


async def test_a_token_used_late_ends_the_family(api: Api, later: Later) -> None:
    first = await log_in(api)
    other = await log_in(api)
    second = await refresh(api, first["refreshToken"])
    later(31)
    await check_refresh_refused(api, first["refreshToken"], "REFRESH_TOKEN_REUSED")
    await check_refresh_refused(api, second["refreshToken"], "REFRESH_TOKEN_REVOKED")
    await check_refresh_refused(api, first["refreshToken"], "REFRESH_TOKEN_REVOKED")
    assert (await refresh(api, other["refreshToken"]))["userId"] == first["userId"]


async def test_a_token_two_generations_old_ends_the_family_at_once(api: Api) -> None:
    first = await log_in(api)
    second = await refresh(api, first["refreshToken"])
    third = await refresh(api, second["refreshToken"])
    await check_refresh_refused(api, first["refreshToken"], "REFRESH_TOKEN_REUSED")
    await check_refresh_refused(api, third["refreshToken"], "REFRESH_TOKEN_REVOKED")


async def test_fifty_refreshes_at_once_have_one_successor(api: Api) -> None:
    first = await log_in(api)
    calls = [api.server.call("s2s_refresh", refreshToken=first["refreshToken"]) for _ in range(50)]
    tokens = {answered(response)["refreshToken"] for response in await gather_all(*calls)}
    assert len(tokens) == 1
    assert tokens != {first["refreshToken"]}


async def test_a_session_ends_after_thirty_days_of_rest(api: Api, later: Later) -> None:
    first = await log_in(api)
    later(29 * 86400)
    second = await refresh(api, first["refreshToken"])
    later(58 * 86400)
    third = await refresh(api, second["refreshToken"])
    later((58 + 30) * 86400 + 5)
    await check_refresh_refused(api, third["refreshToken"], "REFRESH_TOKEN_EXPIRED")


async def test_expired_sessions_are_forgotten(api: Api, later: Later) -> None:
    first, _ = await log_in(api), await log_in(api, "bob")
    later(29 * 86400)
    async with db.transaction(api.world.pool) as tx:
        assert await sessions.forget_expired(tx, api.world.partner.id) == 0
    second = await refresh(api, first["refreshToken"])
    later(31 * 86400)
    async with db.transaction(api.world.pool) as tx:
        assert await sessions.forget_expired(tx, api.world.partner.id) == 1
    assert (await refresh(api, second["refreshToken"]))["userId"] == first["userId"]


async def test_another_partner_s_token_is_refused(api: Api) -> None:
    other = await api.another_partner()
    mine, theirs = await log_in(api), await log_in(other)
    await check_refresh_refused(api, theirs["refreshToken"], "REFRESH_TOKEN_INVALID")
    assert (await refresh(other, theirs["refreshToken"]))["userId"] == theirs["userId"]
    # The same family and generation under the other's number, with the mac that belongs to it.
    prefix, _, rest = mine["refreshToken"].partition("_")
    forged = f"{prefix}_{other.world.partner.id}_{rest.partition('_')[2]}"
    await check_refresh_refused(other, forged, "REFRESH_TOKEN_INVALID")


async def test_tampered_tokens_are_refused(api: Api) -> None:
    data = await log_in(api)
    parts = data["refreshToken"].split("_", 4)
    assert len(parts) == 5
    flipped = "A" if parts[4][0] != "A" else "B"
    number, name, epoch = parts[2].split("-")
    tampered = [
        "_".join([*parts[:3], "1", parts[4]]),
        "_".join([*parts[:2], f"{int(number) + 1}-{name}-{epoch}", *parts[3:]]),
        "_".join([*parts[:2], f"{number}-{'0' * 32}-{epoch}", *parts[3:]]),
        "_".join([*parts[:2], number, *parts[3:]]),
        "_".join([*parts[:2], f"{number}-{name}", *parts[3:]]),
        "_".join([*parts[:2], f"{number}-{name}-{epoch}-{epoch}", *parts[3:]]),
        "_".join([*parts[:4], flipped + parts[4][1:]]),
        "_".join(parts[:4]),
        "_".join([*parts[:4], ""]),
        "_".join(["hrk", *parts[1:]]),
        "_".join(["hrr", "x", *parts[2:]]),
        "_".join(["hrr", "9" * 19, *parts[2:]]),
        "_".join([*parts[:4], parts[4] + "é"]),
        data["refreshToken"] + " ",
        "hrr____",
        data["jwtToken"],
    ]
    for text in tampered:
        await check_refresh_refused(api, text, "REFRESH_TOKEN_INVALID")
    assert (await refresh(api, data["refreshToken"]))["userId"] == data["userId"]


async def test_a_forgotten_family_is_invalid(api: Api) -> None:
    data = await log_in(api)
    await api.world.pool.execute("DELETE FROM refresh_family WHERE partner_id = $1", api.world.partner.id)
    await check_refresh_refused(api, data["refreshToken"], "REFRESH_TOKEN_INVALID")


async def test_a_family_is_known_by_its_name_and_not_by_its_number(api: Api) -> None:
    """Restored from a backup, a database gives a lost number to somebody else."""
    lost = await log_in(api, "mallory")
    await api.world.pool.execute("DELETE FROM refresh_family WHERE partner_id = $1", api.world.partner.id)
    await api.world.pool.execute("SELECT setval('refresh_family_id_seq', $1, false)", number_of(lost["refreshToken"]))
    victim = await log_in(api, "victim")
    assert number_of(victim["refreshToken"]) == number_of(lost["refreshToken"])
    await check_refresh_refused(api, lost["refreshToken"], "REFRESH_TOKEN_INVALID")
    assert (await refresh(api, victim["refreshToken"]))["userId"] == victim["userId"]


async def test_a_family_of_a_program_without_names_goes_on_without_one(api: Api) -> None:
    named = await log_in(api)
    number = number_of(named["refreshToken"])
    await api.world.pool.execute("UPDATE refresh_family SET name = NULL WHERE id = $1", number)
    keys = api.deployment.vault.derive("refresh-token", None)
    for generation in range(3):
        stem = f"hrr_{api.world.partner.id}_{number}_{generation}"
        mac = base64.urlsafe_b64encode(hmac.digest(keys[0], stem.encode(), hashlib.sha256)).decode().rstrip("=")
        renewed = await refresh(api, f"{stem}_{mac}")
        assert renewed["refreshToken"].startswith(f"hrr_{api.world.partner.id}_{number}_{generation + 1}_")
    await check_refresh_refused(api, named["refreshToken"], "REFRESH_TOKEN_INVALID")


def number_of(refresh_token: str) -> int:
    """The number in a token, where its family's row is."""
    return int(refresh_token.split("_")[2].split("-", maxsplit=1)[0])


async def test_no_token_can_be_read_out_of_the_table(api: Api) -> None:
    data = await log_in(api)
    (row,) = await api.world.pool.fetch("SELECT * FROM refresh_family WHERE partner_id = $1", api.world.partner.id)
    mac = data["refreshToken"].split("_", 4)[4]
    assert mac not in str(dict(row))


async def test_old_master_keys_open_their_tokens(api: Api) -> None:
    """A rotated master key signs; what the one before signed still counts."""
    old, new = Vault(["A" * 43 + "="]), Vault(["B" * 43 + "=", "A" * 43 + "="])
    async with db.transaction(api.world.pool) as tx:
        user = await api.world.user()
        partner = api.world.partner
        before, after = (
            sessions.Issuer("hashrail", vault, api.serving.signing_keys, partner.id, partner.public_id, LIFE, 100)
            for vault in (old, new)
        )
        tokens = await sessions.log_in(tx, before, user.id, key_id=None)
        renewal = await sessions.refresh(tx, after, tokens.refresh_token)
        assert renewal.tokens is not None
        with pytest.raises(sessions.RefreshTokenInvalidError):
            await sessions.refresh(tx, before, renewal.tokens.refresh_token)


def test_the_partner_in_a_refresh_token() -> None:
    assert sessions.partner_of_refresh_token("hrr_12_3_4_mac") == 12
    assert sessions.partner_of_refresh_token("hrr_12_3_4_m_a_c") == 12
    for text in ("", "hrr", "hrr_12_3_4", "hrk_12_3_4_m", "hrr__3_4_m", "hrr_-1_3_4_m", "hrr_²_3_4_m"):
        assert sessions.partner_of_refresh_token(text) is None


# Access tokens


async def claims_of(api: Api, **changes: Any) -> dict[str, Any]:
    """The claims of a genuine token of alice, some changed; None drops one."""
    data = await log_in(api)
    claims = jwt.decode(data["jwtToken"], options={"verify_signature": False}) | changes
    return {name: value for name, value in claims.items() if value is not None}


def signed(api: Api, claims: dict[str, Any], kid: object = "", key: Ed25519PrivateKey | None = None) -> str:
    """Claims signed by the deployment's key, unless told otherwise."""
    keys = api.serving.signing_keys
    headers = {"kid": keys.kid if kid == "" else kid}
    return jwt.encode(claims, key or keys.private, algorithm="EdDSA", headers=headers)


async def check_token_refused(api: Api, text: str, code: str = "TOKEN_INVALID") -> dict[str, Any]:
    return check_refused(await Caller(api.http, token=text).call("c2s_miners"), 401, code)


async def test_a_genuine_token_opens(api: Api) -> None:
    genuine = signed(api, await claims_of(api))
    assert answered(await Caller(api.http, token=genuine).call("c2s_miners")) == {"array": []}
    for scheme in ("Bearer ", "bearer ", "BEARER  "):
        response = await api.http.send(
            api.http.build_request("GET", MINERS, headers={"Authorization": scheme + genuine})
        )
        assert response.status_code == 200


async def test_tokens_expire(api: Api, later: Later) -> None:
    data = await log_in(api)
    later(15 * 60 + 3)  # the expiry is cut to a second, and a busy machine takes a while
    assert answered(await Caller(api.http, token=data["jwtToken"]).call("c2s_miners")) == {"array": []}
    later(15 * 60 + 6)
    details = await check_token_refused(api, data["jwtToken"], "TOKEN_EXPIRED")
    expiry = jwt.decode(data["jwtToken"], options={"verify_signature": False})["exp"]
    assert details == {"expiredAt": clock.iso(clock.from_seconds(expiry))}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"iss": None},
        {"aud": None},
        {"aud": ["partner"]},
        {"typ": "refresh"},
        {"typ": None},
        {"sub": None},
        {"exp": None},
        {"iat": None},
        {"pid": None},
        {"exp": "tomorrow"},
    ],
    ids=lambda changes: "-".join(f"{name}={value}" for name, value in changes.items()),
)
async def test_other_claims_are_refused(api: Api, changes: dict[str, Any]) -> None:
    await check_token_refused(api, signed(api, await claims_of(api, **changes)))


async def test_other_keys_are_refused(api: Api) -> None:
    claims = await claims_of(api)
    await check_token_refused(api, signed(api, claims, kid="0" * 16))
    await check_token_refused(api, signed(api, claims, key=Ed25519PrivateKey.generate()))
    head, body, signature = signed(api, claims).split(".")
    await check_token_refused(api, f"{head}.{body}.{signature[:-4]}AAAA")
    other = json.dumps(claims | {"userId": 1, "sub": "1"}).encode()
    await check_token_refused(api, f"{head}.{base64.urlsafe_b64encode(other).decode().rstrip('=')}.{signature}")


def with_header(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """A token put together by hand, since libraries refuse to make such."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    text = b".".join(parts)
    signature = b"" if secret is None else hmac.digest(secret, text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


async def test_other_algorithms_are_refused(api: Api) -> None:
    claims = await claims_of(api)
    keys = api.serving.signing_keys
    public = keys.public[keys.kid]
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for header, secret in (
        ({"alg": "none", "kid": keys.kid}, None),
        ({"alg": "None", "kid": keys.kid}, None),
        ({"alg": "HS256", "kid": keys.kid}, pem),
        ({"alg": "HS256", "kid": keys.kid}, public.public_bytes_raw()),
        ({"alg": "EdDSA", "kid": keys.kid}, None),
        ({"alg": "EdDSA"}, pem),
        ({"alg": "EdDSA", "kid": 7}, pem),
        ({"alg": "EdDSA", "kid": None}, pem),
        ({"kid": keys.kid}, pem),
    ):
        await check_token_refused(api, with_header(header, claims, secret))


@pytest.mark.parametrize(
    "text", ["x", "a.b.c", "..", "x" * 4097, "é.é.é", "e30.e30.e30", "bnVsbA.bnVsbA.AA", "W10.W10.AA"]
)
async def test_what_is_no_token_is_refused(deployment: Api, text: str) -> None:
    header = [(b"Authorization", f"Bearer {text}".encode())]
    request = deployment.http.build_request("GET", MINERS, headers=header)
    check_refused(await deployment.http.send(request), 401, "TOKEN_INVALID")


async def test_a_token_is_needed(deployment: Api) -> None:
    response = await Caller(deployment.http, key=deployment.server.key).call("c2s_miners")
    check_refused(response, 401, "TOKEN_MISSING", "authorization")
    for value in ("", "Basic abc", "Bearer", "Token x"):
        request = deployment.http.build_request("GET", MINERS, headers={"Authorization": value})
        check_refused(await deployment.http.send(request), 401, "TOKEN_INVALID")


async def test_a_token_and_its_partner_s_key(api: Api) -> None:
    other = await api.another_partner()
    alice = await api.user("alice")
    publishable, secret = await api.key(kind="publishable"), await api.key(kind="secret")

    async def with_key(key: str) -> Any:
        headers = {"Authorization": f"Bearer {alice.token}", "X-PARTNER-API-KEY": key}
        return await api.http.send(api.http.build_request("GET", MINERS, headers=headers))

    assert answered(await with_key(publishable.key)) == {"array": []}
    assert answered(await with_key(secret.key)) == {"array": []}
    assert other.server.key is not None
    check_refused(await with_key(other.server.key), 401, "TOKEN_OF_OTHER_PARTNER")
    check_refused(await with_key("hrk_1_unknown"), 401, "API_KEY_UNKNOWN")


# Signing keys


async def test_signing_keys_rotate(server: str, template: str) -> None:
    async with open_shared_api(server, template) as before:
        pool, vault = before.world.pool, before.deployment.vault
        dsn = before.deployment.settings.database_url
        assert dsn is not None
        old = (await log_in(before))["jwtToken"]
        async with db.transaction(pool) as tx:
            kid = await sessions.rotate_signing_key(tx, vault)
        async with open_api(before.world, dsn) as after:
            assert after.serving.signing_keys.kid == kid
            new = (await log_in(after))["jwtToken"]
            assert jwt.get_unverified_header(new)["kid"] == kid != jwt.get_unverified_header(old)["kid"]
            for text in (old, new):
                assert answered(await Caller(after.http, token=text).call("c2s_miners")) == {"array": []}
        retire = "UPDATE signing_key SET retired_at = created_at WHERE kid <> $1"
        await pool.execute(retire, kid)
        async with open_api(before.world, dsn) as after:
            await check_token_refused(after, old)
            assert answered(await Caller(after.http, token=new).call("c2s_miners")) == {"array": []}


async def test_the_first_signing_key_is_made_once(dsn: str) -> None:
    vault = Vault(["A" * 43 + "="])
    pool = await db.open_pool(dsn, connections=8)

    async def load() -> str:
        async with db.transaction(pool) as tx:
            return (await sessions.load_signing_keys(tx, vault)).kid

    kids = await asyncio.gather(*(load() for _ in range(8)))
    assert len(set(kids)) == 1
    assert await pool.fetchval("SELECT count(*) FROM signing_key") == 1
    sealed = await pool.fetchval("SELECT sealed FROM signing_key")
    assert len(vault.open(sealed)) == 32
    await pool.close()


def test_claims_are_read_back() -> None:
    key = Ed25519PrivateKey.generate()
    now = dt.datetime(2026, 9, 9, 12, tzinfo=dt.UTC)
    facts: dict[str, Any] = {"partner_id": 3, "partner_public_id": "p", "user_id": 4, "session": "7", "now": now}
    text = access_tokens.issue(key, "k", issuer="here", epoch="e", **facts)
    claims = access_tokens.verify(text, {"k": key.public_key()}, issuer="here", epoch="e", now=now)
    assert claims == access_tokens.Claims(3, "p", 4, "7", now + dt.timedelta(minutes=15))
    last = claims.expires_at + dt.timedelta(seconds=5)
    assert (
        access_tokens.verify(
            text, {"k": key.public_key()}, issuer="here", epoch="e", now=last - dt.timedelta(microseconds=1)
        )
        == claims
    )
    with pytest.raises(access_tokens.TokenExpiredError):
        access_tokens.verify(text, {"k": key.public_key()}, issuer="here", epoch="e", now=last)
    assert replace(claims, user_id=5) != claims
