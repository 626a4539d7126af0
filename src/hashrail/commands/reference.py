"""hashrail reference: the reference pages of docs/, written from the code that they describe.

Errors come from their classes, settings from `Settings`, commands from the command line itself, invariants from the
audit, operations from the route table and its models, modules from their docstrings and the floors that the style test
holds. A test compares the committed pages with a fresh run.
"""

import ast
import inspect
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import typer
from msgspec import inspect as models

from hashrail import checks, errors
from hashrail.api.call import Auth, Route
from hashrail.auth.signature import MAX_WINDOW_MS, default_window_ms
from hashrail.settings import Settings

MADE = "<!-- Written by `hashrail reference`; edit the code that it describes, not this page. -->"
SIGNATURE_FIELDS = ("signature", "timestamp", "recvWindow")
DATABASE_URL = "database_url"
DATA = "data"
SETTING_TYPES = {str: "text", int: "whole number", Decimal: "amount", bool: "yes or no", Path: "file"}
SOURCE = Path(__file__).parent.parent
FLOORS = SOURCE.parent.parent / "tests" / "test_style.py"
FLOOR_TITLES = (
    "Figures, time and errors",
    "What is outside: settings, database, signatures, chains",
    "The business clock, jobs, and writes that are done once",
    "The ledger, and who is who",
    "Rates, and what is sold",
    "What happens: income, orders, withdrawals, payouts, deposits, the close of a day",
    "The audit, and what operations of the API are built from",
    "The doors: operations of the API, and the worker",
    "Everything put together: the application, the sandbox, the command line",
)
NO_NEWLINE = r"(?!\n)"
WORDS_FOR = {int: "NUMBER", Path: "PATH"}
PLAIN_TYPES: dict[type[models.Type], str] = {
    models.IntType: "integer",
    models.DecimalType: "number",
    models.BoolType: "boolean",
    models.NoneType: "null",
    models.RawType: "object",
    models.BytesType: "a file",
}


def reference(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder of the pages.")],
) -> None:
    """Write the reference pages: errors, settings, commands, invariants, operations and modules."""
    # Imported here: every command imports this module, and only this one needs the web framework.
    from hashrail.api.routes import routes  # noqa: PLC0415

    pages = {
        "errors.md": _errors(),
        "settings.md": _settings(),
        "commands.md": _commands(context.find_root().command),
        "invariants.md": _invariants(),
        "operations.md": _operations(routes(Settings(mode="sandbox"))),
        "modules.md": _modules(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in pages.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        typer.echo(f"{folder / name}")


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
    """Every environment variable that a deployment reads."""
    teaches = _attribute_docstrings(Settings)
    rows = []
    for name, field in Settings.model_fields.items():
        variable = "DATABASE_URL" if name == DATABASE_URL else f"HASHRAIL_{name.upper()}"
        kind = "folder" if name == DATA else _type_name(field.annotation)
        rows.append((f"`{variable}`", kind, _default(field), teaches[name]))
    return [
        *_head(
            "Settings",
            "A deployment reads environment variables. Lists and tables are written as JSON, "
            'for example `HASHRAIL_TRUSTED_PROXIES=["10.0.0.0/8"]`.',
        ),
        *_table(("variable", "type", "default", "meaning"), rows),
    ]


def _commands(root: Any) -> list[str]:
    """Every command with its arguments and options."""
    lines = _head("Commands", "`hashrail COMMAND --help` shows the same. A refusal ends a command with 1.")
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
            *_table(("argument or option", "default", "meaning"), rows),
            "",
        ]
    return lines[:-1]


def _invariants() -> list[str]:
    """Every rule that the audit checks, in its order."""
    return [
        *_head(
            "Invariants",
            "`hashrail audit` checks these in one snapshot of the books, in this order, and stops at the first that "
            "is broken. The worker checks all of them every hour. "
            "What to do about a broken one stands in the [runbook](../runbook.md#the-audit-finds-something).",
        ),
        *_table(("invariant", "what holds"), [(f"`{name}`", rule) for name, rule in checks.names()]),
    ]


def _operations(routes: Iterable[tuple[str, Route]]) -> list[str]:
    """Every operation of the API with what it takes and answers."""
    table: dict[str, tuple[Route, list[str]]] = {}
    for path, route in routes:
        table.setdefault(route.operation, (route, []))[1].append(path)
    lines = _head(
        "Operations",
        "The operations of the partner API by the numbers of its contract; those without a number are "
        "Hashrail's own. A body is JSON with no unknown fields; unknown query parameters are ignored, "
        "unless one differs from a known one by its case alone. "
        "A deployment serves the same with examples and error codes at `/api/docs`, and for programs at "
        "`/api/openapi.json`: see [generate a client](../how-to/generate-a-client.md).",
    )
    lines += [*_callers(), ""]
    for route, paths in sorted(table.values(), key=lambda found: found[0].number or len(table) * 100):
        lines += [*_operation(route, paths), ""]
    return lines[:-1]


def _modules() -> list[str]:
    """Every module with what it is for, floor by floor, from the ground up."""
    stories = dict(_module_stories())
    lines = _head(
        "Modules",
        "What `src/hashrail` is made of, from the ground up. A module imports only what stands above it in this list; "
        "`tests/test_style.py` holds that, and has the same floors. Names are without `hashrail.`, so that "
        "`gateways.chain` is `src/hashrail/gateways/chain.py`.",
    )
    for number, (title, names) in enumerate(zip(FLOOR_TITLES, _floors(), strict=True), 1):
        rows = [(f"`{module}`", stories.pop(module)) for name in names for module in _modules_of(name, stories)]
        lines += [f"## {number}. {title}", "", *_table(("module", "what it is"), rows), ""]
    assert not stories, f"these stand on no floor: {sorted(stories)}"
    return lines[:-1]


def _module_stories() -> Iterator[tuple[str, str]]:
    """(module, the first paragraph of its docstring), packages left out."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.stem != "__init__":
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            yield module, _first_paragraph(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))


def _floors() -> list[list[str]]:
    """The names on each floor, as the style test lists them."""
    for node in ast.parse(FLOORS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            assert isinstance(node.value, ast.Tuple)
            return [list(_texts(floor)) for floor in node.value.elts]
    raise AssertionError("tests/test_style.py has no FLOORS")


def _texts(found: ast.expr) -> Iterator[str]:
    """The texts of a tuple in their order, starred tuples in it included."""
    match found:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Starred(value=inner):
            yield from _texts(inner)
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from _texts(part)


def _modules_of(name: str, left: Mapping[str, str]) -> list[str]:
    """The modules that a name on a floor stands for; `package.*` are those of it that are left."""
    package, star, _ = name.partition(".*")
    return sorted(module for module in left if module.startswith(f"{package}.")) if star else [name]


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


def _operation(route: Route, paths: Sequence[str]) -> list[str]:
    number = "" if route.number is None else f"#{route.number} "
    facts = [f"Caller: {route.auth.value}."]
    if route.auth is Auth.SIGNED:
        facts.append(f"Scope: `{route.scope}`.")
        facts.append(f"recvWindow: {default_window_ms(route.operation, {})} ms when none is sent.")
    if route.writes:
        facts.append("A repetition gets the kept answer.")
    rows = [
        (f"`{field.encode_name}`", _shape(field.type), "required" if field.required else _model_default(field))
        for field in _struct_fields(route.model)
        if field.encode_name not in SIGNATURE_FIELDS
    ]
    story = _first_paragraph(route.handler.__doc__).removeprefix(f"#{route.number}: ")
    notes = list(_answer_notes(route))
    return [
        f"## {number}{route.operation}",
        "",
        *(f"`{route.method} {path}`" for path in paths),
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
        *(_skeleton(found) for found in _answers(route)),
        "```",
        *(["", *notes] if notes else []),
    ]


def _answers(route: Route) -> list[models.Type]:
    """What the operation may answer."""
    hint: Any = route.handler.__annotations__["return"]
    kinds = get_args(hint) if get_origin(hint) in (types.UnionType, Union) else (hint,)
    return [models.type_info(kind) for kind in kinds]


def _answer_notes(route: Route) -> Iterator[str]:
    """What the models of the answer say about units."""
    for model in {model: None for found in _answers(route) for model in _structs(found)}:
        note = _first_paragraph(model.__doc__).removeprefix(f"#{route.number}").lstrip(":,. ")
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
