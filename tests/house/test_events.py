"""The types of events: each is registered, has a schema of its own, and keeps its meaning."""

import datetime as dt
import json
import re
from typing import get_type_hints

import jsonschema_rs
import msgspec
import pytest
from tools import event_schemas

from hashrail import clock
from hashrail.events import catalogue
from hashrail.events.endpoints import new_secret
from hashrail.events.event import Event
from hashrail.events.feed import Told
from hashrail.events.sending import body, headers
from tests.house.sources import product
from tests.support.openapi_document import sandbox_document

NAME = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")
SAID = re.compile(r'^    TYPE: ClassVar\[str\] = "([^"]+)"$', re.M)
KINDS = catalogue.kinds()


def test_there_are_some() -> None:
    assert "order.created" in KINDS


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_type_says_what_it_is_and_of_what(kind: type[Event]) -> None:
    assert NAME.fullmatch(kind.TYPE)
    assert kind.VERSION >= 1
    assert re.fullmatch(r"[a-z_]{1,40}", kind.KIND)
    assert kind.ID in kind.__struct_fields__
    assert kind.__doc__, "the reference says when it is told"
    assert kind.__name__.lower() == kind.TYPE.replace(".", "").replace("_", ""), "whoever knows the one finds the other"
    assert float not in get_type_hints(kind).values()


def test_types_are_unique_and_all_of_them_are_registered() -> None:
    """Every class that says a TYPE stands among the types, and none takes another's."""
    said = [(found.module, name) for found in product() for name in SAID.findall(found.text)]
    assert sorted(name for _, name in said) == sorted(KINDS)
    assert all(module.startswith("hashrail.events.types") for module, _ in said)


def test_names_for_readers() -> None:
    assert catalogue.named("order.issued") == ["order.issued"]
    assert catalogue.named("order.") == [name for name in KINDS if name.startswith("order.")]
    assert catalogue.named("order.issued,order.created") == ["order.issued", "order.created"]
    for unknown in ("", ".", "order", "order.issued,", "order.issued,x", "ord."):
        assert catalogue.named(unknown) is None


def test_a_type_and_version_keep_their_meaning() -> None:
    """`python -m tools.event_schemas` writes the file anew, unless something lost its meaning."""
    assert event_schemas.known() == event_schemas.present()


def test_what_changes_a_meaning() -> None:
    was = event_schemas.Schema("order", "externalId", {"externalId": "1", "a": "2"}, ["a"])

    def breaks(**changes: object) -> bool:
        return event_schemas.changed({"x 1": was}, {"x 1": msgspec.structs.replace(was, **changes)}) == ["x 1"]

    assert not breaks()
    assert not breaks(fields=was.fields | {"b": "3"}, optional=["a", "b"])
    assert breaks(fields=was.fields | {"b": "3"})
    assert breaks(fields={"externalId": "1"}, optional=[])
    assert breaks(fields=was.fields | {"a": "4"})
    assert breaks(optional=[])
    assert breaks(id="a")
    assert breaks(kind="user")
    assert event_schemas.changed({"x 1": was}, {"x 2": was}) == ["x 1"]


def test_the_document_describes_each() -> None:
    document = sandbox_document()
    components = document["components"]["schemas"]
    assert list(document["webhooks"]) == list(KINDS)
    for kind, webhook in zip(KINDS.values(), document["webhooks"].values(), strict=True):
        reference = {"$ref": f"#/components/schemas/{kind.__name__}"}
        is_it = {"type": {"const": kind.TYPE}, "version": {"const": kind.VERSION}}
        told = webhook["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert told["properties"]["type"] == is_it["type"]
        assert told["properties"]["data"]["properties"] == is_it | {"data": reference}
        assert reference in components["Event"]["properties"]["data"]["anyOf"]
        assert set(components[kind.__name__]["properties"]) == set(kind.__struct_encode_fields__)


def test_a_webhook_is_what_the_document_says() -> None:
    """Body and headers as they are sent."""
    data = (
        '{"externalId":"one","userId":1,"nftCollectionId":1,"power":1,"energyEfficiency":15,"value":"?","nftId":3}'
    ).replace('"?"', "21.70")
    told = Told(7, "ab" * 16, "order.issued", 1, "order", "one", 2, data, clock.start_of(dt.date(2026, 3, 1)))
    described = sandbox_document()["webhooks"]["order.issued"]["post"]
    components = {"schemas": sandbox_document()["components"]["schemas"]}
    schema = described["requestBody"]["content"]["application/json"]["schema"] | {"components": components}
    judge = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    sent = body(told)
    judge.validate(json.loads(sent))
    for member in (b'"sequence":2', b'"userId":1', b'"position":7'):
        assert member in sent
        assert not judge.is_valid(json.loads(sent.replace(member, b'"other":1')))
    assert not judge.is_valid(json.loads(sent.replace(b"order.issued", b"order.created")))
    named = {name for name, _ in headers([new_secret()], told.name, told.occurred_at, sent)}
    assert {each["name"] for each in described["parameters"]} < named
