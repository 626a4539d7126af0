"""The power of a partner's users on a day, by rate class: a commitment for everybody, the opening for the partner.

A commitment is SHA-256 over a salt and the text of the opening. The salt follows from the key that signed the day, so
that nothing is kept for it, and nobody can try out portfolios without it.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec

from hashrail.db import Reader
from hashrail.proofs.keys import SigningKey

_ENCODER = msgspec.json.Encoder(decimal_format="number")
# What stands in `class_power` is of the partner's newest closed day: what changed since is taken off again.
_ON_DAY = """
    SELECT x.partner_id, x.class_id, sum(x.power) AS power FROM (
        SELECT c.partner_id, c.class_id, c.power FROM class_power c WHERE c.partner_id = ANY ($2)
        UNION ALL
        SELECT d.partner_id, d.class_id, -d.power FROM class_power_delta d
        JOIN partner_day p ON p.partner_id = d.partner_id
        WHERE d.partner_id = ANY ($2) AND d.day > $1 AND d.day <= p.closed_through
    ) x
    GROUP BY x.partner_id, x.class_id HAVING sum(x.power) <> 0 ORDER BY x.partner_id, x.class_id"""


@dataclass(frozen=True, slots=True)
class ClassPower:
    """TH of one partner in one rate class."""

    partner_id: int
    class_id: int
    power: Decimal


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A class as documents name it, and the TH that the partner's users held in it."""

    energy_efficiency: Decimal
    level_discount: Decimal
    programmes: list[int]
    power: Decimal


class Opening(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a commitment is made of: the salt in hex, and the text whose lines are the partner's classes."""

    day: date
    salt: str
    text: str

    @property
    def commitment(self) -> str:
        """SHA-256 in hex."""
        return hashlib.sha256(bytes.fromhex(self.salt) + self.text.encode()).hexdigest()


async def on_day(reader: Reader, day: date, partner_ids: Sequence[int]) -> list[ClassPower]:
    """The classes in which these partners' users held power on a day that they have closed."""
    return [ClassPower(**row) for row in await reader.fetch(_ON_DAY, day, list(partner_ids))]


def opening(key: SigningKey, day: date, public_id: str, lines: Sequence[Line]) -> Opening:
    """The opening of a partner's commitment of a day."""
    salt = hmac.digest(key.private.private_bytes_raw(), f"power {day} {public_id}".encode(), "sha256")
    return Opening(day=day, salt=salt.hex(), text=_ENCODER.encode(list(lines)).decode())
