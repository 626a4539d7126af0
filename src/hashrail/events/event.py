"""What an event is: a type with a version, the object that it is about, and its data."""

from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

Btc = Annotated[Decimal, Meta(description="BTC")]
# Of whatever currency is named beside it.
Amount = Annotated[Decimal, Meta(description="in the currency that is named")]
Usd = Annotated[Decimal, Meta(description="USD")]
Power = Annotated[Decimal, Meta(description="TH/s")]
Efficiency = Annotated[Decimal, Meta(description="W/TH")]
# Made by `clock.iso`.
Moment = Annotated[
    str, Meta(description="ISO 8601, UTC, with milliseconds and Z", extra_json_schema={"format": "date-time"})
]
Day = Annotated[str, Meta(description="a day, UTC", extra_json_schema={"format": "date"})]


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that happened to an object of a partner's; the fields are its data, as partners read them.

    A type is never changed but by a field that may be left out; another meaning is another version.
    """

    # As `order.issued`.
    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1
    # What it is about, as `order`, and the field that says which one.
    KIND: ClassVar[str]
    ID: ClassVar[str]

    @property
    def object_id(self) -> str:
        """Which object of its kind, as partners know it."""
        return str(getattr(self, self.ID))
