"""The OpenAPI 3.1 document, built from the route table and the wire's models: what is served is what is described.

Numbers of the partner API's contract stand in `x-contract-number`; what goes beyond the contract is marked with
`x-hashrail-extension`. `x-hashrail-errors` says for every code what causes it and what to do about it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from http import HTTPStatus
from importlib.resources import files
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hashrail.access.signatures import default_window_ms
from hashrail.api.document import event_schemas, refusals
from hashrail.api.document import openapi_words as words
from hashrail.api.document.schemas import Schemas, parameter, story
from hashrail.api.operations.routes import routes
from hashrail.api.serving.call import ENCODER, File
from hashrail.api.serving.cors import SERVER_PATHS
from hashrail.api.serving.operation import JSON, AnyOperation, Auth
from hashrail.api.serving.running import IDEMPOTENCY_HEADER
from hashrail.errors import HashrailError
from hashrail.settings import Settings
from hashrail.version import VERSION

Part: TypeAlias = dict[str, Any]
Examples: TypeAlias = Mapping[str, Mapping[str, Any]]

SENTENCE_END = re.compile(r"\.(?:\s|$)")
NO_WORD = re.compile("[^A-Za-z0-9]+")
SIGNATURE_FIELD = "signature"
WITHDRAWING = ("s2s_withdraw", "s2s_withdraw_fast")


def rendered(settings: Settings) -> bytes:
    """The document as it is served."""
    return ENCODER.encode(document(settings))


def document(settings: Settings) -> Part:
    """The document of a deployment with these settings."""
    table = routes(settings)
    models = [kind for _, operation in table for kind in _models(operation)]
    schemas = Schemas([*models, *event_schemas.kinds()])
    examples = read_examples()
    paths: dict[str, Part] = {}
    named: set[str] = set()
    refused = Refused()
    for path, operation in table:
        example = examples.get(operation.name, {})
        described = _operation(operation, schemas, settings, refused, example)
        described["x-codeSamples"] = (
            [{"lang": "Shell", "source": _command(operation, path, example)}] if example else []
        )
        if operation.name in named:
            described["operationId"] = _name_at(operation, path)
        named.add(operation.name)
        paths.setdefault(path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hashrail partner API",
            "version": VERSION,
            "description": words.STORY,
            "contact": words.CONTACT,
            "license": words.LICENSE,
        },
        "servers": [{"url": "/", "description": "this deployment"}],
        "tags": _tags(operation for _, operation in table),
        "paths": paths,
        "webhooks": event_schemas.webhooks(schemas),
        "components": {
            "schemas": {words.REFUSAL_NAME: words.REFUSAL}
            | event_schemas.with_data(dict(sorted(schemas.components.items())), schemas),
            "responses": refused.components,
            "headers": words.HEADERS,
            "securitySchemes": words.SECURITY_SCHEMES,
        },
        "x-hashrail-errors": _catalogue(operation for _, operation in table),
    }


def read_examples() -> Examples:
    """Real requests and answers by operation, every number exact; `python -m tools.examples` records them."""
    text = (files("hashrail.api.document") / "examples.json").read_text(encoding="utf-8")
    examples: Examples = json.loads(text, parse_float=Decimal)
    return examples


def _tags(table: Iterable[AnyOperation]) -> list[Part]:
    tags = dict.fromkeys(operation.tag for operation in table)
    return [{"name": name, "description": words.TAGS.get(name, name)} for name in tags]


def _models(operation: AnyOperation) -> list[Any]:
    """What is sent and answered; nobody looks at what is sent where every site may call."""
    looked_at = operation.method == "GET" or not operation.is_for_anybody
    return [*([operation.model] if looked_at else []), *([] if operation.answer is File else [operation.answer])]


def _name_at(operation: AnyOperation, path: str) -> str:
    """The name of an operation at another path than its own: after the door, or after the path."""
    if path.startswith(SERVER_PATHS) and operation.path.startswith("/c2s/"):
        return f"s2s_{operation.name.removeprefix('c2s_')}"
    return f"{operation.name}_at_{NO_WORD.sub('_', path.strip('/'))}"


def _catalogue(table: Iterable[AnyOperation]) -> Part:
    """Every code that an operation may answer with: status, cause and what to do."""
    kinds = {kind for operation in table for found in refusals.of(operation).values() for kind in found}
    return {
        kind.code: {"status": kind.status, "cause": _cause(kind), "advice": kind.advice}
        for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))
    }


def _operation(
    operation: AnyOperation, schemas: Schemas, settings: Settings, refused: "Refused", example: Mapping[str, Any]
) -> Part:
    about = story(operation.story)
    described: Part = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": SENTENCE_END.split(about, maxsplit=1)[0],
        "description": "\n\n".join([about, *_facts(operation, settings)]),
    }
    if operation.number is None:
        described["x-hashrail-extension"] = True
    else:
        described["x-contract-number"] = operation.number
    described["x-hashrail-refuses"] = sorted(kind.code for kind in operation.refuses)
    parameters = _parameters(operation, schemas, example)
    if parameters:
        described["parameters"] = parameters
    if operation.method == "POST":
        described["requestBody"] = _request_body(operation, schemas, example)
    described["responses"] = {"200": _answered(operation, schemas, example)} | {
        str(status): refused.with_codes(status, kinds) for status, kinds in refusals.of(operation).items()
    }
    if operation.answer is File:
        described["responses"]["206"] = described["responses"]["200"] | {"description": words.PART}
    if operation.is_for_anybody or operation.answer is File:
        described["responses"]["304"] = words.NOT_MODIFIED
    described["security"] = words.security(operation.auth, operation.method)
    return described


def _facts(operation: AnyOperation, settings: Settings) -> list[str]:
    """What prose says about who calls, and how often."""
    facts = [words.CALLERS[operation.auth]]
    if operation.scope is not None:
        whose = "the key that opened the user's session" if operation.auth is Auth.BEARER else "the key"
        facts.append(f"Scope of {whose}: `{operation.scope}`.")
    if operation.auth is Auth.SIGNED:
        window = default_window_ms(operation.name, settings.recv_windows)
        facts.append(f"Without `recvWindow` a signature is valid for {window} ms.")
    if operation.may_be_unsigned:
        facts.append(words.MAY_BE_UNSIGNED)
    if operation.writes:
        facts.append(words.REPETITION)
    if operation.in_steps:
        facts.append(words.IN_STEPS)
    if operation.number is None:
        facts.append(words.EXTENSION)
    return facts


def _parameters(operation: AnyOperation, schemas: Schemas, example: Mapping[str, Any]) -> list[Part]:
    """The query of a GET, and the headers that an operation looks at. The signature is a security scheme."""
    found: list[Part] = []
    if operation.method == "GET":
        shown = dict(parse_qsl(urlsplit(example.get("target", "")).query))
        schema = schemas.of(operation.model)
        for name, facts in schema["properties"].items():
            if name != SIGNATURE_FIELD:
                found.append(_parameter(name, facts, schema["required"], shown))
    if operation.writes:
        found.append(words.IDEMPOTENCY_KEY | {"name": IDEMPOTENCY_HEADER.title()})
    return found


def _parameter(name: str, facts: Part, required: list[str], shown: Mapping[str, str]) -> Part:
    described: Part = {"name": name, "in": "query", "required": name in required}
    if "description" in facts:
        described["description"] = facts["description"]
    described["schema"] = parameter({key: value for key, value in facts.items() if key != "description"})
    return described | ({"example": _spelled(shown[name], described["schema"])} if name in shown else {})


def _spelled(text: str, schema: Part) -> object:
    """What the text of a query says."""
    return text if schema.get("type") == "string" else json.loads(text, parse_float=Decimal)


def _request_body(operation: AnyOperation, schemas: Schemas, example: Mapping[str, Any]) -> Part:
    content: Part = {"schema": {} if operation.is_for_anybody else schemas.of(operation.model)}
    if "body" in example:
        content["example"] = json.loads(example["body"], parse_float=Decimal)
    # An empty body is an empty object.
    required = any(field.required for field in msgspec.structs.fields(operation.model))
    return {"required": required, "content": {JSON: content}}


def _answered(operation: AnyOperation, schemas: Schemas, example: Mapping[str, Any]) -> Part:
    content: Part = {"schema": schemas.of(operation.answer) if operation.media_type == JSON else {"type": "string"}}
    if "answer" in example:
        content["example"] = example["answer"]
    return {"description": "The answer.", "headers": _headers(operation), "content": {operation.media_type: content}}


def _headers(operation: AnyOperation) -> Part:
    names = [*words.HEADERS_OF_ALL]
    if operation.writes:
        names.append(words.REPLAYED)
    if operation.name in WITHDRAWING:
        names.append(words.WITHDRAWAL_ID)
    if operation.writes or operation.commits or operation.auth is not Auth.NONE:
        names.append(words.POSITION)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


class Refused:
    """The answers of refused requests. Many operations share one, so that they are components."""

    def __init__(self) -> None:
        self.components: dict[str, Part] = {}
        self._names: dict[tuple[str, ...], str] = {}

    def with_codes(self, status: int, kinds: list[type[HashrailError]]) -> Part:
        """The answer with that status and one of the codes."""
        codes = tuple(kind.code for kind in kinds)
        if codes not in self._names:
            phrase = HTTPStatus(status).phrase.title().replace(" ", "")
            number = sum(name.rstrip("0123456789") == phrase for name in self.components) + 1
            self._names[codes] = f"{phrase}{number}"
            self.components[f"{phrase}{number}"] = _refusal(status, kinds)
        return {"$ref": f"#/components/responses/{self._names[codes]}"}


def _refusal(status: int, kinds: list[type[HashrailError]]) -> Part:
    names = [*words.HEADERS_OF_ALL, *([words.RETRY_AFTER] if status == words.TOO_MANY else [])]
    return {
        "description": "\n".join(f"- `{kind.code}`: {_cause(kind)}" for kind in kinds),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            JSON: {
                "schema": {
                    "allOf": [{"$ref": f"#/components/schemas/{words.REFUSAL_NAME}"}],
                    "properties": {"statusCode": {"const": status}, "error": {"enum": [kind.code for kind in kinds]}},
                }
            }
        },
    }


def _command(operation: AnyOperation, path: str, example: Mapping[str, Any]) -> str:
    """A recorded request as a command line."""
    query = urlsplit(example["target"]).query
    lines = [f"curl '{words.EXAMPLE_BASE}{path}{'?' + query if query else ''}'"]
    lines += [f"-H '{name}: {value}'" for name, value in example["headers"].items()]
    if operation.method == "POST":
        body = example["body"].replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(lines)


def _cause(kind: type[HashrailError]) -> str:
    return story(kind.__doc__ or "").split("\n\n")[0]
