"""Forged, borrowed and outlived tokens over HTTP: none opens anything, with or without a key beside it."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashrail import clock
from hashrail.access import access_tokens
from tests.support.api_client import CONTRACT, KEY_HEADER, Api, Caller, answered, check_refused, open_shared_api

FORGER = Ed25519PrivateKey.generate()
Json = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A user with a session, and what a forger can see of the deployment."""

    api: Api
    tokens: Json

    @property
    def genuine(self) -> str:
        return str(self.tokens["jwtToken"])

    @property
    def header(self) -> Json:
        return jwt.get_unverified_header(self.genuine)

    @property
    def claims(self) -> Json:
        return jwt.decode(self.genuine, options={"verify_signature": False})

    @property
    def public_pem(self) -> bytes:
        public = self.api.serving.signing_keys.public[self.header["kid"]]
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def ours(self, **changes: Any) -> str:
        """Changed claims under the deployment's own signature: what would follow from a bug of ours."""
        keys = self.api.serving.signing_keys
        return by_hand(self.header, self.claims | changes, keys.private.sign)


def packed(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def by_hand(header: Json, claims: Json, sign: Callable[[bytes], bytes] | None) -> str:
    """A token put together by hand, since libraries refuse to make such."""
    text = f"{packed(header)}.{packed(claims)}"
    return f"{text}.{packed(b'' if sign is None else sign(text.encode()))}"


def forged(target: Target, **header: Any) -> str:
    """The genuine claims, signed by the forger's key under a header of his choice."""
    kept = {name: value for name, value in (target.header | header).items() if value is not None}
    return by_hand(kept, target.claims, FORGER.sign)


def hs256(target: Target, secret: bytes) -> str:
    header = target.header | {"alg": "HS256"}
    return by_hand(header, target.claims, lambda text: hmac.digest(secret, text, hashlib.sha256))


def other_claims(target: Target, **changes: Any) -> str:
    """The genuine header and signature around other claims."""
    head, _, signature = target.genuine.split(".")
    return f"{head}.{packed(target.claims | changes)}.{signature}"


def jwk() -> Json:
    return {"kty": "OKP", "crv": "Ed25519", "x": packed(FORGER.public_key().public_bytes_raw())}


ATTACKS: dict[str, Callable[[Target], str]] = {
    "alg none": lambda t: by_hand(t.header | {"alg": "none"}, t.claims, None),
    "alg nOnE": lambda t: by_hand(t.header | {"alg": "nOnE"}, t.claims, None),
    "alg none with the signature": lambda t: by_hand(t.header | {"alg": "none"}, t.claims, FORGER.sign),
    "alg empty": lambda t: by_hand(t.header | {"alg": ""}, t.claims, None),
    "alg missing": lambda t: forged(t, alg=None),
    "alg a list": lambda t: forged(t, alg=["EdDSA"]),
    "no signature": lambda t: by_hand(t.header, t.claims, None),
    "HS256 with the public key in PEM": lambda t: hs256(t, t.public_pem),
    "HS256 with the public key's bytes": lambda t: hs256(
        t, t.api.serving.signing_keys.public[t.header["kid"]].public_bytes_raw()
    ),
    "HS256 with nothing": lambda t: hs256(t, b""),
    "HS256 with the API secret": lambda t: hs256(t, str(t.api.server.secret).encode()),
    "another's key under our kid": forged,
    "kid of nobody": lambda t: forged(t, kid="0" * 16),
    "kid missing": lambda t: forged(t, kid=None),
    "kid empty": lambda t: forged(t, kid=""),
    "kid a path": lambda t: forged(t, kid="../../../../dev/null"),
    "kid SQL": lambda t: forged(t, kid="x' UNION SELECT 'a'--"),
    "kid with NUL": lambda t: forged(t, kid=f"{t.header['kid']}\0"),
    "kid a list": lambda t: forged(t, kid=[t.header["kid"]]),
    "kid an object": lambda t: forged(t, kid={"kid": t.header["kid"]}),
    "a key brought along": lambda t: forged(t, jwk=jwk()),
    "a key brought along without kid": lambda t: forged(t, kid=None, jwk=jwk()),
    "a key to be fetched": lambda t: forged(t, kid=None, jku="http://127.0.0.1:1/keys", x5u="http://127.0.0.1:1/x"),
    "an unknown must": lambda t: forged(t, crit=["b64"], b64=False),
    "another user's number": lambda t: other_claims(t, sub="1", userId=1),
    "another partner": lambda t: other_claims(t, aud="partner-x", pid=1),
    "a later end": lambda t: other_claims(t, exp=t.claims["exp"] + 3600),
    "another issuer": lambda t: t.ours(iss="another deployment"),
    "no issuer": lambda t: t.ours(iss=""),
    "a list of issuers": lambda t: t.ours(iss=[t.claims["iss"]]),
    "typ refresh": lambda t: t.ours(typ="refresh"),
    "typ in capitals": lambda t: t.ours(typ="ACCESS"),
    "an audience of many": lambda t: t.ours(aud=[t.claims["aud"], "x"]),
    "an end as text": lambda t: t.ours(exp=str(t.claims["exp"])),
    "an end that is no number": lambda t: t.ours(exp=True),
    "an end after time": lambda t: t.ours(exp=10**30),
    "a partner that is no number": lambda t: t.ours(pid="x"),
    "a user that is no number": lambda t: t.ours(sub="x"),
    "the refresh token": lambda t: str(t.tokens["refreshToken"]),
    "one dot less": lambda t: t.genuine.rpartition(".")[0],
    "a dot more": lambda t: f"{t.genuine}.",
    "a dot before": lambda t: f".{t.genuine}",
    "two parts more": lambda t: f"{t.genuine}.{packed({})}.{packed({})}",
    "the genuine one twice": lambda t: f"{t.genuine}.{t.genuine}",
    "a comma and another": lambda t: f"{t.genuine}, {t.genuine}",
    "a space inside": lambda t: t.genuine.replace(".", ". ", 1),
    "cut short": lambda t: t.genuine[:-5],
    "the parts in another order": lambda t: ".".join(reversed(t.genuine.split("."))),
    "too long": lambda t: t.genuine + "A" * access_tokens.MAX_LENGTH,
}


@pytest.fixture(scope="module")
async def target(deployment: Api) -> Target:
    return Target(deployment, answered(await deployment.server.call("s2s_login", partnerUserId="alice")))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_opens_nothing(target: Target, attack: Callable[[Target], str]) -> None:
    """Refused by its own code: not as a failure of ours, and not let in by the good key beside it."""
    text = attack(target)
    assert text != target.genuine
    check_refused(await Caller(target.api.http, token=text).call("c2s_miners"), 401, "TOKEN_INVALID")
    headers = {KEY_HEADER: str(target.api.server.key), "Authorization": f"Bearer {text}"}
    for operation in ("c2s_miners", "c2s_collections"):
        response = await target.api.http.get(CONTRACT[operation][2], headers=headers)
        check_refused(response, 401, "TOKEN_INVALID")


async def test_the_genuine_one_still_opens(target: Target) -> None:
    """The same table would be no proof if nothing did."""
    caller = Caller(target.api.http, token=target.genuine)
    assert answered(await caller.call("c2s_miners")) == {"array": []}
    assert answered(await Caller(target.api.http, token=target.ours()).call("c2s_miners")) == {"array": []}


async def test_a_forger_learns_nothing(target: Target) -> None:
    """Whatever is wrong with a token, its holder is told the same few words, and no figure of it comes back."""
    said = set()
    for attack in ATTACKS.values():
        response = await Caller(target.api.http, token=attack(target)).call("c2s_miners")
        assert check_refused(response, 401, "TOKEN_INVALID") == {}
        said.add(response.json()["message"])
    assert said <= {
        "the token does not hold",
        "the token names no key of this deployment",
        "the token is no access token",
        "the token is too long",
    }


async def test_an_expired_token_opens_nothing(target: Target) -> None:
    """Also with an API key beside it; a refresh gives a new one."""
    long_ago = int((clock.wall_now() - dt.timedelta(hours=1)).timestamp())
    expired = target.ours(exp=long_ago, iat=long_ago - 900)
    check_refused(await Caller(target.api.http, token=expired).call("c2s_miners"), 401, "TOKEN_EXPIRED")
    headers = {KEY_HEADER: str(target.api.server.key), "Authorization": f"Bearer {expired}"}
    response = await target.api.http.get(CONTRACT["c2s_collections"][2], headers=headers)
    check_refused(response, 401, "TOKEN_EXPIRED")


async def test_a_token_of_another_deployment_opens_nothing(target: Target, server: str, template: str) -> None:
    """Same program, same issuer, same master key, same numbers: other signing keys."""
    async with open_shared_api(server, template) as other:
        theirs = answered(await other.server.call("s2s_login", partnerUserId="alice"))
        assert other.deployment.settings.issuer == target.api.deployment.settings.issuer
        assert answered(await other.server.with_token(theirs["jwtToken"]).call("c2s_miners")) == {"array": []}
        foreign = Caller(target.api.http, token=theirs["jwtToken"])
        check_refused(await foreign.call("c2s_miners"), 401, "TOKEN_INVALID")


async def test_a_token_of_another_partner_opens_only_its_own(target: Target) -> None:
    """The audience is held against the key beside it, and the data is always the token's own user's."""
    other = await target.api.another_partner()
    theirs = await other.user("alice")
    headers = {KEY_HEADER: str(target.api.server.key)}
    check_refused(await theirs.call("c2s_miners", headers), 401, "TOKEN_OF_OTHER_PARTNER")
    moved = Caller(target.api.http, token=target.ours(aud=other.world.partner.public_id))
    check_refused(await moved.call("c2s_miners", headers), 401, "TOKEN_OF_OTHER_PARTNER")


async def test_an_access_token_renews_nothing(target: Target) -> None:
    """Nor does one under another name: tokens of one sort are none of the other."""
    for text in (target.genuine, target.ours(typ="refresh"), f"hrr_{target.genuine}"):
        response = await target.api.server.call("s2s_refresh", refreshToken=text)
        check_refused(response, 401, "REFRESH_TOKEN_INVALID", "refreshToken")
        response = await target.api.server.call("c2s_refresh", refreshToken=text)
        check_refused(response, 401, "REFRESH_TOKEN_INVALID", "refreshToken")
