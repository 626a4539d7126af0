"""What of the TypeScript SDK is written from the code: its verbs, their paths, and the types of what goes in and out.

    python -m tools.sdk_typescript        write client-ts/src/generated anew

Nouns, verbs and arguments are those of `hashrail_client.operations`, and of `user_operations` for a user's own client;
types are those of the OpenAPI document. A field of `format: decimal` is an `Amount`: text with every digit. The reader
of the SDK knows amounts by their names, so a name is an amount everywhere or nowhere in what is answered, and so in
what is given; this program refuses the rest.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from hashrail.api.document import openapi
from hashrail.settings import Settings
from hashrail_client.operations import NOUNS, OPERATIONS, Operation, wire_fields
from hashrail_client.user_operations import USER_OPERATIONS

Schema: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "client-ts" / "src" / "generated"
HEAD = "// Written by `make reference`; edit what it is written from, not this file: tools/sdk_typescript.py.\n\n"
WIDTH = 110
# What TypeScript or browsers call by that name already.
RENAMED = {"Record": "IncomeRecord", "Event": "HashrailEvent"}
SCALARS = {"string": "string", "integer": "number", "boolean": "boolean", "null": "null", "object": "object"}
KEYED = "Idempotency-Key"
USER_DOOR = "/c2s/"
# What a download reads; it is no verb.
CONTENT = "s2s_export_content"
# The proof of a wallet opens one session: whether it has done so is not known when an answer is lost.
ONCE = {("ton", "check_proof")}
PYTHON_WORDS = {
    "(a Decimal, BTC)": "(BTC)",
    "aware datetimes": "a Date",
    "enabled=False": "enabled: false",
    "enabled=True": "enabled: true",
    "events.follow": "`follow`",
}


def camel(name: str) -> str:
    """A name of Python as JavaScript writes it, which is the wire's name of an argument."""
    (found,) = wire_fields({name: True})
    return found


def told(teaches: str) -> str:
    """What a verb does, in the names of TypeScript."""
    for python, here in PYTHON_WORDS.items():
        teaches = teaches.replace(python, here)
    teaches = re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", lambda name: camel(name[0]), teaches)
    return re.sub(r"\b(?:True|False|None)\b", lambda word: word[0].lower().replace("none", "undefined"), teaches)


def comment(text: str, indent: str = "") -> str:
    """A comment that an editor shows, wrapped."""
    lines = textwrap.wrap(text, WIDTH - len(indent))
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return "\n".join([f"{indent}/**", *(f"{indent} * {line}" for line in lines), f"{indent} */"]) + "\n"


@dataclass
class Types:
    """The types of the schemas that were asked for, and of those that they name in turn."""

    schemas: dict[str, Schema]
    interfaces: dict[str, str] = field(default_factory=dict)
    are_given: dict[str, bool] = field(default_factory=dict)
    # The names of amounts, and of what must not be taken for one: what is told, and what is given.
    amounts: dict[bool, set[str]] = field(default_factory=lambda: {False: set(), True: set()})
    others: dict[bool, set[str]] = field(default_factory=lambda: {False: set(), True: set()})

    def of(self, schema: Schema, name: str, *, given: bool = False) -> str:
        """The type of a schema under that name; `given` by the caller, or told by the API."""
        if "$ref" in schema:
            return self._named(schema["$ref"].rpartition("/")[2], given=given)
        if "anyOf" in schema:
            return self._any([self.of(each, name, given=given) for each in schema["anyOf"]])
        if isinstance(schema.get("type"), list):
            return self._any([self.of({**schema, "type": each}, name, given=given) for each in schema["type"]])
        if schema.get("type") == "null":
            return "null"
        if "const" in schema or "enum" in schema:
            self.others[given].add(name)
            return self._any([json.dumps(each) for each in schema.get("enum", [schema.get("const")])])
        return self._plain(schema, name, given=given)

    def of_argument(self, schema: Schema, name: str) -> str:
        """The type of an argument; one that is an object gets a name."""
        if "properties" not in schema:
            return self.of(schema, name, given=True)
        named = name[0].upper() + name[1:]
        self.interfaces[named] = self.interface(named, schema, given=True)
        return named

    def _plain(self, schema: Schema, name: str, *, given: bool) -> str:
        kind = schema.get("type")
        if kind == "array":
            item = self.of(schema["items"], name, given=given)
            return f"readonly {item}[]" if given else f"{item}[]" if " " not in item else f"({item})[]"
        if kind == "object" and "properties" in schema:
            return self._members(schema, given=given)
        if schema.get("format") == "decimal":
            self.amounts[given].add(name)
            return "AmountLike" if given else "Amount"
        # Text that is told is told apart from a number by itself; text that is given would be printed as one.
        if kind == "integer" or (given and kind in ("string", "boolean")):
            self.others[given].add(name)
        if given and schema.get("format") == "date-time":
            return "Date | string"
        return SCALARS.get(str(kind), "Json")

    def _members(self, schema: Schema, *, given: bool) -> str:
        found = schema["properties"]
        if set(found) == {"array", "nextCursor"}:
            return f"Page<{self.of(found['array']['items'], 'array', given=given)}>"
        return laid_out([self._member(schema, name, given=given) for name in found])

    def _member(self, schema: Schema, name: str, *, given: bool) -> str:
        kind = self.of(schema["properties"][name], name, given=given)
        return f"{name}: {kind}" if name in schema.get("required", []) else f"{name}?: {kind} | undefined"

    def _any(self, kinds: Iterable[str]) -> str:
        return " | ".join(dict.fromkeys(kinds))

    def _named(self, schema: str, *, given: bool) -> str:
        name = RENAMED.get(schema, schema)
        if name not in self.interfaces:
            self.interfaces[name] = ""
            found = self.schemas[schema]
            if "properties" in found:
                self.are_given[name] = given
                self.interfaces[name] = self.interface(name, found, given=given)
            else:
                text = self.of({key: each for key, each in found.items() if key != "title"}, name, given=given)
                self.interfaces[name] = f"export type {name} = {text};\n"
        assert self.are_given.get(name, given) == given, f"{name} is given and told, so its amounts have two types"
        return name

    def interface(self, name: str, schema: Schema, *, given: bool) -> str:
        """An object's type under a name, with what is told of its fields."""
        text = comment(" ".join(schema["description"].split())) if "description" in schema else ""
        text += f"export interface {name} {{\n"
        for member, found in schema["properties"].items():
            text += comment(found["description"], "  ") if "description" in found else ""
            text += textwrap.indent(choices_apart(self._member(schema, member, given=given)), "  ") + ";\n"
        return text + "}\n"


def choices_apart(member: str) -> str:
    """A member on one line, or, where that is long, with each of its choices on a line of its own."""
    if len(member) <= WIDTH or "{" in member:
        return member
    name, _, choices = member.partition(": ")
    return f"{name}:\n" + "\n".join(f"  | {each}" for each in choices.split(" | "))


def laid_out(members: list[str]) -> str:
    """The type of an object on one line, or, where that is long, with each member on a line of its own."""
    line = f"{{ {'; '.join(members)} }}"
    if len(line) < WIDTH - 30:
        return line
    return "{\n" + "".join(textwrap.indent(f"{each};\n", "  ") for each in members) + "}"


@dataclass(frozen=True)
class Verb:
    """A row, with what the document says of its operation."""

    row: Operation
    described: Schema
    schemas: dict[str, Schema]

    @property
    def name(self) -> str:
        """How the SDK names the operation."""
        return f"{camel(self.row.noun)}.{camel(self.row.verb)}"

    def argument(self, name: str) -> Schema:
        """The schema of an argument."""
        wire = camel(name)
        if self.row.method == "GET":
            (found,) = [each["schema"] for each in self.described["parameters"] if each["name"] == wire]
        else:
            schema = self.described["requestBody"]["content"]["application/json"]["schema"]
            found = self.schemas[schema["$ref"].rpartition("/")[2]]["properties"][wire]
        if isinstance(found.get("type"), list):
            # What may be null is left out instead.
            found = {**found, "type": [each for each in found["type"] if each != "null"]}
        return dict(found)

    @property
    def answer(self) -> Schema:
        """The schema of what the verb answers."""
        if self.row.header is not None:
            return {"anyOf": [{"type": "integer"}, {"type": "null"}]}
        schema: Schema = self.described["responses"]["200"]["content"]["application/json"]["schema"]
        if self.row.whole:
            return schema
        if "anyOf" in schema:
            lists = [each["properties"]["data"] for each in schema["anyOf"]]
            (schema,) = [each for each in lists if self._item(each)["$ref"].endswith(f"/{self.row.answer}")]
            return schema
        data: Schema = schema["properties"]["data"]
        return data

    def _item(self, schema: Schema) -> Schema:
        """What a page is a list of."""
        page = self.schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        item: Schema = page["properties"]["array"]["items"]
        return item

    @property
    def is_keyed(self) -> bool:
        """Whether the operation takes an Idempotency-Key."""
        return any(each["name"] == KEYED for each in self.described.get("parameters", []))

    def method(self, types: Types) -> str:
        """The method of the noun's class."""
        given = {
            name: types.of_argument(self.argument(name), camel(name))
            for name in (*self.row.required, *self.row.optional)
        }
        required = [f"{camel(name)}: {given[name]}" for name in self.row.required]
        optional = [f"{camel(name)}?: {given[name]} | undefined" for name in self.row.optional]
        fields = ", ".join(camel(name) for name in self.row.required)
        text = method(
            camel(self.row.verb),
            told(self.row.teaches),
            [*required, f"options: {options_of('WriteOptions' if self.is_keyed else 'CallOptions', optional)} = {{}}"],
            f"Promise<{types.of(self.answer, camel(self.row.verb))}>",
            f'this.#send("{self.name}", {"{ " + fields + " }" if fields else "{}"}, options)',
        )
        return f"{text}\n{self._iterate(types, required, optional)}" if "cursor" in self.row.optional else text

    def _iterate(self, types: Types, required: list[str], optional: list[str]) -> str:
        """The method that reads the list page after page."""
        verb = camel(self.row.verb)
        kept = [each for each in optional if not each.startswith(("cursor?", "offset?"))]
        arguments = "".join(f"{camel(name)}, " for name in self.row.required)
        return method(
            "iterate" if verb == "list" else f"iterate{verb[0].upper()}{verb[1:]}",
            f"Each row of `{verb}`, page after page of `limit`, asked for as you go.",
            [*required, f"options: {options_of('CallOptions', kept)} = {{}}"],
            f"AsyncGenerator<{types.of(self._item(self.answer), 'array')}, void, undefined>",
            f"iterate((cursor) => this.{verb}({arguments}{{ ...options, cursor }}))",
        )

    @property
    def entry(self) -> str:
        """Its line in the table of operations."""
        facts = [f'id: "{self.row.name}"', f'method: "{self.row.method}"', f'path: "{self.row.path}"']
        facts += [f"signed: {str(self.row.signed).lower()}"]
        facts += ["keyed: true"] if self.is_keyed else []
        facts += ["whole: true"] if self.row.whole else []
        facts += [f'header: "{self.row.header}"'] if self.row.header else []
        facts += [f"fixed: {json.dumps(self.row.fixed_fields)}"] if self.row.fixed else []
        facts += ["once: true"] if (self.row.noun, self.row.verb) in ONCE else []
        line = f'  "{self.name}": {{ {", ".join(facts)} }},\n'
        if len(line) <= WIDTH:
            return line
        return f'  "{self.name}": {{\n' + "".join(f"    {fact},\n" for fact in facts) + "  },\n"


def verbs(rows: Iterable[Operation], document: Schema) -> list[Verb]:
    """The rows joined with the document."""
    schemas = document["components"]["schemas"]
    return [Verb(row, document["paths"][row.whole_path][row.method.lower()], schemas) for row in rows]


def options_of(base: str, optional: list[str]) -> str:
    """The type of what a verb takes by name."""
    return f"{base} & {textwrap.indent(laid_out(optional), '    ').lstrip()}" if optional else base


def method(name: str, about: str, arguments: list[str], answer: str, does: str) -> str:
    """A method of a noun's class."""
    listed = "".join(f"    {each},\n" for each in arguments)
    return f"{comment(about, '  ')}  {name}(\n{listed}  ): {answer} {{\n    return {does};\n  }}\n"


def classes(found: list[Verb], types: Types, door: str) -> str:
    """A class for each noun, and one that has them all."""
    nouns = {noun: f"{door}{camel(f'_{noun}')}" for noun in dict.fromkeys(verb.row.noun for verb in found)}
    text = ""
    for noun, name in nouns.items():
        own = [verb for verb in found if verb.row.noun == noun]
        text += f"\n{comment(NOUNS[noun])}export class {name} {{\n  readonly #send: Send;\n\n"
        text += "  constructor(send: Send) {\n    this.#send = send;\n  }\n\n"
        text += "\n".join(verb.method(types) for verb in own) + "}\n"
    text += f"\n/** The nouns. */\nexport class {door}Nouns {{\n"
    text += "".join(f"  readonly {camel(noun)}: {name};\n" for noun, name in nouns.items())
    text += "\n  constructor(send: Send) {\n"
    text += "".join(f"    this.{camel(noun)} = new {name}(send);\n" for noun, name in nouns.items())
    return text + "  }\n}\n"


def event_types(document: Schema, types: Types) -> str:
    """Events, told apart by their type."""
    rows = []
    for name, described in document["webhooks"].items():
        schema = described["post"]["requestBody"]["content"]["application/json"]["schema"]
        data = schema["properties"]["data"]["properties"]["data"]
        rows.append(f'\n  | EventOf<"{name}", {types.of(data, "data")}>')
    about = comment(
        "Something that happened: `type` says what `data` is. `id` is the same however often it is told; the feed is "
        "in the order of `position`."
    )
    return f"{about}export type HashrailEvent ={''.join(rows)};\n"


def shared_types(text: str) -> str:
    """Imports of what a text names of the modules that are written by hand."""
    named = {"../json.ts": ("Amount", "AmountLike", "Json"), "../pages.ts": ("Page",)}
    found = {module: [name for name in names if re.search(rf"\b{name}\b", text)] for module, names in named.items()}
    return "".join(
        f'import type {{ {", ".join(names)} }} from "{module}";\n' for module, names in found.items() if names
    )


def verbs_module(found: list[Verb], types: Types, door: str, title: str) -> str:
    """The classes of nouns, with what they import."""
    text = classes(found, types, door)
    known = sorted(name for name in types.interfaces if re.search(rf"\b{name}\b", text))
    options = [name for name in ("CallOptions", "Send", "WriteOptions") if re.search(rf"\b{name}\b", text)]
    imports = f'import type {{ {", ".join(options)} }} from "../calling.ts";\n'
    imports += 'import { iterate } from "../pages.ts";\n'
    imports += shared_types(text)
    names = "".join(f"  {name},\n" for name in known)
    return f'{HEAD}// {title}\n\n{imports}import type {{\n{names}}} from "./answers.ts";\n{text}'


def operations_module(servers: list[Verb], users: list[Verb], types: Types, codes: Iterable[str]) -> str:
    """The table of operations, the names of amounts and the codes of errors."""
    told, given = ("".join(f'  "{name}",\n' for name in sorted(types.amounts[given])) for given in (False, True))
    known = "\n".join(f'  | "{code}"' for code in codes)
    ids = "\n".join(f'  | "{name}"' for name in sorted({verb.row.name for verb in (*servers, *users)} | {CONTENT}))
    return (
        f'{HEAD}import type {{ Operation }} from "../operation.ts";\n\n'
        f"/** What a partner's server calls, by noun and verb. */\nexport const OPERATIONS = {{\n"
        f"{''.join(verb.entry for verb in servers)}}} as const satisfies {{ [name: string]: Operation }};\n\n"
        f"/** What a user's own client calls. */\nexport const USER_OPERATIONS = {{\n"
        f"{''.join(verb.entry for verb in users)}}} as const satisfies {{ [name: string]: Operation }};\n\n"
        f"/** The names under which an exact amount stands in what is answered. */\n"
        f"export const AMOUNTS: ReadonlySet<string> = new Set([\n{told}]);\n\n"
        f"/** The names under which an amount is given. */\n"
        f"export const GIVEN_AMOUNTS: ReadonlySet<string> = new Set([\n{given}]);\n\n"
        f"/** The names of operations in the API's document. */\nexport type OperationId =\n{ids};\n\n"
        f"/** The codes of refusals. */\nexport type ErrorCode =\n{known};\n"
    )


def user_rows() -> list[Operation]:
    """What a user's own client calls: as a user, and to become one or to be none any more."""
    return [*USER_OPERATIONS, *(row for row in OPERATIONS if row.path.startswith(USER_DOOR))]


def modules() -> Iterator[tuple[str, str]]:
    """Every module that is written: its name and text."""
    document: Schema = json.loads(openapi.rendered(Settings.model_validate({"mode": "sandbox"})))
    types = Types(document["components"]["schemas"], {"HashrailEvent": ""})
    servers, users = verbs(OPERATIONS, document), verbs(user_rows(), document)
    server_text = verbs_module(servers, types, "Server", "What a partner's server calls.")
    user_text = verbs_module(users, types, "User", "What a user's own client calls.")
    types.of({"$ref": "#/EventObject"}, "object")
    types.interfaces["HashrailEvent"] = event_types(document, types)
    both = [types.amounts[given] & types.others[given] for given in (False, True)]
    assert not any(both), f"these are amounts here and something else there, and the SDK cannot tell: {both}"
    yield "operations.ts", operations_module(servers, users, types, document["x-hashrail-errors"])
    yield "verbs.ts", server_text
    yield "user_verbs.ts", user_text
    known = "\n".join(text for _, text in sorted(types.interfaces.items()) if text)
    about = comment("An event of one type.")
    event = "export interface EventOf<Type extends string, Data> {\n  id: string;\n  position: number;\n  type: Type;\n"
    event += "  version: number;\n  object: EventObject;\n  occurredAt: string;\n  data: Data;\n}\n\n"
    yield "answers.ts", f"{HEAD}{shared_types(known)}\n{about}{event}{known}"


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in modules():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
