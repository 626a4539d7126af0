"""The project's copy of the contract, held against the route table and, field by field, against the running API.

Each line of tests/house/contract/operations.yaml becomes tests of its own: that the operation is there under its path
with its method and its caller, that nobody is let in without a credential, and that each bound of each field is kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hashrail.api.operations import routes
from hashrail.api.serving.operation import AnyOperation, Auth
from tests.support.api_client import Api, Caller, check_refused, exact, settings_of

CONTRACT: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "contract" / "operations.yaml").read_text())
PREFIX: str = CONTRACT["prefix"]
OPERATIONS: dict[str, dict[str, Any]] = {one["id"]: one for one in CONTRACT["operations"]}
TABLE: dict[str, list[tuple[str, AnyOperation]]] = {}
for _path, _route in routes.routes(settings_of("postgresql://nowhere")):
    TABLE.setdefault(_route.name, []).append((_path, _route))
# Operations of the contract that the route table lacks.
MISSING: set[str] = set()

WORDS = {
    Auth.NONE: "none",
    Auth.SERVER_KEY: "key",
    Auth.BEARER: "bearer",
    Auth.KEY_OR_BEARER: "key or bearer",
    Auth.ANY_KEY_OR_BEARER: "key or bearer",
    Auth.SIGNED: "signed",
}
# What the contract's words for a caller cost whoever is none.
NOBODY = {
    "key": "API_KEY_MISSING",
    "signed": "API_KEY_MISSING",
    "key or bearer": "API_KEY_MISSING",
    "bearer": "TOKEN_MISSING",
}
SPECIFIED = re.compile(
    r"(?P<kind>str|int|num|iso|boolean|/(?P<pattern>[^/]+)/)"
    r"(?:\((?:(?P<low>\d+)\.\.(?P<high>\d+)|>=(?P<least>\d+))\))?(?P<filled> non-empty)?(?P<rest>.*)"
)
MAX_NUMBER = 2**53 - 1
OUT = "FIELD_OUT_OF_BOUNDS"

NO_TEXTS = [7, None, True, ["x"], {"x": "y"}]
NO_IDS = ["1", Decimal("1.5"), None, True, [1], {"x": 1}, 10**60]
NO_NUMBERS = ["0.1", None, True, [1], {"x": 1}]
NO_MOMENTS = ["", "x", "2026-13-01T00:00:00Z", "2026-03-01T00:00:00", "2026-03-01", "1772323200000"]
WORDS_FOR_NUMBERS = ["", "x", "-1", "+1", "1.0", "1e1", "0x1", "NaN", "1\n", " 1", "٣"]
NO_PATTERNS = {
    r"^\d{1,3}$": [*WORDS_FOR_NUMBERS, "1000", "0", "000"],
    r"^\d{1,5}$": [*WORDS_FOR_NUMBERS, "100000"],
    "^(true|false)$": ["", "TRUE", "1", "yes", "true ", "true\n", "null"],
}
# Good values of fields; what they name need not exist, since the fields are judged first.
GOOD: dict[str, Any] = {
    "startDate": "2026-03-01T00:00:00Z",
    "endDate": "2026-03-31T00:00:00Z",
    "tonWallet": {},
    "type": "nftPowerUpgrade",
    "from": "1",
    "to": "2",
    "amount": Decimal("0.001"),
    "data": {"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": 2},
}


@dataclass(frozen=True)
class Field:
    """A field as the contract specifies it."""

    name: str
    text: str
    required: bool

    @property
    def kind(self) -> str:
        found = SPECIFIED.fullmatch(self.text)
        return "words" if found is None else "pattern" if found["pattern"] else found["kind"]

    def good(self, method: str) -> Any:
        """A value that is as documented."""
        if self.name.endswith("Id") and (self.kind == "int" or method == "GET") and self.name != "partnerUserId":
            return 1
        return GOOD.get(self.name, "alice")

    def bad(self, method: str) -> Iterator[tuple[Any, set[str]]]:
        """Values that are not, with the codes that may refuse them."""
        found = SPECIFIED.fullmatch(self.text)
        if found is None:
            yield "neither", {OUT}
            return
        in_body = method == "POST"
        if found["pattern"]:
            yield from ((value, {OUT}) for value in NO_PATTERNS[found["pattern"]])
        elif found["kind"] == "boolean":
            yield from ((value, {OUT}) for value in NO_PATTERNS["^(true|false)$"])
        elif found["kind"] == "iso":
            yield from ((value, {OUT, "BAD_DATE", "DATE_WITHOUT_TIME_ZONE"}) for value in NO_MOMENTS)
        elif found["kind"] == "str":
            if in_body:
                yield from ((value, {"FIELD_TYPE"}) for value in NO_TEXTS)
            yield "a\x00b", {"FIELD_TEXT", OUT}
            if found["low"] or found["filled"]:
                yield "", {OUT}
            if found["high"]:
                yield from ((letter * (int(found["high"]) + 1), {OUT}) for letter in "x😀")
        elif found["kind"] == "int":
            least = int(found["least"])
            yield from ((value, {"FIELD_TYPE"}) for value in NO_IDS)
            yield from ((value, {OUT}) for value in (least - 1, -MAX_NUMBER, MAX_NUMBER + 1, 2**64))
        else:
            yield from ((value, {"FIELD_TYPE"}) for value in NO_NUMBERS)
            yield Decimal(f"{found['least']}") - Decimal("0.00000001"), {OUT}


def fields_of(operation: dict[str, Any]) -> list[Field]:
    """The fields of an operation beside its signature."""
    listed = operation.get("body") or operation.get("query") or {}
    if listed == "paging":
        listed = {"paging": True}
    found = []
    for name, text in listed.items():
        if name == "paging":
            found += [Field(each, bound, required=False) for each, bound in CONTRACT["paging"].items()]
        else:
            # An object is required as a whole.
            words = str(text)
            found.append(
                Field(name, words, not isinstance(text, str) or words.startswith("one of") or "required" in words)
            )
    return found


PRESENT = sorted(set(OPERATIONS) - MISSING, key=lambda name: int(OPERATIONS[name]["n"]))
FIELDS = [(name, field) for name in PRESENT for field in fields_of(OPERATIONS[name])]
REQUIRED = [(name, field) for name, field in FIELDS if field.required]
OPTIONAL = [(name, field) for name, field in FIELDS if not field.required]
CASES = [
    pytest.param(name, field, value, codes, id=f"{name}-{field.name}-{ascii(value)[:24]}")
    for name, field in FIELDS
    if field.name not in ("data", "tonWallet")
    for value, codes in field.bad(OPERATIONS[name]["method"])
]


def names_of(fields: list[tuple[str, Field]]) -> list[str]:
    """What the tests of fields are called."""
    return [f"{name}-{field.name}" for name, field in fields]


# The table


def test_nothing_is_missing() -> None:
    assert set(OPERATIONS) - set(TABLE) == MISSING
    assert len(OPERATIONS) == 31
    assert [one["n"] for one in OPERATIONS.values()] == list(range(1, 32))


@pytest.mark.parametrize("name", PRESENT)
def test_where_an_operation_is_served(name: str) -> None:
    wanted = OPERATIONS[name]
    paths = [PREFIX + wanted["path"], *([PREFIX + wanted["also_at"]] if "also_at" in wanted else [])]
    assert [path for path, _ in TABLE[name]] == paths
    (route,) = {route for _, route in TABLE[name]}
    assert (route.number, route.method, WORDS[route.auth]) == (wanted["n"], wanted["method"], wanted["auth"])


@pytest.mark.parametrize("wanted", CONTRACT["market"], ids=lambda wanted: wanted["path"])
def test_where_the_market_is_served(wanted: dict[str, Any]) -> None:
    (route,) = [route for served in TABLE.values() for path, route in served if path == wanted["path"]]
    assert (route.number, route.method, route.auth) == (None, wanted["method"], Auth.NONE)


def test_numbers_belong_to_the_contract() -> None:
    numbered = {name for name, served in TABLE.items() if served[0][1].number is not None}
    assert numbered == set(PRESENT)


# The running API


@pytest.fixture(scope="module")
async def alice(api: Api) -> Caller:
    return await api.user("alice")


async def call(api: Api, alice: Caller, name: str, fields: dict[str, Any]) -> httpx.Response:
    """Call as the operation wants it."""
    caller = alice if "bearer" in OPERATIONS[name]["auth"] else api.server
    return await caller.call(name, **fields)


def good(name: str) -> dict[str, Any]:
    """The required fields of an operation, all as documented."""
    wanted = OPERATIONS[name]
    return {field.name: field.good(wanted["method"]) for field in fields_of(wanted) if field.required}


@pytest.mark.parametrize("name", PRESENT)
async def test_who_may_call(api: Api, name: str) -> None:
    wanted = OPERATIONS[name]
    for path, _ in TABLE[name]:
        response = await api.http.request(wanted["method"], path, content=None if wanted["method"] == "GET" else b"{}")
        if wanted["auth"] == "none":
            assert response.status_code != 200
            assert exact(response)["error"] not in NOBODY.values()
        else:
            check_refused(response, 401, NOBODY[wanted["auth"]])


@pytest.mark.parametrize(("name", "field"), REQUIRED, ids=names_of(REQUIRED))
async def test_a_field_that_is_missing(api: Api, alice: Caller, name: str, field: Field) -> None:
    fields = good(name)
    del fields[field.name]
    check_refused(await call(api, alice, name, fields), 400, "FIELD_MISSING", field.name)


@pytest.mark.parametrize(("name", "field"), OPTIONAL, ids=names_of(OPTIONAL))
async def test_a_field_that_may_be_missing(api: Api, alice: Caller, name: str, field: Field) -> None:
    fields = good(name)
    assert field.name not in fields
    response = await call(api, alice, name, fields)
    assert response.status_code != 400, response.text


@pytest.mark.parametrize(("name", "field", "value", "codes"), CASES)
async def test_a_bound_of_a_field(
    api: Api, alice: Caller, name: str, field: Field, value: Any, codes: set[str]
) -> None:
    response = await call(api, alice, name, good(name) | {field.name: value})
    if value is None and not field.required and OPERATIONS[name]["method"] == "POST":
        assert response.status_code != 400, "null is as if it were left out"
        return
    check_refused(response, 400, exact(response)["error"], field.name)
    assert exact(response)["error"] in codes


@pytest.mark.parametrize("name", [name for name, field in FIELDS if field.name == "offset"])
async def test_the_farthest_page(api: Api, alice: Caller, name: str) -> None:
    for page in ({"limit": "1", "offset": "99999"}, {"limit": "001", "offset": "00000"}, {"limit": "100"}):
        response = await call(api, alice, name, good(name) | page)
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("name", [name for name in PRESENT if good(name)])
async def test_fields_that_are_good_are_no_bad_request(api: Api, alice: Caller, name: str) -> None:
    """So that each refusal above is the bad field's doing. TON proofs and addresses are judged by their own tests."""
    response = await call(api, alice, name, good(name))
    if response.status_code == 400:
        assert exact(response)["error"] not in ("FIELD_MISSING", "FIELD_TYPE", "FIELD_UNKNOWN", "FIELD_TEXT", OUT)
        assert {"walletAddress", "address", "tonWallet"} & set(good(name)), response.text


@pytest.mark.parametrize("name", [name for name in PRESENT if OPERATIONS[name]["method"] == "POST"])
async def test_a_field_that_the_contract_lacks(api: Api, alice: Caller, name: str) -> None:
    check_refused(await call(api, alice, name, good(name) | {"extra": 1}), 400, "FIELD_UNKNOWN", "extra")


# The fields of an upgrade stand in an object

VARIANT = re.compile(r"\{type: (?P<tag>\w+), (?P<members>[^}]*)\}")
VARIANTS = [
    (found["tag"], dict(member.split(": ") for member in found["members"].split(", ")))
    for found in VARIANT.finditer(OPERATIONS["s2s_upgrade"]["body"]["data"])
]


def test_the_variants_are_read() -> None:
    assert [tag for tag, _ in VARIANTS] == ["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]
    assert all(len(members) == 3 for _, members in VARIANTS)


@pytest.mark.parametrize(("tag", "members"), VARIANTS, ids=[tag for tag, _ in VARIANTS])
async def test_the_fields_of_an_upgrade(api: Api, tag: str, members: dict[str, str]) -> None:
    whole = {"type": tag} | dict.fromkeys(members, 1)
    for name, kind in [("type", "tag"), *members.items()]:
        rest = {key: value for key, value in whole.items() if key != name}
        response = await api.server.call("s2s_upgrade", data=rest)
        check_refused(response, 400, "FIELD_MISSING", f"data.{name}")
        for value in NO_NUMBERS if kind == "num" else NO_IDS if kind == "int" else ["nftUpgrade"]:
            response = await api.server.call("s2s_upgrade", data=whole | {name: value})
            check_refused(response, 400, OUT if kind == "tag" else "FIELD_TYPE", f"data.{name}")
    response = await api.server.call("s2s_upgrade", data=whole | {"extra": 1})
    check_refused(response, 400, "FIELD_UNKNOWN", "data.extra")
    for value in (1, "x", None, [whole]):
        check_refused(await api.server.call("s2s_upgrade", data=value), 400, "FIELD_TYPE", "data")
