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

from hashrail.api import openapi_words as words
from hashrail.api import refusals
from hashrail.api.call import IDEMPOTENCY_HEADER, JSON, Auth, Route
from hashrail.api.routes import routes
from hashrail.api.schemas import Schemas, story
from hashrail.auth.signature import default_window_ms
from hashrail.errors import HashrailError
from hashrail.settings import Settings

Part: TypeAlias = dict[str, Any]
Examples: TypeAlias = Mapping[str, Mapping[str, Any]]

SENTENCE_END = re.compile(r"\.(?:\s|$)")
ENCODER = msgspec.json.Encoder(decimal_format="number")
SIGNATURE_FIELD = "signature"
WITHDRAWING = ("s2s_withdraw", "s2s_withdraw_fast")


def rendered(settings: Settings) -> bytes:
    """The document as it is served."""
    return ENCODER.encode(document(settings))


def document(settings: Settings) -> Part:
    """The document of a deployment with these settings."""
    table = routes(settings)
    schemas = Schemas(kind for _, route in table for kind in (route.model, _answer(route)))
    examples = read_examples()
    paths: dict[str, Part] = {}
    named: dict[str, int] = {}
    refused = Refused()
    for path, route in table:
        named[route.operation] = named.get(route.operation, 0) + 1
        example = examples.get(route.operation, {})
        described = _operation(route, schemas, settings, refused, example)
        described["x-codeSamples"] = [{"lang": "Shell", "source": _command(route, path, example)}] if example else []
        if named[route.operation] > 1:
            described["operationId"] += f"_{named[route.operation]}"
        paths.setdefault(path, {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hashrail partner API", "version": "2.0.0", "description": words.STORY},
        "servers": [{"url": "/", "description": "this deployment"}],
        "tags": _tags(route for _, route in table),
        "paths": paths,
        "components": {
            "schemas": {words.REFUSAL_NAME: words.REFUSAL} | dict(sorted(schemas.components.items())),
            "responses": refused.components,
            "headers": words.HEADERS,
            "securitySchemes": words.SECURITY_SCHEMES,
        },
        "x-hashrail-errors": _catalogue(route for _, route in table),
    }


def read_examples() -> Examples:
    """Real requests and answers by operation, every number exact; `python -m tests.examples` records them."""
    text = (files("hashrail.api") / "examples.json").read_text(encoding="utf-8")
    examples: Examples = json.loads(text, parse_float=Decimal)
    return examples


def tag(route: Route) -> str:
    """What an operation is about: the noun in its path."""
    if route.handler.__module__.endswith(".market"):
        return words.MARKET
    noun = route.path.split("/")[2].partition(".")[0]
    return words.TAGS.get(noun, noun.replace("-", " ").capitalize())


def _answer(route: Route) -> Any:
    return route.handler.__annotations__["return"]


def _tags(table: Iterable[Route]) -> list[Part]:
    return [{"name": name} for name in dict.fromkeys(tag(route) for route in table)]


def _catalogue(table: Iterable[Route]) -> Part:
    """Every code that an operation may answer with: status, cause and what to do."""
    kinds = {kind for route in table for found in refusals.of(route).values() for kind in found}
    return {
        kind.code: {"status": kind.status, "cause": _cause(kind), "advice": kind.advice}
        for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))
    }


def _operation(
    route: Route, schemas: Schemas, settings: Settings, refused: "Refused", example: Mapping[str, Any]
) -> Part:
    about = story(route.handler.__doc__ or "")
    described: Part = {
        "operationId": route.operation,
        "tags": [tag(route)],
        "summary": SENTENCE_END.split(about, maxsplit=1)[0],
        "description": "\n\n".join([about, *_facts(route, settings)]),
    }
    if route.number is None:
        described["x-hashrail-extension"] = True
    else:
        described["x-contract-number"] = route.number
    described["x-hashrail-refuses"] = sorted(kind.code for kind in route.refuses)
    parameters = _parameters(route, schemas, example)
    if parameters:
        described["parameters"] = parameters
    if route.method == "POST":
        described["requestBody"] = _request_body(route, schemas, example)
    described["responses"] = {"200": _answered(route, schemas, example)} | {
        str(status): refused.with_codes(status, kinds) for status, kinds in refusals.of(route).items()
    }
    if route.for_every_site:
        described["responses"]["304"] = words.NOT_MODIFIED
    described["security"] = words.security(route.auth, route.method)
    return described


def _facts(route: Route, settings: Settings) -> list[str]:
    """What prose says about who calls, and how often."""
    facts = [words.CALLERS[route.auth]]
    if route.auth is Auth.SIGNED:
        window = default_window_ms(route.operation, settings.recv_windows)
        facts.append(f"Scope of the key: `{route.scope}`. Without `recvWindow` a signature is valid for {window} ms.")
    if route.may_be_unsigned:
        facts.append(words.MAY_BE_UNSIGNED)
    if route.writes:
        facts.append(words.REPETITION)
    if route.number is None:
        facts.append(words.EXTENSION)
    return facts


def _parameters(route: Route, schemas: Schemas, example: Mapping[str, Any]) -> list[Part]:
    """The query of a GET, and the headers that an operation looks at. The signature is a security scheme."""
    found: list[Part] = []
    if route.method == "GET":
        shown = dict(parse_qsl(urlsplit(example.get("target", "")).query))
        schema = schemas.of(route.model)
        for name, facts in schema["properties"].items():
            if name != SIGNATURE_FIELD:
                found.append(_parameter(name, facts, schema["required"], shown))
    if route.writes:
        found.append(words.IDEMPOTENCY_KEY | {"name": IDEMPOTENCY_HEADER.title()})
    return found


def _parameter(name: str, facts: Part, required: list[str], shown: Mapping[str, str]) -> Part:
    described: Part = {"name": name, "in": "query", "required": name in required}
    if "description" in facts:
        described["description"] = facts["description"]
    described["schema"] = {key: value for key, value in facts.items() if key != "description"}
    return described | ({"example": shown[name]} if name in shown else {})


def _request_body(route: Route, schemas: Schemas, example: Mapping[str, Any]) -> Part:
    content: Part = {"schema": {} if route.for_every_site else schemas.of(route.model)}
    if "body" in example:
        content["example"] = json.loads(example["body"], parse_float=Decimal)
    # A body without fields is still an object; only where nobody looks at it may there be none.
    return {"required": not route.for_every_site, "content": {JSON: content}}


def _answered(route: Route, schemas: Schemas, example: Mapping[str, Any]) -> Part:
    content: Part = {"schema": schemas.of(_answer(route)) if route.media_type == JSON else {"type": "string"}}
    if "answer" in example:
        content["example"] = example["answer"]
    return {"description": "The answer.", "headers": _headers(route), "content": {route.media_type: content}}


def _headers(route: Route) -> Part:
    names = [*words.HEADERS_OF_ALL]
    if route.writes:
        names.append(words.REPLAYED)
    if route.operation in WITHDRAWING:
        names.append(words.WITHDRAWAL_ID)
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


def _command(route: Route, path: str, example: Mapping[str, Any]) -> str:
    """A recorded request as a command line."""
    query = urlsplit(example["target"]).query
    lines = [f"curl '{words.EXAMPLE_BASE}{path}{'?' + query if query else ''}'"]
    lines += [f"-H '{name}: {value}'" for name, value in example["headers"].items()]
    if route.method == "POST":
        body = example["body"].replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(lines)


def _cause(kind: type[HashrailError]) -> str:
    return story(kind.__doc__ or "").split("\n\n")[0]
