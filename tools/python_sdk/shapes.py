"""JSON Schemas as Python's types: a TypedDict for an object, Decimal | int for an amount, Literal for closed lists."""

import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

REF = "#/components/schemas/"
SIGNATURE_FIELDS = ("signature", "timestamp", "recvWindow")
SIMPLE = {
    "integer": "int",
    "number": "Amount",
    "boolean": "bool",
    "string": "str",
    "null": "None",
    "object": "Mapping[str, object]",
}
# What a caller may give for a text: the SDK writes it as the wire has it.
GIVEN = {"date-time": "Moment", "date": "Day"}
WIDTH = 112


@dataclass
class Shapes:
    """The types of some components; `is_given` for what callers send, else for what they get."""

    components: Mapping[str, Schema]
    is_given: bool = False
    # Components that another module has.
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    wanted: dict[str, None] = field(default_factory=dict)
    own: dict[str, Schema] = field(default_factory=dict)

    def of(self, schema: Schema) -> str:
        """The type of what fits a schema; components that it names are remembered as wanted."""
        kind = schema.get("type")
        if "$ref" in schema:
            return self._referred(schema["$ref"].removeprefix(REF))
        if "anyOf" in schema:
            return " | ".join(dict.fromkeys(self.of(each) for each in schema["anyOf"]))
        if "const" in schema or "enum" in schema:
            return _literal(schema)
        if isinstance(kind, list):
            return " | ".join(self.of({**schema, "type": each}) for each in kind)
        return self._plain(kind, schema)

    def _plain(self, kind: object, schema: Schema) -> str:
        if kind == "array":
            return f"{'Sequence' if self.is_given else 'list'}[{self.of(schema['items'])}]"
        if kind == "string" and self.is_given and schema.get("format") in GIVEN:
            return GIVEN[schema["format"]]
        return SIMPLE.get(str(kind), "object")

    def named(self, name: str, schema: Schema) -> str:
        """The type of an object that is no component, under a name of its own."""
        known = self.own.setdefault(name, schema)
        assert known == schema, f"{name} would be two things"
        return name

    def definitions(self) -> list[str]:
        """Every type that is wanted, each after those that it uses."""
        order: dict[str, Schema] = {}

        def visit(name: str, schema: Schema) -> None:
            if name not in order:
                for each in sorted(_names_in(schema)):
                    if each not in self.elsewhere and "enum" not in self.components[each]:
                        visit(each, self.components[each])
                order[name] = schema

        for name in self.wanted:
            visit(name, self.components[name])
        for name, schema in self.own.items():
            visit(name, schema)
        return [self._definition(name, schema) for name, schema in order.items()]

    def _referred(self, name: str) -> str:
        if name in self.elsewhere:
            return self.elsewhere[name]
        schema = self.components[name]
        if "enum" in schema:
            return self.of(schema)
        self.wanted[name] = None
        return name

    def _definition(self, name: str, schema: Schema) -> str:
        required = schema.get("required", [])
        fields = {
            wire: (self.of(facts), wire in required or (not self.is_given and "default" in facts), facts)
            for wire, facts in schema["properties"].items()
            if not (self.is_given and wire in SIGNATURE_FIELDS)
        }
        story = schema.get("description") or f"{name}, as the API tells it."
        if any(keyword.iskeyword(wire) for wire in fields):
            members = ", ".join(f"{wire!r}: {_needed(kind, needed)}" for wire, (kind, needed, _) in fields.items())
            return f"{name} = TypedDict({name!r}, {{{members}}})\n{docstring(story, indent='')}\n"
        lines = [f"class {name}(TypedDict):", docstring(story)]
        for wire, (kind, needed, facts) in fields.items():
            line, comment = f"    {wire}: {_needed(kind, needed)}", facts.get("description", "")
            if len(line) + len(comment) + 4 > WIDTH:
                lines += [f"    # {part}" for part in textwrap.wrap(comment, WIDTH)]
                comment = ""
            lines.append(f"{line}  # {comment}" if comment else line)
        return "\n".join(lines) + "\n"


def _literal(schema: Schema) -> str:
    """A closed list of words; None beside it where a body may leave it out so."""
    words = schema.get("enum", [schema.get("const")])
    literal = f"Literal[{', '.join(repr(word) for word in words if word is not None)}]"
    return f"{literal} | None" if None in words else literal


def _needed(kind: str, is_needed: bool) -> str:
    return kind if is_needed else f"NotRequired[{kind}]"


def _names_in(schema: Any) -> set[str]:
    """The components that a schema names."""
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix(REF)} if "$ref" in schema else set[str]()
        return own.union(*map(_names_in, schema.values()))
    return set[str]().union(*map(_names_in, schema)) if isinstance(schema, list) else set()


def docstring(text: str, indent: str = "    ") -> str:
    """A docstring in lines that fit."""
    text = text.replace("\\", "\\\\")
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    first, *others = [textwrap.wrap(part, WIDTH - len(indent)) for part in paragraphs]
    lines = [*first, *(line for part in others for line in ("", *part))]
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""'
    body = "\n".join(f"{indent}{line}" if line else "" for line in lines[1:])
    return f'{indent}"""{lines[0]}\n{body}\n{indent}"""'


def imports_of(text: str, known: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """The lines that import what a text uses of the known modules."""
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    for module, names in known.items():
        used = [name for name in names if name in words]
        if used:
            yield f"from {module} import {', '.join(sorted(used))}"
