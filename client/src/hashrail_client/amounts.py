"""The kinds of values that every type here is made of."""

import datetime as dt
from decimal import Decimal
from typing import TypeAlias

# Exact: a whole number comes back as int, every other as Decimal. A float is none: it may have lost a digit.
Amount: TypeAlias = Decimal | int
# An aware datetime, or ISO 8601 text with Z or an offset.
Moment: TypeAlias = dt.datetime | str
# A date, or ISO 8601 text.
Day: TypeAlias = dt.date | str
