"""Which events somebody means: types by their names, and the object that they are about."""

from collections.abc import Sequence

from hashrail.errors import BadRequestError
from hashrail.events import catalogue


class EventTypeUnknownError(BadRequestError):
    """No event has a type of that name."""

    code = "EVENT_TYPE_UNKNOWN"
    advice = "Take names of the list in the reference: order.issued, or order. for all of orders; apart by commas."


class ObjectKindMissingError(BadRequestError):
    """An object's id was sent without its kind."""

    code = "OBJECT_KIND_MISSING"
    advice = "Name the kind (objectKind) beside the id (objectId), as order."


class ObjectKindUnknownError(BadRequestError):
    """No event is about objects of that kind."""

    code = "OBJECT_KIND_UNKNOWN"
    advice = "Take a kind of the list in the reference, as order."


def types(names: str | None, kind: str | None) -> list[str] | None:
    """The types that names apart by commas mean, of objects of a kind; None for all of them.

    Raises EventTypeUnknownError, ObjectKindUnknownError.
    """
    if names is None and kind is None:
        return None
    meant = list(catalogue.kinds()) if names is None else named(names.split(","))
    if kind is None:
        return meant
    of_kind = [name for name, each in catalogue.kinds().items() if kind == each.KIND]
    if not of_kind:
        raise ObjectKindUnknownError("no event is about objects of that kind", field="objectKind")
    return [name for name in meant if name in of_kind]


def named(names: Sequence[str]) -> list[str]:
    """The types that names mean; `order.` means all that begin so. Raises EventTypeUnknownError."""
    found = catalogue.named(",".join(names))
    if found is None:
        raise EventTypeUnknownError(f"types names one that no event has: {','.join(names)}", field="types")
    return found


def subject(kind: str | None, object_id: str | None) -> tuple[str, str] | None:
    """The object that is named, its kind and id; None where none is. Raises ObjectKindMissingError."""
    if kind is None and object_id is not None:
        raise ObjectKindMissingError("an id says nothing without the kind of the object", field="objectKind")
    return None if kind is None or object_id is None else (kind, object_id)
