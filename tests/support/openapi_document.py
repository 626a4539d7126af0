"""The served document, held against every answer that any test sees.

A refusal must carry a code that is documented for its operation and status, a good answer must fit the operation's
schema and hold no field beyond it. So the whole suite proves the document.
"""

import functools
import json
from http import HTTPStatus
from typing import Any

import httpx
import jsonschema_rs

from hashrail.api.document import openapi
from hashrail.settings import Settings

JSON = "application/json"
REQUIRED_HEADERS = ("x-request-id", "x-server-time")
WHERE = "see Operation.refuses, api/document/refusals.py and the handler's return annotation"


@functools.cache
def sandbox_document() -> dict[str, Any]:
    """The document of a sandbox, as a client reads it."""
    document: dict[str, Any] = json.loads(openapi.rendered(Settings(mode="sandbox")))
    return document


@functools.cache
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """The described operations by method and path."""
    return {
        (method.upper(), path): described
        for path, methods in sandbox_document()["paths"].items()
        for method, described in methods.items()
    }


def documenting(mode: str) -> dict[str, Any]:
    """Event hooks of a client whose server runs in that mode; only a sandbox has the sandbox's operations."""

    async def check(response: httpx.Response) -> None:
        if mode == "sandbox" or not response.request.url.path.startswith("/api/sandbox/"):
            await check_documented(response)

    return {"response": [check]}


def operation(name: str) -> dict[str, Any]:
    """A described operation by its id."""
    return next(described for described in operations().values() if described["operationId"] == name)


async def check_documented(response: httpx.Response) -> None:
    """Assert that an answer is as documented; paths that the document lacks are nobody's business here."""
    described = operations().get((response.request.method, response.request.url.path))
    if described is None:
        return
    await response.aread()
    fault = fault_of(described, response.status_code, response.headers, response.text)
    assert fault is None, f"{described['operationId']}: {fault}"
    if described["operationId"] == "s2s_events" and response.status_code == HTTPStatus.OK:
        for event in response.json()["data"]["events"]:
            validator_of_data(event["type"], event["version"]).validate(event["data"])


@functools.cache
def validator_of_data(name: str, version: int) -> jsonschema_rs.Draft202012Validator:
    """Judges the data of a type of events, as its webhook is described."""
    described = sandbox_document()["webhooks"][name]["post"]["requestBody"]["content"][JSON]["schema"]
    event = described["properties"]["data"]["properties"]
    assert (event["type"]["const"], event["version"]["const"]) == (name, version)
    return jsonschema_rs.Draft202012Validator(closed(resolved(event["data"])), validate_formats=True)


def fault_of(described: dict[str, Any], status: int, headers: httpx.Headers, text: str) -> str | None:
    """What an answer has that the document lacks; None if nothing."""
    if str(status) not in described["responses"]:
        return f"status {status} is not documented: {text}; {WHERE}"
    missing = [header for header in REQUIRED_HEADERS if header not in headers]
    if missing:
        return f"the header {missing[0]} is missing"
    content = resolved(described["responses"][str(status)]).get("content", {})
    media_type = headers.get("content-type")
    if media_type not in content and (content or text):
        return f"{media_type} is not documented for {status}"
    return fault_of_body(described["operationId"], status, text) if media_type == JSON else None


def fault_of_body(name: str, status: int, text: str) -> str | None:
    """What a JSON body has that the document lacks; None if nothing."""
    try:
        validator(name, str(status)).validate(json.loads(text))
    except jsonschema_rs.ValidationError as error:
        return f"{error.message} at {list(error.instance_path)}: {text}; {WHERE}"
    return None


@functools.cache
def validator(name: str, status: str) -> jsonschema_rs.Draft202012Validator:
    """Judges the bodies that an operation sends with a status."""
    schema = resolved(operation(name)["responses"][status])["content"][JSON]["schema"]
    return jsonschema_rs.Draft202012Validator(closed(schema) | {"components": components()}, validate_formats=True)


@functools.cache
def components() -> dict[str, Any]:
    """The schemas that others refer to, closed."""
    return {"schemas": closed(sandbox_document()["components"]["schemas"])}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The component that a part refers to, or the part itself."""
    if "$ref" not in part:
        return part
    found: Any = sandbox_document()
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def closed(schema: Any) -> Any:
    """The same schema, in which objects hold what is listed and nothing else."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(part) for name, part in schema.items()}
    if inner.get("type") == "object" and "properties" in inner:
        return {"additionalProperties": False} | inner
    return inner
