"""A sandbox says why a signature does not hold: one row a mistake, each through HTTP. Production says nothing of it."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.access.signatures import EXPLANATIONS
from hashrail_client.signing import sign_headers
from hashrail_client.wire import append_member, append_pair
from tests.support.api_client import (
    CONTRACT,
    KEY_HEADER,
    Api,
    answered,
    check_refused,
    nameless,
    open_api,
    pretend_production,
)

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
PYTHON_COMPACT = '{"partnerUserId":"alice","amount":1.0,"timestamp":NOW}'
MISTAKES = (
    Mistake("order", QUERY, "timestamp=NOW&partnerUserId=alice"),
    Mistake("order", f'{{{MAIL},{USER},"timestamp":NOW}}', f'{{{USER},{MAIL},"timestamp":NOW}}'),
    Mistake("sorted", "timestamp=NOW&partnerUserId=alice", QUERY),
    Mistake("sorted", f'{{{USER},{MAIL},"timestamp":NOW}}', f'{{{MAIL},{USER},"timestamp":NOW}}'),
    Mistake("spaces", BODY, '{"partnerUserId": "alice", "timestamp": NOW}'),
    Mistake("spaces", BODY, f"{BODY}\n"),
    Mistake("percent", "partnerUserId=a%26b&timestamp=NOW", "partnerUserId=a&b&timestamp=NOW"),
    Mistake("plus", "partnerUserId=a+b&timestamp=NOW", "partnerUserId=a%2Bb&timestamp=NOW"),
    Mistake("body-for-query", QUERY, '{"partnerUserId":"alice","timestamp":NOW}'),
    Mistake("query-for-body", BODY, QUERY),
    Mistake("spaces", '{"partnerUserId": "alice", "amount": 1.0, "timestamp": NOW}', PYTHON_COMPACT),
    Mistake("path", QUERY, f"{MINERS}?{QUERY}"),
    Mistake("path", BODY, f"{LOGIN}{BODY}"),
    Mistake("secret-decoded", BODY, BODY, hashed="hmac with the secret decoded"),
    Mistake("key-as-secret", QUERY, QUERY, secret="the key"),
    Mistake("other-hash", QUERY, QUERY, hashed="sha1", code="SIGNATURE_FORMAT"),
    Mistake("unknown-secret", QUERY, QUERY, secret="nobody's"),
    Mistake("unknown-secret", BODY, BODY, secret="nobody's"),
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
            "hmac with the secret decoded": hmac.digest(
                base64.urlsafe_b64decode(f"{self.secrets['own']}="), signed.encode(), "sha256"
            ),
            "sha1": hmac.digest(secret.encode(), signed.encode(), "sha1"),
            "sha256": hashlib.sha256(signed.encode()).digest(),
            "sha256 of secret and text": hashlib.sha256((secret + signed).encode()).digest(),
        }[mistake.hashed]
        return base64.b64encode(digest).decode() if mistake.written == "base64" else digest.hex()


@pytest.fixture(scope="module")
async def partner(deployment: Api) -> AsyncIterator[Partner]:
    dsn = str(deployment.deployment.settings.database_url)
    async with open_api(deployment.world, dsn) as production:
        pretend_production(production)
        yield Partner(deployment, production.http, await secrets_of(deployment))


async def secrets_of(api: Api) -> dict[str, str]:
    """What the partner could have signed with."""
    rotated, another, revoked = [await api.key() for _ in range(3)]
    secrets = {"another key": another.secret, "a revoked key": revoked.secret, "rotated away": rotated.secret}
    partner_id, vault = api.world.partner.id, api.deployment.vault
    async with db.transaction(api.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=partner_id, key_id=revoked.key_id)
        renewed = await api_keys.rotate_key(tx, vault, partner_id=partner_id, key_id=rotated.key_id)
        await api_keys.revoke_old_secret(tx, partner_id=partner_id, key_id=rotated.key_id)
    api.server = type(api.server)(api.http, await nameless(api, rotated.key), renewed.secret)
    own = str(renewed.secret)
    return {name: str(secret) for name, secret in secrets.items()} | {
        "own": own,
        "own with a newline": f"{own}\n",
        "empty": "",
        "the key": str(api.server.key),
        "nobody's": "no secret of anybody",
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
    assert {mistake.cause for mistake in MISTAKES} | {"other-body", "place", "header-text"} == set(EXPLANATIONS)


async def test_a_signature_in_the_wrong_place(partner: Partner) -> None:
    """In the query of a POST, in the body of a GET, in another header, or in the right header over another text."""
    api, now, secret = partner.sandbox, clock.wall_millis(), partner.secrets["own"]
    body, query = f'{{{USER},"timestamp":{now}}}', f"partnerUserId=alice&timestamp={now}"
    over_body, over_query = (hmac.digest(secret.encode(), text.encode(), "sha256").hex() for text in (body, query))
    key, header = {KEY_HEADER: str(api.server.key)}, {"X-PARTNER-TIMESTAMP": str(now)}

    async def cause(code: str, method: str, target: str, content: str, headers: dict[str, str]) -> object:
        for http in (api.http, partner.production):
            response = await http.request(method, target, content=content, headers=key | headers)
            details = check_refused(response, 401, code)
            if http is partner.production:
                assert details == {}
                continue
            told = details["cause"], details["explanation"]
        assert told[1] == EXPLANATIONS[told[0]]
        return told[0]

    missing, mismatch = "SIGNATURE_MISSING", "SIGNATURE_MISMATCH"
    assert await cause(missing, "POST", f"{LOGIN}?signature={over_body}", body, {}) == "place"
    assert await cause(missing, "GET", f"{MINERS}?{query}", f'{{"signature":"{over_query}"}}', {}) == "place"
    assert await cause(missing, "POST", LOGIN, body, {"x-signature": over_body}) == "place"
    assert await cause(mismatch, "POST", LOGIN, body, header | {"X-PARTNER-SIGNATURE": over_body}) == "place"
    target = f"{MINERS}?{query}"
    assert await cause(mismatch, "GET", target, "", header | {"X-PARTNER-SIGNATURE": over_query}) == "place"
    assert await cause("TIMESTAMP_MISSING", "POST", LOGIN, body, {"X-PARTNER-SIGNATURE": over_body}) == "place"
    lines = sign_headers(secret, now, "POST", LOGIN, "", body.encode())["X-PARTNER-SIGNATURE"]
    assert await cause(mismatch, "POST", LOGIN, append_member(body, "signature", f'"{lines}"'), {}) == "place"
    other = sign_headers(secret, now, "GET", LOGIN, "", body.encode())
    assert await cause(mismatch, "POST", LOGIN, body, other) == "header-text"
    # Nothing is told of a signature that is nowhere.
    assert check_refused(await api.http.post(LOGIN, content=body, headers=key), 401, missing) == {}


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
    assert check_refused(await send(changed), 401, "SIGNATURE_MISMATCH")["cause"] == "unknown-secret"
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
    assert (details["cause"], details["explanation"]) == ("unknown-secret", EXPLANATIONS["unknown-secret"])


async def test_the_newest_secrets_are_looked_at(partner: Partner) -> None:
    """Newest first, without the key's own live ones, and no more than asked for."""
    api = partner.sandbox
    async with db.transaction(api.world.pool) as tx:
        key = await api_keys.load_key(tx, api.deployment.vault, str(api.server.key))
        assert key is not None
        every = await api_keys.secrets_beside(tx, api.deployment.vault, key)
        newest = await api_keys.secrets_beside(tx, api.deployment.vault, key, at_most=1)
    assert key.live_secrets == (partner.secrets["own"],)
    assert newest == every[:1] == (partner.secrets["a revoked key"],)
    assert set(every) >= {partner.secrets[name] for name in ("another key", "a revoked key", "rotated away")}
    assert partner.secrets["own"] not in every
