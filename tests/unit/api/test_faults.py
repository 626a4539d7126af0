"""Faults of fields: the walk over a model's types refuses what msgspec refuses, for every model of a request."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from hashrail.api.operations import routes
from hashrail.api.wire import faults
from hashrail.api.wire.faults import FieldBoundsError, FieldMissingError, FieldTypeError, FieldUnknownError
from hashrail.api.wire.models import Body
from hashrail.errors import BadRequestError
from hashrail.settings import Settings

MODELS = sorted(
    {route.model for _, route in routes.routes(Settings(mode="sandbox"))}, key=lambda model: model.__qualname__
)
UPGRADE = '{"fromPower":1,"type":"nftPowerUpgrade","nftId":1,"toPower":2}'
# Texts of JSON, and what may stand in an object.
TOKENS = [
    *('"income"', '"csv"', '"issued"', '"delivered"', '"2026-03-01"', '"BTC"', '"active"', '"blocked"'),
    *("null", "true", "[]", "{}", '[{"a":1}]', "0", "-0", "1", "-1", "7", "3660", "60001", str(2**53), str(2**64)),
    *("1.0", "1e3", "0.5", "-0.1", "1e308", "1e399", "1" + "0" * 399, "0." + "0" * 300 + "1"),
    *('""', '"x"', '"1"', '"0"', '"000"', '"1000"', '"true"', '"2026-03-01T00:00:00Z"'),
    *('"steady"', '"confirm"', '"paid"'),
    *(f'"{"x" * length}"' for length in (64, 65, 255, 256, 4096, 4097)),
    *('"1\\n"', '"é😀"', '"nftPowerUpgrade"', '{"address":"x","amount":1}', '{"type":"nftPowerUpgrade"}'),
    *(UPGRADE, UPGRADE.replace("nftPowerUpgrade", "x"), UPGRADE.replace('"nftPowerUpgrade"', "7")),
]


def names_in(part: Any) -> list[str]:
    """The names of fields in a schema, on whatever level."""
    if isinstance(part, list):
        return [name for each in part for name in names_in(each)]
    if not isinstance(part, dict):
        return []
    return [*part.get("properties", {}), *(name for each in part.values() for name in names_in(each))]


def fits(token: str, kind: Any) -> bool:
    try:
        msgspec.json.decode(token, type=kind)
    except msgspec.MsgspecError:
        return False
    return True


class Bodies:
    """Bodies for a model, some of them good."""

    def __init__(self, model: type[Struct]) -> None:
        self.random = Random(model.__name__)
        fields = msgspec.structs.fields(model)
        self.good = {each.encode_name: [token for token in TOKENS if fits(token, each.type)] for each in fields}
        self.required = {each.encode_name for each in fields if each.required}
        self.names = sorted({*names_in(msgspec.json.schema_components([model])[1]), "extra"})

    def draw(self) -> str:
        """Fields in any order; most of them are there and right."""
        names = [name for name in self.good if self.random.random() < (0.9 if name in self.required else 0.3)]
        if self.random.random() < 0.3:
            names.append(self.random.choice(self.names))
        self.random.shuffle(names)
        return written({name: self._value(name) for name in names})

    def _value(self, name: str) -> str:
        if name in self.good and self.random.random() < 0.9:
            return self.random.choice(self.good[name])
        if self.random.random() < 0.5:
            return self.random.choice(TOKENS)
        inner = self.random.sample(self.names, self.random.randint(0, min(5, len(self.names))))
        return written({each: self.random.choice(TOKENS) for each in inner})


def written(members: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


def refused(model: type[Struct], body: str) -> BadRequestError | None:
    try:
        faults.check(model, json.loads(body, parse_float=Decimal))
    except BadRequestError as error:
        return error
    return None


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_walk_refuses_what_the_model_does(model: type[Struct]) -> None:
    bodies, good = Bodies(model), 0
    for _ in range(400):
        body = bodies.draw()
        found = refused(model, body)
        try:
            msgspec.json.decode(body, type=model)
        except msgspec.ValidationError:
            assert found is not None, body
            assert found.details["field"]
            continue
        # A number that was sent as a text is refused when the model has taken it.
        taken = found is not None and found.message.endswith(" must be a number, not a text")
        assert found is None or taken, body
        good += 1
    assert good > 20
    assert good < 400 or not bodies.required


class Inner(Body, tag_field="type", tag="inner"):
    """An object in an object."""

    size: int


class Other(Body, tag_field="type", tag="other"):
    """Another one."""


class Outer(Body, kw_only=True):
    """A body."""

    data: Inner | Other
    name: str


@pytest.mark.parametrize(
    ("sent", "kind", "field"),
    [
        ({}, FieldMissingError, "data"),
        ({"data": {}}, FieldMissingError, "data.type"),
        ({"data": {"type": "inner"}}, FieldMissingError, "data.size"),
        ({"data": {"type": "other"}}, FieldMissingError, "name"),
        ({"data": {"type": "third"}, "name": 7}, FieldBoundsError, "data.type"),
        # Both are wrong: the first one sent is told.
        ({"name": 7, "data": {"type": "third"}}, FieldTypeError, "name"),
        ({"data": {"size": "x", "type": "inner"}}, FieldTypeError, "data.size"),
        ({"data": {"type": "inner", "a.b`c": 1}}, FieldUnknownError, "data.a.b`c"),
        ({"\ud800": 1}, FieldUnknownError, "\\ud800"),
    ],
)
def test_the_field_is_named(sent: dict[str, Any], kind: type[BadRequestError], field: str) -> None:
    with pytest.raises(kind) as found:
        faults.check(Outer, sent)
    assert found.value.details == {"field": field}
    assert found.value.message.startswith(f"{field} ")


def test_a_model_that_the_walk_does_not_know() -> None:
    class Odd(Body):
        """A body of a kind that no request has."""

        moments: dict[str, int]

    with pytest.raises(AssertionError, match="no request has"):
        faults.check(Odd, {"moments": {}})
