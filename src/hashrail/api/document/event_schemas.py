"""The types of events in the OpenAPI document: a schema for the data of each, in the feed and as a webhook."""

from typing import Any, TypeAlias

from hashrail.api.document.schemas import REF, Schemas, story
from hashrail.api.operations.events import EventOut
from hashrail.api.serving.operation import JSON
from hashrail.events import catalogue
from hashrail.events.event import Event

Part: TypeAlias = dict[str, Any]
# What a webhook carries beside its body, by the Standard Webhooks specification.
HEADERS = {
    "webhook-id": "the event's id, the same at every attempt",
    "webhook-timestamp": "when it was sent, in seconds since 1970 UTC",
    "webhook-signature": "v1 signatures of the endpoint's secrets, apart by blanks",
}
NAME = EventOut.__name__.removesuffix("Out")


def kinds() -> list[type[Event]]:
    """Every type of event, for the document's components."""
    return list(catalogue.kinds().values())


def with_data(components: Part, schemas: Schemas) -> Part:
    """The components, in which an event's data is that of one of the types.

    Which one stands in the webhooks, by type and version: a condition a type here is more than generators of clients
    can take.
    """
    told = dict(components[NAME])
    told["properties"] = told["properties"] | {"data": {"anyOf": [schemas.of(kind) for kind in kinds()]}}
    return components | {NAME: told}


def webhooks(schemas: Schemas) -> Part:
    """What a partner's own endpoint is told, by the names of the types."""
    return {name: {"post": _webhook(name, kind, schemas)} for name, kind in catalogue.kinds().items()}


def _webhook(name: str, kind: type[Event], schemas: Schemas) -> Part:
    event: Part = {"allOf": [{"$ref": REF + NAME}], "properties": _is(kind)["properties"] | {"data": schemas.of(kind)}}
    told: Part = {
        "type": "object",
        "properties": {
            "type": {"const": kind.TYPE},
            "timestamp": {"type": "string", "format": "date-time", "description": "when it happened, business time"},
            "data": event,
        },
        "required": ["type", "timestamp", "data"],
    }
    return {
        "operationId": "webhook_" + name.replace(".", "_"),
        "tags": ["Events"],
        "summary": story(kind.__doc__ or "").split("\n\n", maxsplit=1)[0],
        "parameters": [
            {"name": each, "in": "header", "required": True, "description": says, "schema": {"type": "string"}}
            for each, says in HEADERS.items()
        ],
        # The signature is what says who sends it.
        "security": [],
        "requestBody": {"required": True, "content": {JSON: {"schema": told}}},
        "responses": {
            "2XX": {"description": "It was taken."},
            "410": {"description": "The endpoint wants no more, and is disabled."},
            "default": {"description": "It is sent again, by the schedule."},
        },
    }


def _is(kind: type[Event]) -> Part:
    return {"properties": {"type": {"const": kind.TYPE}, "version": {"const": kind.VERSION}}}
