"""The schemas of events as partners have seen them: what a type and version means is never changed.

    python -m tools.event_schemas        write tests/house/event_schemas.json anew

A field that may be left out can be added. Anything else is refused: give the type another VERSION. A type that no
release has had yet may be taken out of the file by hand.
"""

import sys
from pathlib import Path

import msgspec

from hashrail.events import catalogue
from hashrail.events.event import Event

FILE = Path(__file__).parents[1] / "tests/house/event_schemas.json"


class Schema(msgspec.Struct):
    """What an event of a type and version holds: kind of its object, and its fields with JSON Schemas as text."""

    kind: str
    id: str
    fields: dict[str, str]
    optional: list[str]


def present() -> dict[str, Schema]:
    """By type and version, as `order.issued 1`."""
    return {f"{kind.TYPE} {kind.VERSION}": _schema(kind) for kind in catalogue.kinds().values()}


def known() -> dict[str, Schema]:
    """What the file holds."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Schema])


def changed(before: dict[str, Schema], now: dict[str, Schema]) -> list[str]:
    """The types and versions that mean something else than they did, or are gone."""
    return [name for name, was in before.items() if name not in now or not _is_kept(was, now[name])]


def _is_kept(was: Schema, now: Schema) -> bool:
    """Whether whoever reads by the schema as it was reads the same by the one that is there now."""
    added = now.fields.keys() - was.fields.keys()
    return (
        (was.kind, was.id) == (now.kind, now.id)
        and was.fields.items() <= now.fields.items()
        and set(was.optional) == set(now.optional) - added
        and added <= set(now.optional)
    )


def _schema(kind: type[Event]) -> Schema:
    fields = msgspec.structs.fields(kind)
    return Schema(
        kind.KIND,
        next(each.encode_name for each in fields if each.name == kind.ID),
        {each.encode_name: msgspec.json.encode(msgspec.json.schema(each.type)).decode() for each in fields},
        sorted(each.encode_name for each in fields if not each.required),
    )


def main() -> None:
    """Write the file anew, if what is in it keeps its meaning."""
    now = present()
    broken = changed(known(), now)
    if broken:
        sys.exit(f"these mean something else now, and need another VERSION: {', '.join(broken)}")
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(now, order="sorted"), indent=1) + b"\n")


if __name__ == "__main__":
    main()
