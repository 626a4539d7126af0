"""Samples: an event of any type as it could have happened, so that a partner can try what it does with one.

A field has the value that its name is known for, and else one of its type. What an event is about is nobody's, unless
its object is named.
"""

from decimal import Decimal
from typing import Any

from msgspec import inspect as models

from hashrail.errors import BadRequestError
from hashrail.events.event import Event

# No object has this number for as long as anybody tries.
NOBODY_S = 999_999_999_999
MAX_ID = 2**53 - 1
BY_NAME: dict[str, Any] = {
    "external_id": "test-order-1",
    "post_payment_id": "test-upgrade-1",
    "partner_user_id": "test-user-1",
    "from_partner_user_id": "test-user-1",
    "to_partner_user_id": "test-user-2",
    "partner_id": "partner-test",
    "label": "test",
    "name": "test",
    "code": "CREDIT_NEARLY_USED",
    "message": "95 of 100 USD of credit are used",
    "reference": "test-1",
    "currency": "BTC",
    # Pays to nobody: the program of BIP-173's examples, on a sandbox's network.
    "address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "wallet_address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "txid": "e3" * 32,
    "url": "https://partner.example/hooks",
    "origins": ["https://app.partner.example"],
    "domains": ["partner.example"],
    "scopes": ["read"],
    "expires_at": "2027-01-01T00:00:00.000Z",
    "power": Decimal(16),
    "energy_efficiency": Decimal(15),
    "value": Decimal("314.4"),
    "pool_reward": Decimal("0.000008"),
    "c1_value": Decimal("0.000003"),
    "c2_value": Decimal("0.000001"),
    "amount": Decimal("0.0005"),
    "fee": Decimal(0),
}
BY_FORMAT = {"date-time": "2026-03-01T12:00:00.000Z", "date": "2026-03-01"}
OF_TYPE: dict[type[models.Type], object] = {
    models.IntType: NOBODY_S,
    models.DecimalType: Decimal("0.05"),
    models.BoolType: True,
    models.ListType: [],
}


class EventObjectError(BadRequestError):
    """Objects of that kind have numbers, and a text was sent for one."""

    code = "EVENT_OBJECT"
    advice = "Send a number as the ids of that type's objects are, or leave objectId out."


def sample(kind: type[Event], object_id: str | None = None) -> Event:
    """An event of that type, about an object that is named, or nobody's. Raises EventObjectError."""
    described = models.type_info(kind)
    assert isinstance(described, models.StructType), "an event is a struct"
    values = {field.name: _value(kind, field) for field in described.fields}
    if object_id is not None:
        values[kind.ID] = _named(object_id, values[kind.ID])
    return kind(**values)


def _named(text: str, usual: object) -> int | str:
    if isinstance(usual, str):
        return text
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_ID):
        raise EventObjectError("events of this type are about objects that have numbers", field="objectId")
    return int(text)


def _value(kind: type[Event], field: models.Field) -> object:
    form, inner = _unwrapped(field.type)
    if isinstance(inner, models.LiteralType):
        # A withdrawal that is queued says so.
        own = kind.TYPE.partition(".")[2]
        return own if own in inner.values else inner.values[0]
    if field.name in BY_NAME:
        return BY_NAME[field.name]
    if isinstance(inner, models.UnionType):
        return None
    return BY_FORMAT.get(form, "test") if isinstance(inner, models.StrType) else OF_TYPE[type(inner)]


def _unwrapped(described: models.Type) -> tuple[str, models.Type]:
    """(the format that a text has, the type itself)."""
    if not isinstance(described, models.Metadata):
        return "", described
    return (described.extra_json_schema or {}).get("format", ""), described.type
