"""The document and the page: what they say, how they are served, and that the harness sees what they lack."""

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest

from hashrail.api.document import openapi, openapi_words, refusals, schemas
from hashrail.api.operations.routes import routes
from hashrail.api.serving.operation import Auth
from hashrail.settings import Settings
from hashrail_client.signing import sign_body_text, sign_query_text
from tests.support.api_client import Api, check_refused
from tests.support.openapi_document import closed, fault_of, operation, operations, resolved, sandbox_document

SANDBOX = Settings(mode="sandbox")
TABLE = routes(SANDBOX)


# The document


def test_every_path_is_described() -> None:
    document = sandbox_document()
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, path) for path, route in TABLE}
    names = [each["operationId"] for each in operations().values()]
    assert len(set(names)) == len(names)
    assert operations()["GET", "/api/partner/s2s/exchanges/get-prices"]["operationId"] == "s2s_exchange_rates"
    aliased = openapi.document(Settings(mode="sandbox", route_aliases={"s2s_miners": ["/v1/miners"]}))
    assert aliased["paths"]["/v1/miners"]["get"]["operationId"] == "s2s_miners_at_v1_miners"
    assert {tag["name"] for tag in document["tags"]} == openapi_words.TAGS.keys()
    production = openapi.document(Settings(mode="production"))
    assert "/api/sandbox/advance" not in production["paths"]
    assert production["paths"].keys() < document["paths"].keys()


def test_the_contract_s_numbers_and_what_goes_beyond() -> None:
    for path, route in TABLE:
        described = operations()[(route.method, path)]
        assert described.get("x-contract-number") == route.number
        assert described.get("x-hashrail-extension") is (True if route.number is None else None)
        assert (openapi_words.EXTENSION in described["description"]) is (route.number is None)
        assert described["summary"]
        assert not described["summary"].startswith("#")


@pytest.mark.parametrize(
    ("name", "schemes"),
    [
        ("s2s_miners", [{"apiKey": [], "signatureInQuery": []}, {"apiKey": [], "signature": []}]),
        ("s2s_login", [{"apiKey": [], "signature": []}]),
        ("s2s_collections", [{"apiKey": []}]),
        ("c2s_miners", [{"bearer": []}]),
        ("c2s_collections", [{"apiKey": []}, {"bearer": []}]),
        ("c2s_generate_payload", []),
    ],
)
def test_who_may_call(name: str, schemes: list[Any]) -> None:
    assert operation(name)["security"] == schemes
    assert set(sandbox_document()["components"]["securitySchemes"]) >= {key for each in schemes for key in each}


def test_the_worked_examples_of_the_signature() -> None:
    secret = openapi_words.EXAMPLE_SECRET
    query = sign_query_text(secret, openapi_words.EXAMPLE_QUERY)
    assert query == f"{openapi_words.EXAMPLE_QUERY}&signature={openapi_words.EXAMPLE_QUERY_SIGNATURE}"
    body = json.loads(sign_body_text(secret, openapi_words.EXAMPLE_BODY))
    assert body["signature"] == openapi_words.EXAMPLE_BODY_SIGNATURE
    schemes = sandbox_document()["components"]["securitySchemes"]
    told = schemes["signature"]["description"]
    assert all(part in told for part in (secret, openapi_words.EXAMPLE_QUERY, openapi_words.EXAMPLE_BODY))
    assert "`signature`" in schemes["signatureInQuery"]["description"], "it is told once"


def test_the_query_of_a_get() -> None:
    found = {part["name"]: part for part in operation("c2s_income")["parameters"]}
    assert list(found) == ["limit", "offset", "cursor", "groupByDays"]
    assert {part["in"] for part in found.values()} == {"query"}
    assert found["limit"]["description"] == "how many, 1 to 100, digits"
    assert found["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert found["offset"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 99_999}
    assert found["groupByDays"]["schema"] == {"type": "boolean"}
    price = {part["name"]: part for part in operation("s2s_upgrade_price")["parameters"]}
    assert price["nftId"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
    assert price["from"]["schema"] == {"type": "number", "format": "decimal", "minimum": 0}
    assert type(price["nftId"]["example"]) is int
    signed = {part["name"]: part["required"] for part in operation("s2s_income_by_day")["parameters"]}
    # The signature is a security scheme; the others may stand in headers.
    assert signed == {
        "timestamp": False,
        "recvWindow": False,
        "partnerUserId": True,
        "limit": False,
        "offset": False,
        "startDate": True,
        "endDate": True,
        "includeIncomesByNfts": False,
    }


def test_the_bounds_of_the_window() -> None:
    (window,) = (part for part in operation("s2s_miners")["parameters"] if part["name"] == "recvWindow")
    assert window["schema"] == {"type": "integer", "minimum": 1, "maximum": 60_000}
    body = sandbox_document()["components"]["schemas"]["LoginBody"]["properties"]["recvWindow"]
    assert (body["minimum"], body["maximum"]) == (1, 60_000)


def test_the_body_of_a_post() -> None:
    body = operation("s2s_payment_create")["requestBody"]
    assert body["required"] is True
    schema = resolved(body["content"]["application/json"]["schema"])
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["userId", "nftCollectionId", "externalId"]
    assert schema["properties"]["externalId"] == {
        "description": "your own number of the order: the same one again is the same order",
        "pattern": r"^[^\u0000]*$",
        "type": "string",
        "maxLength": 255,
        "minLength": 1,
    }
    assert operation("s2s_income_per_th")["requestBody"]["required"] is False
    assert operation("s2s_login")["requestBody"]["required"] is True
    email = sandbox_document()["components"]["schemas"]["LoginBody"]["properties"]["email"]
    assert email["type"] == ["string", "null"], "null in an optional field is as if it were left out"
    chain = sandbox_document()["components"]["schemas"]["ChainBody"]["properties"]
    assert chain["scenario"]["type"] == ["string", "null"]
    assert chain["scenario"]["enum"][-1] is None
    assert chain["deposit"]["anyOf"][1] == {"type": "null"}
    anything = operation("market_last_income")["requestBody"]
    assert anything == {"required": False, "content": {"application/json": anything["content"]["application/json"]}}
    assert anything["content"]["application/json"]["schema"] == {}


def test_unknown_fields_are_documented_as_refused() -> None:
    for (method, _), described in operations().items():
        if method != "POST" or {"Market", "Dashboards"} & {*described["tags"]}:
            continue
        schema = resolved(described["requestBody"]["content"]["application/json"]["schema"])
        assert schema["additionalProperties"] is False, described["operationId"]
    wallet = sandbox_document()["components"]["schemas"]["CheckProofBody"]["properties"]["tonWallet"]
    assert "additionalProperties" not in wallet


def test_writes_can_be_repeated() -> None:
    for path, route in TABLE:
        described = operations()[(route.method, path)]
        headers = [part["name"] for part in described.get("parameters", []) if part["in"] == "header"]
        assert headers == (["Idempotency-Key"] if route.writes else [])
        assert ("Idempotency-Replayed" in described["responses"]["200"]["headers"]) is route.writes
    assert "X-Withdrawal-Id" in operation("s2s_withdraw")["responses"]["200"]["headers"]


def test_amounts_are_numbers_with_their_units() -> None:
    components = sandbox_document()["components"]["schemas"]
    assert components["Record"]["properties"]["value"] == {"type": "number", "format": "decimal", "description": "BTC"}
    assert components["Miner"]["properties"]["power"]["description"] == "TH/s"
    assert components["Record"]["properties"]["day"]["format"] == "date"
    assert components["WalletBalance"]["properties"]["valueNumericAtSyncDate"]["type"] == "string"
    bare = [
        f"{name}.{field}"
        for name, schema in components.items()
        for field, facts in schema.get("properties", {}).items()
        if facts.get("format") == "decimal" and "description" not in facts
    ]
    assert bare == []


def test_patterns_are_those_of_every_language() -> None:
    text = json.dumps(sandbox_document())
    assert "(?" not in text
    assert "Out_" not in text
    assert "hashrail." not in text


def test_the_errors_of_an_operation() -> None:
    described = operation("s2s_payment_create")
    assert list(described["responses"]) == [
        "200",
        "400",
        "401",
        "403",
        "404",
        "408",
        "409",
        "413",
        "422",
        "429",
        "500",
        "503",
    ]

    def codes(name: str, status: str) -> list[str]:
        schema = resolved(operation(name)["responses"][status])["content"]["application/json"]["schema"]
        assert schema["properties"]["statusCode"] == {"const": int(status)}
        found: list[str] = schema["properties"]["error"]["enum"]
        return found

    assert codes("s2s_payment_create", "404") == ["COLLECTION_NOT_FOUND", "USER_NOT_FOUND"]
    assert codes("s2s_payment_create", "422") == ["IDEMPOTENCY_KEY_REUSED"]
    assert "REPLAY" in codes("s2s_payment_create", "401")
    assert "REPLAY" not in codes("s2s_miners", "401")
    assert "SIGNATURE_MISMATCH" in codes("s2s_miners", "401")
    assert "TOKEN_EXPIRED" not in codes("s2s_miners", "401")
    assert "API_KEY_MISSING" not in codes("c2s_miners", "401")
    assert "FIELD_MISSING" not in codes("c2s_miners", "400")
    assert "FIELD_UNKNOWN" in codes("c2s_miners", "400"), "for a name in another case"
    assert "FIELD_UNKNOWN" not in codes("exchange_rates", "400")
    assert set(described["x-hashrail-refuses"]) >= {"ORDER_CONFLICT", "USER_NOT_FOUND"}


def test_every_code_is_explained() -> None:
    catalogue = sandbox_document()["x-hashrail-errors"]
    assert catalogue["USER_NOT_FOUND"]["status"] == 404
    assert all(facts["cause"] and facts["advice"] for facts in catalogue.values())
    for _, route in TABLE:
        for status, kinds in refusals.of(route).items():
            assert {catalogue[kind.code]["status"] for kind in kinds} == {status}


def test_every_auth_has_its_words() -> None:
    assert set(refusals.CALLERS) == set(openapi_words.CALLERS) == set(openapi_words.SECURITY) == set(Auth)


def test_schemas_of_answers_that_are_one_of_several() -> None:
    answer = operation("c2s_income")["responses"]["200"]["content"]["application/json"]["schema"]
    refs = [part["properties"]["data"]["properties"]["array"]["items"]["$ref"] for part in answer["anyOf"]]
    assert refs == ["#/components/schemas/Record", "#/components/schemas/DayOfRecords"]


@pytest.mark.parametrize(
    ("docstring", "told"),
    [
        ("#7: the user's miners, by id.", "The user's miners, by id."),
        ("#13 and #14: the last\n    published day.", "The last published day."),
        ("#15, BTC.", "BTC."),
        ("#16 grouped: a day's sum.", "A day's sum."),
        ("Plain.\n\n    More\n    of it.", "Plain.\n\nMore of it."),
        ("#5.", ""),
    ],
)
def test_stories(docstring: str, told: str) -> None:
    assert schemas.story(docstring) == told


# The harness sees what the document lacks

HEADERS = httpx.Headers({"content-type": "application/json", "x-request-id": "a", "x-server-time": "1"})
MINER = '{"id": 1, "createdAt": "2026-03-01T12:00:00.000Z", "name": "a", "power": 1, "energyEfficiency": 2}'
REFUSAL = '{"statusCode": %s, "error": "%s", "message": "", "requestId": "a", "details": {}}'


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (200, f'{{"data": {{"array": [{MINER}]}}}}', None),
        (200, '{"data": {"array": [], "more": 1}}', "more"),
        (200, f'{{"data": {{"array": [{MINER.replace("power", "might")}]}}}}', "power"),
        (200, f'{{"data": {{"array": [{MINER.replace("2026-03-01T", "")}]}}}}', "date-time"),
        (201, "{}", "status 201"),
        (404, REFUSAL % (404, "USER_NOT_FOUND"), None),
        (404, REFUSAL % (404, "ORDER_NOT_FOUND"), "ORDER_NOT_FOUND"),
        (404, REFUSAL % (400, "USER_NOT_FOUND"), "404"),
        (404, '{"error": "USER_NOT_FOUND"}', "required"),
        (409, REFUSAL % (409, "CONFLICT"), "status 409"),
    ],
)
def test_what_is_not_documented_is_seen(status: int, text: str, fault: str | None) -> None:
    found = fault_of(operation("s2s_miners"), status, HEADERS, text)
    assert (found is None) is (fault is None), found
    assert fault is None or fault in str(found)


def test_missing_headers_and_other_media_types_are_seen() -> None:
    miners = operation("s2s_miners")
    assert "x-request-id" in str(fault_of(miners, 200, httpx.Headers({"x-server-time": "1"}), "{}"))
    page = httpx.Headers(dict(HEADERS) | {"content-type": "text/html"})
    assert "text/html is not documented" in str(fault_of(miners, 200, page, "{}"))


def test_closing_a_schema() -> None:
    schema = closed({"anyOf": [{"type": "object", "properties": {"a": {}}}], "type": "object"})
    assert schema == {
        "anyOf": [{"additionalProperties": False, "type": "object", "properties": {"a": {}}}],
        "type": "object",
    }
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid({"a": 1})
    assert not validator.is_valid({"b": 1})


# Served


async def test_the_document_is_served(api: Api) -> None:
    response = await api.http.get("/api/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == sandbox_document()
    assert response.headers["access-control-allow-origin"] == "*"
    again = await api.http.get("/api/openapi.json", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == response.headers["etag"]
    changed = await api.http.get("/api/openapi.json", headers={"If-None-Match": '"another"'})
    assert changed.content == response.content
    check_refused(await api.http.post("/api/openapi.json"), 405, "METHOD_NOT_ALLOWED")
