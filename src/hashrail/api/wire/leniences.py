"""Where the meaning is plain, a body may be written otherwise than documented.

`null` in an optional field is as if the field were left out, and a whole number may be written 1.0 or 1e3: printers of
other languages do both. Everything else is as documented, or refused by name.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
from msgspec import inspect as models

from hashrail.api.wire import faults
from hashrail_client.wire import SentBody, number_exactly, stringify


def plainly(raw: bytes, model: type[msgspec.Struct], sent: SentBody) -> bytes:
    """The body as its model documents it: `raw` itself, unless something of it was written otherwise.

    `sent` is the body as it was read. Raises RecursionError, for what is nested too deeply.
    """
    meant = _members(faults.described(model), sent.members)
    if meant is sent.members:
        return raw
    # A signature of a wrong type is refused as it is beside anything else.
    signed = meant if sent.signature is None else {**meant, "signature": sent.signature}
    return stringify(signed, number_exactly).encode()


def _members(kind: models.StructType, members: Mapping[str, object]) -> Mapping[str, object]:
    """The members of an object as they were meant; the same object if that is how they were written."""
    known = {field.encode_name: field for field in kind.fields}
    meant = {}
    for name, value in members.items():
        field = known.get(name)
        if field is None:
            meant[name] = value
        elif value is not None or field.required:
            meant[name] = _value(field.type, value)
    # A member that was left out, or is another object now.
    same = len(meant) == len(members) and all(meant[name] is members[name] for name in members)
    return members if same else meant


def _value(kind: models.Type, value: object) -> object:
    match kind:
        case models.Metadata(type=plain):
            return _value(plain, value)
        case models.IntType() if isinstance(value, Decimal) and value == value.to_integral_value():
            return int(value)
        case models.StructType() if isinstance(value, dict):
            return _members(kind, value)
        case models.UnionType(types=variants) if isinstance(value, dict):
            chosen = _tagged(variants, value)
            return value if chosen is None else _members(chosen, value)
    return value


def _tagged(variants: Sequence[models.Type], members: Mapping[str, object]) -> models.StructType | None:
    """The object that the tag names; None for a tag that names none, which is refused later."""
    for kind in variants:
        if isinstance(kind, models.StructType) and kind.tag_field and members.get(kind.tag_field) == kind.tag:
            return kind
    return None
