"""What is wrong with a field: which one it is, its code, and the bound that it breaks.

msgspec decides whether a request fits its model and says so in a sentence for people. This module then walks the
types of the model beside what was sent, in the order sent, to the first field that does not fit: code, name and bound
follow from its type, and no sentence of a library is read.
"""

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec import inspect as models

from hashrail.api.wire import texts
from hashrail.errors import BadRequestError

# No double is as great; what is neither digits nor an amount is read as one.
BEYOND = Decimal(2**1024)


class FieldMissingError(BadRequestError):
    """A required field is not there."""

    code = "FIELD_MISSING"
    advice = "Send the named field."


class FieldUnknownError(BadRequestError):
    """The body has a field that the operation does not know, or a name in the query differs from one by its case."""

    code = "FIELD_UNKNOWN"
    advice = "Leave the named field out, or correct its spelling."


class FieldTypeError(BadRequestError):
    """A field has another JSON type than documented."""

    code = "FIELD_TYPE"
    advice = "Send the named field with its documented type."


class FieldBoundsError(BadRequestError):
    """A field is outside its documented bounds."""

    code = "FIELD_OUT_OF_BOUNDS"
    advice = "Compare the named field with its length, range or pattern in the API reference."


class FieldTextError(BadRequestError):
    """A text holds a character that cannot be stored."""

    code = "FIELD_TEXT"
    advice = "Remove the NUL character from the named field."


def check(model: type[Struct], sent: Mapping[str, object]) -> None:
    """Refuse the first field that does not fit the model.

    `sent` is JSON, its whole numbers as int and the others as Decimal. Raises FieldMissingError, FieldUnknownError,
    FieldTypeError, FieldBoundsError.
    """
    _check_members(described(model), sent, "")


@functools.cache
def described(model: type[Struct]) -> models.StructType:
    """The model's fields and their types."""
    found = models.type_info(model)
    assert isinstance(found, models.StructType), "a model is a struct"
    return found


def _check(kind: models.Type, value: object, name: str) -> None:
    """Refuse a value that is not of the kind. The kinds are those that models of requests are made of."""
    match kind:
        case models.Metadata(type=plain):
            _check(plain, value, name)
        case models.StrType():
            _check_text(kind, value, name)
        case models.IntType():
            _check_whole_number(kind, value, name)
        case models.DecimalType():
            if not isinstance(value, int | Decimal) or isinstance(value, bool):
                raise _other_type("a number", value, name)
        case models.LiteralType(values=choices):
            _check_choice(choices, value, name)
        case models.EnumType(cls=choices):
            _check_choice([choice.value for choice in choices], value, name)
        case models.BoolType():
            if not isinstance(value, bool):
                raise _other_type("true or false", value, name)
        case _:
            _check_parts(kind, value, name)


def _check_parts(kind: models.Type, value: object, name: str) -> None:
    """Refuse what is made of other values."""
    match kind:
        case models.StructType():
            _check_members(kind, _members(value, name), name)
        case models.ListType():
            _check_list(kind, value, name)
        case models.UnionType(types=variants):
            members = _members(value, name)
            _check_members(_variant(variants, members, name), members, name)
        case _:
            assert isinstance(kind, models.RawType), f"no request has a {kind}"


def _check_text(kind: models.StrType, value: object, name: str) -> None:
    if not isinstance(value, str):
        raise _other_type("a text", value, name)
    if kind.min_length is not None and len(value) < kind.min_length:
        words = "may not be empty" if kind.min_length == 1 else f"must have at least {kind.min_length} characters"
        raise _out_of_bounds(words, name)
    if kind.max_length is not None and len(value) > kind.max_length:
        raise _out_of_bounds(f"must have at most {kind.max_length} characters", name)
    if kind.pattern is not None and not re.search(kind.pattern, value):
        words = f"must be {texts.WORDS[kind.pattern]}" if kind.pattern in texts.WORDS else "is not as documented"
        raise _out_of_bounds(words, name)


def _check_whole_number(kind: models.IntType, value: object, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _other_type("a whole number", value, name)
    if kind.ge is not None and value < kind.ge:
        raise _out_of_bounds(f"must be at least {kind.ge}", name)
    if kind.le is not None and value > kind.le:
        raise _out_of_bounds(f"must be at most {kind.le}", name)


def _check_choice(choices: Collection[object], value: object, name: str) -> None:
    if not isinstance(value, str):
        raise _other_type("a text", value, name)
    if value not in choices:
        raise _out_of_bounds("is none of its documented values", name)


def _check_list(kind: models.ListType, value: object, name: str) -> None:
    if not isinstance(value, list):
        raise _other_type("a list", value, name)
    if kind.max_length is not None and len(value) > kind.max_length:
        raise _out_of_bounds(f"must have at most {kind.max_length} members", name)
    for place, member in enumerate(value):
        _check(kind.item_type, member, f"{name}[{place}]")


def _check_members(kind: models.StructType, members: Mapping[str, object], above: str) -> None:
    """Each member in the order sent, then what is missing."""
    known = {field.encode_name: field for field in kind.fields}
    for name, value in members.items():
        if name in known:
            _check(known[name].type, value, _below(above, name))
        elif kind.forbid_unknown_fields and name != kind.tag_field:
            named = _below(above, name)
            raise FieldUnknownError(f"{named} is not a field of this operation", field=named)
    for name, field in known.items():
        if field.required and name not in members:
            raise _missing(_below(above, name))


def _members(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _other_type("an object", value, name)
    return value


def _variant(kinds: Sequence[models.Type], members: Mapping[str, object], name: str) -> models.StructType:
    """Of several kinds of objects the one whose tag was sent."""
    variants = [kind for kind in kinds if isinstance(kind, models.StructType)]
    tag_field = variants[0].tag_field
    assert len(variants) == len(kinds), f"a request has objects of several kinds, told apart by a tag, not {kinds}"
    assert tag_field is not None, f"{name} may be several kinds of objects, and no tag tells which"
    tagged = _below(name, tag_field)
    if tag_field not in members:
        raise _missing(tagged)
    tag = members[tag_field]
    if not isinstance(tag, str):
        raise FieldTypeError(f"{tagged} must be a text", field=tagged)
    for variant in variants:
        if variant.tag == tag:
            return variant
    raise _out_of_bounds("is none of its documented values", tagged)


def _below(above: str, name: str) -> str:
    """`data.nftId`. A name comes from outside and goes into an answer, which holds no half of a character."""
    shown = name.encode("utf-8", "backslashreplace").decode()
    return f"{above}.{shown}" if above else shown


def _missing(name: str) -> FieldMissingError:
    return FieldMissingError(f"{name} is missing", field=name)


def _out_of_bounds(words: str, name: str) -> FieldBoundsError:
    return FieldBoundsError(f"{name} {words}", field=name)


def _other_type(wanted: str, value: object, name: str) -> BadRequestError:
    if value is None:
        return FieldTypeError(f"{name} may not be null", field=name)
    if isinstance(value, int | Decimal) and Decimal(value).copy_abs() >= BEYOND:
        return _out_of_bounds("is beyond every bound", name)
    return FieldTypeError(f"{name} must be {wanted}, not {_json_type(value)}", field=name)


def _json_type(value: object) -> str:
    """What somebody sent, in words."""
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case Decimal():
            return "a number with a fraction or an exponent"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"
