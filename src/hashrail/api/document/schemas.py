"""The wire's models as JSON Schema, as an OpenAPI document wants them.

msgspec describes them; what it cannot know is set right here. Amounts are JSON numbers, patterns are those of
ECMAScript, envelopes stand where they are used, and the rest are components under plain names.
"""

import inspect
import re
import types
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias, Union, get_args, get_origin

import msgspec

from hashrail.api.document.field_words import WORDS
from hashrail.api.wire import texts
from hashrail.api.wire.models import MAX_ID, Body, Query

Schema: TypeAlias = dict[str, Any]

REF = "#/components/schemas/"
# Python's $ also stands before a newline at the end; that of ECMAScript does not.
NO_NEWLINE = r"(?!\n)"
# What texts of a query spell, and what is said of a text alone.
OF_TEXTS = ("type", "pattern", "minLength", "maxLength")
WHOLE: Schema = {"type": "integer"}
SPELLED: dict[str, Schema] = {
    pattern.replace(NO_NEWLINE, ""): schema
    for pattern, schema in {
        texts.LIMIT: WHOLE | {"minimum": 1, "maximum": 999},
        texts.LIMIT_OF_100: WHOLE | {"minimum": 1, "maximum": 100},
        texts.OFFSET: WHOLE | {"minimum": 0, "maximum": 99_999},
        texts.DIGITS: WHOLE | {"minimum": 0},
        texts.ID: WHOLE | {"minimum": 0, "maximum": MAX_ID},
        texts.WINDOW: WHOLE | {"minimum": 1, "maximum": 60_000},
        texts.WAIT: WHOLE | {"minimum": 0, "maximum": 25},
        texts.FLAG: {"type": "boolean"},
        texts.QUANTITY: {"type": "number", "format": "decimal", "minimum": 0},
    }.items()
}
NUMBER_OF_CONTRACT = re.compile(r"^#[0-9]+(?: and #[0-9]+)?(?: grouped)?[:.,]? *")


class Schemas:
    """The schemas of some models, and the components that they refer to."""

    def __init__(self, kinds: Iterable[Any]) -> None:
        wanted = list(dict.fromkeys(part for kind in kinds for part in parts_of(kind)))
        found, self._raw = msgspec.json.schema_components(wanted, ref_template=REF + "{name}")
        self._of = dict(zip(wanted, found, strict=True))
        inlined = {self._of[kind]["$ref"].removeprefix(REF) for kind in wanted if _is_inlined(kind)}
        self._inlined = inlined | {name for name in self._raw if "[" in self._raw[name].get("title", "")}
        named = [name for name in self._raw if name not in self._inlined]
        sent = {kind.__name__ for kind in _below(Body)}
        right = {name: self._set_right(self._raw[name]) for name in named}
        self.components = {_plain(name): _lenient(one) if name in sent else one for name, one in right.items()}
        assert len(self.components) == len(named), "every model of the wire has a name of its own"

    def of(self, kind: Any) -> Schema:
        """The schema of a model, or of an answer that is one of several."""
        schemas = [self._set_right(self._of[part]) for part in parts_of(kind)]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _set_right(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._set_right(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self._referred(schema)
        plain = {name: self._set_right(value) for name, value in schema.items()} | _typed(schema)
        if isinstance(plain.get("title"), str):
            plain["title"] = _plain(plain["title"])
        if isinstance(plain.get("description"), str) and "title" in plain:
            plain["description"] = story(plain["description"])
        if "properties" in plain:
            plain["properties"] = _told(plain["properties"], str(schema.get("title", "")))
        return {name: value for name, value in plain.items() if value is not None and (name != "description" or value)}

    def _referred(self, schema: Schema) -> Schema:
        """Where an envelope stands, its own schema, without the name that Python gives it."""
        name = schema["$ref"].removeprefix(REF)
        if name not in self._inlined:
            return schema | {"$ref": REF + _plain(name)}
        found: Schema = self._set_right(self._raw[name])
        return {key: value for key, value in found.items() if key not in ("title", "description")}


def _typed(schema: Schema) -> Schema:
    """What msgspec does not know of a value: the type of an amount and of words, a pattern of ECMAScript."""
    found: Schema = {}
    if schema.get("format") == "decimal":
        found["type"] = "number"
        if "default" in schema:
            found["default"] = Decimal(schema["default"])
    if isinstance(schema.get("pattern"), str):
        found["pattern"] = schema["pattern"].replace(NO_NEWLINE, "")
    words = schema.get("enum")
    if words in ([True], [False]):
        return found | {"type": "boolean", "const": words[0], "enum": None}
    if words and all(isinstance(word, str) for word in words):
        found["type"] = "string"
    return found


def _told(properties: Schema, model: str) -> Schema:
    """The fields of a model, each with what it means; what refers to a component has that one's words."""
    found = {}
    for name, facts in properties.items():
        words = WORDS.get(f"{_plain(model)}.{name}", WORDS.get(name))
        is_silent = words is not None and "description" not in facts and "$ref" not in facts
        found[name] = {"description": words} | facts if is_silent else facts
    return found


def parameter(facts: Schema) -> Schema:
    """The schema of a query's parameter: what digits spell is a number, what true and false spell a truth value."""
    spelled = SPELLED.get(facts.get("pattern", ""))
    if spelled is None:
        return facts
    found = {name: value for name, value in facts.items() if name not in OF_TEXTS} | spelled
    if "default" in found and spelled["type"] == "integer":
        found["default"] = int(found["default"])
    return found


def parts_of(kind: Any) -> tuple[Any, ...]:
    """The models of `A | B`."""
    return get_args(kind) if get_origin(kind) in (types.UnionType, Union) else (kind,)


def story(text: str) -> str:
    """A docstring for readers of the document: no number of the contract before it, no line breaks within it."""
    paragraphs = [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]
    paragraphs[0] = NUMBER_OF_CONTRACT.sub("", paragraphs[0])
    return "\n\n".join(part[0].upper() + part[1:] for part in paragraphs if part)


def _below(kind: type[Body]) -> Iterator[type[Body]]:
    """Every model that derives from it."""
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _lenient(schema: Schema) -> Schema:
    """The schema of a body, in which null stands for an optional field that is left out."""
    required = schema.get("required", [])
    properties = {
        name: facts if name in required else _or_null(facts) for name, facts in schema.get("properties", {}).items()
    }
    return schema | {"properties": properties} if properties else schema


def _or_null(facts: Schema) -> Schema:
    if "$ref" in facts:
        return {"anyOf": [{"$ref": facts["$ref"]}, {"type": "null"}]} | {
            name: value for name, value in facts.items() if name != "$ref"
        }
    choices = {"enum": [*facts["enum"], None]} if "enum" in facts else {}
    return facts | {"type": [facts["type"], "null"]} | choices


def _is_inlined(kind: Any) -> bool:
    """Whether it is a query, whose fields become parameters."""
    return isinstance(kind, type) and issubclass(kind, Query)


def _plain(name: str) -> str:
    """`Record` for `RecordOut`."""
    return name.rpartition(".")[2].removesuffix("Out")
