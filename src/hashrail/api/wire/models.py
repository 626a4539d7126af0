"""What goes over the wire: requests with their bounds, and answers, in the contract's names.

Amounts in answers are exact JSON numbers; dates are ISO 8601 UTC with milliseconds. An unknown field in a body is
refused; unknown query parameters are left alone, unless a known one differs by its case alone.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from hashrail.api.wire import texts

T = TypeVar("T")

# JavaScript's greatest exact integer: no id is above it.
MAX_ID = 2**53 - 1

# What `extra_json_schema` says is for readers of the OpenAPI document: bounds that code holds, not the model.
ANY_AMOUNT = {"exclusiveMinimum": 0, "exclusiveMaximum": 10**20}
NO_NUL = {"pattern": r"^[^\u0000]*$"}
MILLIS = "milliseconds since 1970 UTC"
WINDOW = "milliseconds for which the signature is valid, at most 60000"

Text = Annotated[str, Meta(min_length=1, max_length=255, extra_json_schema=NO_NUL)]
NonEmpty = Annotated[str, Meta(min_length=1, max_length=4096, extra_json_schema=NO_NUL)]
Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Limit = Annotated[str, Meta(pattern=texts.LIMIT, description="how many, 1 to 999, digits")]
LimitOf100 = Annotated[str, Meta(pattern=texts.LIMIT_OF_100, description="how many, 1 to 100, digits")]
Offset = Annotated[str, Meta(pattern=texts.OFFSET, description="how many to skip, digits")]
Flag = Annotated[str, Meta(pattern=texts.FLAG)]
IdText = Annotated[str, Meta(max_length=20, pattern=texts.ID)]
PositionText = Annotated[
    str, Meta(max_length=15, pattern=texts.DIGITS, description="a position of the partner's feed, digits")
]
MillisText = Annotated[str, Meta(pattern=texts.DIGITS, description=MILLIS)]
WindowText = Annotated[str, Meta(pattern=texts.WINDOW, description=WINDOW)]
Millis = Annotated[int, Meta(ge=1, le=MAX_ID, description=MILLIS)]
Window = Annotated[int, Meta(ge=1, le=60_000, description=WINDOW)]
SomeMoment = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="ISO 8601 with Z or an offset, with or without a fraction",
        extra_json_schema={"format": "date-time"},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="nextCursor of the page before",
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]
Signature = Annotated[str, Meta(min_length=1, max_length=64, description="HMAC-SHA256 in hexadecimal")]

Satoshis = Annotated[Decimal, Meta(description="BTC, at most 8 decimals", extra_json_schema=ANY_AMOUNT)]

# Units of answers.
Btc = Annotated[Decimal, Meta(description="BTC")]
BtcPerDay = Annotated[Decimal, Meta(description="BTC a day")]
BtcPerTh = Annotated[Decimal, Meta(description="BTC per TH/s a day")]
Usd = Annotated[Decimal, Meta(description="USD")]
UsdPerDay = Annotated[Decimal, Meta(description="USD a day")]
UsdPerTh = Annotated[Decimal, Meta(description="USD per TH/s a day")]
UsdPerKwh = Annotated[Decimal, Meta(description="USD per kWh")]
Percent = Annotated[Decimal, Meta(description="percent")]
Fraction = Annotated[Decimal, Meta(description="a fraction: 0.2 is 20 %")]
Power = Annotated[Decimal, Meta(description="TH/s")]
Efficiency = Annotated[Decimal, Meta(description="W/TH")]
Amount = Annotated[Decimal, Meta(description="in the row's currency")]
AmountText = Annotated[
    str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$", description="in the row's currency, a decimal as text")
]
Moment = Annotated[
    str, Meta(description="ISO 8601, UTC, with milliseconds and Z", extra_json_schema={"format": "date-time"})
]
SomeDay = Annotated[
    str, Meta(min_length=10, max_length=10, description="YYYY-MM-DD, UTC", extra_json_schema={"format": "date"})
]
Day = Annotated[str, Meta(description="a day, UTC", extra_json_schema={"format": "date"})]


class Body(Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A JSON body; what it does not list is refused."""


class SignedBody(Body, kw_only=True):
    """A body that carries its own signature, unless the headers do. Times in milliseconds."""

    signature: Signature | UnsetType = UNSET
    timestamp: Millis | UnsetType = UNSET
    recv_window: Window | UnsetType = UNSET


class Query(Struct, rename="camel", kw_only=True):
    """Query parameters, all of them text."""


class SignedQuery(Query, kw_only=True):
    """A query that carries its own signature, unless the headers do. Times in milliseconds."""

    signature: Signature | UnsetType = UNSET
    timestamp: MillisText | UnsetType = UNSET
    recv_window: WindowText | UnsetType = UNSET


class OffsetQuery(Query, kw_only=True):
    """A page of a short list."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET


class PageQuery(OffsetQuery, kw_only=True):
    """A page of a list, from an offset or from where another page ended."""

    cursor: Cursor | UnsetType = UNSET


class SignedPageQuery(SignedQuery, kw_only=True):
    """A page of a list of the partner's, from an offset or from where another page ended."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class PartnerPageQuery(SignedPageQuery, kw_only=True):
    """A page of a list of the partner's, or of what one user has in it."""

    partner_user_id: Text | UnsetType = UNSET


class UserQuery(SignedQuery, kw_only=True):
    """A partner's user."""

    partner_user_id: Text


class UserOffsetQuery(UserQuery, kw_only=True):
    """A page of a short list that a partner's user has."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET


class UserPageQuery(UserOffsetQuery, kw_only=True):
    """A page of a list that a partner's user has, from an offset or from where another page ended."""

    cursor: Cursor | UnsetType = UNSET


class Answer(Struct, rename="camel", kw_only=True):
    """Part of an answer."""


class Data(Struct, Generic[T]):
    """The envelope of every answer."""

    data: T


class DataWithCount(Struct, Generic[T], rename="camel"):
    """The envelope of #18."""

    data: T
    total_count: int


class Listing(Struct, Generic[T], rename="camel"):
    """The envelope of a list. `nextCursor` is there when more follows and the list has cursors."""

    array: Sequence[T]
    next_cursor: str | UnsetType = UNSET
