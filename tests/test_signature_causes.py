"""A sandbox says why a signature does not hold: one row a mistake, each through HTTP. Production says nothing of it."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from hashrail import clock, db, partners
from hashrail.auth.signature import EXPLANATIONS
from hashrail_client.signing import sign_headers
from hashrail_client.wire import append_member, append_pair
from tests.api import CONTRACT, KEY_HEADER, Api, answered, check_refused, open_api, open_shared_api

MINERS, LOGIN = CONTRACT["s2s_miners"][2], CONTRACT["s2s_login"][2]
USER, MAIL = '"partnerUserId":"alice"', '"email":"a@example.com"'


@dataclass(frozen=True)
class Mistake:
    """What an integrator sent and what he signed; NOW stands for the time. A text that begins with { is a body.

    `secret` names whose secret he took, `hashed` how he made the digest, `written` how he wrote it down.
    """

    cause: str
    sent: str
    signed: str
    secret: str = "own"
    hashed: str = "hmac"
    written: str = "hex"
    code: str = "SIGNATURE_MISMATCH"


SECONDS = {"code": "TIMESTAMP_IN_SECONDS"}
QUERY, BODY = "partnerUserId=alice&timestamp=NOW", f'{{{USER},"timestamp":NOW}}'
MISTAKES = (
    Mistake("order", QUERY, "timestamp=NOW&partnerUserId=alice"),
    Mistake("order", f'{{{MAIL},{USER},"timestamp":NOW}}', f'{{{USER},{MAIL},"timestamp":NOW}}'),
    Mistake("sorted", "timestamp=NOW&partnerUserId=alice", QUERY),
    Mistake("sorted", f'{{{USER},{MAIL},"timestamp":NOW}}', f'{{{MAIL},{USER},"timestamp":NOW}}'),
    Mistake("spaces", BODY, '{"partnerUserId": "alice", "timestamp": NOW}'),
    Mistake("spaces", BODY, f"{BODY}\n"),
    Mistake("percent", "partnerUserId=a%26b&timestamp=NOW", "partnerUserId=a&b&timestamp=NOW"),
    Mistake("percent", "partnerUserId=%c3%a9&timestamp=NOW", "partnerUserId=%C3%A9&timestamp=NOW"),
    Mistake("plus", "partnerUserId=a+b&timestamp=NOW", "partnerUserId=a%20b&timestamp=NOW"),
    Mistake("plus", "partnerUserId=a%20b&timestamp=NOW", "partnerUserId=a+b&timestamp=NOW"),
    Mistake("seconds", "partnerUserId=alice&timestamp=SECONDS", "partnerUserId=alice&timestamp=SECONDS", **SECONDS),
    Mistake("seconds", f'{{{USER},"timestamp":SECONDS}}', f'{{{USER},"timestamp":SECONDS}}', **SECONDS),
    Mistake("secret-whitespace", QUERY, QUERY, secret="own with a newline"),
    Mistake("secret-whitespace", BODY, BODY, secret="own with a newline"),
    Mistake("other-secret", QUERY, QUERY, secret="another key"),
    Mistake("other-secret", BODY, BODY, secret="another key"),
    Mistake("other-secret", QUERY, QUERY, secret="rotated away"),
    Mistake("other-secret", QUERY, QUERY, secret="a revoked key"),
    Mistake("base64", QUERY, QUERY, written="base64", code="SIGNATURE_FORMAT"),
    Mistake("base64", BODY, BODY, written="base64", code="SIGNATURE_FORMAT"),
    Mistake("no-secret", QUERY, QUERY, hashed="sha256"),
    Mistake("no-secret", BODY, BODY, hashed="sha256"),
    Mistake("no-secret", BODY, BODY, secret="empty"),
    Mistake("not-hmac", BODY, BODY, hashed="sha256 of secret and text"),
    Mistake("escapes", '{"partnerUserId":"é","timestamp":NOW}', '{"partnerUserId":"\\u00e9","timestamp":NOW}'),
    Mistake(
        "numbers", '{"amount":0.1234567890123456789,"timestamp":NOW}', '{"amount":0.12345678901234568,"timestamp":NOW}'
    ),
    Mistake("empty", BODY, "{}"),
    Mistake("empty", QUERY, ""),
    Mistake("signature-in-text", BODY, f'{{{USER},"timestamp":NOW,"signature":""}}'),
    Mistake("signature-in-text", QUERY, f"{QUERY}&signature="),
    Mistake("left-out", BODY, f"{{{USER}}}"),
    Mistake("question-mark", QUERY, f"?{QUERY}"),
)


@dataclass
class Partner:
    """A partner with several secrets, and a process that is a sandbox and one that is not."""

    sandbox: Api
    production: httpx.AsyncClient
    secrets: dict[str, str]

    def request(self, mistake: Mistake) -> tuple[str, httpx.Request]:
        """The text that he sent without its signature, and the request."""
        now = clock.wall_millis()
        sent, signed = (
            text.replace("NOW", str(now)).replace("SECONDS", str(now // 1000))
            for text in (mistake.sent, mistake.signed)
        )
        written = self._written(mistake, signed)
        headers = {KEY_HEADER: str(self.sandbox.server.key)}
        if sent.startswith("{"):
            body = append_member(sent, "signature", f'"{written}"').encode()
            return sent, self.sandbox.http.build_request("POST", LOGIN, content=body, headers=headers)
        query = append_pair(sent, "signature", written.replace("+", "%2B"))
        return sent, self.sandbox.http.build_request("GET", f"{MINERS}?{query}", headers=headers)

    def _written(self, mistake: Mistake, signed: str) -> str:
        secret = self.secrets[mistake.secret]
        digest = {
            "hmac": hmac.digest(secret.encode(), signed.encode(), "sha256"),
            "sha256": hashlib.sha256(signed.encode()).digest(),
            "sha256 of secret and text": hashlib.sha256((secret + signed).encode()).digest(),
        }[mistake.hashed]
        return base64.b64encode(digest).decode() if mistake.written == "base64" else digest.hex()


@pytest.fixture(scope="module")
async def partner(server: str, template: str) -> AsyncIterator[Partner]:
    async with open_shared_api(server, template) as api:
        dsn = str(api.deployment.settings.database_url)
        async with open_api(api.world, dsn, mode="production") as production:
            yield Partner(api, production.http, await secrets_of(api))


async def secrets_of(api: Api) -> dict[str, str]:
    """What the partner could have signed with."""
    rotated, another, revoked = [await api.key() for _ in range(3)]
    secrets = {"another key": another.secret, "a revoked key": revoked.secret, "rotated away": rotated.secret}
    partner_id, vault = api.world.partner.id, api.deployment.vault
    async with db.transaction(api.world.pool) as tx:
        await partners.revoke_key(tx, partner_id=partner_id, key_id=revoked.key_id)
        renewed = await partners.rotate_key(tx, vault, partner_id=partner_id, key_id=rotated.key_id)
        await partners.revoke_old_secret(tx, partner_id=partner_id, key_id=rotated.key_id)
    api.server = type(api.server)(api.http, rotated.key, renewed.secret)
    own = str(renewed.secret)
    return {name: str(secret) for name, secret in secrets.items()} | {
        "own": own,
        "own with a newline": f"{own}\n",
        "empty": "",
    }


def name_of(mistake: Mistake) -> str:
    return f"{mistake.cause}-{'body' if mistake.sent.startswith('{') else 'query'}"


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_of)
async def test_a_sandbox_names_the_mistake(partner: Partner, mistake: Mistake) -> None:
    sent, request = partner.request(mistake)
    details = check_refused(await partner.sandbox.http.send(request), 401, mistake.code)
    assert (details["signedText"], details["cause"]) == (sent, mistake.cause)
    assert details["explanation"] == EXPLANATIONS[mistake.cause]


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_of)
async def test_production_tells_none_of_it(partner: Partner, mistake: Mistake) -> None:
    _, request = partner.request(mistake)
    details = check_refused(await partner.production.send(request), 401, mistake.code)
    assert details.keys() <= {"serverTime", "skewMs", "recvWindow"}
    assert (details == {}) is (mistake.code != "TIMESTAMP_IN_SECONDS")


def test_every_cause_has_a_row() -> None:
    assert {mistake.cause for mistake in MISTAKES} | {"other-body"} == set(EXPLANATIONS)


async def test_the_signature_of_another_body(partner: Partner) -> None:
    """Signed once and sent with another body: a body field, or the same signature in headers."""
    api, now = partner.sandbox, clock.wall_millis()
    secret = partner.secrets["own"].encode()
    first = f'{{{USER},"timestamp":{now}}}'
    digest = hmac.digest(secret, first.encode(), "sha256").hex()
    headers = {KEY_HEADER: str(api.server.key)}

    async def send(text: str, http: httpx.AsyncClient = api.http) -> httpx.Response:
        body = append_member(text, "signature", f'"{digest.upper()}"').encode()
        return await http.post(LOGIN, content=body, headers=headers)

    changed = first.replace("alice", "bob")
    assert check_refused(await send(changed), 401, "SIGNATURE_MISMATCH")["cause"] is None
    assert answered(await send(first))["partnerUserId"] == "alice"
    details = check_refused(await send(changed), 401, "SIGNATURE_MISMATCH")
    assert (details["cause"], details["signedText"]) == ("other-body", changed)
    assert check_refused(await send(changed, partner.production), 401, "SIGNATURE_MISMATCH") == {}
    body = f"{{{USER}}}".encode()
    signed = headers | sign_headers(partner.secrets["own"], now, "POST", LOGIN, "", body)
    assert answered(await api.http.post(LOGIN, content=body, headers=signed))["partnerUserId"] == "alice"
    response = await api.http.post(LOGIN, content=body.replace(b"alice", b"bob"), headers=signed)
    assert check_refused(response, 401, "SIGNATURE_MISMATCH")["cause"] == "other-body"


async def test_what_nothing_explains(partner: Partner) -> None:
    """Another partner's secret is not looked up, nor is its signature known here."""
    other = await partner.sandbox.another_partner()
    partner.secrets["another partner"] = str(other.server.secret)
    _, request = partner.request(Mistake("", QUERY, QUERY, secret="another partner"))
    details = check_refused(await partner.sandbox.http.send(request), 401, "SIGNATURE_MISMATCH")
    assert (details["cause"], details["explanation"]) == (None, None)


async def test_the_newest_secrets_are_looked_at(partner: Partner) -> None:
    """Newest first, without the key's own live ones, and no more than asked for."""
    api = partner.sandbox
    async with db.transaction(api.world.pool) as tx:
        key = await partners.load_key(tx, api.deployment.vault, str(api.server.key))
        assert key is not None
        every = await partners.secrets_beside(tx, api.deployment.vault, key)
        newest = await partners.secrets_beside(tx, api.deployment.vault, key, at_most=1)
    assert key.live_secrets == (partner.secrets["own"],)
    assert newest == every[:1] == (partner.secrets["a revoked key"],)
    assert set(every) >= {partner.secrets[name] for name in ("another key", "a revoked key", "rotated away")}
    assert partner.secrets["own"] not in every
