"""The wire's models as JSON Schema, as an OpenAPI document wants them.

msgspec describes them; what it cannot know is set right here. Amounts are JSON numbers, patterns are those of
ECMAScript, envelopes stand where they are used, and the rest are components under plain names.
"""

import inspect
import re
import types
from collections.abc import Iterable
from typing import Any, TypeAlias, Union, get_args, get_origin

import msgspec

from hashrail.api.models import Query

Schema: TypeAlias = dict[str, Any]

REF = "#/components/schemas/"
# Python's $ also stands before a newline at the end; that of ECMAScript does not.
NO_NEWLINE = r"(?!\n)"
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
        self.components = {_plain(name): self._set_right(self._raw[name]) for name in named}
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
        plain = {name: self._set_right(value) for name, value in schema.items()}
        if plain.get("format") == "decimal":
            plain["type"] = "number"
        if isinstance(plain.get("pattern"), str):
            plain["pattern"] = plain["pattern"].replace(NO_NEWLINE, "")
        if all(isinstance(value, str) for value in plain.get("enum", [1])):
            plain["type"] = "string"
        if isinstance(plain.get("title"), str):
            plain["title"] = _plain(plain["title"])
        if isinstance(plain.get("description"), str) and "title" in plain:
            plain["description"] = story(plain["description"])
        return {name: value for name, value in plain.items() if name != "description" or value}

    def _referred(self, schema: Schema) -> Schema:
        """Where an envelope stands, its own schema, without the name that Python gives it."""
        name = schema["$ref"].removeprefix(REF)
        if name not in self._inlined:
            return schema | {"$ref": REF + _plain(name)}
        found: Schema = self._set_right(self._raw[name])
        return {key: value for key, value in found.items() if key not in ("title", "description")}


def parts_of(kind: Any) -> tuple[Any, ...]:
    """The models of `A | B`."""
    return get_args(kind) if get_origin(kind) in (types.UnionType, Union) else (kind,)


def story(text: str) -> str:
    """A docstring for readers of the document: no number of the contract before it, no line breaks within it."""
    paragraphs = [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]
    paragraphs[0] = NUMBER_OF_CONTRACT.sub("", paragraphs[0])
    return "\n\n".join(part[0].upper() + part[1:] for part in paragraphs if part)


def _is_inlined(kind: Any) -> bool:
    """Whether it is a query, whose fields become parameters."""
    return isinstance(kind, type) and issubclass(kind, Query)


def _plain(name: str) -> str:
    """`Record` for `RecordOut`."""
    return name.rpartition(".")[2].removesuffix("Out")
