"""Drafts of events: written in the transaction of what happened, so that they are there when it is, and only then.

A draft has no position yet: `feed.append_drafts` gives it one when the transaction has committed. Drafts of one object
are in the order in which they happened, since whoever changes an object holds its lock.
"""

import secrets
from collections.abc import Sequence

import msgspec

from hashrail import clock
from hashrail.db import Tx
from hashrail.events.event import Event

NAME_BYTES = 16
# How the name of an event begins that only tries a receiver; the others are hexadecimal.
SAMPLE = "test_"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
# Most transactions tell one thing: without a set that costs less.
_WRITE_ONE = f"""
    INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)
    SELECT p.partner_id, $2, $3, $4, $5, $6, $7, {clock.DATABASE_NOW} + c.offset_us * interval '1 microsecond'
    FROM partner_day p CROSS JOIN business_clock c WHERE p.partner_id = $1 AND c.id = 1"""  # noqa: S608
# An order's end tells two: the same holds for them.
_WRITE_TWO = f"""
    INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)
    SELECT p.partner_id, e.name, e.type, e.version, e.object_kind, e.object_id, e.data,
           {clock.DATABASE_NOW} + c.offset_us * interval '1 microsecond'
    FROM partner_day p CROSS JOIN business_clock c
    CROSS JOIN (VALUES (1, $2, $3, $4::int, $5, $6, $7), (2, $8, $9, $10::int, $11, $12, $13))
                   AS e (number, name, type, version, object_kind, object_id, data)
    WHERE p.partner_id = $1 AND c.id = 1 ORDER BY e.number"""  # noqa: S608
_WRITE = f"""
    INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)
    SELECT e.partner_id, e.name, e.type, e.version, e.object_kind, e.object_id, e.data,
           {clock.DATABASE_NOW} + c.offset_us * interval '1 microsecond'
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[])
             WITH ORDINALITY AS e (partner_id, name, type, version, object_kind, object_id, data, number)
    CROSS JOIN business_clock c
    WHERE c.id = 1
    ORDER BY e.number"""  # noqa: S608


async def note(tx: Tx, partner_id: int, *events: Event) -> None:
    """Tell the partner what this transaction does, in this order; with the rollback they are gone as well."""
    match events:
        case (one,):
            await tx.execute(_WRITE_ONE, partner_id, *_values(_new_name(), one))
        case (first, second):
            await tx.execute(_WRITE_TWO, partner_id, *_values(_new_name(), first), *_values(_new_name(), second))
        case _:
            await note_all(tx, [(partner_id, each) for each in events])


async def note_sample(tx: Tx, partner_id: int, event: Event) -> str:
    """Tell the partner what did not happen, for a sandbox; answers its name, by which receivers can tell it apart."""
    name = SAMPLE + _new_name()[len(SAMPLE) :]
    await tx.execute(_WRITE_ONE, partner_id, *_values(name, event))
    return name


async def note_all(tx: Tx, events: Sequence[tuple[int, Event]]) -> None:
    """The same for what concerns several partners, each told its own; no events are fine."""
    if not events:
        return
    rows = [(partner_id, *_values(_new_name(), each)) for partner_id, each in events]
    await tx.execute(_WRITE, *(list(column) for column in zip(*rows, strict=True)))


def _new_name() -> str:
    return secrets.token_hex(NAME_BYTES)


def _values(name: str, event: Event) -> tuple[str, str, int, str, str, str]:
    """A draft's columns from its name to its data."""
    return name, event.TYPE, event.VERSION, event.KIND, event.object_id, _ENCODER.encode(event).decode()
