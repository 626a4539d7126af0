"""Bad input: every documented bound is a 4xx of its own code that names the field, and nothing is ever a 5xx.

`HASHRAIL_EXAMPLES=20000 pytest tests/api/test_bad_input.py` drives more random requests through every operation.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashrail import clock
from hashrail.api.operations import routes
from hashrail.api.serving import bodies, limits
from hashrail.errors import catalogue
from hashrail_client.signing import hex_digest, sign_headers
from hashrail_client.wire import append_member
from tests.support.api_client import (
    C2S,
    CONTRACT,
    KEY_HEADER,
    S2S,
    Api,
    Caller,
    an_offer,
    answered,
    buy,
    check_books,
    check_refused,
    exact,
    open_shared_api,
    settings_of,
)
from tests.support.good_fields import ADDRESS, RANGE, good

EXAMPLES = os.environ.get("HASHRAIL_EXAMPLES")
LOGIN, MINERS = CONTRACT["s2s_login"][2], CONTRACT["s2s_miners"][2]
MAX_NUMBER = 2**53 - 1


@pytest.fixture(scope="module")
async def api(deployment: Api, published: None) -> Api:
    """The deployment's first partner, for all tests: what is refused leaves nothing behind."""
    await deployment.world.user()
    return deployment


@pytest.fixture(scope="module")
async def alice(api: Api) -> Caller:
    return await api.user("alice")


# Bounds of fields: those of the contract are held by tests/house/test_contract.py

FILES = {"s2s_statement_csv"}
# Nobody looks at what is sent for figures that are for anybody's page.
ANYBODY = {route.name for route in routes.OPERATIONS if route.is_for_anybody}
BODIES = [name for name, (_, method, _, _) in CONTRACT.items() if method == "POST" and name not in ANYBODY]
# Programs that ask the vendor's app send more than counts here.
CLOSED_BODIES = [name for name in BODIES if not name.startswith("app_")]


@pytest.mark.parametrize("text", ["x" * 255, "😀" * 255, "\u0001", " ", "\\\"'/", "\u2028"])
async def test_texts_that_are_fine(api: Api, text: str) -> None:
    assert answered(await api.server.call("s2s_login", partnerUserId=text))["partnerUserId"] == text
    assert answered(await api.server.call("s2s_miners", partnerUserId=text)) == {"array": []}


@pytest.mark.parametrize(
    ("operation", "name"),
    [("s2s_payment_create", "userId"), ("s2s_payment_create", "nftCollectionId"), ("s2s_payment_success", "userId")],
)
async def test_the_greatest_id_is_one(api: Api, operation: str, name: str) -> None:
    response = await api.server.call(operation, **good(operation) | {name: MAX_NUMBER})
    assert response.status_code == 404


@pytest.mark.parametrize("value", ["", 7, "x" * 4097, "a\x00b"], ids=lambda value: repr(value)[:10])
async def test_the_email_and_the_refresh_token(api: Api, value: object) -> None:
    kinds = {"": "FIELD_OUT_OF_BOUNDS", "a\x00b": "FIELD_TEXT", "x" * 4097: "FIELD_OUT_OF_BOUNDS"}
    code = kinds.get(value, "FIELD_TYPE") if isinstance(value, str) else "FIELD_TYPE"
    response = await api.server.call("s2s_login", partnerUserId="alice", email=value)
    check_refused(response, 400, code, "email")
    check_refused(await api.server.call("s2s_refresh", refreshToken=value), 400, code, "refreshToken")


async def caller_of(api: Api, operation: str) -> Caller:
    """Who may call it: the server, or a user with his token."""
    return await api.user("alice") if CONTRACT[operation][3] == "bearer" else api.server


@pytest.mark.parametrize("operation", [name for name in CONTRACT if good(name)])
async def test_missing_fields(api: Api, operation: str) -> None:
    caller = await caller_of(api, operation)
    if operation == "sandbox_advance":
        check_refused(await api.server.call(operation), 400, "ADVANCE_ONE_WAY", "days")
        return
    if operation == "sandbox_chain":
        assert answered(await api.server.call(operation))["scenario"] == "confirm"
        return
    for name in good(operation):
        fields = {key: value for key, value in good(operation).items() if key != name}
        check_refused(await caller.call(operation, **fields), 400, "FIELD_MISSING", name)


@pytest.mark.parametrize("operation", CLOSED_BODIES)
async def test_unknown_fields_of_a_body(api: Api, operation: str) -> None:
    caller = await caller_of(api, operation)
    for name in ("extra", "partner_user_id", "PartnerUserId", "ext`ra", "__proto__", "x" * 300, "ключ"):
        response = await caller.call(operation, **good(operation), **{name: 1})
        details = check_refused(response, 400, "FIELD_UNKNOWN")
        assert "`" in name or details["field"] == name


@pytest.mark.parametrize("operation", ["s2s_miners", "s2s_income_by_day", "s2s_collections", "c2s_collections"])
async def test_unknown_parameters_of_a_query_are_left_alone(api: Api, operation: str) -> None:
    fields = good(operation) | {"extra": "1"}
    assert (await api.server.call(operation, **fields)).status_code == 200


CASES = [
    *(("s2s_withdrawals", name, "partnerUserId") for name in ("partnerUserID", "partneruserid", "PARTNERUSERID")),
    *(("s2s_withdrawals", name, "limit") for name in ("Limit", "LIMIT")),
    ("s2s_upgrade_price", "nftID", "nftId"),
    ("s2s_income_by_day", "includeIncomesByNFTs", "includeIncomesByNfts"),
    ("c2s_miners", "Cursor", "cursor"),
    ("s2s_miners", "Signature", "signature"),
]


@pytest.mark.parametrize(("operation", "name", "meant"), CASES)
async def test_a_known_parameter_in_another_case_is_refused(api: Api, operation: str, name: str, meant: str) -> None:
    """It was meant: without it everybody's withdrawals would be answered in place of one user's."""
    caller = await caller_of(api, operation)
    response = await caller.call(operation, **(good(operation) | {name: "x", "extra": "1"}))
    assert check_refused(response, 400, "FIELD_UNKNOWN", name) == {"field": name}
    assert exact(response)["message"] == f"{name} is not a field of this operation, {meant} is"


# What is told of a bad field: plain words, none of them the library's


def withdrawing(**fields: object) -> tuple[str, dict[str, object]]:
    return "s2s_withdraw", {"partnerUserId": "alice", "walletAddress": ADDRESS, "amount": 1} | fields


def upgrading(**fields: object) -> tuple[str, dict[str, object]]:
    return "s2s_upgrade", {"data": {"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": 2} | fields}


def listing(**fields: object) -> tuple[str, dict[str, object]]:
    return "s2s_income", {"partnerUserId": "alice"} | fields


FRACTION = "a number with a fraction or an exponent"
DATA_TYPE = "data.type is none of its documented values"
TOLD: list[tuple[tuple[str, dict[str, object]], str, str]] = [
    (("s2s_withdrawal", {"id": "x"}), "FIELD_OUT_OF_BOUNDS", "id must be a whole number of at most 16 digits"),
    (("s2s_withdrawal", {"id": "1" * 17}), "FIELD_OUT_OF_BOUNDS", "id must be a whole number of at most 16 digits"),
    (("c2s_income", {"limit": "1000000"}), "FIELD_OUT_OF_BOUNDS", "limit must be 1 to 100"),
    (("c2s_income", {"limit": "101"}), "FIELD_OUT_OF_BOUNDS", "limit must be 1 to 100"),
    (("s2s_withdrawals", {"limit": "1000000"}), "FIELD_OUT_OF_BOUNDS", "limit must be 1 to 999"),
    (("s2s_withdrawals", {"limit": "0"}), "FIELD_OUT_OF_BOUNDS", "limit must be 1 to 999"),
    (listing(offset="-1"), "FIELD_OUT_OF_BOUNDS", "offset must be a whole number, 0 to 99999"),
    (listing(partnerUserId=""), "FIELD_OUT_OF_BOUNDS", "partnerUserId may not be empty"),
    (listing(partnerUserId="x" * 256), "FIELD_OUT_OF_BOUNDS", "partnerUserId must have at most 255 characters"),
    (
        ("s2s_income_by_day", {"partnerUserId": "alice", **RANGE, "includeIncomesByNfts": "yes"}),
        *("FIELD_OUT_OF_BOUNDS", "includeIncomesByNfts must be true or false"),
    ),
    (
        ("s2s_upgrade_price", {"type": "nftPowerUpgrade", "nftId": "x", "from": "1", "to": "2"}),
        *("FIELD_OUT_OF_BOUNDS", "nftId must be a whole number of at most 16 digits"),
    ),
    (
        ("s2s_upgrade_price", {"type": "nftPowerUpgrade", "nftId": "1.5", "from": "1", "to": "2"}),
        *("FIELD_OUT_OF_BOUNDS", "nftId must be a whole number of at most 16 digits"),
    ),
    (
        ("s2s_upgrade_price", {"type": "nftPowerUpgrade", "nftId": "1", "from": "-1", "to": "2"}),
        *("FIELD_OUT_OF_BOUNDS", "from must be a number that is not negative"),
    ),
    (
        ("s2s_upgrade_price", {"type": "nftPowerUpgrade", "nftId": "1", "from": "1", "to": "1e99"}),
        *("FIELD_OUT_OF_BOUNDS", "to must be below 10^20, with at most 18 decimals"),
    ),
    (("s2s_withdrawal", {"id": "1e16"}), "FIELD_OUT_OF_BOUNDS", "id must be a whole number of at most 16 digits"),
    (("s2s_withdrawal_cancel", {"id": None}), "FIELD_TYPE", "id may not be null"),
    (withdrawing(amount=None), "FIELD_TYPE", "amount may not be null"),
    (withdrawing(amount="1"), "FIELD_TYPE", "amount must be a number, not a text"),
    (withdrawing(amount="x"), "FIELD_TYPE", "amount must be a number, not a text"),
    (withdrawing(amount=True), "FIELD_TYPE", "amount must be a number, not true or false"),
    (withdrawing(amount=[]), "FIELD_TYPE", "amount must be a number, not a list"),
    (withdrawing(amount={}), "FIELD_TYPE", "amount must be a number, not an object"),
    (
        withdrawing(amount=-1),
        "FIELD_OUT_OF_BOUNDS",
        "amount must be more than 0, below 10^20, with at most 18 decimals",
    ),
    (withdrawing(partnerUserId=7), "FIELD_TYPE", "partnerUserId must be a text, not a whole number"),
    (("s2s_withdrawal_cancel", {"id": "1"}), "FIELD_TYPE", "id must be a whole number, not a text"),
    (("s2s_withdrawal_cancel", {"id": Decimal("1.5")}), "FIELD_TYPE", f"id must be a whole number, not {FRACTION}"),
    (("s2s_withdrawal_cancel", {"id": 0}), "FIELD_OUT_OF_BOUNDS", "id must be at least 1"),
    (("s2s_withdrawal_cancel", {"id": 2**53}), "FIELD_OUT_OF_BOUNDS", f"id must be at most {MAX_NUMBER}"),
    (upgrading(type="x"), "FIELD_OUT_OF_BOUNDS", DATA_TYPE),
    (upgrading(type=7), "FIELD_TYPE", "data.type must be a text"),
    (upgrading(fromPower=None), "FIELD_TYPE", "data.fromPower may not be null"),
    (("s2s_upgrade", {"data": []}), "FIELD_TYPE", "data must be an object, not a list"),
    (("sandbox_chain", {"scenario": "boom"}), "FIELD_OUT_OF_BOUNDS", "scenario is none of its documented values"),
    (
        ("sandbox_chain", {"deposit": {"address": "", "amount": 1}}),
        *("FIELD_OUT_OF_BOUNDS", "deposit.address may not be empty"),
    ),
]


@pytest.mark.parametrize(("asked", "code", "message"), TOLD)
async def test_what_is_wrong_with_a_field(
    api: Api, asked: tuple[str, dict[str, object]], code: str, message: str
) -> None:
    operation, sent = asked
    response = await (await caller_of(api, operation)).call(operation, **sent)
    check_refused(response, 400, code, message.partition(" ")[0])
    assert exact(response)["message"] == message


async def test_numbers_that_no_number_can_be(api: Api) -> None:
    """A number beyond every bound where a text belongs is told in words too."""
    body = b'{"partnerUserId":1e400}'
    assert exact(await api.server.raw("POST", LOGIN, body))["message"] == "partnerUserId is beyond every bound"
    for word in ("NaN", "Infinity", "-Infinity"):
        response = await api.server.raw("POST", LOGIN, f'{{"partnerUserId":{word}}}'.encode())
        check_refused(response, 400, "BODY_NOT_JSON")
        assert exact(response)["message"] == f"the body is not JSON: {word} is no JSON number"


LIBRARY = re.compile(r"`|regex|\bdecimal\b|\bstr\b|\bint\b|\bbool\b|\^\[|\(\?")


# Bodies that cannot be read


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b" ", "BODY_NOT_JSON"),
        (b"{", "BODY_NOT_JSON"),
        (b"{}{}", "BODY_NOT_JSON"),
        (b"{'a':1}", "BODY_NOT_JSON"),
        (b'{"a":1,}', "BODY_NOT_JSON"),
        (b'{"a":01}', "BODY_NOT_JSON"),
        (b'{"a":NaN}', "BODY_NOT_JSON"),
        (b'{"a":Infinity}', "BODY_NOT_JSON"),
        (b'{"a":-Infinity}', "BODY_NOT_JSON"),
        (b'{"a":1e401}', "BODY_NOT_JSON"),
        (b'{"a":1e-401}', "BODY_NOT_JSON"),
        (b'{"a":1e99999999999999999999}', "BODY_NOT_JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "BODY_NOT_JSON"),
        (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "BODY_NOT_JSON"),
        (b"[" * 60_000, "BODY_NOT_JSON"),
        (b'{"a":"\n"}', "BODY_NOT_JSON"),
        (b"\xef\xbb\xbf{}", "BODY_NOT_JSON"),
        (b'{"a":"\xff"}', "BODY_NOT_UTF8"),
        (b'{"a":"\xed\xa0\x80"}', "BODY_NOT_UTF8"),
        (b'{"a":"\xc0\xaf"}', "BODY_NOT_UTF8"),
        ('{"a":1}'.encode("utf-16"), "BODY_NOT_UTF8"),
        (b"null", "BODY_NOT_OBJECT"),
        (b"[]", "BODY_NOT_OBJECT"),
        (b'"text"', "BODY_NOT_OBJECT"),
        (b"7", "BODY_NOT_OBJECT"),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("operation", BODIES)
async def test_unreadable_bodies(api: Api, operation: str, body: bytes, code: str) -> None:
    refused = await api.server.raw("POST", CONTRACT[operation][2], body)
    if CONTRACT[operation][3] == "bearer" and len(body) > limits.LARGE:
        # Who asks is seen before something large is read, and nobody asked.
        check_refused(refused, 401, "TOKEN_MISSING")
    else:
        check_refused(refused, 400, code)


@pytest.mark.parametrize("operation", BODIES)
async def test_names_sent_twice(api: Api, operation: str) -> None:
    path = CONTRACT[operation][2]
    for body, name in (
        (b'{"partnerUserId":"alice","partnerUserId":"bob"}', "partnerUserId"),
        (b'{"partnerUserId":"alice","partner\\u0055serId":"bob"}', "partnerUserId"),
        (b'{"signature":"a","signature":"b"}', "signature"),
        (b'{"x":{"y":{"z":1,"z":1}}}', "z"),
        (b'{"x":[{"y":1,"y":2}]}', "y"),
        (b'{"\\ud800":1,"\\ud800":2}', "\\ud800"),
    ):
        check_refused(await api.server.raw("POST", path, body), 400, "DUPLICATE_FIELD", name)


@pytest.mark.parametrize("operation", [name for name, (_, method, _, _) in CONTRACT.items() if method == "GET"])
async def test_parameters_sent_twice(api: Api, operation: str) -> None:
    path = CONTRACT[operation][2]
    for query, name in (
        ("limit=1&limit=2", "limit"),
        ("limit=1&li%6Dit=1", "limit"),
        ("a=1&b=2&a=", "a"),
        ("signature=1&signature=2", "signature"),
    ):
        check_refused(await api.server.raw("GET", f"{path}?{query}"), 400, "DUPLICATE_FIELD", name)
    for query in ("partnerUserId=%ff", "partnerUserId=%ED%A0%80", "%ff=1", "a=%c0%af"):
        check_refused(await api.server.raw("GET", f"{path}?{query}"), 400, "QUERY_NOT_UTF8")


async def test_lone_surrogates(api: Api) -> None:
    """JSON can escape half a character; no database can store it."""
    for text in ('"\\ud800"', '"a\\udfffb"', '"\\udc00\\ud800"'):
        body = f'{{"partnerUserId":{text}}}'.encode()
        check_refused(await api.server.raw("POST", LOGIN, body), 400, "BODY_MALFORMED")
        body = f'{{"partnerUserId":"alice",{text}:1}}'.encode()
        check_refused(await api.server.raw("POST", LOGIN, body), 400, "BODY_MALFORMED")
    body = b'{"partnerUserId":"\\ud83d\\ude00"}'
    assert answered(await api.server.raw("POST", LOGIN, body))["partnerUserId"] == "😀"


async def test_large_numbers_where_none_belongs(api: Api) -> None:
    for number, code in (
        ("1e400", "FIELD_OUT_OF_BOUNDS"),
        ("-1e400", "FIELD_OUT_OF_BOUNDS"),
        ("1" + "0" * 400, "FIELD_OUT_OF_BOUNDS"),
        ("0." + "0" * 300 + "1", "FIELD_TYPE"),
        ("123456789.123456789e-5", "FIELD_TYPE"),
    ):
        body = f'{{"partnerUserId":{number}}}'.encode()
        check_refused(await api.server.raw("POST", LOGIN, body), 400, code, "partnerUserId")


# Size


def of_size(size: int) -> bytes:
    """A login body of exactly so many bytes."""
    body = json.dumps({"partnerUserId": "alice"}).encode()
    return body + b" " * (size - len(body))


async def test_bodies_have_64_kib_at_most(api: Api) -> None:
    assert bodies.LARGEST_BODY == 65536
    assert answered(await api.server.raw("POST", LOGIN, of_size(65536)))["partnerUserId"] == "alice"
    for size in (65537, 200_000):
        check_refused(await api.server.raw("POST", LOGIN, of_size(size)), 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("operation", BODIES)
async def test_a_chunked_body_is_counted_too(api: Api, operation: str) -> None:
    async def chunks(size: int) -> AsyncIterator[bytes]:
        body = of_size(size)
        for start in range(0, size, 10_000):
            yield body[start : start + 10_000]

    path = CONTRACT[operation][2]
    request = api.http.build_request("POST", path, content=chunks(70_000))
    assert "content-length" not in request.headers
    check_refused(await api.http.send(request), 413, "BODY_TOO_LARGE")
    assert api.server.secret is not None
    headers = sign_headers(api.server.secret, clock.wall_millis(), "POST", LOGIN, "", of_size(65536))
    request = api.http.build_request(
        "POST", LOGIN, content=chunks(65536), headers=headers | {KEY_HEADER: str(api.server.key)}
    )
    assert answered(await api.http.send(request))["partnerUserId"] == "alice"


async def test_a_body_that_says_another_length(api: Api) -> None:
    for length in ("abc", "-1", "1.5", "99999999999999999999"):
        request = api.http.build_request("POST", LOGIN, content=b"{}", headers={"content-length": length})
        response = await api.http.send(request)
        assert 400 <= response.status_code < 500, response.text
        check_refused(response, response.status_code, exact(response)["error"])


# Routes and methods


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/partner",
        f"{S2S}/nothing",
        f"{LOGIN}/x",
        f"{C2S}/nft",
        "/healthz/x",
        "/%00",
        "/%ff",
        "//",
        "/API/partner",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_routes(api: Api, path: str, method: str) -> None:
    details = check_refused(await api.http.request(method, path), 404, "ROUTE_NOT_FOUND")
    assert list(details) == ["path"]


@pytest.mark.parametrize("operation", list(CONTRACT))
async def test_other_methods(api: Api, operation: str) -> None:
    _, method, path, _ = CONTRACT[operation]
    other = "POST" if method == "GET" else "GET"
    for wrong in (other, "PUT", "PATCH", "DELETE", "BREW"):
        details = check_refused(await api.http.request(wrong, path), 405, "METHOD_NOT_ALLOWED")
        assert details == {"method": wrong}


# Whatever comes


ROUTES = {route.name: route for _, route in routes.routes(settings_of("postgresql://nowhere"))}


def names(operation: str) -> list[str]:
    """The fields that an operation knows, and some that it does not."""
    known = [one.encode_name for one in msgspec.structs.fields(ROUTES[operation].model)]
    return [*(name for name in known if name not in ("signature", "timestamp")), "extra", ""]


TEXT = st.text(st.characters(codec=None, categories=None), max_size=30)  # lone surrogates and NUL included
# Small or beyond every bound, so that no drawn step takes the sandbox through ten years.
NUMBERS = st.one_of(st.integers(-2, 2), st.integers(min_value=MAX_NUMBER), st.integers(max_value=-MAX_NUMBER))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.floats(),
    TEXT,
    st.sampled_from(["alice", "x" * 256, "true", "2026-03-01T00:00:00Z", "2026-03-05", "1", "0", "99999", "crash"]),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *(
                "authorization",
                "idempotency-key",
                "x-request-id",
                "content-type",
                "x-forwarded-for",
                "origin",
                "cookie",
            ),
            *("accept-encoding", "x-partner-recv-window", "transfer-encoding", "expect", "host", "content-encoding"),
        ]
    ),
    st.one_of(st.binary(max_size=40), st.sampled_from([b"Bearer x", b"Bearer e30.e30.e30", b"1", b"gzip", b"chunked"])),
    max_size=2,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, Any], bytes | None, dict[str, bytes]]:
    """(operation, fields to send well signed, or bytes to send as they are, headers)."""
    operation = draw(st.sampled_from(list(CONTRACT)))
    keys = st.one_of(st.sampled_from(names(operation)), TEXT)
    fields = draw(st.dictionaries(keys, VALUES, max_size=4))
    if draw(st.booleans()):
        fields = good(operation) | {name: value for name, value in fields.items() if draw(st.booleans())}
    junk = draw(st.one_of(st.none(), st.none(), st.binary(max_size=60)))
    return operation, fields, junk, draw(HEADERS)


class Target:
    """A deployment on a loop of its own, since the property test is no coroutine."""

    def __init__(self, server: str, template: str) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.api = self.runner.run(self._open(server, template))

    async def _open(self, server: str, template: str) -> Api:
        api = await self.stack.enter_async_context(open_shared_api(server, template))
        await api.world.mine()
        await api.user("alice")
        # No request names her, so that none ends her session.
        self.carol = await api.user("carol")
        user = await api.world.user()
        await buy(api.world, user.id)
        offer = await an_offer(api.world)
        facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "x"}
        answered(await api.server.call("s2s_payment_create", **facts))
        return api

    def close(self) -> None:
        """Audit what is left, and go."""
        self.runner.run(check_books(self.api.world))
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def build(
        self, operation: str, fields: dict[str, Any], junk: bytes | None, extra: dict[str, bytes]
    ) -> httpx.Request:
        """The request, signed over whatever it says."""
        _, method, path, auth = CONTRACT[operation]
        secret, now = str(self.api.server.secret), clock.wall_millis()
        headers = {KEY_HEADER: str(self.api.server.key).encode()}
        if "bearer" in auth:
            headers["authorization"] = f"Bearer {self.carol.token}".encode()
        query, body = b"", b""
        if junk is not None:
            query, body = (quote_from_bytes(junk, safe="=&%").encode(), b"") if method == "GET" else (b"", junk)
            signed = sign_headers(secret, now, method, path, query.decode(), body)
            headers |= {name: value.encode() for name, value in signed.items()}
        elif method == "GET":
            pairs = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in fields.items()]
            text = urlencode([*pairs, ("timestamp", str(now))], errors="surrogatepass")
            query = f"{text}&signature={hex_digest(secret, text)}".encode()
        else:
            text = json.dumps(fields | {"timestamp": now})
            body = append_member(text, "signature", f'"{hex_digest(secret, text)}"').encode()
        url = f"{path}?{query.decode()}" if query else path
        raw = [(name.encode(), value) for name, value in (headers | extra).items()]
        return self.api.http.build_request(method, url, content=body, headers=raw)

    def send(self, request: httpx.Request) -> httpx.Response:
        return self.runner.run(self.api.http.send(request))


@pytest.fixture(scope="module")
def target(server: str, template: str) -> Iterator[Target]:
    opened = Target(server, template)
    yield opened
    opened.close()


CODES = {(kind.status, kind.code) for kind in catalogue()}
# Their queries know no field or one, so that little can be wrong with them.
HARD_TO_GET_WRONG = {
    *(
        "s2s_collections",
        "c2s_collections",
        "c2s_income_per_th",
        "exchange_rates",
        "c2s_deposit_address",
        "c2s_income_total",
    ),
    *("app_token_price", "app_platform", "app_marketplace", "app_home", "app_collections", "app_user", "app_nothing"),
    *("market_last_income", "market_collections", "market_upgrade_rates", "api_time", "api_errors", "proof_keys"),
    *("s2s_key", "sandbox_clock"),
}
HARD_TO_GET_RIGHT = {
    *("c2s_check_proof", "c2s_generate_payload", "c2s_refresh", "c2s_logout", "s2s_refresh"),
    *("c2s_wallet_bind", "s2s_wallet_bind", "c2s_read_token_revoke", "s2s_read_token_revoke"),
    *("s2s_payment_create", "s2s_payment_success", "s2s_transfer", "s2s_upgrade", "s2s_upgrade_price"),
    # Nobody makes the file of what was asked for.
    *("s2s_export", "s2s_export_content"),
    # No day was signed, and nothing of what is owed.
    *("proof_day", "proof_liabilities", "s2s_proof_balance", "c2s_proof_balance"),
    # A chain that is simulated has no coins to prove.
    "proof_reserves",
    # There is no endpoint of that number.
    *(f"s2s_webhook_{verb}" for verb in ("update", "delete", "rotate", "test", "deliveries", "replay")),
    *("s2s_withdraw", "s2s_withdraw_fast", "s2s_withdrawal", "s2s_withdrawal_cancel", "sandbox_advance"),
    *("sandbox_pay", "sandbox_late_notice", "sandbox_chargeback"),
}


def test_nothing_is_ever_our_fault(target: Target) -> None:
    seen: set[tuple[str, int]] = set()

    @settings(
        max_examples=int(EXAMPLES or 2400),
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(asked=requests())
    def drive(asked: tuple[str, dict[str, Any], bytes | None, dict[str, bytes]]) -> None:
        response = target.send(target.build(*asked))
        assert response.status_code < 500, response.text
        assert response.headers["x-request-id"]
        assert response.headers["x-server-time"].isdigit()
        seen.add((asked[0], response.status_code))
        if response.status_code == 200 and asked[0] in FILES:
            assert response.text.startswith("date,type,")
            return
        body = exact(response)
        if response.status_code == 200:
            assert "data" in body
        else:
            assert (response.status_code, body["error"]) in CODES
            check_refused(response, response.status_code, body["error"])
            if body["error"] in ("FIELD_TYPE", "FIELD_OUT_OF_BOUNDS"):
                assert not LIBRARY.search(body["message"].removeprefix(str(body["details"]["field"])))

    # Of what Hypothesis wraps, its types do not tell.
    wrapped: Any = drive
    # Only what was bound before is unbound.
    for operation in (*CONTRACT, "s2s_wallet_unbind"):
        wrapped.hypothesis.inner_test((operation, good(operation), None, {}))
        # A wrong window is the signature's fault, and nothing else is looked at behind it.
        wrong = good(operation) | dict.fromkeys({*names(operation)} - {"recvWindow"}, "-")
        wrapped.hypothesis.inner_test((operation, wrong, None, {}))
        # What names no field is wrong where it is no object.
        wrapped.hypothesis.inner_test((operation, {}, b"[", {}))
    drive()
    # The requests were neither all good nor all bad.
    assert {operation for operation, _ in seen} == set(CONTRACT)
    assert {operation for operation, status in seen if status == 400} >= set(CONTRACT) - HARD_TO_GET_WRONG
    assert {operation for operation, status in seen if status == 200} >= set(CONTRACT) - HARD_TO_GET_RIGHT
