"""What is written: the modules of types and of nouns, laid out by ruff as all code here is."""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hashrail.api.document import openapi
from hashrail.settings import Settings
from hashrail_client.operations import NOUNS, OPERATIONS, Operation
from hashrail_client.user_operations import USER_OPERATIONS
from tools.python_sdk import events, nouns
from tools.python_sdk.nouns import Described
from tools.python_sdk.shapes import Schema, Shapes, imports_of

ROOT = Path(__file__).parents[2]
HERE = ROOT / "client/src/hashrail_client"
MADE = "# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file."
TYPES = {
    "collections.abc": ("AsyncIterator", "Awaitable", "Callable", "Iterator", "Mapping", "Sequence"),
    "typing": ("Any", "Literal", "NotRequired", "TypeAlias", "TypedDict"),
    "hashrail_client.amounts": ("Amount", "Day", "Moment"),
}
PREFIXES: Mapping[str, tuple[Operation, ...]] = {"": OPERATIONS, "User": USER_OPERATIONS}


def modules(document: Schema) -> dict[str, str]:
    """The generated modules by their path below the package, not yet laid out."""
    components = document["components"]["schemas"]
    data = Shapes(components)
    names = events.kinds(document, data)
    data.of({"$ref": "#/components/schemas/EventObject"})
    told = Shapes(components, elsewhere={events.ENVELOPE: events.ENVELOPE})
    given = Shapes(components, is_given=True)
    rows = {
        prefix: [nouns.described(row, _operation(document, row), given, told) for row in table]
        for prefix, table in PREFIXES.items()
    }
    answers, arguments = told.definitions(), given.definitions()
    own = [*data.definitions(), *events.envelopes(document, names)]
    known = TYPES | {
        "hashrail_client.answers": _defined(answers),
        "hashrail_client.arguments": _defined(arguments),
        "hashrail_client.event_data": [events.ENVELOPE],
        "hashrail_client.verbs": ["AsyncVerbs", "Verbs"],
        "hashrail_client.tables": ["ROWS", "USER_ROWS"],
        "hashrail_client.calls": ["Call"],
    }
    return {
        "answers.py": _module("What the API answers, by the names of the wire.", known, answers),
        "arguments.py": _module("Objects that verbs take, by the names of the wire.", known, arguments),
        "event_data.py": _module("Events by their types. `if event['type'] == ...` tells mypy which.", known, own),
        **{f"nouns/{noun}.py": _noun(noun, rows, known) for noun in NOUNS},
        "nouns/__init__.py": _clients(rows, known),
    }


def _operation(document: Schema, row: Operation) -> Schema:
    """What the document says of a row's operation."""
    found: Schema | None = document["paths"].get(row.whole_path, {}).get(row.method.lower())
    assert found is not None, f"{row.noun}.{row.verb}: nothing is served as {row.method} {row.whole_path}"
    return found


def _module(story: str, known: Mapping[str, Sequence[str]], parts: Sequence[str]) -> str:
    """A module of these parts, which imports what they use of the known names."""
    text = "\n\n".join(parts)
    own = set(_defined(parts))
    others = {module: [name for name in names if name not in own] for module, names in known.items()}
    return "\n".join([MADE, f'"""{story}"""', "", *imports_of(text, others), "", "", text])


def _defined(parts: Iterable[str]) -> list[str]:
    """The names that texts define."""
    return [part.removeprefix("class ").replace("(", " ").replace(":", " ").split()[0] for part in parts]


def _noun(noun: str, rows: Mapping[str, list[Described]], known: Mapping[str, Sequence[str]]) -> str:
    own = {prefix: [each for each in table if each.row.noun == noun] for prefix, table in rows.items()}
    text = nouns.module(noun, {prefix: verbs for prefix, verbs in own.items() if verbs})
    return _module(NOUNS[noun], known, [text])


def _clients(rows: Mapping[str, list[Described]], known: Mapping[str, Sequence[str]]) -> str:
    classes: dict[str, list[str]] = {}
    parts = []
    for prefix, table in rows.items():
        held = [noun for noun in NOUNS if any(each.row.noun == noun for each in table)]
        for is_async in (False, True):
            parts.append(nouns.client(prefix, held, is_async=is_async))
            for noun in held:
                if noun not in nouns.BY_HAND:
                    name = nouns.class_name(prefix, noun, is_async=is_async)
                    classes.setdefault(f"hashrail_client.nouns.{noun}", []).append(name)
    return _module("The nouns of the clients, with every verb typed.", {**known, **classes}, parts)


def document() -> Schema:
    """The document of a sandbox, which has every operation."""
    return openapi.document(Settings(mode="sandbox"))


def write(folder: Path) -> list[Path]:
    """Write every module below the folder; answers their paths."""
    written = []
    for name, text in modules(document()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        written.append(path)
    ruff = (sys.executable, "-m", "ruff")
    settings = ("--quiet", "--no-cache", "--config", ROOT / "pyproject.toml")
    for work in (("check", "--select", "I", "--fix"), ("format",)):
        subprocess.run([*ruff, *work, *settings, *written], check=True)  # noqa: S603  our own words
    return written
