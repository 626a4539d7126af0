"""The reference pages of docs/, written from the code that they describe.

    python -m tools.reference --out docs/reference

Errors come from their classes, settings from `Settings`, commands from the command line itself, invariants from the
audit, operations from the route table and its models, modules from their docstrings and the list of rooms, what the
database's errors mean from the tables that say so. A test compares the committed pages with a fresh run.
"""

import ast
import inspect
import pkgutil
import re
import types
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import typer
from msgspec import inspect as models
from pydantic import BaseModel, SecretStr

import hashrail
from hashrail import errors
from hashrail.access.signatures import MAX_WINDOW_MS, default_window_ms
from hashrail.alarms import rules
from hashrail.api.operations.routes import routes
from hashrail.api.serving.call import File
from hashrail.api.serving.operation import AnyOperation, Auth
from hashrail.audit import invariants
from hashrail.cli.alarm_shapes import Alarm as AlarmShape
from hashrail.cli.main import app
from hashrail.cli.printing import shape_of
from hashrail.events import catalogue
from hashrail.parties.permissions import ACTS
from hashrail.processes import gauges, meters, metrics_page
from hashrail.settings import GROUPS, WITHOUT_PREFIX, Settings
from tools import database_reference, postman
from tools.rooms import GROUND, ROOMS

MADE = "<!-- Written by `make reference`; edit the code that it describes, not this page. -->"
SIGNATURE_FIELDS = ("signature", "timestamp", "recvWindow")
DATA = "data"
SETTING_TYPES = {
    str: "text",
    SecretStr: "secret",
    int: "whole number",
    Decimal: "amount",
    bool: "yes or no",
    Path: "file",
}
SOURCE = Path(hashrail.__file__).parent
NO_NEWLINE = r"(?!\n)"
WORDS_FOR = {int: "NUMBER", Path: "PATH"}
PRINTED_TYPES: dict[type[models.Type], str] = {
    models.StrType: "text",
    models.IntType: "whole number",
    models.DecimalType: "amount",
    models.BoolType: "true or false",
    models.DateTimeType: "time",
    models.DateType: "day",
    models.NoneType: "null",
    models.AnyType: "anything",
}
PLAIN_TYPES: dict[type[models.Type], str] = {
    models.IntType: "integer",
    models.DecimalType: "number",
    models.BoolType: "boolean",
    models.NoneType: "null",
    models.RawType: "object",
    models.BytesType: "a file",
}


def reference(
    folder: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder of the pages.")],
) -> None:
    """Write the reference pages: errors, settings, commands, roles, invariants, alarms, metrics, operations, ..."""
    _import_everything()
    pages = {
        "errors.md": _errors(),
        "settings.md": _settings(),
        "commands.md": _commands(typer.main.get_command(app)),
        "roles.md": _roles(),
        "invariants.md": _invariants(),
        "alarms.md": _alarms(),
        "metrics.md": _metrics(),
        "operations.md": _operations(routes(Settings(mode="sandbox"))),
        "events.md": _events(),
        "modules.md": _modules(),
        "database-errors.md": _database_errors(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in pages.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        typer.echo(f"{folder / name}")
    (folder / postman.FILE).write_text(postman.rendered(), encoding="utf-8")
    typer.echo(f"{folder / postman.FILE}")


def _import_everything() -> None:
    """Every module of the product: the catalogue of errors has the classes that were imported."""
    for module in pkgutil.walk_packages(hashrail.__path__, "hashrail."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def _errors() -> list[str]:
    """Every code that an answer or a command can carry."""
    kinds = [kind for kind in errors.catalogue() if kind.__module__.startswith("hashrail")]
    return [
        *_head("Errors", "Every refusal has one code, and a code has one cause. The shape is always the same:"),
        "```json",
        '{"statusCode": 404, "error": "USER_NOT_FOUND", "message": "...", "requestId": "...", "details": {}}',
        "```",
        "",
        "A command shows the same codes and ends with 1. In a sandbox, a refused signature also carries",
        "`details.signedText`, `details.cause` and `details.explanation`: see [signatures](../why/signatures.md).",
        "",
        *_table(
            ("status", "code", "cause", "what to do"),
            [(kind.status, f"`{kind.code}`", _first_paragraph(kind.__doc__), kind.advice) for kind in kinds],
        ),
    ]


def _settings() -> list[str]:
    """Every environment variable that a deployment reads, noun by noun."""
    lines = _head(
        "Settings",
        "A deployment reads environment variables. Lists and tables are written as JSON, "
        'for example `HASHRAIL_TRUSTED_PROXIES=["10.0.0.0/8"]`.',
    )
    for group in GROUPS:
        lines += [f"## {_first_paragraph(group.__doc__).removesuffix('.')}", ""]
        lines += [*_table(("variable", "type", "default", "meaning"), _variables(group)), ""]
    return lines[:-1]


def _variables(group: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """The variables of a group: name, type, default, meaning."""
    teaches = _attribute_docstrings(group)
    for name, field in group.model_fields.items():
        variable = name.upper() if name in WITHOUT_PREFIX else f"HASHRAIL_{name.upper()}"
        kind = "folder" if name == DATA else _type_name(field.annotation)
        yield f"`{variable}`", kind, _default(field), teaches[name]


def _commands(root: Any) -> list[str]:
    """Every command with its arguments and options."""
    lines = _head(
        "Commands",
        "`hashrail COMMAND --help` shows the same; `hashrail --version` prints the version. "
        "A refusal ends a command with 1, a command line that cannot be read with 2; both are told on standard error.\n"
        "\n"
        "With `--json` a command prints one JSON document for scripts, under the API's names wherever it has the noun. "
        "An amount is a text with every digit, a time ISO 8601, UTC, with milliseconds and `Z`, a day like 2026-09-09. "
        "Every field is always there: null is what there is none of.",
    )
    for words, command in _leaves(["hashrail"], root):
        arguments = [_argument(part) for part in command.params if _is_argument(part)]
        rows = [
            (f"`{_argument(part) if _is_argument(part) else _option(part)}`", *_about(part)) for part in command.params
        ]
        lines += [
            f"## {' '.join(words)}",
            "",
            f"`{' '.join([*words, *arguments, '[OPTIONS]'])}`",
            "",
            *_paragraphs(command.help),
            "",
            *_least_role(" ".join(words[1:])),
            *_examples(command),
            *_table(("argument or option", "default", "meaning"), rows),
            "",
            *_printed(command),
        ]
    return lines[:-1]


def _least_role(act: str) -> list[str]:
    """Who may, where it changes something."""
    return [f"It takes the role `{ACTS[act].least}`: [who may do what](roles.md).", ""] if act in ACTS else []


def _roles() -> list[str]:
    """Every act of operators with the least role that it takes."""
    return [
        *_head(
            "Who may do what",
            "Every command that changes something, and the least role that it takes of an operator, once the deployment"
            " has an admin: `--as NAME`, or `HASHRAIL_OPERATOR`. Each is logged in the transaction of the change, with "
            "the values before and after: `hashrail operator log`. Every other command only looks, and asks for nobody."
            " Before there is an admin, who has the shell may do everything, except what is done in somebody's name "
            "in any case. [How operators are added](../how-to/approve-payouts.md).",
        ),
        *_table(
            ("command", "role", "always in somebody's name"),
            [(f"`hashrail {name}`", f"`{act.least}`", "yes" if act.named else "") for name, act in ACTS.items()],
        ),
    ]


def _examples(command: Any) -> Iterator[str]:
    """What the help shows at its end; as code, so that the commands on the page are checked."""
    for line in (command.epilog or "").splitlines():
        yield re.sub("^Example: (.*)$", r"Example: `\1`", line)
    if command.epilog:
        yield ""


def _printed(command: Any) -> list[str]:
    """What a command prints for scripts: each field with its type and meaning."""
    shape = shape_of(command)
    if shape is None:
        return []
    found = models.type_info(shape)
    asked = "With `--json`" if any("--json" in part.opts for part in command.params) else "On standard output"
    if isinstance(found, models.ListType):
        asked, found = f"{asked}, a list; each item", found.item_type
    if not isinstance(found, models.StructType):
        return [f"{asked}: a text.", ""]
    story = _first_paragraph(found.cls.__doc__)
    rows = _printed_rows(found)
    return [f"{asked}: {story[0].lower()}{story[1:]}", "", *_table(("field", "type", "meaning"), rows), ""]


def _printed_rows(found: models.StructType, above: str = "") -> Iterator[tuple[str, str, str]]:
    """A row a field, those of nested shapes after the field that has them."""
    for field in found.fields:
        assert isinstance(field.type, models.Metadata), f"{found.cls} says nothing of {field.name}"
        kind, meaning = field.type.type, (field.type.extra_json_schema or {})["description"]
        yield f"`{above}{field.encode_name}`", _printed_type(kind), meaning
        for part in kind.types if isinstance(kind, models.UnionType) else (kind,):
            if isinstance(part, models.ListType) and isinstance(part.item_type, models.StructType):
                yield from _printed_rows(part.item_type, f"{above}{field.encode_name}[].")
            elif isinstance(part, models.StructType):
                yield from _printed_rows(part, f"{above}{field.encode_name}.")


def _printed_type(found: models.Type) -> str:
    """The type of a field that a command prints, in words."""
    match found:
        case models.LiteralType():
            shown = _shape(found)
        case models.UnionType():
            shown = " or ".join(_printed_type(part) for part in found.types)
        case models.ListType(item_type=models.StructType()):
            shown = "list of objects"
        case models.ListType():
            shown = f"list: {_printed_type(found.item_type)}"
        case models.StructType():
            shown = "object"
        case models.DictType(value_type=models.AnyType()):
            shown = "object"
        case models.DictType():
            shown = f"object: {_printed_type(found.value_type)} by name"
        case _:
            shown = PRINTED_TYPES[type(found)]
    return shown


def _invariants() -> list[str]:
    """Every rule that the audit checks, in its order, noun by noun."""
    lines = _head(
        "Invariants",
        "`hashrail audit` checks these in one snapshot of the books, in this order, and stops at the first that "
        "is broken. The worker checks all of them every hour. "
        "What to do about a broken one stands in the [runbook](../runbook.md#the-audit-finds-something).",
    )
    for section in invariants.SECTIONS:
        rows = [(f"`{each.name}`", each.rule) for each in section.invariants]
        lines += [f"## {section.title}", "", *_table(("invariant", "what holds"), rows), ""]
    return lines[:-1]


def _alarms() -> list[str]:
    """Every rule, and what monitoring is answered."""
    rows = [(f"`{rule.code}`", rule.severity, _held(rule.holds), rule.todo) for rule in rules.RULES]
    fields = models.type_info(AlarmShape)
    assert isinstance(fields, models.StructType), "it is a shape"
    about = [(f"`{each.encode_name}`", _said_of(each.type)) for each in fields.fields]
    return [
        *_head(
            "Alarms",
            "What rings, by the rules that the worker looks at every minute. What each means and how to get out of it "
            "stands in the [runbook](../runbook.md#an-alarm-rings), how people are told on a "
            "[page of its own](../how-to/alarms.md). A condition can make an alarm graver than its rule.",
        ),
        *_table(("alarm", "severity", "rings when it has been so for", "what to do"), rows),
        "",
        "## GET /api/admin/alarms",
        "",
        "On the listener of health and metrics, of API and worker, with `Authorization: Bearer TOKEN`, of which",
        '`HASHRAIL_ADMIN_TOKEN_DIGEST` has the digest. It answers `{"alarms": [...]}`, the gravest first; each has:',
        "",
        *_table(("field", "meaning"), about),
        "",
        "403 `ADMIN_TOKEN_NOT_SET`: the deployment names no token. 401 `ADMIN_TOKEN_WRONG`: another one, or none.",
        "503: the database does not answer, by its [code](errors.md).",
    ]


def _metrics() -> list[str]:
    """Every metric: of the books, and what processes count."""
    of_books = [(f"`{metrics_page.READABLE}`", "", metrics_page.ABOUT_READABLE)]
    of_books += [
        (f"`{each.name}`", ", ".join(f"`{label}`" for label in each.labels), each.about) for each in gauges.GAUGES
    ]
    suffixes = {"counter": "_total", "info": "_info"}
    counted = [
        (f"`{each.name}{suffixes.get(each.type, '')}`", each.type, each.documentation)
        for registry in (meters.ABOUT, meters.REGISTRY)
        for each in registry.collect()
    ]
    return [
        *_head(
            "Metrics",
            "What `/metrics` answers on the listener of the probes, of API and worker; [how they are used]"
            "(../how-to/metrics-and-logs.md). Amounts are rounded to 8 decimals: they are for the eye.",
        ),
        "## What the books say",
        "",
        "Gauges, read from the database and the same wherever they are asked for: take the `max` over instances.",
        "What is not known has no value.",
        "",
        *_table(("metric", "labels", "meaning"), of_books),
        "",
        "## What processes count",
        "",
        "Of the command that is asked: the sum of all API processes of a `hashrail serve`, or a worker.",
        "A histogram has `_bucket`, `_sum` and `_count`.",
        "",
        *_table(("metric", "kind", "meaning"), sorted(counted)),
    ]


def _held(holds: timedelta) -> str:
    minutes = int(holds.total_seconds()) // 60
    return "at once" if minutes == 0 else f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _said_of(found: models.Type) -> str:
    assert isinstance(found, models.Metadata), "a field of a shape says what it means"
    return str((found.extra_json_schema or {})["description"])


def _operations(routes: Iterable[tuple[str, AnyOperation]]) -> list[str]:
    """Every operation of the API with what it takes and answers."""
    table: dict[str, tuple[AnyOperation, list[str]]] = {}
    for path, operation in routes:
        table.setdefault(operation.name, (operation, []))[1].append(path)
    lines = _head(
        "Operations",
        "The operations of the partner API by the numbers of its contract; those without a number are "
        "Hashrail's own. A body is JSON with no unknown fields; unknown query parameters are ignored, "
        "unless one differs from a known one by its case alone. "
        "A deployment serves the same with examples and error codes at `/api/docs`, and for programs at "
        "`/api/openapi.json`: see [generate a client](../how-to/generate-a-client.md).",
    )
    lines += [*_callers(), ""]
    for operation, paths in sorted(table.values(), key=lambda found: found[0].number or len(table) * 100):
        lines += [*_operation(operation, paths), ""]
    return lines[:-1]


def _events() -> list[str]:
    """Every type of event, by the object that it is about."""
    lines = _head(
        "Events",
        "What [the feed](../how-to/follow-events.md) tells, by what it is about. `id` is the field of the data that "
        "`object.id` repeats. A type keeps its meaning: fields may be added to it, and another meaning has another "
        "version.",
    )
    for kind in dict.fromkeys(each.KIND for each in catalogue.kinds().values()):
        lines += [f"## {kind}", ""]
        lines += [*_table(("type", "version", "when", "id", "data"), _events_of(kind)), ""]
    return lines[:-1]


def _events_of(kind: str) -> Iterator[tuple[str, int, str, str, str]]:
    """The types about one kind of object: name, version, when it is told, and its fields."""
    for each in catalogue.kinds().values():
        if kind == each.KIND:
            of_it = models.type_info(each)
            assert isinstance(of_it, models.StructType), "an event is a struct"
            fields = ", ".join(f"`{field.encode_name}`" for field in of_it.fields)
            shown = msgspec.structs.fields(each)
            name = next(field.encode_name for field in shown if field.name == each.ID)
            yield f"`{each.TYPE}`", each.VERSION, _first_paragraph(each.__doc__), f"`{name}`", fields


def _modules() -> list[str]:
    """Every module with what it is for, room by room, from the ground up."""
    stories = dict(_module_stories())
    lines = _head(
        "Modules",
        "What `src/hashrail` is made of, from the ground up. A module imports only rooms that stand above its own in "
        "this list, and of a package only its face, shown in bold; `tests/house/test_rooms.py` holds that.",
    )
    lines += ["## The ground", "", *_table(("module", "what it is"), _rows(GROUND, stories, shown=GROUND)), ""]
    for room in ROOMS:
        modules = sorted(module for module in stories if module.startswith(f"{room.name}."))
        shown = {f"{room.name}.{name}" for name in room.face}
        rows = _rows(modules, stories, shown=shown)
        lines += [f"## {room.name}: {room.title}", "", *_table(("module", "what it is"), rows), ""]
    assert not stories, f"these stand in no room: {sorted(stories)}"
    return lines[:-1]


def _database_errors() -> list[str]:
    """What failures of PostgreSQL mean, what a session is fixed to, and what DATABASE_URL may say."""
    return [
        *_head(
            "Errors of the database",
            "What whoever asks is told when PostgreSQL fails. A class of SQLSTATEs stands in bold; a state below it is "
            "told in another way than its class. What is told with 503 may be sent again.",
        ),
        *_table(("SQLSTATE", "PostgreSQL's name", "answer"), database_reference.states()),
        "",
        "A commit that fails is a case of its own. Where PostgreSQL says that it rolled back, the table holds. Where",
        "the line is lost, the session ended, or no standby knows of it, the answer is `UNKNOWN_OUTCOME`: it may be",
        "done. The same request, sent again, is done once; it is answered when standbys have it.",
        "",
        "After `DATABASE_READ_ONLY` and `DATABASE_POOLED` no connection of the pool is used again, so a server that",
        "was promoted, or is the right one, is found at once.",
        "",
        "## What a session is fixed to",
        "",
        "Whatever `ALTER SYSTEM`, `ALTER DATABASE`, `ALTER ROLE` or DATABASE_URL set, each connection of every process",
        "begins with these. Migrations have no `statement_timeout`, and the queue's `search_path` begins with its own",
        "schema. A setting that this role may not change is `DATABASE_SESSION`. A database that is not encoded in",
        "UTF-8 is refused as `DATABASE_ENCODING`.",
        "",
        *_table(("setting", "value", "why"), database_reference.pins()),
        "",
        "What is not fixed is not relied on: the order of texts (no cursor follows it), formats of dates and numbers",
        "(values travel in binary form), `row_security` (no table has policies), storage and planning.",
        "",
        "## What DATABASE_URL may say",
        "",
        "It is read by libpq, as a URL or as `host=... dbname=...`. Empty means not set. Of its options:",
        "",
        *_table(("option", "what is done"), database_reference.options()),
    ]


def _rows(modules: Iterable[str], stories: dict[str, str], *, shown: Collection[str]) -> list[tuple[str, str]]:
    """A row a module, in bold where others may import it; takes the stories that it tells."""
    return [(f"**`{module}`**" if module in shown else f"`{module}`", stories.pop(module)) for module in modules]


def _module_stories() -> Iterator[tuple[str, str]]:
    """(module, the first paragraph of its docstring), packages left out."""
    for path in sorted(SOURCE.rglob("*.py")):
        if not path.stem.startswith("__"):
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            yield module, _first_paragraph(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))


def _callers() -> list[str]:
    """What the words for a caller mean."""
    rows = [
        (Auth.SIGNED.value, "`X-PARTNER-API-KEY` of a `secret` or `full` key, and a signature with its timestamp"),
        (Auth.SERVER_KEY.value, "`X-PARTNER-API-KEY` of a `secret` or `full` key"),
        (Auth.BEARER.value, "`Authorization: Bearer <jwtToken>`; an API key beside it must be the same partner's"),
        (Auth.KEY_OR_BEARER.value, "such a token, or `X-PARTNER-API-KEY` of a `publishable` or `full` key"),
        (Auth.ANY_KEY_OR_BEARER.value, "such a token, or `X-PARTNER-API-KEY` of any key"),
        (Auth.NONE.value, "no credential"),
    ]
    return [
        *_table(("caller", "what it sends"), rows),
        "",
        "A signed operation takes `signature` (64 hexadecimal digits), `timestamp` (milliseconds since 1970 UTC) and",
        f"optionally `recvWindow` (milliseconds, at most {MAX_WINDOW_MS}) in the query of a GET or the body of a POST;",
        "or all three in headers. How to sign: [signatures](../why/signatures.md).",
    ]


def _operation(operation: AnyOperation, paths: Sequence[str]) -> list[str]:
    number = "" if operation.number is None else f"#{operation.number} "
    facts = [f"Caller: {operation.auth.value}."]
    if operation.scope is not None:
        facts.append(f"Scope: `{operation.scope}`.")
    if operation.auth is Auth.SIGNED:
        facts.append(f"recvWindow: {default_window_ms(operation.name, {})} ms when none is sent.")
    if operation.writes:
        cut_off = ", or goes on where it was cut off" if operation.in_steps else ""
        facts.append(f"A repetition gets the kept answer{cut_off}.")
    rows = [
        (f"`{field.encode_name}`", _shape(field.type), "required" if field.required else _model_default(field))
        for field in _struct_fields(operation.model)
        if field.encode_name not in SIGNATURE_FIELDS
    ]
    story = _first_paragraph(operation.story).removeprefix(f"#{operation.number}: ")
    notes = list(_answer_notes(operation))
    return [
        f"## {number}{operation.name}",
        "",
        *(f"`{operation.method} {path}`" for path in paths),
        "",
        story[0].upper() + story[1:],
        "",
        " ".join(facts),
        "",
        *(_table(("field", "type and bounds", ""), rows) if rows else ["No fields of its own."]),
        "",
        "Answer:",
        "",
        "```text",
        *(_skeleton(found) for found in _answers(operation)),
        "```",
        *(["", *notes] if notes else []),
    ]


def _answers(operation: AnyOperation) -> list[models.Type]:
    """What the operation may answer."""
    # Of a file only its bytes come over the wire.
    hint = bytes if operation.answer is File else operation.answer
    kinds = get_args(hint) if get_origin(hint) in (types.UnionType, Union) else (hint,)
    return [models.type_info(kind) for kind in kinds]


def _answer_notes(operation: AnyOperation) -> Iterator[str]:
    """What the models of the answer say about units."""
    for model in {model: None for found in _answers(operation) for model in _structs(found)}:
        note = _first_paragraph(model.__doc__).removeprefix(f"#{operation.number}").lstrip(":,. ")
        if note and not note.startswith("The envelope"):
            yield f"- {note}"


def _structs(found: models.Type) -> Iterator[type]:
    """The answer's own models, outside in."""
    if isinstance(found, models.StructType):
        if found.cls.__module__.startswith("hashrail"):
            yield get_origin(found.cls) or found.cls
        for field in found.fields:
            yield from _structs(field.type)
    elif isinstance(found, models.CollectionType):
        yield from _structs(found.item_type)
    elif isinstance(found, models.UnionType):
        for part in found.types:
            yield from _structs(part)


def _skeleton(found: models.Type) -> str:
    """`{"data": {"array": [{"id": integer}]}}`."""
    if isinstance(found, models.StructType):
        tag = [] if found.tag_field is None else [f'"{found.tag_field}": "{found.tag}"']
        fields = [f'"{field.encode_name}": {_skeleton(field.type)}' for field in found.fields]
        return "{" + ", ".join([*tag, *fields]) + "}"
    if isinstance(found, models.CollectionType):
        return f"[{_skeleton(found.item_type)}]"
    if isinstance(found, models.UnionType):
        return " or ".join(_skeleton(part) for part in found.types)
    return _shape(found)


def _shape(found: models.Type) -> str:
    """A field's type with its bounds, in words."""
    match found:
        case models.Metadata():
            shown = _shape(found.type)
        case models.StrType():
            shown = _text(found)
        case models.IntType(ge=int(least), le=int(most)):
            shown = f"integer, {least} to {most}"
        case models.StrType(max_length=int(most)):
            shown = f"text, at most {most} characters"
        case models.LiteralType():
            shown = "one of " + ", ".join(f"`{value}`" for value in found.values)
        case models.TupleType(item_types=()):
            shown = "[]"
        case models.StructType() | models.CollectionType():
            shown = f"`{_skeleton(found)}`"
        case models.UnionType():
            shown = " or ".join(_shape(part) for part in found.types if not isinstance(part, models.CustomType))
        case models.EnumType():
            shown = "one of " + ", ".join(f"`{member.value}`" for member in found.cls)
        case _:
            shown = PLAIN_TYPES[type(found)]
    return shown


def _text(found: models.StrType) -> str:
    """A text's bounds, in words."""
    if found.pattern is not None:
        # The models shut out a newline before the end; a reader takes that for granted.
        return f"text, `{found.pattern.removesuffix(NO_NEWLINE)}`"
    if found.max_length is None:
        return "text"
    least = f"{found.min_length} to" if found.min_length else "at most"
    return f"text, {least} {found.max_length} characters"


def _struct_fields(model: type[msgspec.Struct]) -> tuple[models.Field, ...]:
    found = models.type_info(model)
    assert isinstance(found, models.StructType)
    return found.fields


def _model_default(field: models.Field) -> str:
    return f"default `{field.default.value}`" if isinstance(field.default, Enum) else "optional"


def _leaves(words: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    """The commands that do something, in the order in which the help shows them."""
    if command.hidden:
        return
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, below in command.commands.items():
        yield from _leaves([*words, name], below)


def _is_argument(part: Any) -> bool:
    return not part.opts[0].startswith("-")


def _argument(part: Any) -> str:
    return str(part.metavar or part.name.upper())


def _option(part: Any) -> str:
    """`--port NUMBER`, or `--on / --off`."""
    kind = part.type_descriptor.annotation
    if kind is bool:
        return " / ".join([part.opts[0], *part.secondary_opts])
    if get_origin(kind) is Literal:
        shown = "|".join(get_args(kind))
    else:
        shown = "|".join(member.value for member in kind) if issubclass(kind, Enum) else WORDS_FOR.get(kind, "TEXT")
    return f"{part.opts[0]} {part.metavar or shown}"


def _about(part: Any) -> tuple[str, str]:
    """Default and meaning of an argument or option."""
    default = "required" if part.required else ""
    if not part.required and part.default not in (None, False, "", ()):
        default = f"`{part.default}`"
    repeated = " May be repeated." if part.multiple else ""
    source = f" Also from `{part.envvar}`." if part.envvar else ""
    return default, f"{part.help or ''}{repeated}{source}".strip()


def _attribute_docstrings(kind: type) -> dict[str, str]:
    """The text that follows each attribute of a class in its source."""
    (found,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(found, ast.ClassDef)
    texts = {}
    for before, after in zip(found.body, found.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            texts[ast.unparse(before.target)] = " ".join(str(after.value.value).split())
    return texts


def _type_name(annotation: Any) -> str:
    """A setting's type in plain words."""
    if annotation in SETTING_TYPES:
        return SETTING_TYPES[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, Union):
        named = [_type_name(part) for part in parts if part is not types.NoneType]
        return " or ".join([*named, "unset"] if types.NoneType in parts else named)
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in parts)
    return {dict: "JSON object", list: "JSON list"}[origin]


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    bounds = [
        f"{words} {getattr(bound, name)}"
        for bound in field.metadata
        for name, words in (("gt", "above"), ("ge", "at least"), ("le", "at most"))
        if hasattr(bound, name)
    ]
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return ", ".join(["unset" if value is None else f"`{value}`", *bounds])


def _head(title: str, story: str) -> list[str]:
    return [f"# {title}", "", MADE, "", story, ""]


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    bar = "\\|"
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        # A bar inside a cell would begin the next one.
        *(f"| {' | '.join(str(cell).replace('|', bar) for cell in row)} |" for row in rows),
    ]


def _first_paragraph(text: str | None) -> str:
    """A docstring's first paragraph on one line."""
    assert text, "everything that a page shows is documented"
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def _paragraphs(text: str | None) -> list[str]:
    """A help text with one line a paragraph, blank lines between."""
    assert text, "every command has a help text"
    paragraphs = [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]
    return "\n\n".join(paragraphs).split("\n")


if __name__ == "__main__":
    typer.run(reference)
