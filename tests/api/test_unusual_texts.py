"""Texts that no name should have: half an encoding, NUL, lone surrogates, far too long, wherever a text may stand.

None is our fault: each is taken as it is, or refused by a code that says where it stands. The values are few and named,
and each goes into every field of every operation; `test_bad_input.py` tries what chance brings.
"""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote, unquote

import httpx
import pytest

from hashrail import clock
from hashrail_client.signing import hex_digest
from tests.support import ton
from tests.support.api_client import CONTRACT, KEY_HEADER, Api, Caller, check_refused, internal_errors, open_shared_api

BALANCES = CONTRACT["s2s_balances"][2]
# Percent-encoded, as they stand in a query.
IN_A_QUERY = {
    "escaped escape": "50%25ff",
    "escaped escape of ASCII": "50%2541",
    "escaped half": "%25b1",
    "escaped overlong": "%25c0%2580",
    "escaped escape of an escape": "%252525ff",
    "not UTF-8": "%ff",
    "overlong NUL": "%c0%80",
    "surrogate": "%ed%a0%80",
    "beyond Unicode": "%f4%90%80%80",
    "NUL": "a%00b",
    "escaped NUL": "a%2500b",
    "half an escape": "50%2",
    "no escape": "50%zz",
    "percent": "%",
    "plus": "a+b",
    "byte order mark": "%ef%bb%bf",
    "override": "%e2%80%ae",
    "noncharacter": "%ef%bf%bf",
    "long": "x" * 5000,
}
# JSON texts, as they stand in a body.
IN_A_BODY = {
    "NUL": '"a\\u0000b"',
    "raw NUL": '"a\x00b"',
    "lone surrogate": '"\\ud800"',
    "two halves in the wrong order": '"\\udc00\\ud800"',
    "long": json.dumps("x" * 5000),
    "noncharacter": '"\\uffff"',
    "override": '"\\u202e"',
    "a name that is NUL": '{"\\u0000": 1}',
    "deep NUL": '[{"a": ["\\u0000"]}]',
}
IN_A_HEADER = {
    "Latin": "é",
    "NUL": "\x00",
    "long": "x" * 5000,
    "half": "%ff",
    "blank": " ",
    "comma": ",,",
    "JSON": '{"a":1}',
}
PARAMETERS = ("partnerUserId", "limit", "offset", "cursor", "startDate", "endDate", "groupByDays", "nftId", "other")
FIELDS = (
    *("partnerUserId", "externalId", "refreshToken", "toPartnerUserId", "walletAddress", "email", "tonWallet"),
    *("partnerId", "date", "scenario", "deposit", "nftId", "amount", "signature", "timestamp", "recvWindow"),
)
HEADERS = (
    *("x-partner-api-key", "authorization", "idempotency-key", "x-request-id", "x-forwarded-for", "if-none-match"),
    *("origin", "x-partner-signature", "x-partner-timestamp", "x-partner-recv-window", "content-type"),
)


PROOF = "connectItems.tonProof.proof."


@pytest.fixture(scope="module")
async def api(server: str, template: str) -> AsyncIterator[Api]:
    async with open_shared_api(server, template, trusted_proxies=["127.0.0.0/8"]) as opened:
        await opened.world.mine()
        await opened.world.user()
        yield opened


@pytest.fixture
async def already(api: Api) -> int:
    """Errors of ours that this process has seen before."""
    return await internal_errors(api)


async def get(caller: Caller, path: str, query: str, signed: str) -> httpx.Response:
    """A GET whose raw query is signed as `signed`."""
    assert caller.secret is not None
    target = f"{path}?{query}&signature={hex_digest(caller.secret, signed)}"
    return await caller.http.get(target, headers={KEY_HEADER: str(caller.key)})


@pytest.mark.parametrize("value", IN_A_QUERY.values(), ids=IN_A_QUERY)
async def test_a_query_however_it_is_signed(api: Api, already: int, value: str) -> None:
    """As it was sent, as it reads when it is decoded, and by somebody else."""
    query = f"partnerUserId={value}&timestamp={clock.wall_millis()}"
    for signed in (query, unquote(query), "of another request"):
        response = await get(api.server, BALANCES, query, signed)
        assert response.status_code < 500, (signed, response.text)
    assert await internal_errors(api) == already


async def test_a_decoded_text_that_is_none_is_no_form(api: Api) -> None:
    """What 50%25ff decodes to is not UTF-8 when it is read again: nobody can have meant it."""
    query = f"partnerUserId=50%25ff&timestamp={clock.wall_millis()}"
    check_refused(await get(api.server, BALANCES, query, unquote(query)), 401, "SIGNATURE_MISMATCH")
    check_refused(await get(api.server, BALANCES, query, query), 404, "USER_NOT_FOUND")


@pytest.mark.parametrize("operation", [name for name, (_, method, _, _) in CONTRACT.items() if method == "GET"])
async def test_every_parameter(api: Api, already: int, operation: str) -> None:
    alice = await api.user("alice")
    for name in PARAMETERS:
        for value in IN_A_QUERY.values():
            response = await api.server.raw("GET", f"{CONTRACT[operation][2]}?{name}={value}", headers=token(alice))
            assert response.status_code < 500, (name, value, response.text)
    assert await internal_errors(api) == already


@pytest.mark.parametrize("operation", [name for name, (_, method, _, _) in CONTRACT.items() if method == "POST"])
async def test_every_field(api: Api, already: int, operation: str) -> None:
    alice = await api.user("alice")
    path = CONTRACT[operation][2]
    for name in FIELDS:
        for text in IN_A_BODY.values():
            body = f'{{"{name}": {text}}}'.encode()
            response = await api.server.raw("POST", path, body, token(alice))
            assert response.status_code < 500, (name, text, response.text)
    assert await internal_errors(api) == already


async def test_a_nul_is_named_where_it_stands(api: Api) -> None:
    for name, sent in (
        ("partnerUserId", ("s2s_login", {"partnerUserId": "a\x00b"})),
        ("deposit.address", ("sandbox_chain", {"deposit": {"address": "a\x00b", "amount": 1}})),
    ):
        response = await api.server.call(sent[0], **sent[1])
        assert check_refused(response, 400, "FIELD_TEXT") == {"field": name}


def token(caller: Caller) -> dict[str, str]:
    return {"authorization": f"Bearer {caller.token}"}


@pytest.mark.parametrize("name", HEADERS)
async def test_every_header(api: Api, already: int, name: str) -> None:
    for operation in ("s2s_balances", "s2s_login", "c2s_miners", "c2s_refresh"):
        for value in IN_A_HEADER.values():
            request = api.server.request(operation, partnerUserId="alice")
            request.headers.raw.append((name.encode(), value.encode("latin-1")))
            response = await api.http.send(
                httpx.Request(request.method, request.url, headers=request.headers.raw, content=request.content)
            )
            assert response.status_code < 500, (operation, value, response.text)
    assert await internal_errors(api) == already


@pytest.mark.parametrize("path", ["/%ff", "/%00", "/%ed%a0%80", "/api/partner/%c0%af", "/" + quote("\ufffe"), "/%"])
async def test_every_path(api: Api, path: str) -> None:
    check_refused(await api.http.get(path), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 5000, "\uffff"], ids=["NUL", "surrogate", "long", "last"])
@pytest.mark.parametrize("path", ["account.address", "account.publicKey", PROOF + "payload", PROOF + "domain.value"])
async def test_a_wallets_proof(api: Api, already: int, path: str, text: str) -> None:
    body = ton.changed(ton.proof("a payload", domain="partner.example"), f"tonWallet.{path}", text)
    content = json.dumps(body).encode()
    headers = {KEY_HEADER: str(api.server.key)}
    response = await api.http.post(CONTRACT["c2s_check_proof"][2], content=content, headers=headers)
    assert 400 <= response.status_code < 500, response.text
    assert await internal_errors(api) == already
