"""The modules of the nouns: a class whose verbs block and one whose verbs are awaited, for partners and for users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hashrail_client.operations import NOUNS, Operation
from tools.python_sdk.shapes import SIGNATURE_FIELDS, Schema, Shapes, docstring

JSON = "application/json"
ITERATE = "Each record of `{verb}`, page after page of `page_size`, asked for as you go. Raises HashrailError."
KEY = "idempotency_key"
# The class of these nouns in a client has more than the table's verbs.
BY_HAND = ("events",)


@dataclass(frozen=True)
class Described:
    """A row with the types that the document gives it."""

    row: Operation
    arguments: Mapping[str, str]
    answer: str
    # The type of a record, and of the page that it comes in.
    record: str | None

    @property
    def takes(self) -> str:
        """The arguments of the verb as Python declares them."""
        return _declared(self.row.required, self.row.optional, self.arguments, self._named_last)

    @property
    def takes_to_iterate(self) -> str:
        """The same without those that choose a page."""
        return _declared(self.row.required, self._filters, self.arguments, ("page_size: int | None = None",))

    @property
    def passes(self) -> str:
        """The arguments as they are handed on."""
        names = [*self.row.required, *self.row.optional, *([KEY] if self.row.method == "POST" else [])]
        return "".join(f", {name}={name}" for name in names)

    @property
    def passes_to_iterate(self) -> str:
        """The same without those that choose a page."""
        size = ", limit=page_size" if "limit" in self.row.optional else ""
        return "".join(f", {name}={name}" for name in (*self.row.required, *self._filters)) + size

    @property
    def iterates_as(self) -> str:
        """The name of the verb that goes through all pages."""
        return "iterate" if self.row.verb == "list" else f"iterate_{self.row.verb}"

    @property
    def _named_last(self) -> Sequence[str]:
        return (f"{KEY}: str | None = None",) if self.row.method == "POST" else ()

    @property
    def _filters(self) -> list[str]:
        return [name for name in self.row.optional if name not in ("limit", "offset", "cursor")]


def _declared(
    required: Sequence[str], optional: Sequence[str], kinds: Mapping[str, str], named_last: Sequence[str]
) -> str:
    by_name = [*(f"{name}: {_or_none(kinds[name])} = None" for name in optional), *named_last]
    parts = ["self", *(f"{name}: {kinds[name]}" for name in required), *(["*", *by_name] if by_name else [])]
    return ", ".join(parts)


def _or_none(kind: str) -> str:
    return kind if kind.endswith("| None") else f"{kind} | None"


def described(row: Operation, operation: Schema, given: Shapes, told: Shapes) -> Described:
    """A row joined with its operation of the document."""
    assert operation["operationId"] == row.name, f"{row.noun}.{row.verb} is {operation['operationId']}"
    fields = _fields(row, operation, given)
    wanted = [*row.required, *row.optional]
    missing = [name for name in wanted if _wire(name) not in fields]
    assert not missing, f"{row.noun}.{row.verb} takes {missing}, which {row.name} does not know"
    kinds = {name: given.of(fields[_wire(name)]) for name in wanted}
    content = operation["responses"]["200"]["content"][JSON]["schema"]
    answer, record = _answer(row, content, told)
    # What is required is never None; what is optional is left out by it.
    kinds = {name: kind.removesuffix(" | None") for name, kind in kinds.items()}
    return Described(row, kinds, answer, record)


def _wire(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _fields(row: Operation, operation: Schema, given: Shapes) -> Schema:
    if row.method == "GET":
        parameters = [each for each in operation.get("parameters", []) if each["in"] == "query"]
        return {each["name"]: each["schema"] for each in parameters if each["name"] not in SIGNATURE_FIELDS}
    body = operation["requestBody"]["content"][JSON]["schema"]
    name = body["$ref"].rpartition("/")[2]
    found: Schema = given.components[name]["properties"]
    return found


def _answer(row: Operation, content: Schema, told: Shapes) -> tuple[str, str | None]:
    """(the type of the answer, that of a record where it is a page)."""
    if row.header is not None:
        return "int | None", None
    if "anyOf" in content:
        content = next(each for each in content["anyOf"] if f"/{row.answer}'" in repr(each))
    if row.whole:
        name = told.named("".join(map(str.title, (row.noun, *row.verb.split("_")))), content)
        return name, told.of(content["properties"]["data"]["items"])
    data = content["properties"]["data"]
    if data.get("type") == "object" and "array" in data["properties"]:
        record = told.of(data["properties"]["array"]["items"])
        return told.named(f"{record}Page", data), record if row.is_paged else None
    return told.of(data), _record(data, told) if row.is_paged else None


def _record(data: Schema, told: Shapes) -> str:
    component = told.components[data["$ref"].rpartition("/")[2]]
    return told.of(component["properties"]["array"]["items"])


def module(noun: str, rows: Mapping[str, Sequence[Described]]) -> str:
    """The text of a noun's module; `rows` are those of the partner's and of the user's client, by a class's prefix."""
    parts = []
    for prefix, verbs in rows.items():
        parts.append(_class(prefix, noun, verbs, is_async=False))
        parts.append(_class(prefix, noun, verbs, is_async=True))
    return "\n\n".join(parts)


def class_name(prefix: str, noun: str, *, is_async: bool) -> str:
    """`MinersVerbs`, `AsyncMinersVerbs`, `UserMinersVerbs`, `AsyncUserMinersVerbs`."""
    return ("Async" if is_async else "") + prefix + "".join(word.title() for word in noun.split("_")) + "Verbs"


def _class(prefix: str, noun: str, verbs: Sequence[Described], *, is_async: bool) -> str:
    base = "AsyncVerbs" if is_async else "Verbs"
    manner = "Its verbs are awaited" if is_async else "Its verbs block"
    whose = ", and know the token's user alone" if prefix else ""
    story = f"{NOUNS[noun]} {manner}{whose}."
    table = "USER_ROWS" if prefix else "ROWS"
    lines = [f"class {class_name(prefix, noun, is_async=is_async)}({base}):", docstring(story), ""]
    lines += [f"    _rows = {table}[{noun!r}]", ""]
    for verb in verbs:
        lines += [*_verb(verb, is_async=is_async), ""]
        if verb.record is not None:
            lines += [*_iteration(verb, is_async=is_async), ""]
    return "\n".join(lines)


def _verb(verb: Described, *, is_async: bool) -> list[str]:
    begins, waits = ("async def", "await ") if is_async else ("def", "")
    return [
        f"    {begins} {verb.row.verb}({verb.takes}) -> {verb.answer}:",
        docstring(verb.row.teaches, indent="        "),
        f"        answer: {verb.answer} = {waits}self._send({verb.row.verb!r}{verb.passes})",
        "        return answer",
    ]


def _iteration(verb: Described, *, is_async: bool) -> list[str]:
    kind = f"{'AsyncIterator' if is_async else 'Iterator'}[{verb.record}]"
    return [
        f"    def {verb.iterates_as}({verb.takes_to_iterate}) -> {kind}:",
        docstring(ITERATE.format(verb=verb.row.verb), indent="        "),
        f"        return self._each({verb.row.verb!r}{verb.passes_to_iterate})",
    ]


def client(prefix: str, nouns: Sequence[str], *, is_async: bool) -> str:
    """The class that a client derives from: its nouns as attributes."""
    name = ("Async" if is_async else "") + prefix + "Nouns"
    send = "Callable[[Call], Awaitable[Any]]" if is_async else "Callable[[Call], Any]"
    manner = "awaited" if is_async else "for code that blocks"
    whose = "a user's client" if prefix else "a partner's server"
    lines = [f"class {name}:", docstring(f"The nouns of {whose}, {manner}."), ""]
    lines += [f"    def __init__(self, send: {send}) -> None:"]
    for noun in nouns:
        if noun not in BY_HAND:
            lines.append(f"        self.{noun} = {class_name(prefix, noun, is_async=is_async)}(send)")
    return "\n".join(lines) + "\n"
