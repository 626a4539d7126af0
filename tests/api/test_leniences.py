"""Where the meaning is plain: null, whole numbers with a point, signatures that nobody asked for, HEAD, dates.

Each is tried with every operation that has such a field, so that a new one is lenient as well.
"""

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import inspect as models

from hashrail import clock
from hashrail.api.operations import routes
from hashrail.api.serving.operation import AnyOperation
from hashrail.clock import PLUS_HINT
from hashrail_client.signing import SIGNATURE_HEADER, sign_body, sign_headers, sign_query_text
from tests.support.api_client import CONTRACT, KEY_HEADER, Api, Caller, answered, check_refused, exact, settings_of
from tests.support.good_fields import RANGE, good

ROUTES: dict[str, AnyOperation] = {route.name: route for _, route in routes.routes(settings_of("postgresql://x"))}
POSTS = [name for name, one in ROUTES.items() if one.method == "POST" and not one.is_for_anybody]
UNSIGNED = [name for name in POSTS if CONTRACT[name][3] != "signed"]
GETS = [name for name, one in ROUTES.items() if one.method == "GET"]
# Readiness and metrics are answered by a listener of their own.
PAGES = ["/healthz", "/api/openapi.json"]
SIGNED_FIELDS = ("signature", "timestamp", "recvWindow")
MINERS, LOGIN = CONTRACT["s2s_miners"][2], CONTRACT["s2s_login"][2]


@pytest.fixture(scope="module")
async def api(deployment: Api, published: None) -> Api:
    """The deployment's first partner, for all tests."""
    await deployment.world.user("alice")
    return deployment


@pytest.fixture
async def alice(api: Api) -> Caller:
    """Logged in for this test: others end all her sessions."""
    return await api.user("alice")


def fields_of(name: str) -> list[models.Field]:
    described = models.type_info(ROUTES[name].model)
    assert isinstance(described, models.StructType)
    return [field for field in described.fields if field.encode_name not in SIGNED_FIELDS]


def as_floats(value: Any) -> Iterator[Any]:
    """The same with one whole number of it written in another way: 7.0, 7e0."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from ({**value, name: other} for other in as_floats(member))
    elif type(value) is int:
        yield from (Decimal(f"{value}.0"), Decimal(f"{value}e0"))


def numbers_of(name: str) -> dict[str, Any]:
    """Good fields, and the sandbox's optional numbers."""
    return good(name) | ({"blocks": 0} if name == "sandbox_chain" else {})


async def raw_call(caller: Caller, name: str, members: Mapping[str, Any]) -> httpx.Response:
    """Send the members exactly as they are written, signed in headers where a signature is wanted."""
    body = "{" + ",".join(f'"{key}":{written(value)}' for key, value in members.items()) + "}"
    if CONTRACT[name][3] == "signed":
        return await caller.raw("POST", CONTRACT[name][2], body.encode())
    headers = {"Authorization": f"Bearer {caller.token}"} if CONTRACT[name][3] == "bearer" else {}
    if CONTRACT[name][3] == "key":
        headers[KEY_HEADER] = str(caller.key)
    return await caller.http.post(CONTRACT[name][2], content=body.encode(), headers=headers)


def written(value: Any) -> str:
    """JSON in which a Decimal stands as Python writes it."""
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{written(member)}' for key, member in value.items()) + "}"
    return str(value) if isinstance(value, Decimal) else msgspec.json.encode(value).decode()


# Bodies

NULLS = [(name, field.encode_name) for name in POSTS for field in fields_of(name) if not field.required]
WHOLE = [(name, other) for name in POSTS for other in as_floats(numbers_of(name))]


async def test_a_signature_of_a_wrong_type_is_told_beside_null(api: Api) -> None:
    """The headers sign, so that nothing else looks at it."""
    for more in ({}, {"timestamp": None, "recvWindow": None}):
        response = await raw_call(api.server, "s2s_income_per_th", {"signature": [1], **more})
        check_refused(response, 400, "FIELD_TYPE", "signature")


@pytest.mark.parametrize(("name", "field"), NULLS)
async def test_null_is_as_if_left_out(api: Api, alice: Caller, name: str, field: str) -> None:
    caller = alice if CONTRACT[name][3] == "bearer" else api.server
    fields = {key: value for key, value in good(name).items() if key != field}
    if name == "sandbox_advance" and field == "seconds":
        check_refused(await caller.call(name, seconds=None), 400, "ADVANCE_ONE_WAY")
        return
    left_out, null = await caller.call(name, **fields), await caller.call(name, **fields, **{field: None})
    assert (null.status_code, exact(null).get("error")) == (left_out.status_code, exact(left_out).get("error"))


def test_every_optional_field_is_tried() -> None:
    assert {("s2s_login", "email"), ("sandbox_chain", "deposit"), ("sandbox_advance", "scenario")} <= {*NULLS}
    assert len(WHOLE) >= 16


@pytest.mark.parametrize(("name", "fields"), WHOLE, ids=lambda value: value if isinstance(value, str) else "")
async def test_whole_numbers_with_a_point_or_an_exponent(
    api: Api, alice: Caller, name: str, fields: dict[str, Any]
) -> None:
    caller = alice if CONTRACT[name][3] == "bearer" else api.server
    response = await raw_call(caller, name, fields)
    assert exact(response).get("error") not in ("FIELD_TYPE", "FIELD_OUT_OF_BOUNDS", "BODY_MALFORMED"), response.text


async def test_a_whole_number_is_exactly_that_number(api: Api) -> None:
    for text, status, code in (
        ("1e3", 409, "TRANSFER_TO_SELF"),
        ("9007199254740992.0", 400, "FIELD_OUT_OF_BOUNDS"),
        ("1.5", 400, "FIELD_TYPE"),
    ):
        members = {"partnerUserId": "alice", "nftId": Decimal(text), "toPartnerUserId": "alice"}
        check_refused(await raw_call(api.server, "s2s_transfer", members), status, code)
    moment = f"{clock.wall_millis()}.0"
    body = sign_body(str(api.server.secret), {"partnerUserId": "alice", "timestamp": int(moment[:-2])})
    spelled = body.replace(moment[:-2].encode(), moment.encode())
    response = await api.http.post(LOGIN, content=spelled, headers={KEY_HEADER: str(api.server.key)})
    assert answered(response)["partnerUserId"] == "alice"


async def test_an_empty_signed_body(api: Api) -> None:
    """It is {}, and what is signed is that nothing was sent."""
    path = CONTRACT["s2s_income_per_th"][2]
    assert answered(await api.server.raw("POST", path, b""))["btcRate"] > 0
    check_refused(await api.server.raw("POST", LOGIN, b""), 400, "FIELD_MISSING", "partnerUserId")
    headers = sign_headers(str(api.server.secret), clock.wall_millis(), "POST", path, "", b"{}")
    response = await api.http.post(path, content=b"", headers=headers | {KEY_HEADER: str(api.server.key)})
    assert hashlib.sha256(b"").hexdigest() in check_refused(response, 401, "SIGNATURE_MISMATCH")["signedText"]


# Signatures that nobody asked for


async def signed_call(api: Api, alice: Caller, name: str, secret: str, key: str | None) -> httpx.Response:
    content = sign_body(secret, {**good(name), "timestamp": clock.wall_millis()})
    headers = {"Authorization": f"Bearer {alice.token}"} if CONTRACT[name][3] == "bearer" else {}
    return await api.http.post(CONTRACT[name][2], content=content, headers=headers | ({KEY_HEADER: key} if key else {}))


@pytest.mark.parametrize("name", UNSIGNED)
async def test_every_post_takes_a_signature_and_judges_it(api: Api, alice: Caller, name: str) -> None:
    key, secret = str(api.server.key), str(api.server.secret)
    plain = await raw_call(alice if CONTRACT[name][3] == "bearer" else api.server, name, good(name))
    signed = await signed_call(api, alice, name, secret, key)
    told, wanted = exact(signed), exact(plain)
    assert (signed.status_code, told.get("error")) == (plain.status_code, wanted.get("error"))
    assert told.get("details") == wanted.get("details")
    check_refused(await signed_call(api, alice, name, "another", key), 401, "SIGNATURE_MISMATCH")
    check_refused(await signed_call(api, alice, name, secret, None), 401, "API_KEY_MISSING")
    publishable = await api.key(kind="publishable")
    check_refused(await signed_call(api, alice, name, secret, publishable.key), 403, "KEY_CANNOT_SIGN")
    headers = {KEY_HEADER: key} | ({"Authorization": f"Bearer {alice.token}"} if CONTRACT[name][3] == "bearer" else {})
    half = msgspec.json.encode({**good(name), "timestamp": clock.wall_millis()})
    check_refused(await api.http.post(CONTRACT[name][2], content=half, headers=headers), 401, "SIGNATURE_MISSING")
    whole = sign_headers(secret, clock.wall_millis(), "POST", CONTRACT[name][2], "", b"{}") | headers
    response = await api.http.post(CONTRACT[name][2], content=b"{ }", headers=whole)
    check_refused(response, 401, "SIGNATURE_MISMATCH")


def test_every_post_can_carry_a_signature() -> None:
    assert UNSIGNED
    for name in POSTS:
        assert {field.encode_name for field in msgspec.structs.fields(ROUTES[name].model)} >= {*SIGNED_FIELDS}, name


# HEAD


def without_times(response: httpx.Response) -> dict[str, str]:
    changing = ("x-request-id", "x-server-time", "ratelimit", "ratelimit-policy")
    return {name: value for name, value in response.headers.items() if name not in changing}


@pytest.mark.parametrize("name", GETS)
async def test_head_answers_wherever_get_does(api: Api, alice: Caller, name: str) -> None:
    caller = alice if "bearer" in CONTRACT[name][3] else api.server
    request = caller.request(name, **good(name))
    got = await api.http.send(request)
    if name == "api_time":
        assert got.status_code == 200
    headers = {key: value for key, value in request.headers.items() if key != "host"}
    head = await api.http.head(request.url.raw_path.decode(), headers=headers)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert without_times(head) | {"content-length": ""} == without_times(got) | {"content-length": ""}


@pytest.mark.parametrize("path", PAGES)
async def test_head_answers_for_pages(api: Api, path: str) -> None:
    got, head = await api.http.get(path), await api.http.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    tag = got.headers.get("etag")
    if tag is not None:
        assert (await api.http.head(path, headers={"If-None-Match": tag})).status_code == 304


async def test_a_head_is_signed_as_such_in_headers(api: Api) -> None:
    target = f"{MINERS}?partnerUserId=alice"
    assert (await api.server.raw("HEAD", target)).status_code == 200
    signed = sign_headers(str(api.server.secret), clock.wall_millis(), "GET", MINERS, "partnerUserId=alice", b"")
    headers = signed | {KEY_HEADER: str(api.server.key)}
    assert (await api.http.head(target, headers=headers)).status_code == 401
    assert SIGNATURE_HEADER in signed
    head = await api.http.head(LOGIN)
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")
    assert (await api.http.post(MINERS)).headers["allow"] == "GET, HEAD"


# Dates, and plus signs that became blanks


async def signed_get(api: Api, name: str, query: str) -> httpx.Response:
    signed = sign_query_text(str(api.server.secret), f"{query}&timestamp={clock.wall_millis()}")
    return await api.http.get(f"{CONTRACT[name][2]}?{signed}", headers={KEY_HEADER: str(api.server.key)})


@pytest.mark.parametrize("moment", ["2026-03-01t00:00:00z", "2026-03-01T00:00:00z", "2026-03-01t02:00:00%2B02:00"])
async def test_dates_in_lower_case(api: Api, moment: str) -> None:
    for name in ("s2s_income_by_day", "s2s_statement"):
        query = f"partnerUserId=alice&startDate={moment}&endDate={moment}"
        assert (await signed_get(api, name, query)).status_code == 200
    check_refused(await api.server.call("sandbox_advance", date="2020-03-01t00:00:00z"), 400, "CLOCK_BACKWARDS")


@pytest.mark.parametrize("name", ["s2s_income_by_day", "s2s_statement"])
async def test_a_plus_sign_in_a_date(api: Api, name: str) -> None:
    for blank in ("+", "%20"):
        query = f"partnerUserId=alice&startDate=2026-03-01T00:00:00.000{blank}02:00&endDate={RANGE['endDate']}"
        details = check_refused(await signed_get(api, name, query), 400, "BAD_DATE", "startDate")
        assert details["hint"] == PLUS_HINT
    query = f"partnerUserId=alice&startDate=yesterday&endDate={RANGE['endDate']}"
    assert "hint" not in check_refused(await signed_get(api, name, query), 400, "BAD_DATE", "startDate")


@pytest.mark.parametrize("name", [name for name in GETS if "partnerUserId" in good(name)])
async def test_a_plus_sign_in_an_id(api: Api, name: str) -> None:
    answered(await api.server.call("s2s_login", partnerUserId="a+b"))
    for text, found in (("a%2Bb", True), ("a+b", False), ("a%20b", False)):
        query = "&".join([f"partnerUserId={text}", *(f"{key}={value}" for key, value in RANGE.items())])
        response = await signed_get(api, name, query)
        if found and name == "s2s_proof_balance":
            # The user was found; whether something was taken of that day lies with the tests before.
            assert exact(response)["error"] in {"LIABILITIES_NOT_TAKEN", "NOTHING_OWED"}
        elif found:
            assert response.status_code == 200
        else:
            details = check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")
            assert details.get("hint") == (PLUS_HINT if "+" in text else None)


@pytest.mark.parametrize(("text", "refused"), [("1.0", False), ("1e3", False), ("10E%2B1", False), ("1.5", True)])
async def test_whole_numbers_of_a_query(api: Api, text: str, refused: bool) -> None:
    price = f"type=nftPowerUpgrade&nftId={text}&from=1.0&to=1e1"
    for name, query, code in (
        ("s2s_withdrawal", f"id={text}", "WITHDRAWAL_NOT_FOUND"),
        ("s2s_upgrade_price", price, "MINER_NOT_FOUND"),
    ):
        status, wanted = (400, "FIELD_OUT_OF_BOUNDS") if refused else (404, code)
        check_refused(await signed_get(api, name, query), status, wanted)
