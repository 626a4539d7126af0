"""The types of events: the data of each, and the event as the feed and the webhooks tell it."""

from tools.python_sdk.shapes import Schema, Shapes

ENVELOPE = "Event"


def kinds(document: Schema, told: Shapes) -> dict[str, str]:
    """The name of the data of every type of event."""
    found = {}
    for name, item in document["webhooks"].items():
        told_as = item["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"][
            "properties"
        ]
        found[name] = told.of(told_as["data"])
    return found


def envelopes(document: Schema, names: dict[str, str]) -> list[str]:
    """A class for each type of event, told apart by `type`, and the union of them all."""
    fields = document["components"]["schemas"][ENVELOPE]["properties"]
    assert [*fields] == ["id", "position", "type", "version", "object", "occurredAt", "data"], [*fields]
    parts = []
    for name, data in names.items():
        parts.append(
            f'class {data}Event(EventFacts):\n    """An event of type {name}."""\n\n'
            f"    type: Literal[{name!r}]\n    data: {data}\n"
        )
    union = " | ".join(f"{data}Event" for data in names.values())
    return [FACTS, *parts, f"{ENVELOPE}: TypeAlias = {union}\n"]


FACTS = '''class EventFacts(TypedDict):
    """What every event has beside its type and its data.

    `position` is its place in the feed, `object` what it is about, with its own count of events in `sequence`.
    """

    id: str
    position: int
    version: int
    object: EventObject
    # ISO 8601, UTC: business time
    occurredAt: str
'''
